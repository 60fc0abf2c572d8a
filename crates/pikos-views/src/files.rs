//! Profiles out of files and pipes.

use std::fs::File;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use pstats_compat::Profile;
use pstats_compat::formats::{self, ReadOptions};
use pstats_compat::merge::Merger;

use crate::error::Error;

/// Whether a path stands for standard input or output: `-`.
pub fn is_pipe(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Reads one profile.
pub fn load(path: &Path, options: &ReadOptions) -> Result<Profile, Error> {
    let read = match is_pipe(path) {
        true => formats::read_from(io::stdin().lock(), None, options),
        false => formats::read_from(open(path)?, Some(path), options),
    };
    read.map_err(|error| of_file(path, error))
}

/// Whether a file's name or its first bytes say that it is a profile.
pub fn is_profile(path: &Path) -> Result<bool, Error> {
    // What can't be unpacked is none.
    Ok(formats::is_profile(open(path)?, path).unwrap_or(false))
}

fn open(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(|source| Error::Open { path: path.to_owned(), source })
}

fn of_file(path: &Path, error: pstats_compat::Error) -> Error {
    match error {
        pstats_compat::Error::UnknownFormat { readable } => {
            Error::UnknownContent { path: path.to_owned(), readable }
        }
        pstats_compat::Error::NoReader(format) => Error::NoReader(format),
        source => Error::Profile { path: path.to_owned(), source },
    }
}

/// More would only wait: reading a file takes about twice as long as adding it.
const MOST_READERS: usize = 4;

/// Reads profiles and adds them up in their order; after each calls `step` with what is to be told of it. At most one
/// profile for each reader waits.
pub fn load_all(
    paths: &[PathBuf],
    options: &ReadOptions,
    mut step: impl FnMut(&Path, &[String]),
) -> Result<Profile, Error> {
    if let [path] = paths {
        let profile = load(path, options)?;
        step(path, &profile.metadata.notes);
        return Ok(profile);
    }
    let mut merger = Merger::new();
    add_all(&mut merger, paths, options, |_, profile| profile, step)?;
    Ok(merger.finish())
}

/// The same into a sum of the caller's own, of what `prepare` makes of each profile.
pub fn add_all(
    merger: &mut Merger,
    paths: &[PathBuf],
    options: &ReadOptions,
    prepare: impl Fn(&Path, Profile) -> Profile,
    mut step: impl FnMut(&Path, &[String]),
) -> Result<(), Error> {
    let mut add = |path: &PathBuf, profile: Profile| {
        step(path, &profile.metadata.notes);
        merger.add(prepare(path, profile)).map_err(|source| Error::Profile { path: path.clone(), source })
    };
    // A pipe may stay open for ever. One that is read ahead would hold up the error about another input.
    if paths.iter().all(|path| path.is_file()) {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        read_ahead(paths, options, cores.min(MOST_READERS).min(paths.len()), add)
    } else {
        paths.iter().try_for_each(|path| add(path, load(path, options)?))
    }
}

/// Reads files on several threads and passes them on in their order. Each thread takes every n-th file, and reads the next
/// one only when its last was taken.
fn read_ahead(
    paths: &[PathBuf],
    options: &ReadOptions,
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
                    if sender.send(load(path, options)).is_err() {
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
