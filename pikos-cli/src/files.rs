//! Profiles in and out of files and pipes.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

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
    let format = match args.from.or_else(|| formats::guess(named, &bytes)) {
        Some(format) => format,
        // pstats files go by any name, and its reader says best why a file is none.
        None if bytes.first().is_some_and(|byte| !byte.is_ascii_graphic()) => Format::Pstats,
        None => {
            return Err(Error::UnknownContent { path: path.to_owned() });
        }
    };
    let read = format.reader().ok_or(Error::NoReader(format.name()))?;
    read(&bytes).map_err(|source| Error::Profile { path: path.to_owned(), source })
}

/// Reads profiles and adds them up, one at a time.
pub fn load_all(paths: &[PathBuf], args: &InputArgs) -> Result<Profile, Error> {
    if let [path] = paths {
        return load(path, args);
    }
    let mut merger = Merger::new();
    let mut progress = Progress::new("read", paths.len());
    for path in paths {
        let profile = load(path, args)?;
        merger.add(profile).map_err(|source| Error::Profile { path: path.clone(), source })?;
        progress.step();
    }
    Ok(merger.finish())
}

/// The format to write: the one named, else what the target's name says, else the default.
pub fn target_format(named: Option<Format>, path: &Path, default: Option<Format>) -> Result<Format, Error> {
    named
        .or_else(|| Format::from_path(path))
        .or(default)
        .ok_or_else(|| Error::UnknownTarget { path: path.to_owned() })
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
        write_whole(profile, format, path).map_err(failed)?;
    }
    for note in format.notes(profile) {
        eprintln!("pikos: note: {note}");
    }
    Ok(())
}

/// Writes beside the target and moves it there: a failure leaves no half file and keeps an old one.
pub fn write_whole(profile: &Profile, format: Format, path: &Path) -> Result<(), pstats_compat::Error> {
    // A device or a pipe (`/dev/stdout`, a FIFO) can't be replaced, only written to.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        let mut out = BufWriter::new(File::create(path)?);
        format.write(profile, &mut out)?;
        return Ok(out.flush()?);
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = path.with_file_name(name);
    let written = File::create_new(&beside).map_err(Into::into).and_then(|file| {
        let mut out = BufWriter::new(file);
        format.write(profile, &mut out)?;
        out.flush()?;
        fs::rename(&beside, path)?;
        Ok(())
    });
    if written.is_err() {
        // Whatever went wrong is told; that the rest could not be removed either would hide it.
        let _ = fs::remove_file(&beside);
    }
    written
}
