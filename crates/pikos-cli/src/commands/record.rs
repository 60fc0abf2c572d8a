//! `pikos record`: keeps what processes tell of their calls and objects, and writes it when they end, however that comes about.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use pikos_client::{ClientError, Listener, RecordStream, Stream, WireText};
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
    let mut listener: Listener<Written> = listen::to_profiles_and_objects(&args.from)?;
    for endpoint in listener.endpoints() {
        eprintln!("pikos: listening to {}", printable(endpoint));
    }
    let mut kept = Kept::default();
    let mut told = Told::Nothing;
    told.say_who(&listener, &kept);
    while signals.seen().is_none() && !listener.is_over() {
        listener.poll(PACE).map_err(Error::Listen)?;
        told.say_who(&listener, &kept);
        if !args.merge {
            kept.write(args, format, &mut listener, false)?;
        }
    }
    // A process may have gone in the very last moment.
    listener.poll(Duration::ZERO).map_err(Error::Listen)?;
    let is_heard = listener.streams().iter().any(|stream| stream.model.has_facts());
    if !is_heard && !listener.recorders().iter().any(|stream| stream.model.types().is_told()) {
        return Err(match listener.recorders().first() {
            Some(other) => Error::Listen(ClientError::RecordsOnly(other.model.head().pid)),
            None => Error::NobodyHeard,
        });
    }
    if args.merge {
        let (sum, count) = added_up(&listener)?;
        save(&sum, format, &args.output)?;
        eprintln!("pikos: added up {count} processes: {}", printable(&args.output.display().to_string()));
        return Ok(Outcome::Fine);
    }
    kept.write(args, format, &mut listener, true)?;
    Ok(Outcome::Fine)
}

/// All that was heard as one profile, and of how many processes it is.
fn added_up(listener: &Listener<Written>) -> Result<(Profile, usize), Error> {
    let mut merger = Merger::new();
    let mut count = 0;
    for stream in listener.streams().iter().filter(|stream| stream.model.has_facts()) {
        merger.add(stream.model.profile(None)).map_err(Error::Combine)?;
        count += 1;
    }
    for stream in listener.recorders() {
        let Some(profile) = stream.model.profile_of_objects() else { continue };
        merger.add(profile).map_err(Error::Combine)?;
        count += usize::from(profile_beside(listener, stream).is_none());
    }
    Ok((merger.finish(), count))
}

/// The profile of the process whose objects these are, if it has one.
fn profile_beside(listener: &Listener<Written>, recorder: &RecordStream) -> Option<usize> {
    let head = recorder.model.head();
    let is_same = |stream: &Stream<Written>| {
        let facts = stream.model.facts();
        stream.model.has_facts() && (facts.pid, &facts.host) == (head.pid, &head.host)
    };
    listener.streams().iter().position(is_same)
}

/// What has been written.
#[derive(Default)]
struct Kept {
    files: Files,
    /// Recorders whose objects are in a file.
    objects: HashSet<String>,
}

impl Kept {
    /// Writes a file for each profile that has come to its end, with the objects of its process; and one for objects alone. `all`: also what
    /// still runs.
    fn write(
        &mut self,
        args: &RecordArgs,
        format: Format,
        listener: &mut Listener<Written>,
        all: bool,
    ) -> Result<(), Error> {
        let several = !is_alone(args, listener);
        for place in 0..listener.streams().len() {
            let stream = &listener.streams()[place];
            let is_due = all || stream.model.end().is_some() || stream.is_lost;
            if !(is_to_be_written(stream) && is_due) {
                continue;
            }
            let mut profile = stream.model.profile(None);
            let mut beside = listener.recorders().iter().filter(|recorder| {
                self.is_open(recorder) && profile_beside(listener, recorder) == Some(place)
            });
            if let Some(recorder) = beside.next() {
                profile.objects = recorder.model.objects();
                self.objects.insert(recorder.model.head().id.clone());
            }
            let how = match stream.model.end() {
                Some(end) if end.detail.is_empty() => format!("ended: {}", end.how),
                Some(end) => format!("ended: {} {}", end.how, end.detail),
                None => goes_on(stream.is_lost, stream.model.head().age),
            };
            let pid = stream.model.facts().pid;
            let path = file_of(&args.output, several, pid, &mut self.files);
            save(&profile, format, &path)?;
            say_written(pid, &how, &path);
            listener.streams_mut()[place].extra.0 = true;
        }
        for recorder in listener.recorders() {
            let head = recorder.model.head();
            let has_room = profile_beside(listener, recorder)
                .is_some_and(|place| is_to_be_written(&listener.streams()[place]));
            if !self.is_open(recorder) || has_room || !(all || head.end || recorder.is_lost) {
                continue;
            }
            let Some(profile) = recorder.model.profile_of_objects() else { continue };
            let how = match head.end {
                true => "ended".to_owned(),
                false => goes_on(recorder.is_lost, recorder.model.age()),
            };
            // Nothing that was heard is lost.
            let (format, output) = match format.keeps_objects(true) {
                true => (format, args.output.clone()),
                false => (Format::Pikos, args.output.with_extension("pikos")),
            };
            let path = file_of(&output, several, head.pid, &mut self.files);
            save(&profile, format, &path)?;
            say_written(head.pid, &how, &path);
            self.objects.insert(head.id.clone());
        }
        Ok(())
    }

    /// Whether there are objects that no file has.
    fn is_open(&self, recorder: &RecordStream) -> bool {
        recorder.model.types().is_told() && !self.objects.contains(&recorder.model.head().id)
    }
}

/// What is said of one that has not ended.
fn goes_on(is_lost: bool, age: f64) -> String {
    match is_lost {
        true => format!("vanished (killed?), last heard at {age:.1} s"),
        false => format!("still running, last heard at {age:.1} s"),
    }
}

fn say_written(pid: u32, how: &str, path: &Path) {
    let path = path.display().to_string();
    eprintln!("pikos: process {pid} {}: {}", printable(how), printable(&path));
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
    fn say_who(&mut self, listener: &Listener<Written>, kept: &Kept) {
        let named = |pid: u32, argv: &[WireText]| {
            let script = argv.first().map(|word| word.0.to_str_lossy().into_owned());
            format!("{pid} {}", script.unwrap_or_default()).trim_end().to_owned()
        };
        let profiles = listener
            .streams()
            .iter()
            .filter(|stream| is_to_be_written(stream) && stream.model.end().is_none() && !stream.is_lost)
            .map(|stream| named(stream.model.facts().pid, &stream.model.facts().argv));
        let objects = listener
            .recorders()
            .iter()
            .filter(|stream| kept.is_open(stream) && !stream.model.head().end && !stream.is_lost)
            .filter(|stream| profile_beside(listener, stream).is_none())
            .map(|stream| named(stream.model.head().pid, &stream.model.head().argv));
        let heard: Vec<String> = profiles.chain(objects).collect();
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
    args.from.bind.is_none() && args.from.targets.len() == 1 && listener.is_of_one()
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
