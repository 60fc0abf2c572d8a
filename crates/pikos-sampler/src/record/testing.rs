//! A subject whose threads do what a test says.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use pikos_publisher::{SharedName, locked};

use super::names::Names;
use super::subject::{Subject, Trouble};
use crate::read::{Code, CodeId, Frame, Look, Place, RunningTask, ThreadLook};

/// What a thread is found to do.
#[derive(Clone, Debug)]
pub struct Does {
    pub thread: u64,
    /// The outermost first.
    pub stack: Vec<u32>,
    pub place: Place,
    pub is_cut: bool,
    pub task: Option<RunningTask>,
}

/// Threads, as they are now.
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub threads: Vec<Does>,
    pub torn: u32,
    pub trouble: Option<Trouble>,
    /// What the system says of threads that are no more in looks.
    pub gone: HashSet<u64>,
    pub asks_activity: bool,
    pub looks: u64,
}

/// Looks at a script.
#[derive(Clone, Default)]
pub struct Scripted {
    pub script: Arc<Mutex<Script>>,
    codes: Vec<Code>,
}

impl Scripted {
    /// Of functions by their names, each with its file behind an `@` where that isn't the program's.
    pub fn new(labels: &[&str]) -> Self {
        let code = |label: &&str| {
            let (name, file) = label.split_once('@').unwrap_or((label, "/srv/app.py"));
            Code { file: file.to_owned(), name: name.to_owned(), qualname: String::new(), first_line: 1 }
        };
        Self { script: Arc::default(), codes: labels.iter().map(code).collect() }
    }

    pub fn change<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        change(&mut locked(&self.script))
    }

    pub fn set(&self, threads: Vec<Does>) {
        self.change(|script| script.threads = threads);
    }
}

pub fn runs(thread: u64, stack: &[u32]) -> Does {
    let place = Place { has_gil: false, is_running: Some(true), collects_garbage: false };
    Does { thread, stack: stack.to_vec(), place, is_cut: false, task: None }
}

impl Subject for Scripted {
    fn look(&mut self, look: &mut Look) -> Result<(), Trouble> {
        let mut script = locked(&self.script);
        script.looks += 1;
        if let Some(trouble) = &script.trouble {
            return Err(trouble.clone());
        }
        look.threads.clear();
        look.frames.clear();
        look.torn = script.torn;
        for does in &script.threads {
            let start = look.frames.len();
            let frame = |code: &u32| Frame { code: CodeId(*code), instruction: 0 };
            look.frames.extend(does.stack.iter().rev().map(frame));
            look.threads.push(ThreadLook {
                native_id: does.thread,
                ident: does.thread,
                place: does.place,
                stack: start..look.frames.len(),
                is_cut: does.is_cut,
                task: does.task.clone(),
            });
        }
        Ok(())
    }

    fn code(&self, code: CodeId) -> &Code {
        &self.codes[code.0 as usize]
    }

    fn ask_activity(&mut self, on: bool) {
        self.change(|script| script.asks_activity = on);
    }

    fn ask_tasks(&mut self) {}

    fn has_thread(&self, native_id: u64) -> bool {
        !locked(&self.script).gone.contains(&native_id)
    }
}

/// Threads are called by their numbers.
pub struct Numbered;

impl Names for Numbered {
    fn name(&mut self, thread: &ThreadLook) -> SharedName {
        Arc::new(Mutex::new(Some(format!("t{}", thread.native_id))))
    }
}
