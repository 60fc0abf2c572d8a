//! The live side of one profile: when its publisher starts and ends, and what subscribers ask of the program's main thread.
//!
//! The whole way, and why so: docs/design/live.md.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use pikos_publisher::{Call, Outcome, Plan, Publisher, StartError};
use pikos_wire::{Command, End, Facts};
use pyo3::prelude::*;

use super::controlled::{Controlled, Published};
use super::options::LiveOptions;
use super::save;
use crate::ffi::gil::GilCell;
use crate::ffi::pending;
use crate::results::process;

/// The live side of one profile.
pub struct Live {
    options: LiveOptions,
    publisher: RefCell<Option<Publisher>>,
    published: Rc<dyn Published>,
    profile: Box<dyn Controlled>,
    /// Whether it began in a process that this one was forked from.
    is_inherited: Cell<bool>,
}

/// The profiled process that has made this one.
static PARENT: GilCell<Cell<Option<u32>>> = GilCell::new(Cell::new(None));

/// All live profiles of this process.
static ALL: GilCell<RefCell<Vec<Weak<Live>>>> = GilCell::new(RefCell::new(Vec::new()));

impl Live {
    /// Starts publishing, as paused or as recording; or says why that can't be.
    pub fn start(
        py: Python<'_>,
        profile: Box<dyn Controlled>,
        published: Rc<dyn Published>,
        options: &LiveOptions,
        paused: bool,
    ) -> PyResult<Result<Rc<Self>, StartError>> {
        let live = Rc::new(Self {
            options: options.clone(),
            publisher: RefCell::default(),
            published,
            profile,
            is_inherited: Cell::new(false),
        });
        if let Err(error) = live.launch(py, paused)? {
            return Ok(Err(error));
        }
        let mut all = ALL.get(py).borrow_mut();
        all.retain(|other| other.strong_count() > 0);
        all.push(Rc::downgrade(&live));
        drop(all);
        Ok(Ok(live))
    }

    /// Starts publishing; where no socket is to be had, the file that is written meanwhile is written all the same.
    fn launch(&self, py: Python<'_>, paused: bool) -> PyResult<Result<(), StartError>> {
        match self.publish(py, self.options.is_public, paused)? {
            Err(problem) if self.options.is_public && self.is_own_file() => {
                say_not_live(py, &problem);
                self.publish(py, false, paused)
            }
            done => Ok(done),
        }
    }

    /// Whether there is a file, and it isn't the parent's.
    fn is_own_file(&self) -> bool {
        self.options.checkpoint.is_some() && !self.is_inherited.get()
    }

    fn publish(&self, py: Python<'_>, is_public: bool, paused: bool) -> PyResult<Result<(), StartError>> {
        let source = self.published.source(py);
        let mut facts = Facts { parent: PARENT.get(py).get(), ..process::facts(py) };
        self.published.describe(&mut facts);
        source.change(|state| {
            state.facts = facts;
            state.paused = paused;
        });
        let is_own = !self.is_inherited.get();
        let by_main_thread = || -> Call { Arc::new(|| pending::call_main_thread(carry_out_tasks)) };
        let started = Publisher::start(
            source,
            Plan {
                is_public,
                // An endpoint that the parent has bound, and the file, are the parent's.
                extra: self.options.endpoint.clone().filter(|endpoint| is_own || endpoint.connect),
                interval: self.options.interval,
                checkpoint: self.options.checkpoint.clone().filter(|_| is_own),
                save: save::save,
                call: self.published.caller().unwrap_or_else(by_main_thread),
            },
        );
        match started {
            Ok(publisher) => {
                self.publisher.replace(Some(publisher));
                Ok(Ok(()))
            }
            Err(error) => {
                self.published.leave();
                Ok(Err(error))
            }
        }
    }

    /// Where it is published.
    pub fn endpoints(&self) -> Vec<String> {
        self.publisher.borrow().as_ref().map(Publisher::endpoints).unwrap_or_default()
    }

    /// The profile.
    pub fn profile(&self) -> &dyn Controlled {
        &*self.profile
    }

    /// Whether it hasn't ended.
    pub fn is_publishing(&self) -> bool {
        self.publisher.borrow().is_some()
    }

    /// Says whether it collects, and through which hook.
    pub fn tell(&self, paused: bool, hook: &str) {
        if let Some(publisher) = self.publisher.borrow().as_ref() {
            publisher.source().change(|state| {
                state.paused = paused;
                hook.clone_into(&mut state.facts.hook);
                self.published.describe(&mut state.facts);
            });
        }
    }

    /// Stops its threads, for the time of a fork. Returns how many.
    pub fn rest(&self) -> u64 {
        self.publisher.borrow_mut().as_mut().map_or(0, Publisher::rest)
    }

    /// Starts it again.
    pub fn resume(&self) {
        if let Some(publisher) = self.publisher.borrow_mut().as_mut() {
            publisher.resume();
        }
    }

    /// In a forked child: forgets the publisher, which is the parent's. False if there was none, or if the child was not asked
    /// to be live as well.
    pub fn leave_to_parent(&self) -> bool {
        self.published.leave();
        // Never dropped here: it would clean up what is the parent's.
        let before = self.publisher.take();
        let was_live = before.is_some();
        std::mem::forget(before);
        was_live && self.options.follow
    }

    /// In a forked child: publishes as a process of its own, whose numbers begin at zero.
    pub fn begin_anew(&self, py: Python<'_>) {
        self.is_inherited.set(true);
        let Some(_profiler) = self.profile.object(py) else { return };
        let restarted = self.profile.clear(py).and_then(|()| self.launch(py, true));
        match restarted {
            Ok(Ok(())) => self.profile.tell(py),
            Ok(Err(problem)) => say_not_live(py, &problem),
            Err(_) => {}
        }
    }

    /// Sends the last message, whatever is recorded by now.
    pub fn end(&self, py: Python<'_>, how: &str, detail: &str) {
        self.published.leave();
        if let Some(mut publisher) = self.publisher.take() {
            let end = End { how: how.to_owned(), detail: detail.to_owned() };
            // Others may run meanwhile: it can take 200 ms.
            let publisher = &mut publisher;
            py.detach(move || publisher.end(end));
        }
    }

    fn carry_out_all(&self, py: Python<'_>) {
        while let Some((mailbox, task)) = {
            let publisher = self.publisher.borrow();
            publisher.as_ref().and_then(|publisher| {
                let mailbox = publisher.mailbox().clone();
                mailbox.take_task().map(|task| (mailbox, task))
            })
        } {
            let stops = task.command == Command::Stop;
            mailbox.finish(task.ticket, self.carry_out(py, &task.command));
            if stops {
                self.end(py, "disabled", "");
            }
        }
    }

    fn carry_out(&self, py: Python<'_>, command: &Command) -> Outcome {
        let profile = self.profile();
        let done = match command {
            Command::Pause | Command::Stop => profile.reach(py).and_then(|()| profile.pause(py)),
            Command::Resume => profile.resume(py),
            Command::Clear => profile.clear(py),
            Command::Rate { hz } => profile.set_rate(py, *hz),
            other => return Err(format!("{other:?} is not for the main thread")),
        };
        done.map_err(|error| error.value(py).to_string())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.published.leave();
    }
}

/// Calls `act` with each live profile, and nothing borrowed.
pub fn for_each(py: Python<'_>, mut act: impl FnMut(&Rc<Live>)) {
    let all: Vec<_> = ALL.get(py).borrow().iter().filter_map(Weak::upgrade).collect();
    all.iter().for_each(&mut act);
}

/// Notes the profiled process that has made this one.
pub fn set_parent(py: Python<'_>, pid: Option<u32>) {
    PARENT.get(py).set(pid);
}

/// On standard error, if there is one: the program goes on without.
pub fn say_not_live(py: Python<'_>, problem: &StartError) {
    let text = format!("pikos: the profile can't go live: {problem}\n");
    let stderr = py.import("sys").and_then(|sys| sys.getattr("stderr"));
    // Without one there is nobody to tell.
    let _ = stderr.and_then(|stderr| stderr.call_method1("write", (text,)));
}

/// Does what subscribers have asked for; on the main thread.
fn carry_out_tasks(py: Python<'_>) {
    for_each(py, |live| live.carry_out_all(py));
}

/// The same in a thread of ours, of those profiles that can do with any.
pub fn carry_out_tasks_anywhere(py: Python<'_>) {
    for_each(py, |live| {
        if live.published.caller().is_some() {
            live.carry_out_all(py);
        }
    });
}
