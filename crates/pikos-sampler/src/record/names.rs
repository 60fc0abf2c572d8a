//! What threads are called.

use std::fs;
use std::sync::{Arc, Mutex, Weak};

use pikos_publisher::{SharedName, locked};

use crate::read::ThreadLook;

/// Knows what threads are called, or finds it out later.
pub trait Names: Send {
    /// The name of a thread that is seen for the first time.
    fn name(&mut self, thread: &ThreadLook) -> SharedName;
    /// Called now and then: a program may call its threads something else.
    fn refresh(&mut self) {}
}

/// As the system has them, of another process. Python tells the system from 3.14 on; before, a thread is called as the program.
pub struct NamesOfProcess {
    pid: u32,
    given: Vec<(u64, Weak<Mutex<Option<String>>>)>,
}

impl NamesOfProcess {
    /// Of this process' threads.
    pub fn new(pid: u32) -> Self {
        Self { pid, given: Vec::new() }
    }
}

/// What the system calls a thread of a process.
pub fn thread_name(pid: u32, thread: u64) -> String {
    if thread == u64::from(pid) {
        return "MainThread".to_owned();
    }
    let of = |thread: u64| {
        let name = fs::read(format!("/proc/{pid}/task/{thread}/comm")).ok()?;
        Some(String::from_utf8_lossy(name.trim_ascii_end()).into_owned())
    };
    // One that nobody has given is the main thread's, and tells nothing apart.
    let own = of(thread).filter(|name| !name.is_empty() && Some(name) != of(pid.into()).as_ref());
    own.unwrap_or_else(|| format!("thread {thread}"))
}

impl Names for NamesOfProcess {
    fn name(&mut self, thread: &ThreadLook) -> SharedName {
        let name = Arc::new(Mutex::new(Some(thread_name(self.pid, thread.native_id))));
        self.given.push((thread.native_id, Arc::downgrade(&name)));
        name
    }

    fn refresh(&mut self) {
        self.given.retain(|(_, name)| name.strong_count() > 0);
        for (thread, name) in &self.given {
            if fs::exists(format!("/proc/{}/task/{thread}", self.pid)).unwrap_or(false)
                && let Some(name) = name.upgrade()
            {
                *locked(&name) = Some(thread_name(self.pid, *thread));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Place;

    fn look(native_id: u64) -> ThreadLook {
        ThreadLook { native_id, ident: 1, place: Place::default(), stack: 0..0, is_cut: false, task: None }
    }

    #[test]
    fn threads_are_called_as_the_system_has_them() {
        if !fs::exists("/proc/thread-self").unwrap_or(false) {
            eprintln!("skipped: this system doesn't say what threads are called");
            return;
        }
        let pid = std::process::id();
        let mut names = NamesOfProcess::new(pid);
        let name = |names: &mut NamesOfProcess, thread| locked(&names.name(&look(thread))).clone();
        assert_eq!(name(&mut names, pid.into()).as_deref(), Some("MainThread"));
        assert_eq!(name(&mut names, u64::MAX), Some(format!("thread {}", u64::MAX)));
        let (tell, told) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let worker = std::thread::Builder::new().name("worker-7".to_owned());
        let worker = worker.spawn(move || {
            let own = fs::read_link("/proc/thread-self").unwrap();
            tell.send(own.file_name().unwrap().to_str().unwrap().parse::<u64>().unwrap()).unwrap();
            let _ = ended.recv();
        });
        let thread = told.recv().unwrap();
        let shared = names.name(&look(thread));
        assert_eq!(locked(&shared).as_deref(), Some("worker-7"));
        *locked(&shared) = None;
        names.refresh();
        assert_eq!(locked(&shared).as_deref(), Some("worker-7"));
        drop(end);
        worker.unwrap().join().unwrap();
        // What has ended keeps the name that it had.
        while fs::exists(format!("/proc/{pid}/task/{thread}")).unwrap() {
            std::thread::yield_now();
        }
        names.refresh();
        assert_eq!(locked(&shared).as_deref(), Some("worker-7"));
    }
}
