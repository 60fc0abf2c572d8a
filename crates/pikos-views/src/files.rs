//! Profiles out of files and pipes.

use std::fs;
use std::io::{self, Read};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use pstats_compat::Profile;
use pstats_compat::formats::{self, Format};
use pstats_compat::merge::Merger;

use crate::error::Error;

/// Whether a path stands for standard input or output: `-`.
pub fn is_pipe(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Reads one profile; `from` is its format, where name and content don't tell.
pub fn load(path: &Path, from: Option<Format>) -> Result<Profile, Error> {
    let (bytes, format) = open(path, from)?;
    let read = format.reader().ok_or(Error::NoReader(format.name()))?;
    read(&bytes).map_err(|source| Error::Profile { path: path.to_owned(), source })
}

/// Reads the threads of one profile, each with its name.
pub fn load_threads(path: &Path, from: Option<Format>) -> Result<Vec<(String, Profile)>, Error> {
    let (bytes, format) = open(path, from)?;
    if format != Format::Speedscope {
        return Err(Error::NoThreads { path: path.to_owned() });
    }
    let threads = formats::speedscope::read_threads(&bytes);
    threads.map_err(|source| Error::Profile { path: path.to_owned(), source })
}

/// What a file holds, and as what.
fn open(path: &Path, from: Option<Format>) -> Result<(Vec<u8>, Format), Error> {
    let open = |source| Error::Open { path: path.to_owned(), source };
    let bytes = if is_pipe(path) {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map_err(open)?;
        bytes
    } else {
        fs::read(path).map_err(open)?
    };
    let named = (!is_pipe(path)).then_some(path);
    let format = from.or_else(|| formats::detect(named, &bytes));
    let format = format.ok_or_else(|| Error::UnknownContent { path: path.to_owned() })?;
    Ok((bytes, format))
}

/// More would only wait: reading a file takes about twice as long as adding it.
const MOST_READERS: usize = 4;

/// Reads profiles and adds them up in their order; after each calls `step`. At most one profile for each reader waits.
pub fn load_all(paths: &[PathBuf], from: Option<Format>, step: impl FnMut()) -> Result<Profile, Error> {
    if let [path] = paths {
        return load(path, from);
    }
    let mut merger = Merger::new();
    add_all(&mut merger, paths, from, |_, profile| profile, step)?;
    Ok(merger.finish())
}

/// The same into a sum of the caller's own, of what `prepare` makes of each profile.
pub fn add_all(
    merger: &mut Merger,
    paths: &[PathBuf],
    from: Option<Format>,
    prepare: impl Fn(&Path, Profile) -> Profile,
    mut step: impl FnMut(),
) -> Result<(), Error> {
    let mut add = |path: &PathBuf, profile| {
        let added = merger.add(prepare(path, profile));
        added.map_err(|source| Error::Profile { path: path.clone(), source })?;
        step();
        Ok(())
    };
    // A pipe may stay open for ever. One that is read ahead would hold up the error about another input.
    if paths.iter().all(|path| path.is_file()) {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        read_ahead(paths, from, cores.min(MOST_READERS).min(paths.len()), add)
    } else {
        paths.iter().try_for_each(|path| add(path, load(path, from)?))
    }
}

/// Reads files on several threads and passes them on in their order. Each thread takes every n-th file, and reads the next
/// one only when its last was taken.
fn read_ahead(
    paths: &[PathBuf],
    from: Option<Format>,
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
                    if sender.send(load(path, from)).is_err() {
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
