//! What one profile collects: a recorder for each thread, and the functions that they met.
//!
//! A [`Collector`] lives as long as its Profiler object, and longer where hooks still refer to it. Everything
//! in it is touched with the GIL held; the engine's tables alone may be read without.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lsprof_engine::cells::Link;
use lsprof_engine::{
    CoroutineTables, Counts, Details, Frame, FunctionId, Key, Kind, Limits, PartId, Recorder, StackId, Steps,
    Tables, Ticks, TimeSampler, Totals, TreeTotals, clock,
};
use pikos_publisher::{Rate, SharedCoroutines, Source, SourceThread, StartError, Stopwatch};
use pikos_wire::Recorded;
use pyo3::prelude::*;

use crate::collect::details::KeptDetails;
use crate::collect::followed::{Followed, Following};
use crate::collect::functions::Functions;
use crate::collect::gil_waits::GilWaits;
use crate::collect::kinds::Calibration;
use crate::collect::labels::{LabelSets, LabelState, Labels};
use crate::collect::names;
use crate::collect::run::Run;
use crate::collect::samples::Samples;
use crate::collect::threads::{Thread, Tracer};
use crate::collect::timer::Timer;
use crate::collect::visible::Visible;
use crate::ffi::thread::{self, Mark};

/// How many ended threads keep statistics of their own. The rest are added up, so that a server which
/// starts a thread for each request doesn't grow for ever.
const ENDED_THREADS_KEPT: usize = 256;

/// How a thread's calls are timed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timing {
    /// By the cycle counter, told apart by their callers, and nothing else: the hot path.
    Plain,
    /// The same, with full stacks or details of calls.
    Extended,
    /// By another clock, or not told apart by their callers; with all that is asked for.
    Clock,
    /// By the clock, with account kept of what recording takes; likewise with full stacks.
    Compensated,
    /// By a custom timer, likewise with full stacks.
    Timer,
    /// By looks at the stack: its events count, and read no clock. Full stacks, too, come from there.
    Sampled,
    /// As the others of the profile; but greenlet is being imported, and each event asks whether it is there.
    Unsettled,
}

/// A thread's recorder, and what its hooks have to know beside it.
pub struct ThreadRecorder {
    /// The engine's part.
    pub recorder: Recorder,
    /// How its calls are timed.
    pub timing: Timing,
    /// Whether those of built-ins count.
    pub counts_builtins: bool,
    /// Whether collections of garbage count as calls.
    pub counts_collections: bool,
    /// The custom timer, if there is one.
    pub timer: Option<Rc<Timer>>,
    /// Which thread this is.
    pub thread: Thread,
    /// How we hear of this thread's greenlets, once there are any.
    pub greenlets: Option<Tracer>,
    /// Which label set its figures go to, and what the profile knows of such.
    label: LabelState,
    labels: Rc<LabelSets>,
    /// The numbers that a publisher knows the parts of its figures by, but the first one's.
    part_numbers: Vec<(PartId, u64)>,
    /// Whoever publishes the profile.
    live: Rc<RefCell<Option<Arc<Source>>>>,
    /// The call that frame evaluation is in; nothing where that call has been left already.
    pub evaluating: Option<Link<Frame>>,
    /// The same of stacks that are switched away.
    evaluating_elsewhere: HashMap<StackId, Link<Frame>>,
    collector: *const Collector,
}

impl ThreadRecorder {
    /// Whose recorder this is.
    pub fn belongs_to(&self, collector: &Rc<Collector>) -> bool {
        std::ptr::eq(self.collector, Rc::as_ptr(collector))
    }

    /// What a publisher has to know of it: a thread for each part.
    fn sources(&self) -> impl Iterator<Item = SourceThread> {
        self.recorder.parts().map(|(part, tables)| self.source(part, tables))
    }

    fn source(&self, part: PartId, tables: &Arc<Tables>) -> SourceThread {
        let number = self.part_numbers.iter().find(|(known, _)| *known == part);
        SourceThread {
            number: number.map_or(self.thread.mark.number, |(_, number)| *number),
            native_id: self.thread.native_id,
            name: self.thread.shared_name(),
            ended: Arc::clone(&self.thread.mark.ended),
            labels: self.labels.of(part),
            tables: Arc::clone(tables),
        }
    }

    /// Whether a publisher knows it by this number, or a part of it.
    fn has_number(&self, number: u64) -> bool {
        self.thread.mark.number == number || self.part_numbers.iter().any(|(_, known)| *known == number)
    }

    /// Goes on in the part of the label set that the running context has, where labels are looked at. Whether they are.
    pub fn settle_label(&mut self, py: Python<'_>) -> bool {
        if !self.labels.are_followed() {
            return false;
        }
        let part = self.label.look(py, &self.labels);
        if part != self.recorder.part() {
            let now = clock::now();
            let fresh = self.recorder.go_on_in(part, now);
            if self.timing == Timing::Compensated {
                self.recorder.spend(clock::now().since(now));
            }
            if let Some(tables) = fresh {
                self.announce(part, &tables);
            }
        }
        true
    }

    /// A part of its figures is new.
    #[cold]
    fn announce(&mut self, part: PartId, tables: &Arc<Tables>) {
        self.part_numbers.push((part, thread::another_number()));
        if let Some(source) = self.live.borrow().as_ref() {
            source.add_part(self.source(part, tables));
        }
    }

    /// The thread is about to go on with this stack. Not to be told from what is open there: a greenlet may be switched away
    /// while a call that has been left already is being cleared.
    pub fn switch_evaluation(&mut self, to: StackId) {
        let from = self.recorder.stack();
        if let Some(frame) = self.evaluating.take().filter(|_| self.recorder.is_open()) {
            self.evaluating_elsewhere.insert(from, frame);
        }
        self.evaluating = self.evaluating_elsewhere.remove(&to);
    }

    /// Its numbers so far.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.add_to(&mut totals);
        totals
    }

    /// Adds its numbers, of all labels together.
    pub fn add_to(&self, totals: &mut Totals) {
        match self.part_numbers.is_empty() {
            true => totals.add(self.recorder.tables()),
            false => {
                self.recorder.parts().for_each(|(_, tables)| totals.add_part(tables));
                totals.forget_open();
            }
        }
    }
}

/// How large the tree of full stacks may grow.
struct TreeSize {
    depth: u32,
    nodes: usize,
    /// Shared by the recorders of this profile.
    limits: Limits,
}

/// What a profile has collected.
#[derive(Default)]
pub struct Collector {
    timer: RefCell<Option<Rc<Timer>>>,
    /// With compensation.
    calibration: RefCell<Option<Calibration>>,
    /// Where times are sampled.
    samples: RefCell<Option<Rc<Samples>>>,
    /// With full stacks.
    tree: RefCell<Option<TreeSize>>,
    /// Where coroutines are followed.
    following: RefCell<Option<Following>>,
    /// Which functions are shown as themselves, where not all are.
    visible: RefCell<Option<Visible>>,
    subcalls: Cell<bool>,
    builtins: Cell<bool>,
    /// Whether greenlet's import has been seen to begin.
    awaits_greenlets: Cell<bool>,
    functions: RefCell<Functions>,
    // Boxed: hooks keep the addresses.
    #[allow(clippy::vec_box)]
    recorders: RefCell<Vec<Box<ThreadRecorder>>>,
    /// The sum of ended threads that are no longer kept apart.
    ended: RefCell<Totals>,
    ended_trees: RefCell<TreeTotals>,
    seconds_per_tick: Cell<Option<f64>>,
    waits: GilWaits,
    labels: Rc<LabelSets>,
    /// By the part, the sum of ended threads that are no longer kept apart.
    ended_parts: RefCell<BTreeMap<PartId, (Totals, TreeTotals)>>,
    details: KeptDetails,
    collections: Cell<bool>,
    run: Run,
    /// While the profile is live: whoever publishes it hears of all that is new.
    live: Rc<RefCell<Option<Arc<Source>>>>,
}

impl Collector {
    /// Sets whether calls are told apart by callers and whether built-ins count, from now on.
    pub fn configure(&self, subcalls: bool, builtins: bool) {
        self.subcalls.set(subcalls);
        self.builtins.set(builtins);
        let is_untimed = self.samples_times();
        for recorder in self.recorders.borrow_mut().iter_mut() {
            recorder.recorder.set_subcalls(subcalls);
            recorder.recorder.count_only(is_untimed, clock::now());
            (recorder.timing, recorder.counts_builtins) = (self.first_timing(), builtins);
        }
    }

    /// Whether calls are told apart by their callers.
    pub fn subcalls(&self) -> bool {
        self.subcalls.get()
    }

    /// Whether built-ins count.
    pub fn builtins(&self) -> bool {
        self.builtins.get()
    }

    /// Uses this timer from now on.
    pub fn set_timer(&self, timer: Option<Timer>) {
        let timer = timer.map(Rc::new);
        let old = self.timer.replace(timer.clone());
        for recorder in self.recorders.borrow_mut().iter_mut() {
            recorder.timer.clone_from(&timer);
            recorder.timing = self.first_timing();
        }
        // Dropped last and with nothing borrowed: the old timer's finaliser may come back to us.
        drop(old);
    }

    /// Takes what recording costs out of the times, from the next recorder on.
    pub fn compensate(&self, calibration: Option<Calibration>) {
        self.calibration.replace(calibration);
    }

    /// Takes what threads wait for the GIL out of the times, from now on; or leaves it in.
    pub fn take_waits_out(&self, out: bool) {
        self.waits.take_out(out);
        self.recorders.borrow_mut().iter_mut().for_each(|thread| thread.recorder.tell_waits(None));
    }

    /// Whether what threads wait for the GIL is taken out of the times.
    pub fn takes_waits_out(&self) -> bool {
        self.waits.are_taken_out()
    }

    /// Looks whether there are several threads by now: then one may wait for another.
    pub fn tell_waits(&self, py: Python<'_>) {
        if self.waits.begin(py) {
            for thread in self.recorders.borrow_mut().iter_mut() {
                self.waits.watch(&mut thread.recorder, thread.thread.native_id);
            }
        }
    }

    /// Finds times by looks so far apart, once they are [started](Collector::start_sampling); `None`: by the clock at each call.
    pub fn sample_times(&self, interval: Option<Duration>) {
        let before = self.samples.take();
        before.iter().for_each(|samples| samples.stop());
        let samples = interval.map(Samples::new);
        if let Some(samples) = &samples {
            self.for_each_thread(|thread| {
                samples.add(&thread.thread.mark, TimeSampler::new(thread.recorder.tables()));
            });
        }
        self.samples.replace(samples);
    }

    /// Whether times are sampled.
    pub fn samples_times(&self) -> bool {
        self.samples.borrow().is_some()
    }

    /// Begins to look at the stacks, where times are sampled.
    pub fn start_sampling(&self, py: Python<'_>) -> Result<(), StartError> {
        let samples = self.samples.borrow().clone();
        samples.map_or(Ok(()), |samples| samples.start(py))
    }

    /// Looks no more: before what the looks have found is read for good.
    pub fn stop_sampling(&self) {
        self.samples.borrow().iter().for_each(|samples| samples.stop());
    }

    /// The figures of the run so far.
    pub fn recorded(&self) -> Recorded {
        let samples = self.samples.borrow();
        let looks = samples.as_ref().map(|samples| samples.looks());
        Recorded {
            looks: looks.map_or(0, |looks| looks.count()),
            look_interval: looks.map_or(0.0, |looks| looks.interval() * self.seconds_per_tick()),
            ..self.run.recorded()
        }
    }

    /// Whether what recording costs is taken out of the times.
    pub fn is_compensated(&self) -> bool {
        self.calibration.borrow().is_some()
    }

    /// Keeps full stacks, at most so deep and so many nodes, from the next recorder on; or not.
    pub fn set_tree(&self, size: Option<(u32, usize)>) {
        let size = size.map(|(depth, nodes)| TreeSize { depth, nodes, limits: Limits::new(depth, nodes) });
        if size.is_none() {
            self.recorders.borrow_mut().iter_mut().for_each(|thread| thread.recorder.stop_tree());
        }
        self.tree.replace(size);
    }

    /// Keeps how long each call took, and what a processor had of it, from the next recorder on; or not.
    pub fn keep_details(&self, durations: bool, cpu: bool) {
        self.details.durations.set(durations);
        self.details.cpu.set(cpu);
    }

    /// Whether it is known what a processor had of each function.
    pub fn has_cpu(&self) -> bool {
        self.details.cpu.get()
    }

    /// Whether it is known how long each call took.
    pub fn has_distributions(&self) -> bool {
        self.details.durations.get()
    }

    /// When recording began, by the clock of the calls; `None` where that is the program's own.
    pub fn began(&self) -> Option<Ticks> {
        self.details.began.get().filter(|_| self.timer.borrow().is_none())
    }

    /// Recording begins, if it hasn't before.
    pub fn note_beginning(&self) {
        if self.details.began.get().is_none() {
            self.details.began.set(Some(clock::now()));
            self.tell(|source| source.change(|state| state.began = self.began()));
        }
    }

    /// Counts collections of garbage as calls, from now on, or not.
    pub fn count_collections(&self, are_counted: bool) {
        self.collections.set(are_counted);
        self.recorders.borrow_mut().iter_mut().for_each(|thread| thread.counts_collections = are_counted);
    }

    /// Whether collections of garbage count as calls.
    pub fn counts_collections(&self) -> bool {
        self.collections.get()
    }

    /// Follows coroutines, from the next recorder on; or not.
    pub fn follow(&self, followed: Option<Followed>) {
        let following = followed.map(|followed| Following::new(followed, self.seconds_per_tick()));
        self.following.replace(following);
    }

    /// What is followed of coroutines, if anything is.
    pub fn follows(&self) -> Option<Followed> {
        self.following.borrow().as_ref().map(|following| following.followed)
    }

    /// What is known of coroutines, where they are followed.
    pub fn coroutines(&self) -> Option<Arc<CoroutineTables>> {
        self.following.borrow().as_ref().map(Following::tables)
    }

    /// Recording begins: what is left of coroutines from before is none of it.
    pub fn begin_following(&self, py: Python<'_>) {
        if self.follows().is_none() {
            return;
        }
        let now = self.moment(py);
        for following in self.following.borrow().iter() {
            following.lock().begin();
            if following.began.get() == Ticks::default() {
                following.began.set(now);
            }
        }
        self.tell(|source| source.change(|state| state.coroutines = self.shared_coroutines()));
    }

    /// When recording began, where coroutines are followed.
    pub fn followed_since(&self) -> Ticks {
        self.following.borrow().as_ref().map(|following| following.began.get()).unwrap_or_default()
    }

    /// A coroutine is about to be freed, or a generator. Whether it is known here.
    pub fn drops(&self, object: usize) -> bool {
        self.following.borrow().as_ref().is_some_and(|following| following.lock().drops(object))
    }

    /// A coroutine is about to be freed that never had a step.
    pub fn never_begins(&self, object: usize) {
        if let Some(following) = self.following.borrow().as_ref() {
            following.lock().never_begins(object);
        }
    }

    /// The objects of the tasks that wait for each of these tasks, by their addresses.
    pub fn waiting_for(&self, tasks: &[usize]) -> Vec<Vec<usize>> {
        let waiting = self.following.borrow().as_ref().map(|following| Arc::clone(following.waiting()));
        waiting.map_or_else(Vec::new, |waiting| waiting.for_tasks(tasks))
    }

    /// A coroutine was freed, or a generator.
    pub fn freed(&self, object: usize) {
        if let Some(following) = self.following.borrow().as_ref() {
            // The program's own clock can't be read now.
            let now = self.timer.borrow().is_none().then(clock::now);
            following.lock().freed(object, now);
        }
    }

    /// A coroutine is being freed that never had a step; the exception that is set stays.
    pub fn never_awaited(&self, py: Python<'_>, code: &Bound<'_, PyAny>) {
        if self.follows().is_none() {
            return;
        }
        let function = self.intern(py, code.as_ptr() as Key, || code.clone().unbind());
        if self.shows(py, function)
            && let Some(following) = self.following.borrow().as_ref()
        {
            following.lock().never_awaited(function);
        }
    }

    /// The moment until which all that goes on is counted.
    pub fn moment(&self, py: Python<'_>) -> Ticks {
        self.timer().map_or_else(clock::now, |timer| timer.read(py))
    }

    /// Shows only these functions as themselves, from the next one that is met on; `None`: all.
    pub fn show(&self, visible: Option<Visible>) {
        self.visible.replace(visible);
    }

    /// Whether a function is shown as itself.
    pub fn shows(&self, py: Python<'_>, function: FunctionId) -> bool {
        self.visible.borrow().as_ref().is_none_or(|shown| shown.has(&self.code(py, function)))
    }

    /// The label sets that it tells apart.
    pub fn labels(&self) -> &LabelSets {
        &self.labels
    }

    /// The numbers of each label set, and its stacks: of all threads together, in the order in which the sets came. Empty where there
    /// was no label.
    pub fn by_label(&self) -> Vec<(Labels, Totals, TreeTotals)> {
        let mut parts = self.ended_parts.borrow().clone();
        self.for_each_thread(|thread| {
            for (part, tables) in thread.recorder.parts() {
                let (totals, tree) = parts.entry(part).or_default();
                totals.add_part(tables);
                tree.add(tables);
            }
        });
        if parts.keys().all(|part| *part == PartId::FIRST) {
            return Vec::new();
        }
        parts.into_iter().map(|(part, (totals, tree))| (self.labels.of(part), totals, tree)).collect()
    }

    /// Whether full stacks are kept.
    pub fn has_tree(&self) -> bool {
        self.tree.borrow().is_some()
    }

    /// The stacks of ended threads that are no longer kept apart.
    pub fn ended_trees(&self) -> TreeTotals {
        self.ended_trees.borrow().clone()
    }

    /// What kind of callee this is, where that matters.
    pub fn kind(&self, of: impl FnOnce(&Calibration) -> Kind) -> Kind {
        self.calibration.borrow().as_ref().map(of).unwrap_or_default()
    }

    /// What is known of the run.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Starts or stops the time of the run.
    pub fn change_time(&self, change: impl FnOnce(&mut Stopwatch)) {
        self.run.change_time(change);
        self.tell(|source| source.change(|state| state.time = self.run.time()));
    }

    /// Tells this source all that there is, and from now on all that is new.
    pub fn go_live(&self, py: Python<'_>, source: &Arc<Source>) {
        self.functions.borrow().iter().for_each(|(code, number)| {
            source.add_function(names::name(code.bind(py), number));
        });
        self.for_each_thread(|thread| {
            let mut sources = thread.sources();
            sources.next().into_iter().for_each(|first| source.add_thread(first));
            sources.for_each(|part| source.add_part(part));
        });
        let ended = self.ended.borrow();
        if ended.functions().next().is_some() {
            source.fold(|_| false, &ended, self.ended_trees.borrow().nodes());
        }
        source.change(|state| {
            state.rate = self.rate();
            state.tells_idleness = self.has_cpu();
            state.keeps_durations = self.has_distributions();
            state.began = self.began();
            state.looks = self.samples.borrow().as_ref().map(|samples| Arc::clone(samples.looks()));
            state.time = self.run.time();
            state.threads_seen = self.run.threads();
            state.coroutines = self.shared_coroutines();
        });
        self.live.replace(Some(Arc::clone(source)));
    }

    /// What a publisher reads of coroutines.
    fn shared_coroutines(&self) -> Option<SharedCoroutines> {
        let following = self.following.borrow();
        following.as_ref().map(|following| SharedCoroutines {
            tables: following.tables(),
            waiting: {
                let waiting = Arc::clone(following.waiting());
                Arc::new(move |tasks: &[usize]| waiting.for_tasks(tasks))
            },
            began: following.began.get(),
            slow_from: Ticks((following.followed.slow.as_secs_f64() / self.seconds_per_tick()) as u64),
        })
    }

    /// Tells nobody any more.
    pub fn leave_live(&self) {
        self.live.take();
    }

    fn tell(&self, tell: impl FnOnce(&Source)) {
        if let Some(source) = self.live.borrow().as_ref() {
            tell(source);
        }
    }

    /// Has all threads ask for greenlet at each event, until they find that it is there or won't be.
    pub fn await_greenlets(&self) {
        self.awaits_greenlets.set(true);
        for thread in self.recorders.borrow_mut().iter_mut() {
            thread.timing = self.first_timing();
        }
    }

    /// How a thread's calls are timed until it is settled whether it has greenlets.
    fn first_timing(&self) -> Timing {
        if self.awaits_greenlets.get() { Timing::Unsettled } else { self.timing() }
    }

    /// How calls are timed.
    pub fn timing(&self) -> Timing {
        if self.timer.borrow().is_some() {
            Timing::Timer
        } else if self.samples_times() {
            Timing::Sampled
        } else if self.is_compensated() {
            Timing::Compensated
        } else if self.subcalls.get() && clock::is_counter() {
            let is_plain = !self.has_tree() && !self.details.are_kept() && self.follows().is_none();
            if is_plain { Timing::Plain } else { Timing::Extended }
        } else {
            Timing::Clock
        }
    }

    /// Whether calls of Python functions are told apart by their callers, and timed by the cycle counter or by looks at the stack.
    pub fn lets_leaves_be_evaluated(&self) -> bool {
        match self.timing() {
            Timing::Plain | Timing::Extended => true,
            Timing::Sampled => self.subcalls.get(),
            Timing::Compensated => self.subcalls.get() && clock::is_counter(),
            Timing::Clock | Timing::Timer | Timing::Unsettled => false,
        }
    }

    /// The custom timer.
    pub fn timer(&self) -> Option<Rc<Timer>> {
        self.timer.borrow().clone()
    }

    /// This thread's recorder, made if it has none yet. The address holds until [`Collector::clear`].
    pub fn recorder(&self, mark: &Mark) -> *mut ThreadRecorder {
        let mut recorders = self.recorders.borrow_mut();
        if let Some(known) = recorders.iter_mut().find(|known| known.thread.mark.number == mark.number) {
            return &raw mut **known;
        }
        self.fold_ended(&mut recorders);
        let mut recorder = Recorder::new(self.subcalls.get());
        if let Some(calibration) = self.calibration.borrow().as_ref() {
            recorder.compensate(calibration.costs.clone());
        }
        match (self.samples.borrow().as_ref(), self.tree.borrow().as_ref()) {
            (Some(samples), tree) => {
                recorder.count_only(true, clock::now());
                let mut sampler = TimeSampler::new(recorder.tables());
                if let Some(tree) = tree {
                    sampler.grow_tree(tree.limits.clone());
                }
                samples.add(mark, sampler);
            }
            (None, Some(tree)) => recorder.grow_tree(tree.limits.clone()),
            (None, None) => {}
        }
        let thread = Thread::new(mark.clone());
        if let Some(details) = self.details_of(&thread) {
            recorder.keep(details);
        }
        let mut fresh = Box::new(ThreadRecorder {
            recorder,
            timing: self.first_timing(),
            counts_builtins: self.builtins(),
            counts_collections: self.collections.get(),
            timer: self.timer(),
            thread,
            greenlets: None,
            label: LabelState::default(),
            labels: Rc::clone(&self.labels),
            part_numbers: Vec::new(),
            live: Rc::clone(&self.live),
            evaluating: None,
            evaluating_elsewhere: HashMap::new(),
            collector: self,
        });
        self.waits.watch(&mut fresh.recorder, fresh.thread.native_id);
        self.run.add_thread();
        self.tell(|source| fresh.sources().for_each(|thread| source.add_thread(thread)));
        let address = &raw mut *fresh;
        recorders.push(fresh);
        address
    }

    /// What a recorder of this thread keeps of its calls beyond CPython's figures.
    fn details_of(&self, thread: &Thread) -> Option<Details> {
        let following = self.following.borrow();
        let steps = following.as_ref().map(|following| Steps::new(following.all(), thread.mark.number));
        let kept = self.details.of_thread(thread.native_id);
        if steps.is_none() && kept.is_none() {
            return None;
        }
        let mut details = kept.unwrap_or_default();
        steps.into_iter().for_each(|steps| details.follow(steps));
        Some(details)
    }

    /// A number for this function; `code` says what it is, where it is new.
    pub fn intern(&self, py: Python<'_>, key: Key, code: impl FnOnce() -> Py<PyAny>) -> FunctionId {
        if let Some(known) = self.functions.borrow().find(key) {
            return known;
        }
        // Not borrowed: making a built-in's label allocates, and a collection of garbage runs the program's finalisers.
        let code = code();
        let mut functions = self.functions.borrow_mut();
        functions.find(key).unwrap_or_else(|| {
            let name = self.live.borrow().as_ref().map(|source| {
                let number = functions.len();
                (Arc::clone(source), names::name(code.bind(py), number))
            });
            let function = functions.insert(key, code);
            if let Some((source, name)) = name {
                source.add_function(name);
            }
            function
        })
    }

    /// What a function is, as cProfile gives it: a code object or a string.
    pub fn code<'py>(&self, py: Python<'py>, function: FunctionId) -> Bound<'py, PyAny> {
        self.functions.borrow().code(function).bind(py).clone()
    }

    /// Calls `visit` with each thread's recorder.
    pub fn for_each_thread(&self, mut visit: impl FnMut(&ThreadRecorder)) {
        self.recorders.borrow().iter().for_each(|recorder| visit(recorder));
    }

    /// The numbers of all threads together.
    pub fn totals(&self) -> Totals {
        let mut totals = self.ended.borrow().clone();
        self.for_each_thread(|thread| thread.add_to(&mut totals));
        totals
    }

    /// Ends all open calls as if they returned now, with one reading of the timer for each.
    pub fn end_open_calls(&self, py: Python<'_>) {
        let count = self.recorders.borrow().len();
        for index in 0..count {
            while let Some(timer) = self.next_open(index) {
                // Nothing is borrowed while the timer runs: it may look at what was recorded.
                let now = timer.map_or_else(clock::now, |timer| timer.read(py));
                if let Some(thread) = self.recorders.borrow_mut().get_mut(index) {
                    thread.recorder.leave_top(now);
                }
            }
        }
        if self.follows().is_some() {
            let now = self.moment(py);
            self.following.borrow().iter().for_each(|following| following.lock().settle(now));
        }
    }

    /// The timer to read for the next open call of a thread; `None` if there is none left.
    fn next_open(&self, index: usize) -> Option<Option<Rc<Timer>>> {
        let mut recorders = self.recorders.borrow_mut();
        let thread = recorders.get_mut(index).filter(|thread| thread.thread.is_of_this_process())?;
        thread.recorder.leave_suspended();
        thread.recorder.is_open().then(|| thread.timer.clone())
    }

    /// Forgets everything.
    pub fn clear(&self) {
        // Taken out first, dropped with nothing borrowed: a code object's end may run finalisers.
        let functions = self.functions.take();
        let recorders = self.recorders.take();
        self.ended.take();
        self.ended_trees.take();
        self.ended_parts.take();
        self.labels.clear();
        let now = clock::now();
        // Before recording has begun there is no such time, nor after.
        let since = if self.followed_since() == Ticks::default() { Ticks::default() } else { now };
        self.follow(self.follows());
        self.following.borrow().iter().for_each(|following| following.began.set(since));
        self.tell(|source| source.change(|state| state.coroutines = self.shared_coroutines()));
        self.samples.borrow().iter().for_each(|samples| samples.forget());
        self.tell(Source::clear);
        self.run.clear();
        self.details.began.set(Some(now));
        self.tell(|source| source.change(|state| state.began = self.began()));
        self.change_time(|_| ());
        if let Some(tree) = self.tree.borrow_mut().as_mut() {
            tree.limits = Limits::new(tree.depth, tree.nodes);
        }
        drop(recorders);
        drop(functions);
    }

    /// Converts ticks to seconds: at what rate. Fixed by [`Collector::fix_rate`] while nothing is recorded.
    pub fn seconds_per_tick(&self) -> f64 {
        match self.timer() {
            Some(timer) => timer.seconds_per_tick(),
            None => self.seconds_per_tick.get().unwrap_or_else(clock::seconds_per_tick),
        }
    }

    /// Settles the clock's rate when recording ends, so that two looks at the result are equal; or unsettles it.
    pub fn fix_rate(&self, fixed: bool) {
        self.seconds_per_tick.set(fixed.then(clock::seconds_per_tick));
        self.tell(|source| source.change(|state| state.rate = self.rate()));
    }

    /// How ticks become seconds, for a publisher.
    fn rate(&self) -> Rate {
        match (self.timer(), self.seconds_per_tick.get()) {
            (Some(timer), _) => Rate::Timer(timer.seconds_per_tick()),
            (None, Some(seconds)) => Rate::Fixed(seconds),
            (None, None) => Rate::Clock,
        }
    }

    /// Seconds in a function itself; without what recording took, where that is asked for.
    pub fn own(&self, counts: &Counts, rate: f64) -> f64 {
        self.seconds(counts.own.since(counts.own_excess), rate)
    }

    /// Seconds that a processor had of a function itself, and of it and all that it called, where that is known; else 0.
    pub fn cpu(&self, counts: &Counts, rate: f64) -> (f64, f64) {
        if !self.has_cpu() {
            return (0.0, 0.0);
        }
        let own = counts.own.since(counts.own_excess).since(counts.idle_own);
        let total = counts.total.since(counts.total_excess).since(counts.idle_total);
        (self.seconds(own, rate), self.seconds(total, rate))
    }

    /// Seconds in a function with all that it called, likewise.
    pub fn total(&self, counts: &Counts, rate: f64) -> f64 {
        self.seconds(counts.total.since(counts.total_excess), rate)
    }

    /// A time in seconds, at the rate [`Collector::seconds_per_tick`].
    pub fn seconds(&self, ticks: Ticks, rate: f64) -> f64 {
        // The cycle counters of two cores may differ by a little; a custom timer may run backwards and says so.
        let ticks = if self.timer.borrow().is_some() { ticks.signed() } else { ticks.signed().max(0) };
        ticks as f64 * rate
    }

    #[allow(clippy::vec_box)]
    fn fold_ended(&self, recorders: &mut Vec<Box<ThreadRecorder>>) {
        let has_ended = |thread: &ThreadRecorder| thread.thread.mark.ended.load(Ordering::Acquire);
        if recorders.iter().filter(|thread| has_ended(thread)).count() < ENDED_THREADS_KEPT {
            return;
        }
        let mut ended = self.ended.borrow_mut();
        let mut trees = self.ended_trees.borrow_mut();
        let mut ended_parts = self.ended_parts.borrow_mut();
        recorders.retain(|thread| {
            if has_ended(thread) {
                thread.add_to(&mut ended);
                for (part, tables) in thread.recorder.parts() {
                    trees.add(tables);
                    if self.labels.are_followed() {
                        let (totals, tree) = ended_parts.entry(part).or_default();
                        totals.add_part(tables);
                        tree.add(tables);
                    }
                }
            }
            !has_ended(thread)
        });
        self.tell(|source| {
            let kept = |number| recorders.iter().any(|thread| thread.has_number(number));
            source.fold(|number| !kept(number), &ended, trees.nodes());
        });
        if let Some(tree) = self.tree.borrow().as_ref() {
            // Equal stacks of ended threads have one node now: others may be made instead.
            let parts = recorders.iter().flat_map(|thread| thread.recorder.parts());
            let kept: usize = parts.map(|(_, tables)| tables.node_count()).sum();
            let used = kept + trees.nodes().len();
            tree.limits.nodes_left.store(tree.nodes.saturating_sub(used), Ordering::Relaxed);
        }
    }
}
