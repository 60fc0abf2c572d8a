//! All that is refused, or done in a plainer way, on a system that isn't Unix. Each function stands for one of the same name
//! in the module of its concern. Compiled for tests everywhere, so that it can't rot where nobody builds it.

use std::fs::{File, FileType, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::Unsupported;

/// Of [`crate::descriptor`].
pub fn duplicate(_number: i32) -> io::Result<File> {
    Err(Unsupported::OpenFiles.into())
}

/// The same: as many as there are.
pub fn allow_most() {}

/// Of [`crate::files`]: as the folder says.
pub fn for_owner_alone(_options: &mut OpenOptions) {}

/// Of [`crate::files`]: a new file is its maker's.
pub fn resemble(_new: &File, _old: &File) -> io::Result<()> {
    Ok(())
}

/// Of [`crate::files`]: how many names a file has isn't asked.
pub fn has_other_names(_file: &File) -> bool {
    false
}

/// Of [`crate::files`]: devices have no names here that we know of.
pub fn is_device(_kind: FileType) -> bool {
    false
}

/// Of [`crate::files`]: there is no such option.
pub fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Of [`crate::files`]: pipes have no names here that we know of.
pub fn has_no_reader(_error: &io::Error, _path: &Path) -> bool {
    false
}

/// Of [`crate::files`]: a moment, and then the next try.
pub fn wait_until_writable(_file: &File, patience: Duration) {
    std::thread::sleep(patience.min(Duration::from_millis(10)));
}

/// Of [`crate::files`]: nobody's.
pub fn lock(_file: &File) -> bool {
    false
}

/// Of [`crate::files`].
pub fn file_kind(kind: FileType) -> &'static str {
    if kind.is_dir() { "a folder" } else { "no regular file" }
}

/// Of [`crate::local_socket`]: there is none.
#[derive(Debug)]
pub struct Descriptor(std::convert::Infallible);

/// Of [`crate::local_socket`].
pub type Mark = u64;

/// Of [`crate::local_socket`]: refused.
pub fn listen_at(_path: &Path) -> io::Result<Descriptor> {
    Err(Unsupported::LiveProfiles.into())
}

/// Of [`crate::local_socket`]: refused.
pub fn listen_by_name(_name: &[u8]) -> io::Result<Descriptor> {
    Err(Unsupported::LiveProfiles.into())
}

/// Of [`crate::local_socket`]: none was made.
pub fn remove_socket(_path: &Path, _which: Mark) {}

/// Of [`crate::local_socket`].
pub fn number_of(descriptor: &Descriptor) -> i32 {
    match descriptor.0 {}
}

/// Of [`crate::local_socket`].
pub fn give_away(descriptor: Descriptor) {
    match descriptor.0 {}
}

/// Of [`crate::paths`]: as UTF-8.
pub fn path_from_bytes(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}

/// Of [`crate::paths`]: as UTF-8.
pub fn path_to_bytes(path: &Path) -> Vec<u8> {
    path.to_string_lossy().into_owned().into_bytes()
}

/// Of [`crate::process`]: there is nobody to ask.
pub fn exists(_pid: u32) -> bool {
    false
}

/// Of [`crate::process`]: nobody forks.
pub fn note_forks() {}

/// Of [`crate::process`]: the system says when it is tried.
pub fn can_be_executed(path: &Path) -> bool {
    path.is_file()
}

/// Of [`crate::process`].
pub fn parent() -> Option<u32> {
    None
}

/// Of [`crate::reserve`]: there is none.
pub fn map_memory(_size: usize) -> Option<*mut u8> {
    None
}

/// Of [`crate::reserve`].
pub fn unmap_memory(_start: *mut u8, _size: usize) {}

/// Of [`crate::reserve`].
pub fn address_limit() -> Option<u64> {
    None
}

/// Of [`crate::runtime_folder`].
pub fn find(_name: &str) -> Result<Option<PathBuf>, Unsupported> {
    Err(Unsupported::LiveProfiles)
}

/// Of [`crate::runtime_folder`].
pub fn make(_name: &str) -> Result<PathBuf, Unsupported> {
    Err(Unsupported::LiveProfiles)
}

/// Of [`crate::runtime_folder`].
pub fn is_socket(_kind: FileType) -> bool {
    false
}

/// Of [`crate::signals`]: none is kept.
pub fn keep(_signal: i32, _patience_ms: u32, _note: fn()) -> bool {
    false
}

/// Of [`crate::signals`]: none is kept.
pub fn keep_again(_signal: i32) -> bool {
    false
}

/// Of [`crate::signals`].
pub fn let_go(_signal: i32) {}

/// Of [`crate::signals`]: all have what the system gives them.
pub fn set_default(_signal: i32) {}

/// Of [`crate::signals`]: there is none to send.
pub fn send_here(_signal: i32) {
    std::process::exit(1);
}

/// Of [`crate::signals`].
pub fn unused() -> impl Iterator<Item = i32> {
    std::iter::empty()
}

/// Of [`crate::signals`].
pub fn seen() {}

/// Of [`crate::signals`]: Ctrl-C is whatever it was.
pub fn with_deadly_interrupt<T>(act: impl FnOnce() -> T) -> T {
    act()
}

/// Of [`crate::signals`]: there are none that a thread could get.
pub fn with_all_blocked<T>(act: impl FnOnce() -> T) -> T {
    act()
}

/// Of [`crate::terminal`].
pub fn open_terminal() -> io::Result<File> {
    OpenOptions::new().write(true).open("CONOUT$")
}

/// Of [`crate::terminal`]: nobody tells.
pub fn wait_until_gone(_terminal: &File) -> bool {
    false
}

/// Of [`crate::thread`]: all the time that passes, which is never less.
pub fn processor_time() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

/// Of [`crate::process`]: nobody says.
pub fn process_time() -> Duration {
    Duration::ZERO
}

/// Of [`crate::host`]: as its environment has it.
pub fn name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

/// Of [`crate::host`].
pub fn system() -> String {
    format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)
}

/// Of [`crate::host`]: nobody says.
pub fn zone_at(_seconds: f64) -> i32 {
    0
}

/// Of [`crate::wake`].
pub type Ear = u64;

/// Of [`crate::wake`]: there is none.
pub struct Bell(std::convert::Infallible);

impl Bell {
    /// Refused.
    pub fn new() -> io::Result<Self> {
        Err(Unsupported::LiveProfiles.into())
    }

    /// What to poll.
    pub fn ear(&self) -> Ear {
        match self.0 {}
    }

    /// Wakes the thread.
    pub fn ring(&self) {
        match self.0 {}
    }

    /// Takes note of having been woken.
    pub fn hear(&self) {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_says_what_to_do_instead() {
        let told = [
            (duplicate(1).unwrap_err().to_string(), "io.StringIO"),
            (find("x").unwrap_err().to_string(), "-o"),
            (make("x").unwrap_err().to_string(), "-o"),
            (listen_at(Path::new("x")).unwrap_err().to_string(), "-o"),
            (listen_by_name(b"x").unwrap_err().to_string(), "-o"),
            (Bell::new().err().expect("refused").to_string(), "-o"),
        ];
        for (sentence, instead) in told {
            assert!(sentence.contains(instead), "{sentence}");
        }
    }

    #[test]
    fn the_rest_works() {
        let path = path_from_bytes("/a/\u{fc}".as_bytes());
        assert_eq!(path_to_bytes(&path), "/a/\u{fc}".as_bytes());
        assert_eq!((exists(std::process::id()), parent()), (false, None));
        assert_eq!((with_all_blocked(|| 1), with_deadly_interrupt(|| 2)), (1, 2));
        assert!(!keep(15, 10, || ()));
        assert!(!keep_again(15) && unused().next().is_none());
        set_default(15);
        let_go(15);
        seen();
        let before = processor_time();
        assert!(processor_time() >= before);
        assert!(process_time().is_zero() && zone_at(0.0) == 0 && name() == name() && !system().is_empty());
        let file = File::open(std::env::current_exe().expect("a test has one")).expect("and may read it");
        assert!(!wait_until_gone(&file));
        assert!(!is_socket(file.metadata().expect("it is open").file_type()));
        assert!(open_terminal().is_err());
        for_owner_alone(without_waiting(&mut OpenOptions::new()));
        assert!(!has_no_reader(&io::ErrorKind::NotFound.into(), &path));
        wait_until_writable(&file, Duration::from_millis(1));
        let folder = std::fs::metadata(std::env::temp_dir()).expect("there is one").file_type();
        assert_eq!(file_kind(folder), "a folder");
        assert!(!is_device(folder) && !has_other_names(&file));
        assert!(!lock(&file));
        remove_socket(&path, 0);
        assert_eq!((map_memory(1), address_limit()), (None, None));
        unmap_memory(std::ptr::null_mut(), 0);
        assert!(resemble(&file, &file).is_ok());
    }
}
