//! Profiles in and out of files and pipes.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use pikos_views::files::{self, is_pipe};
use pikos_views::printable;
use pstats_compat::Profile;
use pstats_compat::formats::{self, Format};

use crate::args::InputArgs;
use crate::error::Error;
use crate::progress::Progress;

/// Reads one profile, and says on standard error what is to be known of it.
pub fn load(path: &Path, args: &InputArgs) -> Result<Profile, Error> {
    let profile = files::load(path, &args.options())?;
    tell(path, &profile.metadata.notes);
    Ok(profile)
}

/// Reads profiles and adds them up in their order.
pub fn load_all(paths: &[PathBuf], args: &InputArgs) -> Result<Profile, Error> {
    let mut progress = Progress::new("reading", paths.len());
    Ok(files::load_all(paths, &args.options(), |path, notes| {
        tell(path, notes);
        progress.step();
    })?)
}

fn tell(path: &Path, notes: &[String]) {
    for note in notes {
        // What a file says of itself goes to a terminal.
        eprintln!("pikos: note: {}: {}", path.display(), printable(note));
    }
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
