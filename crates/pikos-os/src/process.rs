//! Processes: whether one is there, since when, and what this one has had of the processors.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[cfg(not(unix))]
pub use crate::elsewhere::{can_be_executed, exists, note_forks, parent, process_time as processor_time};

/// When a process started, in clock ticks since boot; `None` if there is none, if it is a zombie, or if the system
/// doesn't say.
pub fn start_of(pid: u32) -> Option<u64> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in brackets, which may hold anything; fields from the third on follow the last one.
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = std::str::from_utf8(&stat[end + 1..]).ok()?.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// Whether a process of this number runs: one that has ended, and nobody has waited for yet, does not.
pub fn is_at_work(pid: u32) -> bool {
    start_of(pid).is_some() || (start_of(std::process::id()).is_none() && exists(pid))
}

/// Whether this process is a child that was forked, and nobody has taken note of that yet.
static IS_FORKED: AtomicBool = AtomicBool::new(false);

/// Has [`is_forked`] say so from now on in a child, from its first instruction on.
#[cfg(unix)]
pub fn note_forks() {
    extern "C" fn in_child() {
        IS_FORKED.store(true, Ordering::Relaxed);
    }
    static ONCE: std::sync::Once = std::sync::Once::new();
    // SAFETY: the function only stores to a static, which it may in a child; it stays as long as the process.
    ONCE.call_once(|| _ = unsafe { libc::pthread_atfork(None, None, Some(in_child)) });
}

/// Whether this is a child that was forked. False until [`note_forks`], and after [`take_note_of_fork`].
#[inline(always)]
pub fn is_forked() -> bool {
    IS_FORKED.load(Ordering::Relaxed)
}

/// What the parent has had of its own is put right.
pub fn take_note_of_fork() {
    IS_FORKED.store(false, Ordering::Relaxed);
}

/// Whether there is a process of this number, anybody's.
#[cfg(unix)]
pub fn exists(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    // EPERM says that there is one, though not ours.
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// What all threads of another process have had of the processors, to some hundredths of a second. `None` where that isn't known:
/// it has ended, or the system doesn't tell.
#[cfg(target_os = "linux")]
pub fn processor_time_of(pid: u32) -> Option<Duration> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = std::str::from_utf8(&stat[end + 1..]).ok()?.split_ascii_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let ticks = rustix::param::clock_ticks_per_second();
    Some(Duration::from_secs_f64(user.checked_add(system)? as f64 / ticks.max(1) as f64))
}

/// Likewise, where nobody tells.
#[cfg(not(target_os = "linux"))]
pub fn processor_time_of(_pid: u32) -> Option<Duration> {
    None
}

/// A process's command line without the program's own path, as far as the system tells it.
pub fn command(pid: u32) -> Option<String> {
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words = String::from_utf8_lossy(words.strip_suffix(b"\0").unwrap_or(&words)).into_owned();
    Some(words.split('\0').skip(1).collect::<Vec<_>>().join(" ")).filter(|rest| !rest.is_empty())
}

/// Whether a thread is at work or waits for a processor, by its open `/proc/PID/task/TID/stat`, read from the beginning. `None`: it has
/// ended, or the system has no such files.
#[cfg(unix)]
pub fn runs(stat: &std::fs::File) -> Option<bool> {
    // Its name has 64 bytes at most, and stands before.
    let mut start = [0; 128];
    let length = std::os::unix::fs::FileExt::read_at(stat, &mut start, 0).ok()?;
    let end = start[..length].iter().rposition(|byte| *byte == b')')?;
    Some(start.get(end + 2)? == &b'R')
}

/// Not known.
#[cfg(not(unix))]
pub fn runs(_stat: &std::fs::File) -> Option<bool> {
    None
}

/// A process's command line, word by word; empty where the system doesn't tell.
pub fn words(pid: u32) -> Vec<OsString> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = line.strip_suffix(b"\0").unwrap_or(&line).split(|byte| *byte == 0);
    words.filter(|_| !line.is_empty()).map(|word| crate::paths::from_bytes(word).into_os_string()).collect()
}

/// The folder in which a process works, as far as the system tells it.
pub fn folder(pid: u32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

/// The processes that a process has started, and those that these have, as far as the system tells: each after the one that
/// started it.
pub fn descendants(pid: u32) -> Vec<u32> {
    let listed = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let all = listed.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parents: Vec<(u32, u32)> = all.filter_map(|pid| Some((pid, parent_of(pid)?))).collect();
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        next += 1;
        // The list was not made in one moment: a number that was used again may seem to be its own ancestor.
        let children = parents.iter().filter(|(pid, of)| *of == parent && !found.contains(pid));
        let children: Vec<u32> = children.map(|(pid, _)| *pid).collect();
        found.extend(children);
    }
    found.split_off(1)
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    std::str::from_utf8(&stat[end + 1..]).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Whether this is a file that may be executed as a program.
#[cfg(unix)]
pub fn can_be_executed(path: &std::path::Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// The process that has started this one.
#[cfg(unix)]
pub fn parent() -> Option<u32> {
    Some(std::os::unix::process::parent_id())
}

/// What all threads of this process have had of the processors; zero where the system doesn't say.
#[cfg(unix)]
pub fn processor_time() -> Duration {
    crate::clocks::read(libc::CLOCK_PROCESS_CPUTIME_ID)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_ended_has_no_start_before_it_is_waited_for() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let start = start_of(child.id());
        // Leaves it a zombie: std waits only when asked to.
        while start_of(child.id()).is_some() {
            std::thread::yield_now();
        }
        assert!(start.is_none_or(|start| start > 0));
        assert!(exists(child.id()) && !is_at_work(child.id()));
        child.wait().unwrap();
        assert!(!exists(child.id()));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_a_process_has_had_is_what_it_is_told_itself() {
        let of_this = || processor_time_of(std::process::id()).unwrap();
        let (before, told) = (processor_time(), of_this());
        // As exact as its clock ticks, the other one's threads at work meanwhile.
        assert!(told + Duration::from_millis(50) > before, "{told:?} {before:?}");
        while processor_time() < before + Duration::from_millis(60) {}
        assert!(of_this() > told);
        assert_eq!(processor_time_of(u32::MAX), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_told_of_other_processes() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let pid = child.id();
        assert!(descendants(std::process::id()).contains(&pid));
        assert!(descendants(pid).is_empty());
        assert_eq!(
            (words(pid), folder(pid)),
            (vec!["sleep".into(), "600".into()], std::env::current_dir().ok())
        );
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!((words(pid), folder(pid)), (Vec::new(), None));
        assert_eq!(words(std::process::id()), std::env::args_os().collect::<Vec<_>>());
    }

    #[test]
    fn numbers_that_no_process_has() {
        assert!(exists(std::process::id()) && is_at_work(std::process::id()));
        assert_eq!(command(u32::MAX), None);
        assert!(exists(parent().unwrap()));
        assert!(!exists(u32::MAX));
        assert_eq!(start_of(u32::MAX), None);
    }
}
