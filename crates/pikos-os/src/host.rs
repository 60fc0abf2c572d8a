//! The machine: what it is called, and what kind it is.

use std::num::NonZero;
use std::sync::OnceLock;

#[cfg(not(unix))]
pub use crate::elsewhere::{name, system, zone_at};

/// The host's name.
#[cfg(unix)]
pub fn name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The operating system, its release, and the kind of processor.
#[cfg(unix)]
pub fn system() -> String {
    let uname = rustix::system::uname();
    let words = [uname.sysname(), uname.release(), uname.machine()];
    words.map(|word| word.to_string_lossy().into_owned()).join(" ")
}

/// How many processors this process may use, as it was when that was asked first; 0 if the system doesn't say.
pub fn processors() -> usize {
    // It reads several files.
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| std::thread::available_parallelism().map_or(0, NonZero::get))
}

/// By how many seconds the clocks here are ahead of Greenwich's at this moment, in seconds since 1970; 0 if the system
/// doesn't say. It reads TZ: not while another thread changes the environment.
#[cfg(unix)]
pub fn zone_at(seconds: f64) -> i32 {
    let time = seconds as libc::time_t;
    let mut local = std::mem::MaybeUninit::<libc::tm>::uninit();
    // SAFETY: it reads one of its arguments and fills the other, or returns null.
    let filled = unsafe { libc::localtime_r(&raw const time, local.as_mut_ptr()) };
    if filled.is_null() {
        return 0;
    }
    // SAFETY: it was filled.
    let local = unsafe { local.assume_init() };
    i32::try_from(local.tm_gmtoff).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_a_name_a_system_and_processors() {
        assert!(!name().is_empty());
        assert_eq!(system().split(' ').count(), 3, "{}", system());
        assert!(processors() > 0);
        assert!(zone_at(0.0).abs() < 86_400 && zone_at(1e9) % 60 == 0);
    }
}
