//! The life of one profile: from what was asked for, through enable and disable, to its end.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use pikos_publisher::{Source, StartError, Stopwatch};
use pikos_wire::Facts;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use super::controlled::{Controlled, Published};
use super::forks;
use super::labels;
use super::live::{self, Live};
use super::options::{Asked, LiveOptions};
use crate::collect::collector::Collector;
use crate::collect::greenlets;
use crate::collect::kinds::Calibration;
use crate::collect::registry::{self, Refusal, Scope};
use crate::collect::timer::Timer;
use crate::ffi::at_fork;
use crate::ffi::thread;
use crate::hooks::{self, Choice, Unseen, Wish};
use crate::results::process;

/// What a profile is asked to do, found to be in order.
pub struct Settings {
    /// Which hook.
    pub wish: Wish,
    /// The program's own clock.
    pub timer: Option<Timer>,
    /// Whether calls are told apart by their callers.
    pub subcalls: bool,
    /// Whether built-ins count.
    pub builtins: bool,
    /// Whether what recording costs is to be found out, when recording begins.
    pub wants_calibration: bool,
    /// What recording costs, if that is known.
    pub calibration: Option<Calibration>,
    /// All else.
    pub asked: Asked,
}

/// Why waiting can't be taken out of the times of Python functions alone.
pub const NEEDS_BUILTINS: &str =
    "gil_wait=\"out\" tells waiting from what built-ins do: pass builtins=True, or gil_wait=\"keep\"";

/// One profile, enabled or not.
pub struct Session {
    collector: Rc<Collector>,
    threads: Cell<Option<bool>>,
    follows_context: Cell<bool>,
    wish: Cell<Wish>,
    /// What came of the wish when the profile was enabled last.
    choice: RefCell<Option<Choice>>,
    /// Whether what recording costs is to be found out, when recording begins.
    wants_calibration: Cell<bool>,
    /// While enabled.
    scope: Cell<Option<Scope>>,
    /// While enabled: what tells which threads it doesn't hear of.
    unseen: RefCell<Option<Unseen>>,
    /// Whether collections of garbage are told to us for it.
    hears_of_collections: Cell<bool>,
    /// How many those were while it was enabled before.
    missed: Cell<usize>,
    /// What was asked for, if it is to be live.
    live_options: RefCell<Option<LiveOptions>>,
    /// While it is live.
    live: RefCell<Option<Rc<Live>>>,
    /// Whether an object is a Profiler.
    is_profiler: fn(&Bound<'_, PyAny>) -> bool,
}

impl Session {
    /// Of a profile that was asked for nothing in particular. `is_profiler` tells objects that stand for one.
    pub fn new(is_profiler: fn(&Bound<'_, PyAny>) -> bool) -> Rc<Self> {
        let collector = Rc::new(Collector::default());
        collector.configure(true, true);
        Rc::new(Self {
            collector,
            threads: Cell::new(None),
            follows_context: Cell::new(false),
            wish: Cell::default(),
            choice: RefCell::default(),
            wants_calibration: Cell::new(false),
            scope: Cell::new(None),
            unseen: RefCell::default(),
            hears_of_collections: Cell::new(false),
            missed: Cell::new(0),
            live_options: RefCell::default(),
            live: RefCell::default(),
            is_profiler,
        })
    }

    /// What was collected so far.
    pub fn collector(&self) -> &Rc<Collector> {
        &self.collector
    }

    /// Asks for something else than before. Not from within the timer: see [`Session::refuse_in_timer`].
    pub fn set_up(&self, py: Python<'_>, settings: Settings) {
        self.live_options.replace(settings.asked.live);
        self.wants_calibration.set(settings.wants_calibration);
        self.collector.compensate(settings.calibration);
        self.wish.set(settings.wish);
        self.choice.replace(None);
        self.collector.take_waits_out(settings.asked.takes_waits_out);
        self.collector.sample_times(settings.asked.samples);
        if self.is_enabled() {
            // Without a thread for it calls are counted all the same.
            let _ = self.start_sampling(py);
        }
        self.collector.set_tree(settings.asked.tree);
        self.collector.keep_details(settings.asked.distribution, settings.asked.cpu);
        self.set_collections(py, settings.asked.gc);
        self.collector.follow(settings.asked.followed);
        self.collector.show(settings.asked.visible);
        // A label may change at any moment, also where nothing reads the clock.
        let has_clock = settings.timer.is_none() && settings.asked.samples.is_none();
        self.collector.labels().limit(if has_clock { settings.asked.label_sets } else { 0 });
        let others = [
            (!settings.subcalls).then(|| "subcalls=False".to_owned()),
            settings.timer.as_ref().map(|_| "timer".to_owned()),
        ];
        let options: Vec<String> =
            settings.asked.wishes.into_iter().chain(others.into_iter().flatten()).collect();
        self.collector.run().set_options(options.join(", "));
        self.collector.set_timer(settings.timer);
        self.configure(py, settings.subcalls, settings.builtins);
        self.threads.set(settings.asked.threads);
        self.follows_context.set(settings.asked.follows_context);
    }

    /// Starts recording. `profiler` is the object that stands for this session.
    pub fn enable(
        self: &Rc<Self>,
        profiler: &Bound<'_, PyAny>,
        subcalls: Option<bool>,
        builtins: Option<bool>,
    ) -> PyResult<()> {
        let py = profiler.py();
        let collector = &self.collector;
        self.refuse_in_timer("enable")?;
        let subcalls = subcalls.unwrap_or(collector.subcalls());
        let builtins = builtins.unwrap_or(collector.builtins());
        let wish = self.wish.get();
        wish.check_builtins(builtins)?;
        if self.collector.takes_waits_out() && !builtins {
            return Err(PyValueError::new_err(NEEDS_BUILTINS));
        }
        if let Some(scope) = self.scope.get() {
            if hooks::refuses_second_enable() {
                return Err(PyValueError::new_err(
                    "Another profiling tool is already active: this Profile itself",
                ));
            }
            self.configure(py, subcalls, builtins);
            let choice = self.install(scope, profiler)?;
            self.choice.replace(Some(choice));
            self.tell_live(py);
            return Ok(());
        }
        hooks::release_abandoned(py, self.is_profiler)?;
        pikos_os::reserve::hold();
        if let Some(problem) = self.go_live(profiler, false)? {
            live::say_not_live(py, &problem);
        }
        let begun = self.begin(profiler, subcalls, builtins);
        self.tell_live(py);
        begun
    }

    fn begin(self: &Rc<Self>, profiler: &Bound<'_, PyAny>, subcalls: bool, builtins: bool) -> PyResult<()> {
        let py = profiler.py();
        let collector = &self.collector;
        self.calibrate(py, builtins)?;
        let asked = match self.threads.get().unwrap_or_else(hooks::all_threads_by_default) {
            _ if self.follows_context.get() => registry::Asked::ThisContext,
            true => registry::Asked::AllThreads,
            false => registry::Asked::ThisThread,
        };
        let scope = registry::add(py, collector, asked).map_err(|refusal| match refusal {
            Refusal::Conflict(owner) => hooks::already_active(&owner),
            Refusal::ThreadEnds => PyRuntimeError::new_err("this thread is ending"),
            Refusal::Failure(error) => error,
        })?;
        self.configure(py, subcalls, builtins);
        collector.fix_rate(false);
        collector.begin_following(py);
        collector.run().begin(|| process::facts(py));
        collector.note_beginning();
        collector.change_time(Stopwatch::start);
        self.scope.set(Some(scope));
        let installed = self
            .start_sampling(py)
            .and_then(|()| self.begin_labels(py))
            .and_then(|()| self.install(scope, profiler));
        match installed {
            Ok(_) if self.scope.get() != Some(scope) => {
                // Another thread has disabled it meanwhile, and there may have been nothing to take away yet.
                hooks::remove(py, scope, Some(profiler.as_unbound()))
            }
            Ok(choice) => {
                self.choice.replace(Some(choice));
                greenlets::follow_at_once(py);
                self.unseen.replace(Some(Unseen::begin(py)));
                Ok(())
            }
            Err(error) => {
                collector.stop_sampling();
                collector.change_time(Stopwatch::stop);
                self.scope.set(None);
                registry::remove(py, scope);
                labels::end(py);
                // The first error is the one to tell.
                _ = hooks::remove(py, scope, Some(profiler.as_unbound()));
                Err(error)
            }
        }
    }

    /// Begins to look at the stacks, where times are sampled.
    fn start_sampling(&self, py: Python<'_>) -> PyResult<()> {
        if self.collector.samples_times() {
            at_fork::watch(py)?;
        }
        self.collector.start_sampling(py).map_err(|error| {
            PyRuntimeError::new_err(format!("times=\"sampled\" {error}; times=\"exact\" needs no thread"))
        })
    }

    fn begin_labels(&self, py: Python<'_>) -> PyResult<()> {
        if self.collector.labels().are_wanted() { labels::begin(py) } else { Ok(()) }
    }

    /// Finds out what recording costs, if that is wanted and not known yet.
    pub fn calibrate(&self, py: Python<'_>, builtins: bool) -> PyResult<()> {
        if self.wants_calibration.get() {
            let hook = hooks::choice_for(py, self.wish.get())?.name;
            let costs = py.import("pikos._calibration")?.call_method1("costs", (builtins, hook))?;
            self.collector.compensate(Some(Calibration::from_lines(costs.extract()?)?));
            self.wants_calibration.set(false);
        }
        Ok(())
    }

    fn install(&self, scope: Scope, profiler: &Bound<'_, PyAny>) -> PyResult<Choice> {
        let py = profiler.py();
        let evaluates_leaves = self.collector.lets_leaves_be_evaluated();
        let choice = hooks::install(py, scope, profiler.as_unbound(), self.wish.get(), evaluates_leaves)?;
        self.hear_of_collections(py, self.collector.counts_collections())?;
        Ok(choice)
    }

    /// Hears of collections of garbage, or no more; does nothing if that is so already.
    fn hear_of_collections(&self, py: Python<'_>, wanted: bool) -> PyResult<()> {
        match (self.hears_of_collections.replace(wanted), wanted) {
            (false, true) => hooks::collections::install(py),
            (true, false) => hooks::collections::remove(py),
            _ => Ok(()),
        }
    }

    /// Counts collections of garbage as calls, or not.
    fn set_collections(&self, py: Python<'_>, are_counted: bool) {
        self.collector.count_collections(are_counted);
        if self.is_enabled() {
            // A list that can't be had tells of none.
            let _ = self.hear_of_collections(py, are_counted);
        }
    }

    /// Stops recording. Calls that are still open count as if they returned now. Does nothing if not enabled.
    pub fn disable(&self, profiler: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = profiler.py();
        self.refuse_in_timer("disable")?;
        let Some(scope) = self.scope.get() else { return Ok(()) };
        self.choice.replace(Some(self.hook(py)?));
        self.missed.set(self.threads_missed(py));
        self.unseen.replace(None);
        if self.scope.take() != Some(scope) {
            // Another thread has disabled it meanwhile.
            return Ok(());
        }
        greenlets::unfollow(py, &self.collector);
        registry::remove(py, scope);
        labels::end(py);
        let removed = hooks::remove(py, scope, Some(profiler.as_unbound()));
        let removed = self.hear_of_collections(py, false).and(removed);
        self.collector.stop_sampling();
        self.collector.end_open_calls(py);
        self.collector.change_time(Stopwatch::stop);
        self.collector.fix_rate(true);
        self.tell_live(py);
        removed
    }

    /// Forgets all that was recorded so far.
    pub fn clear(&self, py: Python<'_>) -> PyResult<()> {
        self.refuse_in_timer("clear")?;
        self.missed.set(0);
        registry::forget_cached(py);
        self.collector.clear();
        Ok(())
    }

    /// Raises RuntimeError while the profile's own timer is being read.
    pub fn refuse_in_timer(&self, what: &str) -> PyResult<()> {
        match self.collector.timer() {
            Some(timer) if timer.is_reading() => {
                Err(PyRuntimeError::new_err(format!("cannot {what} profiler in external timer")))
            }
            _ => Ok(()),
        }
    }

    /// The hook that events come through while it is enabled, then the one that they came through last; before that, the one
    /// that it would get now.
    pub fn hook(&self, py: Python<'_>) -> PyResult<Choice> {
        let chosen = self.choice.borrow().clone();
        match (chosen, self.scope.get()) {
            (Some(chosen), Some(scope)) => Ok(hooks::running(py, scope, &chosen)),
            (Some(chosen), None) => Ok(chosen),
            (None, _) => hooks::choice_for(py, self.wish.get()),
        }
    }

    /// Whether what recording costs is taken out of the times.
    pub fn compensates(&self) -> bool {
        self.wants_calibration.get() || self.collector.is_compensated()
    }

    /// Whether it is recording.
    pub fn is_enabled(&self) -> bool {
        self.scope.get().is_some()
    }

    /// How many threads ran Python while it was enabled, and were not covered.
    pub fn threads_missed(&self, py: Python<'_>) -> usize {
        let now = match (&*self.unseen.borrow(), self.scope.get()) {
            (Some(unseen), Some(scope)) => unseen.count(py, scope),
            _ => 0,
        };
        self.missed.get() + now
    }

    /// Which threads were asked for.
    pub fn threads(&self) -> Option<bool> {
        self.threads.get()
    }

    /// Begins to publish, if that was asked for and is not done already: as paused, or as recording if that comes at once.
    /// Returns, once, why that can't be.
    pub fn go_live(
        self: &Rc<Self>,
        profiler: &Bound<'_, PyAny>,
        paused: bool,
    ) -> PyResult<Option<StartError>> {
        let py = profiler.py();
        let Some(options) = self.live_options.borrow().clone() else { return Ok(None) };
        if self.live.borrow().is_some() {
            return Ok(None);
        }
        forks::watch_interpreter(py)?;
        let handle =
            Handle { session: Rc::downgrade(self), profiler: PyWeakrefReference::new(profiler)?.unbind() };
        match Live::start(py, Box::new(handle), Rc::<Collector>::clone(&self.collector), &options, paused)? {
            Ok(live) => {
                self.live.replace(Some(live));
                Ok(None)
            }
            Err(problem) => {
                self.live_options.replace(None);
                Ok(Some(problem))
            }
        }
    }

    /// Tells subscribers whether it records, and how.
    pub fn tell_live(&self, py: Python<'_>) {
        if let Some(live) = self.live.borrow().as_ref() {
            let hook = self.hook(py).map_or("", |choice| choice.name);
            live.tell(self.scope.get().is_none(), hook);
        }
    }

    /// Sends the last message, if it is live.
    pub fn end_live(&self, py: Python<'_>, how: &str, detail: &str) {
        let live = self.live.take();
        if let Some(live) = live {
            live.end(py, how, detail);
        }
    }

    /// Where it is published; empty if it isn't live.
    pub fn endpoints(&self) -> Vec<String> {
        self.live.borrow().as_ref().map(|live| live.endpoints()).unwrap_or_default()
    }

    /// Sets what counts. Also the last step of any other change to how calls are timed.
    fn configure(&self, py: Python<'_>, subcalls: bool, builtins: bool) {
        self.collector.configure(subcalls, builtins);
        registry::forget_cached(py);
    }
}

impl Drop for Session {
    /// A profile that is dropped while enabled stops recording.
    fn drop(&mut self) {
        let Some(scope) = self.scope.take() else { return };
        self.collector.stop_sampling();
        Python::attach(|py| {
            registry::remove(py, scope);
            labels::end(py);
            let removed = hooks::remove(py, scope, None);
            if let Err(error) = self.hear_of_collections(py, false).and(removed) {
                error.write_unraisable(py, None);
            }
        });
    }
}

/// A session and the object that stands for it, without keeping either alive.
struct Handle {
    session: Weak<Session>,
    profiler: Py<PyWeakrefReference>,
}

impl Handle {
    fn held<'py>(&self, py: Python<'py>) -> PyResult<(Rc<Session>, Bound<'py, PyAny>)> {
        let held = self.session.upgrade().zip(self.profiler.bind(py).upgrade());
        held.ok_or_else(|| PyRuntimeError::new_err("the profile is gone"))
    }
}

impl Controlled for Handle {
    fn object<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.profiler.bind(py).upgrade()
    }

    fn is_enabled(&self, _py: Python<'_>) -> bool {
        self.session.upgrade().is_some_and(|session| session.scope.get().is_some())
    }

    fn reach(&self, py: Python<'_>) -> PyResult<()> {
        match self.held(py)?.0.scope.get() {
            Some(Scope::Thread(number)) if thread::mark().is_none_or(|mark| mark.number != number) => {
                Err(PyRuntimeError::new_err(
                    "the profile covers one thread alone, and not the main one, which is asked",
                ))
            }
            _ => Ok(()),
        }
    }

    fn pause(&self, py: Python<'_>) -> PyResult<()> {
        let (session, profiler) = self.held(py)?;
        session.disable(&profiler)
    }

    fn resume(&self, py: Python<'_>) -> PyResult<()> {
        let (session, profiler) = self.held(py)?;
        match session.scope.get() {
            Some(_) => Ok(()),
            None => session.enable(&profiler, None, None),
        }
    }

    fn clear(&self, py: Python<'_>) -> PyResult<()> {
        self.held(py)?.0.clear(py)
    }

    fn set_rate(&self, _py: Python<'_>, _hz: f64) -> PyResult<()> {
        Err(PyRuntimeError::new_err("it counts each call, and has no rate"))
    }

    fn tell(&self, py: Python<'_>) {
        if let Ok((session, _profiler)) = self.held(py) {
            session.tell_live(py);
        }
    }

    fn end(&self, py: Python<'_>, how: &str, detail: &str) {
        if let Ok((session, _profiler)) = self.held(py) {
            session.end_live(py, how, detail);
        }
    }
}

impl Published for Collector {
    fn source(&self, py: Python<'_>) -> Arc<Source> {
        let source = Source::new();
        self.go_live(py, &source);
        source
    }

    fn leave(&self) {
        self.leave_live();
    }

    fn describe(&self, facts: &mut Facts) {
        facts.options = self.run().options();
        facts.tree = self.has_tree();
        facts.cpu = self.has_cpu();
        facts.builtins = self.builtins();
        facts.compensated = self.is_compensated();
        if self.timer().is_some() {
            "timer".clone_into(&mut facts.clock);
        }
    }
}
