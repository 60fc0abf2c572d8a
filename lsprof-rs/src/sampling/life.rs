//! The life of one sampler: started and stopped, live or not, through forks, until the interpreter ends.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use lsprof_engine::clock;
use pikos_publisher::{Call, Source, StartError, whole};
use pikos_sampler::record::{Ending, Sampling, check_rate};
use pikos_wire::{Facts, SAMPLES, Sampled};
use pstats_compat::Profile;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use super::asked::{Asked, refuse};
use super::helper::{self, Helper};
use super::subject::{can_tell_by_gil, this_process};
use crate::results::process;
use crate::session::controlled::{Controlled, Published};
use crate::session::forks::{self, Rests};
use crate::session::live::{self, Live};
use crate::session::options::LiveOptions;
use crate::session::save;

/// What was asked for, and what came of it: all that a publisher needs.
struct Samples {
    asked: RefCell<Asked>,
    source: RefCell<Arc<Source>>,
    /// Whoever watches asks here.
    calls: RefCell<Arc<helper::Asked>>,
}

/// One sampler.
pub struct Life {
    samples: Rc<Samples>,
    begun: RefCell<Option<Begun>>,
    /// Whether some thread of the program waits for ours, without the GIL.
    is_busy: Cell<bool>,
    records: Cell<bool>,
    /// In a forked child, before it is settled whether it goes on: whether the parent looked.
    parent_looked: Cell<bool>,
    helper: RefCell<Helper>,
    /// What was asked for, if it is to be live.
    live_options: RefCell<Option<LiveOptions>>,
    /// While it is live.
    live: RefCell<Option<Rc<Live>>>,
    watches_forks: Cell<bool>,
    process: Cell<u32>,
}

/// The thread that looks. It rests while nothing is to be recorded.
struct Begun {
    sampling: Sampling,
    /// Why each look takes the GIL, if that is so.
    why: Option<String>,
}

/// How a sampler does.
pub struct Status {
    /// How samples were taken.
    pub sampled: Sampled,
    /// For how long, in seconds.
    pub seconds: f64,
    /// How many threads were seen.
    pub threads: u64,
    /// Why each look takes the GIL, if that is so.
    pub why: Option<String>,
    /// Why there are no more looks, if it can't have any.
    pub problem: Option<String>,
}

impl Life {
    /// Of a sampler that was asked for nothing as yet.
    pub fn new() -> Rc<Self> {
        let helper = Helper::new();
        Rc::new(Self {
            samples: Rc::new(Samples {
                asked: RefCell::default(),
                source: RefCell::new(Source::new()),
                calls: RefCell::new(Arc::clone(helper.asked())),
            }),
            begun: RefCell::default(),
            is_busy: Cell::new(false),
            records: Cell::new(false),
            parent_looked: Cell::new(false),
            helper: RefCell::new(helper),
            live_options: RefCell::default(),
            live: RefCell::default(),
            watches_forks: Cell::new(false),
            process: Cell::new(std::process::id()),
        })
    }

    /// Asks for something else than before.
    pub fn set_up(self: &Rc<Self>, py: Python<'_>, asked: Asked) -> PyResult<()> {
        self.live_options.replace(asked.live.clone());
        self.samples.asked.replace(asked);
        if self.watches_forks.replace(true) {
            return Ok(());
        }
        // Now, and not when it begins: the launcher has what this imports out of the program's sight.
        let rests: Rc<dyn Rests> = Rc::<Self>::clone(self);
        forks::watch_for(py, &rests)
    }

    /// Begins to look, or goes on. `sampler` is the object that stands for it.
    pub fn enable(self: &Rc<Self>, sampler: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = sampler.py();
        self.settle();
        if self.is_busy.get() {
            return Err(PyRuntimeError::new_err("another thread is about to start or stop this sampler"));
        }
        if self.records.get() {
            return Ok(());
        }
        if let Some(problem) = self.problem() {
            return Err(PyRuntimeError::new_err(format!("it can sample no more: {problem}")));
        }
        self.go_on(py)?;
        if let Some(problem) = self.go_live(sampler, false)? {
            live::say_not_live(py, &problem);
        }
        self.tell(py);
        Ok(())
    }

    /// Looks no more. Does nothing if it doesn't.
    pub fn disable(&self, py: Python<'_>) {
        self.settle();
        if self.records.replace(false) {
            self.with_sampling(py, Sampling::rest);
            self.source().change(|state| state.time.stop());
            self.helper.borrow().learn(py);
            self.tend_helper(py);
        }
        self.tell(py);
    }

    /// Whether it looks.
    pub fn is_enabled(&self) -> bool {
        self.records.get() && self.is_of_this_process()
    }

    /// Looks so often from now on.
    pub fn set_rate(&self, py: Python<'_>, hz: f64) -> PyResult<()> {
        let interval = check_rate(hz).map_err(refuse)?;
        self.settle();
        let mut asked = self.samples.asked.borrow_mut();
        (asked.rate, asked.options.interval) = (hz, interval);
        drop(asked);
        self.with_sampling(py, |sampling| sampling.set_interval(interval));
        Ok(())
    }

    /// Forgets all that was sampled so far.
    pub fn clear(&self, py: Python<'_>) {
        self.settle();
        self.with_sampling(py, Sampling::clear);
    }

    /// What it was asked for.
    pub fn asked(&self) -> Asked {
        self.samples.asked.borrow().clone()
    }

    /// How it does.
    pub fn status(&self) -> Status {
        self.settle();
        let source = self.source();
        let state = source.lock();
        Status {
            sampled: state.sampled().unwrap_or_default(),
            seconds: state.time.read().0.as_secs_f64(),
            threads: state.threads_seen,
            why: self.begun.borrow().as_ref().and_then(|begun| begun.why.clone()),
            problem: self.problem(),
        }
    }

    /// What was sampled so far.
    pub fn profile(&self, py: Python<'_>) -> PyResult<Profile> {
        self.settle();
        self.helper.borrow().learn(py);
        let source = self.source();
        source.change(|state| {
            if state.facts.pid == 0 {
                state.facts = self.facts(py);
            }
        });
        py.detach(|| save::profile(whole(&source, None))).map_err(PyRuntimeError::new_err)
    }

    /// Begins to publish, if that was asked for and is not done already. Returns, once, why that can't be.
    pub fn go_live(
        self: &Rc<Self>,
        sampler: &Bound<'_, PyAny>,
        paused: bool,
    ) -> PyResult<Option<StartError>> {
        let py = sampler.py();
        self.settle();
        let Some(options) = self.live_options.borrow().clone() else { return Ok(None) };
        if self.live.borrow().is_some() {
            return Ok(None);
        }
        let handle =
            Handle { life: Rc::downgrade(self), sampler: PyWeakrefReference::new(sampler)?.unbind() };
        match Live::start(py, Box::new(handle), Rc::<Samples>::clone(&self.samples), &options, paused)? {
            Ok(live) => {
                self.live.replace(Some(live));
                self.tend_helper(py);
                Ok(None)
            }
            Err(problem) => {
                self.live_options.replace(None);
                Ok(Some(problem))
            }
        }
    }

    /// Tells subscribers whether it looks.
    pub fn tell(&self, _py: Python<'_>) {
        let paused = !self.records.get();
        match self.live.borrow().as_ref() {
            Some(live) => live.tell(paused, ""),
            None => self.source().change(|state| state.paused = paused),
        }
    }

    /// Sends the last message, if it is live.
    pub fn end_live(&self, py: Python<'_>, how: &str, detail: &str) {
        self.helper.borrow().learn(py);
        let live = self.live.take();
        if let Some(live) = live {
            live.end(py, how, detail);
            self.tend_helper(py);
        }
    }

    /// Where it is published; empty if it isn't live.
    pub fn endpoints(&self) -> Vec<String> {
        self.live.borrow().as_ref().map(|live| live.endpoints()).unwrap_or_default()
    }

    /// Looks, from the first time or again.
    fn go_on(&self, py: Python<'_>) -> PyResult<()> {
        if self.begun.borrow().is_none() {
            let begun = self.begin(py)?;
            self.begun.replace(Some(begun));
        } else {
            self.source().change(|state| state.time.start());
            self.with_sampling(py, Sampling::resume);
        }
        self.records.set(true);
        self.tend_helper(py);
        Ok(())
    }

    fn begin(&self, py: Python<'_>) -> PyResult<Begun> {
        let options = self.samples.asked.borrow().options.clone();
        let (subject, why) = this_process();
        if let Some(why) = why.as_ref().filter(|_| !can_tell_by_gil(options.mode)) {
            return Err(PyRuntimeError::new_err(format!(
                "mode=\"{}\" needs to read this process' memory, and that can't be: {why}; mode=\"wall\" does without",
                options.mode
            )));
        }
        let source = self.source();
        source.change(|state| state.facts = self.facts(py));
        let names = Box::new(self.helper.borrow().given());
        let sampling = Sampling::start(subject, source, &options, names)
            .map_err(|error| PyRuntimeError::new_err(format!("no thread to sample with: {error}")))?;
        Ok(Begun { sampling, why })
    }

    fn source(&self) -> Arc<Source> {
        Arc::clone(&self.samples.source.borrow())
    }

    fn facts(&self, py: Python<'_>) -> Facts {
        let mut facts = process::facts(py);
        self.samples.describe(&mut facts);
        facts
    }

    /// Starts the helper if there is something for it to do, ends it else.
    fn tend_helper(&self, py: Python<'_>) {
        if self.records.get() || self.live.borrow().is_some() {
            self.helper.borrow_mut().start();
        } else {
            self.end_helper(py);
        }
    }

    /// Returns how many threads have ended.
    fn end_helper(&self, py: Python<'_>) -> u64 {
        let thread = self.helper.borrow_mut().end();
        thread.map_or(0, |thread| {
            // It may be about to take the GIL.
            py.detach(|| drop(thread.join()));
            1
        })
    }

    /// Lets the thread that looks do something. It may want the GIL meanwhile.
    fn with_sampling<T: Send>(
        &self,
        py: Python<'_>,
        act: impl FnOnce(&mut Sampling) -> T + Send,
    ) -> Option<T> {
        let mut begun = self.begun.take()?;
        let done = if begun.why.is_some() {
            self.is_busy.set(true);
            let done = py.detach(|| act(&mut begun.sampling));
            self.is_busy.set(false);
            done
        } else {
            act(&mut begun.sampling)
        };
        self.begun.replace(Some(begun));
        Some(done)
    }

    fn problem(&self) -> Option<String> {
        match self.begun.borrow().as_ref()?.sampling.ending()? {
            Ending::Failed(problem) => Some(problem),
            Ending::Over => Some("the interpreter ends".to_owned()),
            Ending::Stopped | Ending::Asked => None,
        }
    }

    fn is_of_this_process(&self) -> bool {
        self.process.get() == std::process::id()
    }

    /// In a process that was forked without a word to us: leaves all to the parent.
    fn settle(&self) {
        if !self.is_of_this_process() {
            self.forget();
        }
    }

    /// All that there was is the parent's, whose threads this process doesn't have, and whose locks nobody here will open.
    fn forget(&self) {
        self.process.set(std::process::id());
        self.parent_looked.set(self.records.replace(false));
        self.is_busy.set(false);
        std::mem::forget(self.begun.take());
        std::mem::forget(self.helper.replace(Helper::new()));
        self.samples.calls.replace(Arc::clone(self.helper.borrow().asked()));
        std::mem::forget(self.samples.source.replace(Source::new()));
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if !self.is_of_this_process() {
            return self.forget();
        }
        let (begun, helper) = (self.begun.take(), self.helper.borrow_mut().end());
        if begun.is_some() || helper.is_some() {
            // Both threads end, and may want the GIL before that.
            Python::attach(|py| {
                py.detach(|| {
                    drop(begun);
                    drop(helper.map(std::thread::JoinHandle::join));
                });
            });
        }
    }
}

impl Rests for Life {
    fn rest(&self, py: Python<'_>) -> u64 {
        self.parent_looked.set(false);
        if !self.is_of_this_process() {
            return 0;
        }
        // First, since it may be about to start the other one.
        let helper = self.end_helper(py);
        helper + self.with_sampling(py, Sampling::rest).unwrap_or(0)
    }

    fn resume(&self, py: Python<'_>) {
        if self.is_enabled() {
            self.with_sampling(py, Sampling::resume);
        }
        self.tend_helper(py);
    }

    fn leave_to_parent(&self, py: Python<'_>, is_about_to_exec: bool) {
        // The launcher's own handler may have come before, and asked for something.
        self.settle();
        if self.parent_looked.take() && self.samples.asked.borrow().follow && !is_about_to_exec {
            // Nobody here has asked for it: where it can't be, it isn't.
            let _ = self.go_on(py);
        }
    }

    fn end(&self, py: Python<'_>) {
        self.disable(py);
        self.end_helper(py);
    }
}

impl Published for Samples {
    fn source(&self, _py: Python<'_>) -> Arc<Source> {
        Arc::clone(&self.source.borrow())
    }

    fn leave(&self) {}

    fn caller(&self) -> Option<Call> {
        let calls = Arc::clone(&self.calls.borrow());
        Some(Arc::new(move || calls.call()))
    }

    fn describe(&self, facts: &mut Facts) {
        let asked = self.asked.borrow();
        facts.options.clone_from(&asked.wishes);
        facts.tree = asked.options.tree.is_some();
        SAMPLES.clone_into(&mut facts.counts);
        facts.mode = asked.options.mode.to_string();
        clock::name().clone_into(&mut facts.clock);
    }
}

/// A sampler and the object that stands for it, without keeping either alive.
struct Handle {
    life: Weak<Life>,
    sampler: Py<PyWeakrefReference>,
}

impl Handle {
    fn held<'py>(&self, py: Python<'py>) -> PyResult<(Rc<Life>, Bound<'py, PyAny>)> {
        let held = self.life.upgrade().zip(self.sampler.bind(py).upgrade());
        held.ok_or_else(|| PyRuntimeError::new_err("the sampler is gone"))
    }
}

impl Controlled for Handle {
    fn object<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.sampler.bind(py).upgrade()
    }

    fn is_enabled(&self, _py: Python<'_>) -> bool {
        self.life.upgrade().is_some_and(|life| life.is_enabled())
    }

    fn reach(&self, py: Python<'_>) -> PyResult<()> {
        self.held(py).map(drop)
    }

    fn pause(&self, py: Python<'_>) -> PyResult<()> {
        self.held(py)?.0.disable(py);
        Ok(())
    }

    fn resume(&self, py: Python<'_>) -> PyResult<()> {
        let (life, sampler) = self.held(py)?;
        life.enable(&sampler)
    }

    fn clear(&self, py: Python<'_>) -> PyResult<()> {
        self.held(py)?.0.clear(py);
        Ok(())
    }

    fn set_rate(&self, py: Python<'_>, hz: f64) -> PyResult<()> {
        self.held(py)?.0.set_rate(py, hz)
    }

    fn tell(&self, py: Python<'_>) {
        if let Ok((life, _sampler)) = self.held(py) {
            life.tell(py);
        }
    }

    fn end(&self, py: Python<'_>, how: &str, detail: &str) {
        if let Ok((life, _sampler)) = self.held(py) {
            life.end_live(py, how, detail);
        }
    }
}
