//! A folder with what is known.
//!
//! ```text
//!  DIR/collected.state                            all of it, for the next one of us
//!  DIR/so-far/HOST~PROGRAM~THREAD.pikos           the figures of each so far, those of each label set in it
//!  DIR/slices/2026-11-30T08-00-00Z/HOST~….pikos   what was added in a time: this one began at 8:00
//! ```
//! Each file and each slice comes to its place as a whole, so that a full disk leaves what was there.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use pikos_os::files;
use pstats_compat::Profile;
use pstats_compat::formats::{self, Format, Output};
use pstats_compat::model::facts::iso_date;

use crate::collection::Sums;
use crate::key::Key;
use crate::state::{self, State};

const STATE: &str = "collected.state";
const LOCK: &str = "collected.lock";
const SO_FAR: &str = "so-far";
const SLICES: &str = "slices";
/// What a slice is called while it is written.
const UNFINISHED: &str = ".unfinished";
/// No more is read of a state.
const MOST_STATE: u64 = 8 << 30;

/// What is wrong with a folder.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// Another of us has it.
    #[error("{}: another `pikos collect` keeps its figures there; choose another folder with `-o`", .0.display())]
    Taken(PathBuf),
    /// Nobody to write.
    #[error("can't start a thread: {0}")]
    Thread(io::Error),
    /// The system's word.
    #[error("{}: {source}", path.display())]
    Io {
        /// Of what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The same, of a profile.
    #[error("{}: {source}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: pstats_compat::Error,
    },
}

/// A folder.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    /// Slices may take so many bytes.
    limit: u64,
    // Ours as long as it is open.
    _lock: File,
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> DiskError + '_ {
    |source| DiskError::Io { path: path.to_owned(), source }
}

impl Disk {
    /// Takes a folder; makes it, if there is none.
    pub fn open(folder: PathBuf, limit: u64) -> Result<Self, DiskError> {
        for each in [folder.clone(), folder.join(SO_FAR), folder.join(SLICES)] {
            fs::create_dir_all(&each).map_err(io_at(&each))?;
        }
        let path = folder.join(LOCK);
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(io_at(&path))?;
        if !files::lock(&lock) {
            return Err(DiskError::Taken(folder));
        }
        let disk = Self { folder, limit, _lock: lock };
        // What was written when an earlier one was killed.
        let _ = fs::remove_dir_all(disk.slices().join(UNFINISHED));
        Ok(disk)
    }

    /// When a slice begins: now, or in the first second after it that gives it a name of its own. The clock may have been set back,
    /// and the slice that began `before` gets its name later.
    pub fn beginning(&self, now: f64, before: Option<f64>) -> f64 {
        let before = before.map(name);
        let is_taken = |moment| before == Some(name(moment)) || self.slices().join(name(moment)).exists();
        let mut moment = now;
        while is_taken(moment) {
            moment = moment.floor() + 1.0;
        }
        moment
    }

    /// What an earlier one has left. A state that can't be read is put aside, with the figures so far, which are the same in files: the
    /// sentence says where.
    pub fn restore(&self) -> Result<(Option<State>, Option<String>), DiskError> {
        let path = self.folder.join(STATE);
        let length = match fs::metadata(&path) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((None, None)),
            Err(error) => return Err(io_at(&path)(error)),
        };
        let bytes = if length <= MOST_STATE { fs::read(&path).map_err(io_at(&path))? } else { Vec::new() };
        if let Some(state) = state::decode(&bytes) {
            return Ok((Some(state), None));
        }
        let mut places = (1..).map(|number| self.folder.join(format!("unreadable-{number}")));
        let aside = places.find(|place| !place.exists()).unwrap_or_default();
        fs::create_dir(&aside).map_err(io_at(&aside))?;
        for name in [STATE, SO_FAR] {
            let from = self.folder.join(name);
            fs::rename(&from, aside.join(name)).map_err(io_at(&from))?;
        }
        let so_far = self.folder.join(SO_FAR);
        fs::create_dir(&so_far).map_err(io_at(&so_far))?;
        Ok((
            None,
            Some(format!(
                "{} can't be read: collecting begins anew. The file is in {} now, beside the figures of before",
                path.display(),
                aside.display()
            )),
        ))
    }

    /// Writes all that is known.
    pub fn save(&self, state: &State, sums: &Sums) -> Result<(), DiskError> {
        let path = self.folder.join(STATE);
        let failed = |source| DiskError::Write { path: path.clone(), source };
        let bytes = state::encode(state).map_err(failed)?;
        formats::replace(&path, |out| Ok(out.write_all(&bytes)?)).map_err(failed)?;
        let folder = self.folder.join(SO_FAR);
        sums.iter().try_for_each(|(key, profile)| write(&folder, key, profile))
    }

    /// Writes what was added since a time, and makes room for it.
    pub fn save_slice(&self, began: f64, grown: &Sums) -> Result<(), DiskError> {
        if grown.is_empty() {
            return Ok(());
        }
        let unfinished = self.slices().join(UNFINISHED);
        let _ = fs::remove_dir_all(&unfinished);
        fs::create_dir(&unfinished).map_err(io_at(&unfinished))?;
        let place = self.slices().join(name(began));
        let written = grown.iter().try_for_each(|(key, profile)| write(&unfinished, key, profile));
        let moved = written.and_then(|()| {
            // One that an earlier one of us wrote before it was killed: this one has all of it.
            let _ = fs::remove_dir_all(&place);
            fs::rename(&unfinished, &place).map_err(io_at(&place))
        });
        if moved.is_err() {
            let _ = fs::remove_dir_all(&unfinished);
        }
        moved?;
        self.make_room();
        Ok(())
    }

    /// Removes the oldest slices until the others fit.
    fn make_room(&self) {
        let entries = fs::read_dir(self.slices()).into_iter().flatten().flatten();
        let ours = entries.filter(|entry| is_name(&entry.file_name().to_string_lossy()));
        let mut slices: Vec<(PathBuf, u64)> =
            ours.map(|entry| entry.path()).map(|path| (path.clone(), size(&path))).collect();
        // Their names are dates.
        slices.sort();
        let mut all: u64 = slices.iter().map(|(_, size)| size).sum();
        for (path, size) in slices.iter().rev().skip(1).rev() {
            if all <= self.limit {
                break;
            }
            if fs::remove_dir_all(path).is_ok() {
                all -= size;
            }
        }
    }

    fn slices(&self) -> PathBuf {
        self.folder.join(SLICES)
    }
}

/// The name of a slice that began then: `2026-11-30T08-00-00Z`.
fn name(began: f64) -> String {
    let date = iso_date(began, 0).unwrap_or_default().replace(':', "-");
    format!("{}Z", date.split('+').next().unwrap_or_default())
}

/// Whether that is one: what else a user keeps there is none of ours.
fn is_name(text: &str) -> bool {
    let is_like = |(character, like): (u8, u8)| match like {
        b'0' => character.is_ascii_digit(),
        other => character == other,
    };
    let like = b"0000-00-00T00-00-00Z";
    text.len() == like.len() && text.bytes().zip(*like).all(is_like)
}

fn size(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|found| found.len()).sum()
}

fn write(folder: &Path, key: &Key, profile: &Profile) -> Result<(), DiskError> {
    let path = folder.join(format!("{}.pikos", key.file_name()));
    let output = Output::new(profile, Format::Pikos);
    formats::save(&output, &path).map_err(|source| DiskError::Write { path, source })
}

#[cfg(test)]
mod tests {
    use pstats_compat::{Calls, Function};

    use super::*;
    use crate::collection::Memory;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("pikos-collect-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Self(path)
        }

        fn names(&self, of: &str) -> Vec<String> {
            let entries = fs::read_dir(self.0.join(of)).expect("there").flatten();
            let mut names: Vec<_> =
                entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn sums(ncalls: u64) -> Sums {
        let calls = Calls { ncalls, primitive_calls: ncalls, tottime: 0.5, cumtime: 0.5, ..Calls::default() };
        let profile = Profile::new(vec![Function::new("a.py".into(), 1, "f".into(), calls)], Vec::new());
        Sums::from([(Key { host: "h".into(), program: "p".into(), thread: "l".into() }, profile)])
    }

    #[test]
    fn the_next_one_has_what_was_there() {
        let folder = Folder::new("next");
        let disk = Disk::open(folder.0.clone(), 1 << 20).expect("a folder");
        assert!(matches!(Disk::open(folder.0.clone(), 1), Err(DiskError::Taken(_))));
        let state =
            || State { memory: Memory { ended: sums(3), streams: Vec::new() }, began: 5.0, then: sums(1) };
        disk.save(&state(), &sums(4)).expect("room");
        drop(disk);
        let disk = Disk::open(folder.0.clone(), 1 << 20).expect("free again");
        assert_eq!(disk.restore().expect("readable"), (Some(state()), None));
        assert_eq!(folder.names("so-far"), ["h~p~l.pikos"]);
        fs::write(folder.0.join(STATE), b"half a st").expect("writable");
        let (nothing, told) = disk.restore().expect("put aside");
        assert!(nothing.is_none() && told.is_some_and(|told| told.contains("unreadable-1")));
        assert_eq!(folder.names("unreadable-1"), ["collected.state", "so-far"]);
        assert_eq!(folder.names("unreadable-1/so-far"), ["h~p~l.pikos"]);
        assert_eq!(disk.restore().expect("nothing there"), (None, None));
        disk.save(&state(), &sums(4)).expect("room");
        fs::write(folder.0.join(STATE), b"half a st").expect("writable");
        assert!(disk.restore().expect("put aside").1.is_some_and(|told| told.contains("unreadable-2")));
    }

    #[test]
    fn no_slice_takes_the_place_of_another_whatever_the_clock_does() {
        let folder = Folder::new("clock");
        let disk = Disk::open(folder.0.clone(), 1 << 20).expect("a folder");
        let first = disk.beginning(100.25, None);
        assert_eq!(first, 100.25);
        // One that ends in the second in which it began; then the clock is set back.
        let second = disk.beginning(100.75, Some(first));
        assert_eq!(second, 101.0);
        disk.save_slice(first, &sums(1)).expect("room");
        disk.save_slice(second, &sums(2)).expect("room");
        let third = disk.beginning(100.5, Some(second));
        disk.save_slice(third, &sums(3)).expect("room");
        assert_eq!(folder.names("slices").len(), 3);
        assert_eq!(disk.beginning(50.0, Some(third)), 50.0);
    }

    #[test]
    fn the_oldest_slices_make_room_and_the_newest_stays() {
        let folder = Folder::new("slices");
        let disk = Disk::open(folder.0.clone(), 1).expect("a folder");
        let own = folder.0.join("slices").join("1969 notes");
        fs::create_dir(&own).expect("a folder of the user's");
        disk.save_slice(0.0, &sums(1)).expect("room");
        disk.save_slice(3600.0, &sums(2)).expect("room");
        assert_eq!(folder.names("slices"), ["1969 notes", "1970-01-01T01-00-00Z"]);
        fs::remove_dir(&own).expect("still there");
        disk.save_slice(3600.0, &sums(3)).expect("again, longer");
        disk.save_slice(7200.0, &Sums::new()).expect("nothing to say");
        assert_eq!(folder.names("slices"), ["1970-01-01T01-00-00Z"]);
        assert_eq!(folder.names("slices/1970-01-01T01-00-00Z"), ["h~p~l.pikos"]);
    }
}
