//! `pikos record`: keeps what processes tell, and writes it when they end, however that comes about.

use std::path::Path;
use std::time::Duration;

use pikos_client::{Listener, Stream};
use pikos_views::printable;
use pstats_compat::Profile;
use pstats_compat::formats::{self, Format, Output};
use pstats_compat::merge::Merger;

use crate::args::RecordArgs;
use crate::commands::files_of_processes::{Files, file_of};
use crate::commands::{listen, record_records};
use crate::error::Error;
use crate::files;
use crate::outcome::Outcome;
use crate::top::terminal::Signals;

const PACE: Duration = Duration::from_millis(100);

/// So many processes are named.
const NAMED: usize = 5;

/// Whether the stream has been written.
#[derive(Default)]
struct Written(bool);

pub fn run(args: &RecordArgs) -> Result<Outcome, Error> {
    if record_records::is_wanted(args) {
        return record_records::run(args);
    }
    let format = match args.format {
        Some(format) => format,
        None => files::recorded_format(&args.output, Format::Pikos)?,
    };
    let signals = Signals::new().map_err(Error::Output)?;
    let mut listener: Listener<Written> = listen::to_profiles(&args.from)?;
    for endpoint in listener.endpoints() {
        eprintln!("pikos: listening to {}", printable(endpoint));
    }
    let mut files = Files::new();
    let mut told = Told::Nothing;
    told.say_who(&listener);
    while signals.seen().is_none() && !listener.is_over() {
        listener.poll(PACE).map_err(Error::Listen)?;
        told.say_who(&listener);
        if !args.merge {
            let several = !is_alone(args, &listener);
            for stream in listener.streams_mut() {
                if is_to_be_written(stream) && (stream.model.end().is_some() || stream.is_lost) {
                    write(args, format, several, stream, &mut files)?;
                }
            }
        }
    }
    // A process may have gone in the very last moment.
    listener.poll(Duration::ZERO).map_err(Error::Listen)?;
    if !listener.streams().iter().any(|stream| stream.model.has_facts()) {
        return Err(Error::NobodyHeard);
    }
    if args.merge {
        let mut merger = Merger::new();
        let mut count = 0;
        for stream in listener.streams().iter().filter(|stream| stream.model.has_facts()) {
            merger.add(stream.model.profile(None)).map_err(Error::Combine)?;
            count += 1;
        }
        let merged = merger.finish();
        save(&merged, format, &args.output)?;
        eprintln!("pikos: added up {count} processes: {}", printable(&args.output.display().to_string()));
        return Ok(Outcome::Fine);
    }
    let several = !is_alone(args, &listener);
    for stream in listener.streams_mut() {
        if is_to_be_written(stream) {
            write(args, format, several, stream, &mut files)?;
        }
    }
    Ok(Outcome::Fine)
}

/// What was said of who is heard: a recording without a word looks as if it hung.
#[derive(PartialEq)]
enum Told {
    Nothing,
    Waits,
    Records(usize),
}

impl Told {
    /// Says who is recorded, where that has changed, and how it ends.
    fn say_who(&mut self, listener: &Listener<Written>) {
        let heard: Vec<String> = listener
            .streams()
            .iter()
            .filter(|stream| is_to_be_written(stream) && stream.model.end().is_none() && !stream.is_lost)
            .map(|stream| {
                let facts = stream.model.facts();
                let script = facts.argv.first().map(|word| word.0.to_str_lossy().into_owned());
                format!("{} {}", facts.pid, script.unwrap_or_default()).trim_end().to_owned()
            })
            .collect();
        let now = if heard.is_empty() { Told::Waits } else { Told::Records(heard.len()) };
        if *self == now {
            return;
        }
        match (&now, heard.len()) {
            (Told::Records(_), 1..=NAMED) => {
                let list = heard.join(", ");
                eprintln!("pikos: recording {}; Ctrl-C ends it and saves", printable(&list));
            }
            (Told::Records(count), _) => {
                eprintln!("pikos: recording {count} processes; Ctrl-C ends it and saves")
            }
            _ if *self == Told::Nothing => {
                eprintln!("pikos: waiting for a process to be profiled live; Ctrl-C ends it")
            }
            _ => eprintln!("pikos: all have ended; waiting for others, Ctrl-C ends it"),
        }
        *self = now;
    }
}

/// Not of a stream whose full message never came: nobody knows whose it is.
fn is_to_be_written(stream: &Stream<Written>) -> bool {
    !stream.extra.0 && stream.model.has_facts()
}

/// Whether there can be one stream only: then the file has the very name that was asked for.
fn is_alone<T: Default>(args: &RecordArgs, listener: &Listener<T>) -> bool {
    args.from.bind.is_none() && args.from.targets.len() == 1 && listener.endpoints().count() == 1
}

fn write(
    args: &RecordArgs,
    format: Format,
    several: bool,
    stream: &mut Stream<Written>,
    files: &mut Files,
) -> Result<(), Error> {
    let path = file_of(&args.output, several, stream.model.facts().pid, files);
    save(&stream.model.profile(None), format, &path)?;
    stream.extra.0 = true;
    let how = match stream.model.end() {
        Some(end) if end.detail.is_empty() => format!("ended: {}", end.how),
        Some(end) => format!("ended: {} {}", end.how, end.detail),
        None if stream.is_lost => {
            format!("vanished (killed?), last heard at {:.1} s", stream.model.head().age)
        }
        None => format!("still running, last heard at {:.1} s", stream.model.head().age),
    };
    let (how, path) = (printable(&how).into_owned(), path.display().to_string());
    eprintln!("pikos: process {} {how}: {}", stream.model.facts().pid, printable(&path));
    Ok(())
}

/// Writes a file; where that fails, another one in the folder for temporary files: nothing that was heard is lost.
fn save(profile: &Profile, format: Format, path: &Path) -> Result<(), Error> {
    let output = Output::new(profile, format);
    let Err(source) = formats::save(&output, path) else {
        files::tell_of(&output);
        return Ok(());
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fallback = std::env::temp_dir().join(format!("pikos-{}-{name}", std::process::id()));
    // That folder is everybody's: what is there isn't ours.
    if formats::create(&fallback, |out| output.write(out)).is_ok() {
        eprintln!("pikos: saved the profile as {} instead", printable(&fallback.display().to_string()));
    }
    Err(Error::Write { path: path.to_owned(), source })
}
