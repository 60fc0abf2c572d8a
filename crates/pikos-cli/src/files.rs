//! Profiles in and out of files and pipes.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use pikos_views::files;
pub use pikos_views::files::is_pipe;
use pikos_views::{Escaped, printable};
use pstats_compat::formats::{self, Format, Output};
use pstats_compat::merge::Merger;
use pstats_compat::{Profile, threads};

use crate::args::InputArgs;
use crate::error::Error;
use crate::progress::Progress;

/// Reads one profile, and says on standard error what is to be known of it; of a folder or a list, the sum of what is in it.
pub fn load(path: &Path, args: &InputArgs) -> Result<Profile, Error> {
    match &inputs(&[path.to_owned()])?[..] {
        [path] => {
            let profile = files::load(path, &args.options())?;
            tell(path, &profile.metadata.notes);
            Ok(profile)
        }
        paths => Ok(files::load_all(paths, &args.options(), tell)?),
    }
}

/// Reads profiles and adds them up in their order.
pub fn load_all(paths: &[PathBuf], args: &InputArgs) -> Result<Profile, Error> {
    let paths = inputs(paths)?;
    let mut progress = Progress::new("reading", paths.len());
    Ok(files::load_all(&paths, &args.options(), |path, notes| {
        tell(path, notes);
        progress.step();
    })?)
}

/// Reads one thread of each profile, by its name or its number among all of them, and adds these up.
pub fn load_thread(paths: &[PathBuf], thread: &str, args: &InputArgs) -> Result<Profile, Error> {
    let mut merger = Merger::new();
    let mut known = Vec::new();
    for path in inputs(paths)? {
        for (name, profile) in load_threads(&path, args)? {
            known.push(name);
            let number = known.len().to_string();
            let is_meant = known.last().is_some_and(|name| name == thread) || number == thread;
            if is_meant || is_called(&profile, thread) {
                merger.add(profile).map_err(Error::Combine)?;
            }
        }
    }
    match merger.count() {
        0 => Err(Error::NoThread { thread: thread.to_owned(), known }),
        _ => Ok(merger.finish()),
    }
}

/// Whether the one thread of this profile has that name, which others may have, too.
fn is_called(profile: &Profile, name: &str) -> bool {
    let mut threads = profile.tree.iter().flat_map(|tree| &tree.threads);
    threads.any(|thread| thread.name.as_ref().is_some_and(|own| own.to_str_lossy() == name))
}

/// Reads the threads of one profile, each with what it is called.
fn load_threads(path: &Path, args: &InputArgs) -> Result<Vec<(String, Profile)>, Error> {
    let profile = files::load(path, &args.options())?;
    tell(path, &profile.metadata.notes);
    let threads = threads::apart(&profile);
    if threads.is_empty() {
        return Err(Error::NoThreads { path: path.to_owned() });
    }
    Ok(threads)
}

/// Adds profiles to a sum, of what `prepare` makes of each.
pub fn add_all(
    merger: &mut Merger,
    paths: &[PathBuf],
    args: &InputArgs,
    prepare: impl Fn(&Path, Profile) -> Profile,
) -> Result<(), Error> {
    let paths = inputs(paths)?;
    let mut progress = Progress::new("reading", paths.len());
    Ok(files::add_all(merger, &paths, &args.options(), prepare, |path, notes| {
        tell(path, notes);
        progress.step();
    })?)
}

/// Adds the threads of profiles to a sum, of what `prepare` makes of each, with its name.
pub fn add_threads(
    merger: &mut Merger,
    paths: &[PathBuf],
    args: &InputArgs,
    prepare: impl Fn(&Path, String, Profile) -> Profile,
) -> Result<(), Error> {
    for path in inputs(paths)? {
        for (name, profile) in load_threads(&path, args)? {
            let added = merger.add(prepare(&path, name, profile));
            added.map_err(|source| pikos_views::Error::Profile { path: path.clone(), source })?;
        }
    }
    Ok(())
}

/// The files that are meant: a folder stands for the profiles in it, by name; `@list` for the paths in that file.
pub fn inputs(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(in_folder(path)?);
        } else if let Some(list) = list(path) {
            for path in in_list(&list)? {
                // A list may name folders, but no further lists: they could lead in circles.
                if path.is_dir() {
                    found.extend(in_folder(&path)?);
                } else {
                    found.push(path);
                }
            }
        } else {
            found.push(path.clone());
        }
    }
    Ok(found)
}

/// The list that a path stands for: `@list`, unless there is a file of this name.
fn list(path: &Path) -> Option<PathBuf> {
    let name = path.to_str()?.strip_prefix('@').filter(|name| !name.is_empty())?;
    (!path.exists()).then(|| PathBuf::from(name))
}

fn in_folder(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Open { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !is_hidden && path.is_file() && files::is_profile(&path)? {
            found.push(path);
        }
    }
    if found.is_empty() {
        return Err(Error::NoProfiles { path: folder.to_owned() });
    }
    found.sort();
    Ok(found)
}

/// A path on each line, or after each NUL (`find -print0`); what begins with `#` is a comment.
fn in_list(list: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Open { path: list.to_owned(), source };
    let text = match is_pipe(list) {
        true => io::read_to_string(io::stdin().lock()),
        false => fs::read_to_string(list),
    };
    let text = text.map_err(failed)?;
    let paths: Vec<PathBuf> = match text.contains('\0') {
        true => text.split('\0').filter(|path| !path.trim().is_empty()).map(PathBuf::from).collect(),
        false => text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(PathBuf::from)
            .collect(),
    };
    if paths.is_empty() {
        return Err(Error::EmptyList { path: list.to_owned() });
    }
    Ok(paths)
}

/// Says on standard error what is to be known of a file.
pub fn tell(path: &Path, notes: &[String]) {
    for note in notes {
        // What a file says of itself goes to a terminal.
        say_note(&format!("{}: {note}", path.display()));
    }
}

/// The format to write: the one named, else what the target's name says.
pub fn target_format(named: Option<Format>, path: &Path) -> Result<Format, Error> {
    named.or_else(|| Format::of_target(path)).ok_or_else(|| Error::UnknownTarget { path: path.to_owned() })
}

/// The format to write where a name that says nothing stands for `untold`: one that says something else is refused.
pub fn recorded_format(path: &Path, untold: Format) -> Result<Format, Error> {
    let is_odd = path.extension().is_some_and(|ending| {
        let ending = ending.to_string_lossy().to_lowercase();
        let is_plain = Format::is_of_cprofile(&ending) || ending.bytes().all(|byte| byte.is_ascii_digit());
        !is_plain && Format::of_target(path).is_none()
    });
    match is_odd {
        true => Err(Error::UnknownTarget { path: path.to_owned() }),
        false => Ok(Format::of_recorded(path, untold)),
    }
}

/// Writes what was made of a profile. `binary` is its name, if it is nothing for a terminal.
pub fn save_bytes(bytes: &[u8], binary: Option<&'static str>, path: &Path) -> Result<(), Error> {
    if !is_pipe(path) {
        return formats::replace(path, |out| Ok(out.write_all(bytes)?))
            .map_err(|source| Error::Write { path: path.to_owned(), source });
    }
    let failed = |source: io::Error| Error::Write { path: path.to_owned(), source: source.into() };
    let stdout = io::stdout();
    if let Some(name) = binary.filter(|_| stdout.is_terminal()) {
        return Err(Error::BinaryToTerminal(name));
    }
    let mut out = stdout.lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(failed)
}

/// Writes a profile and says on standard error what the format could not say.
pub fn save(profile: &Profile, format: Format, path: &Path) -> Result<(), Error> {
    let output = Output::new(profile, format);
    save_as(format, path, |out| output.write(out))?;
    tell_of(&output);
    Ok(())
}

/// Says what is lost or estimated in what was written.
pub fn tell_of(output: &Output<'_>) {
    output.notes().iter().for_each(|note| say_note(note));
}

/// Writes what `write` writes in a format.
pub fn save_as(
    format: Format,
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> pstats_compat::Result<()>,
) -> Result<(), Error> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    let is_escaped = !format.is_binary() && is_shown(path);
    let write = |out: &mut dyn Write| match is_escaped {
        true => write(&mut Escaped(out)),
        false => write(out),
    };
    if is_pipe(path) {
        let stdout = io::stdout();
        if format.is_binary() && stdout.is_terminal() {
            return Err(Error::BinaryToTerminal(format.name()));
        }
        let mut out = stdout.lock();
        write(&mut out).map_err(failed)?;
        out.flush().map_err(|source| failed(source.into()))?;
    } else {
        let _progress = Progress::new("writing", 1);
        formats::replace(path, write).map_err(failed)?;
    }
    Ok(())
}

/// Says on standard error what else is to be known; it may quote a stranger's file.
pub fn say_note(note: &str) {
    eprintln!("pikos: note: {}", printable(note));
}

/// Whether what is written there may end on a terminal: of standard output nobody knows, be it a pipe. Such text is escaped; a
/// file has it as it is.
pub fn is_shown(path: &Path) -> bool {
    is_pipe(path) || fs::metadata(path).is_ok_and(|found| pikos_os::files::is_device(found.file_type()))
}

/// The text with escapes for what a terminal would obey, if [`is_shown`].
pub fn as_shown(text: Vec<u8>, path: &Path) -> io::Result<Vec<u8>> {
    if !is_shown(path) {
        return Ok(text);
    }
    let mut escaped = Escaped(Vec::with_capacity(text.len()));
    escaped.write_all(&text)?;
    Ok(escaped.0)
}
