//! Profiles in and out of files and pipes.

use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use pstats_compat::Profile;
use pstats_compat::formats::{self, Format};
use pstats_compat::merge::Merger;

use crate::args::InputArgs;
use crate::error::Error;
use crate::progress::Progress;

/// Stands for standard input or output.
fn is_pipe(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Reads one profile.
pub fn load(path: &Path, args: &InputArgs) -> Result<Profile, Error> {
    let open = |source| Error::Open { path: path.to_owned(), source };
    let bytes = if is_pipe(path) {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map_err(open)?;
        bytes
    } else {
        fs::read(path).map_err(open)?
    };
    let named = (!is_pipe(path)).then_some(path);
    let format = args.from.or_else(|| formats::detect(named, &bytes));
    let format = format.ok_or_else(|| Error::UnknownContent { path: path.to_owned() })?;
    let read = format.reader().ok_or(Error::NoReader(format.name()))?;
    read(&bytes).map_err(|source| Error::Profile { path: path.to_owned(), source })
}

/// More would only wait: reading a file takes about twice as long as adding it.
const MOST_READERS: usize = 4;

/// Reads profiles and adds them up in their order. At most one profile for each reader waits.
pub fn load_all(paths: &[PathBuf], args: &InputArgs) -> Result<Profile, Error> {
    let mut progress = Progress::new("reading", paths.len());
    if let [path] = paths {
        return load(path, args);
    }
    let mut merger = Merger::new();
    let mut add = |path: &PathBuf, profile| {
        merger.add(profile).map_err(|source| Error::Profile { path: path.clone(), source })?;
        progress.step();
        Ok(())
    };
    // A pipe may stay open for ever. One that is read ahead would hold up the error about another input.
    if paths.iter().all(|path| path.is_file()) {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        read_ahead(paths, args, cores.min(MOST_READERS).min(paths.len()), add)?;
    } else {
        paths.iter().try_for_each(|path| add(path, load(path, args)?))?;
    }
    Ok(merger.finish())
}

/// Reads files on several threads and passes them on in their order. Each thread takes every n-th file, and reads the next
/// one only when its last was taken.
fn read_ahead(
    paths: &[PathBuf],
    args: &InputArgs,
    readers: usize,
    mut add: impl FnMut(&PathBuf, Profile) -> Result<(), Error>,
) -> Result<(), Error> {
    thread::scope(|scope| {
        let read = |first: usize| {
            let (sender, receiver) = mpsc::sync_channel(0);
            let own_paths = paths.iter().skip(first).step_by(readers);
            scope.spawn(move || {
                for path in own_paths {
                    // Nobody takes it when another file was found to be bad.
                    if sender.send(load(path, args)).is_err() {
                        break;
                    }
                }
            });
            receiver
        };
        let receivers: Vec<mpsc::Receiver<_>> = (0..readers).map(read).collect();
        for (path, receiver) in paths.iter().zip(receivers.iter().cycle()) {
            add(path, receiver.recv().expect("a reader sends something for each of its files")?)?;
        }
        Ok(())
    })
}

/// The format to write: the one named, else what the target's name says, else the default.
pub fn target_format(named: Option<Format>, path: &Path, default: Option<Format>) -> Result<Format, Error> {
    named
        .or_else(|| Format::from_path(path))
        .or(default)
        .ok_or_else(|| Error::UnknownTarget { path: path.to_owned() })
}

/// Writes a picture.
pub fn save_picture(bytes: &[u8], is_text: bool, path: &Path) -> Result<(), Error> {
    if !is_pipe(path) {
        return formats::replace(path, |out| Ok(out.write_all(bytes)?))
            .map_err(|source| Error::Write { path: path.to_owned(), source });
    }
    let failed = |source: io::Error| Error::Write { path: path.to_owned(), source: source.into() };
    let stdout = io::stdout();
    if !is_text && stdout.is_terminal() {
        return Err(Error::BinaryToTerminal("png"));
    }
    let mut out = stdout.lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(failed)
}

/// Writes a profile and says on standard error what the format could not say.
pub fn save(profile: &Profile, format: Format, path: &Path) -> Result<(), Error> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    if is_pipe(path) {
        let stdout = io::stdout();
        if format.is_binary() && stdout.is_terminal() {
            return Err(Error::BinaryToTerminal(format.name()));
        }
        let mut out = stdout.lock();
        format.write(profile, &mut out).map_err(failed)?;
        out.flush().map_err(|source| failed(source.into()))?;
    } else {
        let _progress = Progress::new("writing", 1);
        formats::save(profile, format, path).map_err(failed)?;
    }
    for note in format.notes(profile) {
        eprintln!("pikos: note: {note}");
    }
    Ok(())
}
