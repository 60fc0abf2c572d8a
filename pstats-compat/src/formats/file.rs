//! A result into a file: the whole of it, or nothing.
//!
//! It is written beside the target and moves there, so that a failure, a signal or a full disk leaves what was there. What
//! opening the target would have kept stays: links lead where they led, mode and owner are those of the old file, and one that
//! may not be written is not replaced. What can't be replaced is written to: devices, pipes, what a process has open, files in
//! folders that take no new one, and those with other names (hard links), from which a new file would part this one. The text
//! is whole by then, and a write that fails puts back what was there; but whoever is killed in it leaves half a file.
//!
//! Nothing here waits without limit. Files are opened without waiting (a pipe for its reader, a leased file for its holder), and
//! a pipe that nobody empties is given up. Whoever can't wait at all, or writes where others have named the file, takes
//! [`save_file`], which refuses whatever isn't a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use pikos_os::files;

use super::format::Output;
use crate::error::{Error, Result};

/// As many links as the system follows before it calls them a circle.
const MOST_LINKS: usize = 40;
/// Names that a killed process of our number may have left behind.
const MOST_NAMES: usize = 100;
/// So many targets of one process are remembered.
const MOST_SWEPT: usize = 256;
/// So long a pipe may have no reader, and so long its reader may take nothing.
const NO_READER: Duration = Duration::from_secs(2);
const NOTHING_READ: Duration = Duration::from_secs(30);

/// Writes a profile as [`replace`] does.
pub fn save(output: &Output<'_>, path: &Path) -> Result<()> {
    replace(path, |out| output.write(out))
}

/// The same, if `path` leads to a regular file or to none; else it is an error, and nothing was opened: a pipe, a device.
pub fn save_file(output: &Output<'_>, path: &Path) -> Result<()> {
    let target = replaceable(path).ok_or_else(|| no_file(path))?;
    replace_file(&target, |out| output.write(out))
}

/// Puts what `write` writes at `path`, as a whole.
pub fn replace(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    match replaceable(path) {
        Some(target) => replace_file(&target, write),
        None => {
            let mut out = BufWriter::new(Patient(open_pipe(path)?));
            write(&mut out)?;
            Ok(out.flush()?)
        }
    }
}

fn replace_file(target: &Path, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let old = match open_file(OpenOptions::new().write(true), target) {
        Ok(file) => Some(file),
        Err(Error::Io(error)) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if old.as_ref().is_some_and(files::has_other_names) {
        return write_whole_in_place(target, write);
    }
    match beside(target, old.as_ref()) {
        Ok((file, temporary)) => {
            let moved = write_to(file, write).and_then(|()| move_to(target, &temporary));
            if moved.is_err() {
                // Whatever went wrong is told; that the rest could not be removed either would hide it.
                let _ = fs::remove_file(&temporary);
            }
            moved
        }
        Err(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
            Err(error.into())
        }
        Err(_) => write_whole_in_place(target, write),
    }
}

fn write_whole_in_place(target: &Path, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let mut bytes = Vec::new();
    write(&mut bytes)?;
    write_in_place(target, &bytes)
}

/// Makes a file of what `write` writes, which only its owner may read. An error if there is anything at `path`, a link, too.
pub fn create(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    pikos_os::files::for_owner_alone(&mut options);
    let written = write_to(options.open(path)?, write);
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

/// The regular file, or the place for one, that `path` leads to. `None` where it leads to what can only be written to.
pub fn replaceable(path: &Path) -> Option<PathBuf> {
    let mut target = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::symlink_metadata(&target) {
            Ok(found) if found.is_symlink() => {
                if is_open_file(&target) {
                    return None;
                }
                let next = fs::read_link(&target).ok()?;
                target = folder(&target).join(next);
            }
            Ok(found) => return found.is_file().then_some(target),
            // The system's error says more when it is opened.
            Err(error) if error.kind() == ErrorKind::InvalidInput => return None,
            Err(_) => return Some(target),
        }
    }
    None
}

/// Whether this link stands for a file that a process has open (`/dev/stdout`, `/dev/fd/3`): whoever opened it would go on
/// writing to the old one.
fn is_open_file(link: &Path) -> bool {
    let folder = folder(link);
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    fs::canonicalize(folder).is_ok_and(|folder| folder.starts_with("/proc"))
}

/// Why nothing can be put at `path`, which isn't [`replaceable`]. Found out without opening it: that can do something.
fn no_file(path: &Path) -> Error {
    match fs::metadata(path) {
        Ok(found) => Error::NotAFile(files::kind(found.file_type())),
        Err(error) => error.into(),
    }
}

/// Opens a file that was found to be a regular one. It may have changed since: what is open tells for sure.
fn open_file(options: &mut OpenOptions, path: &Path) -> Result<File> {
    let file = files::without_waiting(options).open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() { Ok(file) } else { Err(Error::NotAFile(files::kind(kind))) }
}

/// Opens what can only be written to. Who reads a pipe may need a moment to begin.
fn open_pipe(path: &Path) -> io::Result<File> {
    let start = Instant::now();
    let mut options = OpenOptions::new();
    // A file that a process has open, by its link in /proc, is written anew, as the shell's `>` does.
    files::without_waiting(options.write(true).create(true).truncate(true));
    loop {
        match options.open(path) {
            Err(error) if files::has_no_reader(&error, path) => {
                if start.elapsed() > NO_READER {
                    return Err(io::Error::new(ErrorKind::NotConnected, "no process reads from this pipe"));
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            opened => return opened,
        }
    }
}

/// Writes as fast as it is read, and gives up when it isn't.
struct Patient(File);

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let start = Instant::now();
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let left = NOTHING_READ.saturating_sub(start.elapsed());
                    if left.is_zero() {
                        return Err(io::Error::new(ErrorKind::TimedOut, "whoever reads it takes no more"));
                    }
                    files::wait_until_writable(&self.0, left);
                }
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// A new file beside the target, with owner and mode of the old one.
fn beside(target: &Path, old: Option<&File>) -> io::Result<(File, PathBuf)> {
    let (file, path) = new_file(target)?;
    match old.map_or(Ok(()), |old| pikos_os::files::resemble(&file, old)) {
        Ok(()) => Ok((file, path)),
        Err(error) => {
            let _ = fs::remove_file(&path);
            Err(error)
        }
    }
}

/// Removes what processes that are gone have left beside this target: files by the names that [`new_file`] gives, which nobody
/// writes. Once for each target: who writes it again and again has been here all the time.
fn sweep(target: &Path) {
    static SWEPT: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    let mut swept = SWEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if swept.len() >= MOST_SWEPT || swept.iter().any(|path| path == target) {
        return;
    }
    swept.push(target.to_owned());
    drop(swept);
    let here = folder(target);
    let here = if here.as_os_str().is_empty() { Path::new(".") } else { here };
    let (Some(name), Ok(entries)) = (target.file_name(), fs::read_dir(here)) else { return };
    for entry in entries.flatten() {
        let left = entry.file_name();
        let process = left.as_encoded_bytes().strip_prefix(name.as_encoded_bytes()).and_then(writer);
        let is_gone = process.is_some_and(|process| !pikos_os::process::is_at_work(process));
        if !is_gone || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        // In another container it may be at work all the same: then it holds the lock.
        let path = here.join(left);
        if open_file(OpenOptions::new().write(true), &path).is_ok_and(|file| files::lock(&file)) {
            let _ = fs::remove_file(path);
        }
    }
}

/// The process that [`new_file`] has given this ending in: `.PID.tmp` or `.PID-NUMBER.tmp`.
fn writer(ending: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(ending).ok()?.strip_prefix('.')?.strip_suffix(".tmp")?;
    let (process, number) =
        text.split_once('-').map_or((text, None), |(process, number)| (process, Some(number)));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(process) && number.is_none_or(is_number)).then(|| process.parse().ok())?
}

fn new_file(target: &Path) -> io::Result<(File, PathBuf)> {
    sweep(target);
    let process = std::process::id();
    for number in 0..MOST_NAMES {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(if number == 0 { format!(".{process}.tmp") } else { format!(".{process}-{number}.tmp") });
        let path = target.with_file_name(name);
        match File::create_new(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => {
                let file = made?;
                // Says that it is at work, to whoever sweeps; without locks, its number says so.
                files::lock(&file);
                return Ok((file, path));
            }
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

fn write_to(file: File, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let mut out = BufWriter::new(file);
    write(&mut out)?;
    Ok(out.flush()?)
}

fn move_to(target: &Path, temporary: &Path) -> Result<()> {
    if fs::rename(temporary, target).is_ok() {
        return Ok(());
    }
    // A file that is mounted there, or another user's in a folder like /tmp.
    let bytes = fs::read(temporary)?;
    fs::remove_file(temporary)?;
    write_in_place(target, &bytes)
}

/// Writes into the file itself. Puts back what was there if that fails.
fn write_in_place(target: &Path, bytes: &[u8]) -> Result<()> {
    let old = open_file(OpenOptions::new().read(true), target).and_then(|mut file| {
        let mut old = Vec::new();
        file.read_to_end(&mut old)?;
        Ok(old)
    });
    let put = |bytes: &[u8]| -> Result<()> {
        let mut file = open_file(OpenOptions::new().write(true).create(true).truncate(true), target)?;
        Ok(file.write_all(bytes)?)
    };
    let written = put(bytes);
    if written.is_err() {
        // The first error is told: it is why.
        match old {
            Ok(old) => _ = put(&old),
            Err(Error::Io(error)) if error.kind() == ErrorKind::NotFound => _ = fs::remove_file(target),
            Err(_) => {}
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> PathBuf {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("pikos-file-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        path
    }

    fn put(path: &Path, text: &str) -> Result<()> {
        replace(path, |out| Ok(out.write_all(text.as_bytes())?))
    }

    fn fails(out: &mut dyn Write) -> Result<()> {
        out.write_all(b"half of it")?;
        out.flush()?;
        Err(Error::Io(io::Error::other("the disk is gone")))
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_failure_keeps_the_old_file_and_leaves_no_other() {
        let folder = folder();
        // Beside it, in place since no longer name is possible, and where nothing was.
        for name in ["out".to_owned(), "n".repeat(255)] {
            let path = folder.join(&name);
            assert!(replace(&path, fails).is_err());
            assert!(names(&folder).is_empty());
            put(&path, "first").unwrap();
            assert!(replace(&path, fails).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), "first");
            put(&path, "second").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "second");
            assert_eq!(names(&folder), [name]);
            fs::remove_file(&path).unwrap();
        }
        fs::remove_dir(folder).unwrap();
    }

    #[test]
    fn what_a_killed_process_left_is_no_obstacle() {
        let folder = folder();
        let left = folder.join(format!("out.{}.tmp", std::process::id()));
        fs::write(&left, "left").unwrap();
        put(&folder.join("out"), "new").unwrap();
        assert_eq!(fs::read_to_string(folder.join("out")).unwrap(), "new");
        assert_eq!(fs::read_to_string(&left).unwrap(), "left");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_killed_processes_left_is_swept() {
        let folder = folder();
        let (ours, gone) = (std::process::id(), u32::MAX);
        // The first process is always there.
        let stay = [
            "out.1.tmp".into(),
            format!("out.{ours}.tmp"),
            format!("out.{gone}.tm"),
            format!("out.{gone}-x.tmp"),
        ];
        let stay = [
            stay.as_slice(),
            &[format!("other.{gone}.tmp"), "out..tmp".to_owned(), format!("out.{gone}-.tmp")],
        ]
        .concat();
        let go = [format!("out.{gone}.tmp"), format!("out.{gone}-7.tmp")];
        for name in stay.iter().chain(&go) {
            fs::write(folder.join(name), "left").unwrap();
        }
        fs::create_dir(folder.join(format!("out.{gone}-8.tmp"))).unwrap();
        let locked = File::create(folder.join(format!("out.{gone}-9.tmp"))).unwrap();
        assert!(files::lock(&locked));
        put(&folder.join("out"), "new").unwrap();
        let left = names(&folder);
        assert!(stay.iter().all(|name| left.contains(name)), "{left:?}");
        assert!(!go.iter().any(|name| left.contains(name)), "{left:?}");
        assert_eq!(left.len(), stay.len() + 3);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_new_file_takes_no_other_ones_place() {
        let folder = folder();
        let path = folder.join("out");
        assert!(create(&path, fails).is_err());
        assert!(names(&folder).is_empty());
        create(&path, |out| Ok(out.write_all(b"new")?)).unwrap();
        assert!(create(&path, |out| Ok(out.write_all(b"newer")?)).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        fs::remove_dir_all(folder).unwrap();
    }
}
