//! Which recorder runs on this thread: asked on every event, so answered in three instructions.
//!
//! One profile may watch all threads, or any number of profiles one thread each, or any number a context of `contextvars` each; never
//! of two kinds, so that an event has one place to go. Where contexts matter, what is cached holds for one of the thread's.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use pyo3::prelude::*;
use pyo3::types::PyInt;

use crate::collect::collector::{Collector, ThreadRecorder, Timing};
use crate::collect::threads;
use crate::ffi::context::{self, Moment, Variable};
use crate::ffi::gil::GilCell;
use crate::ffi::thread::{self, CACHED, IN_CONTEXT, Mark};

/// Which threads a profile watches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// All threads of the interpreter, those to come included.
    AllThreads,
    /// The thread that enabled it; here its number.
    Thread(u64),
    /// The context that enabled it and all that were copied from it since, in whatever thread; here the number that these have.
    Context(u64),
}

/// Which of these is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// All threads.
    AllThreads,
    /// The running thread.
    ThisThread,
    /// The running context.
    ThisContext,
}

/// An enabled profile.
struct Enabled {
    collector: Rc<Collector>,
    /// The thread that enabled it.
    mark: Mark,
    /// For messages.
    owner: String,
    /// Whether its events come through the ordinary hook.
    ordinary: Cell<bool>,
    /// Threads that no profile covers, and that had events all the same; by their numbers.
    strangers: RefCell<HashSet<u64>>,
}

struct Registry {
    /// The recorder of the thread that [`CACHED`] is about; null if that thread isn't profiled.
    current: Cell<*mut ThreadRecorder>,
    /// How far down that thread's stack frames may be evaluated.
    stack_limit: Cell<usize>,
    /// Who says so.
    limit_of_thread: Cell<fn() -> usize>,
    /// Who looks for threads that the hook hasn't been set in.
    new_threads: Cell<fn(Python<'_>)>,
    all_threads: RefCell<Option<Enabled>>,
    threads: RefCell<Option<HashMap<u64, Enabled>>>,
    contexts: RefCell<Option<HashMap<u64, Enabled>>>,
    /// The last number of a context.
    last_context: Cell<u64>,
    /// Where contexts matter: the one that `current` is about.
    moment: Cell<Moment>,
    /// What stands in [`CACHED`] beside the address of the thread that `current` is about.
    how: Cell<usize>,
    /// Whether each change of context is told by [`context_changes`], so that nobody needs to look at each event.
    contexts_are_told: Cell<bool>,
}

impl Registry {
    /// Whether there is an enabled profile that has something.
    fn any(&self, mut has: impl FnMut(&Enabled) -> bool) -> bool {
        self.all_threads.borrow().as_ref().is_some_and(&mut has)
            || self.threads.borrow().iter().flat_map(HashMap::values).any(&mut has)
            || self.contexts.borrow().iter().flat_map(HashMap::values).any(&mut has)
    }

    /// Takes out the profiles of single threads that have ended. To be dropped with nothing borrowed: that may run Python.
    fn take_ended(&self) -> Vec<Enabled> {
        let mut threads = self.threads.borrow_mut();
        let Some(threads) = threads.as_mut() else { return Vec::new() };
        let has_ended = |enabled: &Enabled| enabled.mark.ended.load(Ordering::Acquire);
        let ended = threads.iter().filter(|(_, enabled)| has_ended(enabled)).map(|(&number, _)| number);
        let ended: Vec<u64> = ended.collect();
        ended.into_iter().filter_map(|number| threads.remove(&number)).collect()
    }

    fn has_contexts(&self) -> bool {
        self.contexts.borrow().as_ref().is_some_and(|contexts| !contexts.is_empty())
    }
}

static REGISTRY: GilCell<Registry> = GilCell::new(Registry {
    current: Cell::new(std::ptr::null_mut()),
    stack_limit: Cell::new(usize::MAX),
    limit_of_thread: Cell::new(|| usize::MAX),
    new_threads: Cell::new(|_| ()),
    all_threads: RefCell::new(None),
    threads: RefCell::new(None),
    contexts: RefCell::new(None),
    last_context: Cell::new(0),
    moment: Cell::new(Moment::NEVER),
    how: Cell::new(0),
    contexts_are_told: Cell::new(false),
});

/// In each context that a profile follows, the profile's number.
static FOLLOWED: Variable = Variable::new(c"pikos.profile");

/// In [`CACHED`], beside a thread's address: its recorder doesn't time calls plainly, or it has none.
const UNUSUAL: usize = 1;

/// Likewise: it counts calls, told apart by their callers, and times none.
const UNTIMED: usize = 2;

/// Likewise: it times calls plainly, and keeps full stacks or details of them.
const EXTENDED: usize = 4;

/// The running thread's recorder, or null. Valid until a profile is enabled, disabled or cleared.
///
/// # Safety
/// The calling thread must hold the GIL.
#[inline(always)]
pub unsafe fn current() -> *mut ThreadRecorder {
    // SAFETY: by this function's contract.
    let registry = unsafe { REGISTRY.get_unattached() };
    if CACHED.load(Ordering::Relaxed) & !(UNUSUAL | UNTIMED | EXTENDED) == thread::address() {
        return registry.current.get();
    }
    // SAFETY: by this function's contract.
    unsafe { look_further(registry) }
}

/// [`current`] where that may depend on the context. Small, unlike what comes then: it is done for each event if it does.
///
/// # Safety
/// As for [`current`].
#[cold]
#[inline(never)]
unsafe fn look_further(registry: &Registry) -> *mut ThreadRecorder {
    // SAFETY: by this function's contract.
    unsafe { current_in_context() }.unwrap_or_else(|| look_up(registry))
}

/// The running thread's recorder, if it times calls plainly and [`current`] finds it without looking further.
///
/// # Safety
/// The calling thread must hold the GIL.
#[inline(always)]
pub unsafe fn current_plain() -> Option<NonNull<ThreadRecorder>> {
    // SAFETY: by this function's contract.
    let registry = unsafe { REGISTRY.get_unattached() };
    // SAFETY: `look_up` leaves the address as it is for recorders only.
    (CACHED.load(Ordering::Relaxed) == thread::address())
        .then(|| unsafe { NonNull::new_unchecked(registry.current.get()) })
}

/// The running thread's recorder, if it counts calls, told apart by their callers, and times none; and [`current`] finds it
/// without looking further.
///
/// # Safety
/// The calling thread must hold the GIL.
#[inline(always)]
pub unsafe fn current_untimed() -> Option<NonNull<ThreadRecorder>> {
    // SAFETY: by this function's contract.
    let registry = unsafe { REGISTRY.get_unattached() };
    // SAFETY: as in `current_plain`.
    (CACHED.load(Ordering::Relaxed) == thread::address() | UNTIMED)
        .then(|| unsafe { NonNull::new_unchecked(registry.current.get()) })
}

/// The running thread's recorder, if it times calls plainly and keeps full stacks or details of them; and [`current`] finds it
/// without looking further.
///
/// # Safety
/// The calling thread must hold the GIL.
#[inline(always)]
pub unsafe fn current_extended() -> Option<NonNull<ThreadRecorder>> {
    // SAFETY: by this function's contract.
    let registry = unsafe { REGISTRY.get_unattached() };
    // SAFETY: as in `current_plain`.
    (CACHED.load(Ordering::Relaxed) == thread::address() | EXTENDED)
        .then(|| unsafe { NonNull::new_unchecked(registry.current.get()) })
}

/// The running thread's recorder, or null, where that depends on the context and [`current`] would look further.
///
/// # Safety
/// The calling thread must hold the GIL.
#[inline(always)]
pub unsafe fn current_in_context() -> Option<*mut ThreadRecorder> {
    // SAFETY: by this function's contract.
    let registry = unsafe { REGISTRY.get_unattached() };
    let is_cached = CACHED.load(Ordering::Relaxed) == thread::address() | IN_CONTEXT;
    // SAFETY: as above.
    (is_cached && unsafe { context::now() } == registry.moment.get()).then(|| registry.current.get())
}

/// What the function of [`limit_stack_by`] says for the thread that [`current`] was called in last.
///
/// # Safety
/// The calling thread must hold the GIL.
#[inline(always)]
pub unsafe fn stack_limit() -> usize {
    // SAFETY: by this function's contract.
    unsafe { REGISTRY.get_unattached() }.stack_limit.get()
}

/// Calls `act` with the running thread's recorder, if it has one. `act` must not call Python.
pub fn with_current(_py: Python<'_>, act: impl FnOnce(&mut ThreadRecorder)) {
    // SAFETY: the token shows that the GIL is held; the recorder is this thread's own and just looked up.
    if let Some(thread) = unsafe { current().as_mut() } {
        act(thread);
    }
}

/// Has `limit_of_thread` say how far down the running thread's stack frames may be evaluated, from its next look-up on. For
/// the hooks, before they evaluate any.
pub fn limit_stack_by(py: Python<'_>, limit_of_thread: fn() -> usize) {
    REGISTRY.get(py).limit_of_thread.set(limit_of_thread);
}

/// Has `look` look for threads that the hook hasn't been set in, each time that [`look_for_threads`] is called.
#[cfg(not(Py_3_12))]
pub fn find_threads_by(py: Python<'_>, look: fn(Python<'_>)) {
    REGISTRY.get(py).new_threads.set(look);
}

/// A moment at which new threads may be looked for: in a hook, but not in a hurry.
pub fn look_for_threads(py: Python<'_>) {
    REGISTRY.get(py).new_threads.get()(py);
}

/// How many threads had events that went to nobody, although the profile for `scope` was enabled.
pub fn strangers(py: Python<'_>, scope: Scope) -> usize {
    let Scope::Thread(number) = scope else { return 0 };
    let threads = REGISTRY.get(py).threads.borrow();
    let enabled = threads.as_ref().and_then(|threads| threads.get(&number));
    enabled.map_or(0, |enabled| enabled.strangers.borrow().len())
}

/// Why a profile can't be enabled.
pub enum Refusal {
    /// Another one covers a thread that this one would: what to tell the user of it.
    Conflict(String),
    /// The running thread is being taken down.
    ThreadEnds,
    /// CPython has raised this.
    Failure(PyErr),
}

/// Enables a profile for some threads or contexts.
pub fn add(py: Python<'_>, collector: &Rc<Collector>, asked: Asked) -> Result<Scope, Refusal> {
    let registry = REGISTRY.get(py);
    let mark = thread::mark().ok_or(Refusal::ThreadEnds)?;
    // All that may run Python, and so let other threads enable or disable theirs, comes before the look at who stands in the way:
    // from there on until the entry is made nothing does.
    let name = threads::name_of(py, thread::ident()).unwrap_or_else(|| "a thread without a name".into());
    if asked == Asked::ThisContext {
        context::get_ready(py).map_err(Refusal::Failure)?;
    }
    drop(registry.take_ended());
    if let Some(owner) = conflict(py, registry, collector, asked, &mark) {
        return Err(Refusal::Conflict(owner));
    }
    let (whom, instead) = match asked {
        Asked::AllThreads => ("all threads", "use threads=False in each thread"),
        Asked::ThisThread => ("that thread", "use threads=False in each thread"),
        Asked::ThisContext => ("a context", "use context=True in another context"),
    };
    let owner = format!("a pikos Profile, enabled for {whom} in {name}; disable it first, or {instead}");
    let own_thread = mark.number;
    let enabled = Enabled {
        collector: Rc::clone(collector),
        mark,
        owner,
        ordinary: Cell::new(false),
        strangers: RefCell::default(),
    };
    let scope = match asked {
        Asked::AllThreads => {
            registry.all_threads.replace(Some(enabled));
            Scope::AllThreads
        }
        Asked::ThisThread => {
            registry.threads.borrow_mut().get_or_insert_default().insert(own_thread, enabled);
            Scope::Thread(own_thread)
        }
        Asked::ThisContext => {
            let number = registry.last_context.get() + 1;
            registry.last_context.set(number);
            registry.contexts.borrow_mut().get_or_insert_default().insert(number, enabled);
            let scope = Scope::Context(number);
            let is_followed = number.into_pyobject(py).map_err(PyErr::from);
            if let Err(error) = is_followed.and_then(|number| FOLLOWED.set(py, number.as_any())) {
                remove(py, scope);
                return Err(Refusal::Failure(error));
            }
            scope
        }
    };
    forget_cached(py);
    Ok(scope)
}

/// Disables what `add` enabled.
pub fn remove(py: Python<'_>, scope: Scope) {
    let registry = REGISTRY.get(py);
    let removed = match scope {
        Scope::AllThreads => registry.all_threads.take(),
        Scope::Thread(number) => {
            registry.threads.borrow_mut().as_mut().and_then(|threads| threads.remove(&number))
        }
        Scope::Context(number) => {
            if followed(py) == Some(number) {
                // In other contexts the number stays, and means nothing any more.
                _ = FOLLOWED.set(py, py.None().bind(py));
            }
            registry.contexts.borrow_mut().as_mut().and_then(|contexts| contexts.remove(&number))
        }
    };
    forget_cached(py);
    // With nothing borrowed: this may be the last reference.
    drop(removed);
}

/// Makes the next event look its recorder up again: after anything that takes recorders away.
pub fn forget_cached(py: Python<'_>) {
    REGISTRY.get(py).current.set(std::ptr::null_mut());
    CACHED.store(0, Ordering::Release);
}

/// Notes that a profile's events come through the ordinary hook.
pub fn set_ordinary(py: Python<'_>, scope: Scope) {
    let registry = REGISTRY.get(py);
    let set = |enabled: &Enabled| enabled.ordinary.set(true);
    match scope {
        Scope::AllThreads => registry.all_threads.borrow().as_ref().map(set),
        Scope::Thread(number) => {
            registry.threads.borrow().as_ref().and_then(|threads| threads.get(&number)).map(set)
        }
        Scope::Context(number) => {
            registry.contexts.borrow().as_ref().and_then(|contexts| contexts.get(&number)).map(set)
        }
    };
}

/// Whether an enabled profile follows coroutines.
pub fn any_follows(py: Python<'_>) -> bool {
    let registry = REGISTRY.get(py);
    let (all_threads, threads) = (registry.all_threads.borrow(), registry.threads.borrow());
    let mut enabled = all_threads.iter().chain(threads.iter().flat_map(HashMap::values));
    enabled.any(|enabled| enabled.collector.follows().is_some())
}

/// Calls `act`, which runs no Python, with each enabled profile.
///
/// # Safety
/// The calling thread must hold the GIL.
pub unsafe fn each_follower(mut act: impl FnMut(&Collector)) {
    // SAFETY: by this function's contract.
    let registry = unsafe { REGISTRY.get_unattached() };
    // Where they are just being changed nobody is told.
    if let Ok(all_threads) = registry.all_threads.try_borrow() {
        all_threads.iter().for_each(|enabled| act(&enabled.collector));
    }
    if let Ok(threads) = registry.threads.try_borrow() {
        threads.iter().flat_map(HashMap::values).for_each(|enabled| act(&enabled.collector));
    }
}

/// Whether there is a profile whose events come through the ordinary hook.
pub fn any_ordinary(py: Python<'_>) -> bool {
    let in_use = |enabled: &Enabled| enabled.ordinary.get() && !enabled.mark.ended.load(Ordering::Acquire);
    any_ordinary_in_all_threads(py)
        || REGISTRY.get(py).threads.borrow().iter().flat_map(HashMap::values).any(in_use)
}

/// Whether there is one of all threads, or of a context, which any thread may come to be in.
pub fn any_ordinary_in_all_threads(py: Python<'_>) -> bool {
    let registry = REGISTRY.get(py);
    registry.all_threads.borrow().as_ref().is_some_and(|enabled| enabled.ordinary.get())
        || registry.contexts.borrow().iter().flat_map(HashMap::values).any(|enabled| enabled.ordinary.get())
}

/// Whether a profile is enabled for this scope.
pub fn has(py: Python<'_>, scope: Scope) -> bool {
    let registry = REGISTRY.get(py);
    let holds = |enabled: &RefCell<Option<HashMap<u64, Enabled>>>, number: u64| {
        enabled.borrow().as_ref().is_some_and(|enabled| enabled.contains_key(&number))
    };
    match scope {
        Scope::AllThreads => registry.all_threads.borrow().is_some(),
        Scope::Thread(number) => holds(&registry.threads, number),
        Scope::Context(number) => holds(&registry.contexts, number),
    }
}

/// Whether each event has to look at the context to know where it goes.
#[cfg(Py_3_12)]
pub fn looks_at_contexts(py: Python<'_>) -> bool {
    let registry = REGISTRY.get(py);
    registry.has_contexts() || (follows_labels(py) && !registry.contexts_are_told.get())
}

/// Whether an enabled profile looks at contexts for their labels.
pub fn follows_labels(py: Python<'_>) -> bool {
    REGISTRY.get(py).any(|enabled| enabled.collector.labels().are_followed())
}

/// Whether [`context_changes`] will be called at each change, or isn't any more.
pub fn tell_contexts(py: Python<'_>, are_told: bool) {
    if REGISTRY.get(py).contexts_are_told.replace(are_told) != are_told {
        forget_cached(py);
    }
}

/// Whether it is.
pub fn contexts_are_told(py: Python<'_>) -> bool {
    REGISTRY.get(py).contexts_are_told.get()
}

/// Whether an enabled profile tells labels apart.
pub fn wants_labels(py: Python<'_>) -> bool {
    REGISTRY.get(py).any(|enabled| enabled.collector.labels().are_wanted())
}

/// The profiles that tell labels apart look at contexts from now on.
///
/// # Errors
/// What CPython raises.
pub fn follow_labels(py: Python<'_>) -> PyResult<()> {
    context::get_ready(py)?;
    REGISTRY.get(py).any(|enabled| {
        enabled.collector.labels().follow();
        false
    });
    forget_cached(py);
    Ok(())
}

/// Makes the next event of the running thread look at its context, where contexts matter: that is about to be another one, or is, or a
/// variable of ours is set there.
///
/// # Safety
/// The calling thread must hold the GIL.
#[inline]
pub unsafe fn context_changes() {
    // SAFETY: by this function's contract.
    let registry = unsafe { REGISTRY.get_unattached() };
    let cached = CACHED.load(Ordering::Relaxed);
    // What is cached for another thread says nothing of this one, which looks its recorder up in any case.
    if cached & !(UNUSUAL | UNTIMED | EXTENDED | IN_CONTEXT) != thread::address() {
        return;
    }
    registry.moment.set(Moment::NEVER);
    if registry.contexts_are_told.get() {
        // A thread that is inside another interpreter may be overtaken here.
        let again = thread::address() | IN_CONTEXT;
        _ = CACHED.compare_exchange(cached, again, Ordering::Release, Ordering::Relaxed);
    }
}

/// [`context_changes`], in Python.
pub fn look_at_context_again(_py: Python<'_>) {
    // SAFETY: the token shows that the GIL is held.
    unsafe { context_changes() };
}

/// A label has begun or ended in the running thread. Whether there is a profile that should, and doesn't look at contexts yet.
pub fn label_changed(py: Python<'_>) -> bool {
    let registry = REGISTRY.get(py);
    look_at_context_again(py);
    // SAFETY: the token shows that the GIL is held.
    unsafe { current() };
    registry.any(|enabled| {
        let labels = enabled.collector.labels();
        labels.are_wanted() && !labels.are_followed()
    })
}

/// The number that the running context has.
fn followed(py: Python<'_>) -> Option<u64> {
    number_of(&FOLLOWED.get(py)?)
}

fn number_of(value: &Bound<'_, PyAny>) -> Option<u64> {
    value.cast::<PyInt>().ok()?.extract().ok()
}

/// Whether the running context is followed, by a profile whose events come through the ordinary hook. Runs no Python.
pub fn is_followed(py: Python<'_>) -> bool {
    is_number_followed(py, followed(py))
}

/// The same of this context.
///
/// # Safety
/// That is a context, and alive; no exception is set.
#[cfg(not(Py_3_14))]
pub unsafe fn is_context_followed(py: Python<'_>, context: *mut pyo3::ffi::PyObject) -> bool {
    // SAFETY: by this function's contract.
    let number = unsafe { FOLLOWED.get_in(py, context) };
    number.is_some_and(|number| is_number_followed(py, number_of(&number)))
}

fn is_number_followed(py: Python<'_>, number: Option<u64>) -> bool {
    let contexts = REGISTRY.get(py).contexts.borrow();
    let enabled = number.zip(contexts.as_ref()).and_then(|(number, contexts)| contexts.get(&number));
    enabled.is_some_and(|enabled| enabled.ordinary.get())
}

/// Whether this object is the variable that followed contexts have.
pub fn is_mark(py: Python<'_>, object: *mut pyo3::ffi::PyObject) -> bool {
    FOLLOWED.is(py, object)
}

/// What the enabled profiles want to hear of: nothing, Python functions, or built-ins as well.
#[cfg(Py_3_12)]
pub fn wanted(py: Python<'_>) -> Wanted {
    let mut wanted = Wanted::Nothing;
    REGISTRY.get(py).any(|enabled| {
        wanted = wanted.max(if enabled.collector.builtins() { Wanted::Builtins } else { Wanted::Functions });
        false
    });
    wanted
}

/// How all enabled profiles time calls, if they do it in one way: then a hook may go that way first.
#[cfg(Py_3_12)]
pub fn common_timing(py: Python<'_>) -> Option<Timing> {
    let mut first = None;
    let differs = REGISTRY.get(py).any(|enabled| {
        let timing = enabled.collector.timing();
        *first.get_or_insert(timing) != timing
    });
    first.filter(|_| !differs)
}

/// See [`wanted`].
#[cfg(Py_3_12)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Wanted {
    /// No profile is enabled.
    Nothing,
    /// The tool id, so that nobody else has it; no events.
    ToolOnly,
    /// Python functions only.
    Functions,
    /// Built-ins as well.
    Builtins,
}

/// Who stands in the way of a profile that is asked for in the thread of this mark. Runs no Python.
fn conflict(
    py: Python<'_>,
    registry: &Registry,
    collector: &Rc<Collector>,
    asked: Asked,
    mark: &Mark,
) -> Option<String> {
    let mut owner = None;
    // Two threads may enable the same one at once.
    registry.any(|enabled| {
        let is_it = Rc::ptr_eq(&enabled.collector, collector);
        owner = is_it.then(|| enabled.owner.clone());
        is_it
    });
    if owner.is_some() {
        return owner;
    }
    if let Some(enabled) = registry.all_threads.borrow().as_ref() {
        return Some(enabled.owner.clone());
    }
    if let Some(contexts) = registry.contexts.borrow().as_ref() {
        let blocking = match asked {
            Asked::ThisContext => followed(py).and_then(|number| contexts.get(&number)),
            _ => contexts.values().next(),
        };
        if let Some(enabled) = blocking {
            return Some(enabled.owner.clone());
        }
    }
    let threads = registry.threads.borrow();
    let threads = threads.as_ref()?;
    let blocking = match asked {
        Asked::AllThreads | Asked::ThisContext => threads.values().next(),
        Asked::ThisThread => threads.get(&mark.number),
    };
    blocking.map(|enabled| enabled.owner.clone())
}

/// The slow half of [`current`], after a switch of threads; or, where it matters, perhaps of contexts.
#[cold]
#[inline(never)]
fn look_up(registry: &Registry) -> *mut ThreadRecorder {
    // SAFETY: as that of `current`.
    let moment = unsafe { context::now() };
    if CACHED.load(Ordering::Relaxed) == thread::address() | IN_CONTEXT {
        let recorder = registry.current.get();
        // SAFETY: it is the running thread's own, and was found after the last change to the profiles.
        if let Some(thread) = unsafe { recorder.as_mut() }.filter(|_| !registry.has_contexts()) {
            registry.moment.set(moment);
            // SAFETY: as that of `current`.
            thread.settle_label(unsafe { Python::assume_attached() });
            CACHED.store(thread::address() | registry.how.get(), Ordering::Release);
            return recorder;
        }
    }
    registry.stack_limit.set(registry.limit_of_thread.get()());
    let Some(mark) = thread::mark() else {
        // Nothing is kept for a thread that is being taken down; nor is what was kept for another one valid now.
        CACHED.store(0, Ordering::Release);
        return std::ptr::null_mut();
    };
    let threads = registry.threads.borrow();
    let all_threads = registry.all_threads.borrow();
    let contexts = registry.contexts.borrow();
    let in_context = contexts.as_ref().filter(|contexts| !contexts.is_empty()).map(|contexts| {
        // SAFETY: as that of `current`.
        let number = followed(unsafe { Python::assume_attached() });
        number.and_then(|number| contexts.get(&number))
    });
    let enabled = match in_context {
        Some(enabled) => enabled,
        None => threads.as_ref().and_then(|threads| threads.get(&mark.number)).or(all_threads.as_ref()),
    };
    let recorder = match enabled {
        Some(enabled) => enabled.collector.recorder(&mark),
        None => {
            for enabled in threads.iter().flat_map(HashMap::values) {
                enabled.strangers.borrow_mut().insert(mark.number);
            }
            std::ptr::null_mut()
        }
    };
    registry.current.set(recorder);
    registry.moment.set(moment);
    // SAFETY: null or just made.
    let has_labels = unsafe { recorder.as_mut() }.is_some_and(|thread| {
        // SAFETY: as that of `current`.
        thread.settle_label(unsafe { Python::assume_attached() })
    });
    // SAFETY: null or just made.
    let how = match unsafe { recorder.as_ref() }.map(|thread| thread.timing) {
        _ if in_context.is_some() || (has_labels && !registry.contexts_are_told.get()) => IN_CONTEXT,
        Some(Timing::Plain) => 0,
        Some(Timing::Extended) => EXTENDED,
        // SAFETY: as above.
        Some(Timing::Sampled) if unsafe { &*recorder }.recorder.has_subcalls() => UNTIMED,
        _ => UNUSUAL,
    };
    registry.how.set(how);
    CACHED.store(thread::address() | how, Ordering::Release);
    recorder
}

/// The running thread's profile.
pub fn current_collector(py: Python<'_>) -> Option<Rc<Collector>> {
    let registry = REGISTRY.get(py);
    let mark = thread::mark()?;
    if let Some(contexts) = registry.contexts.borrow().as_ref().filter(|contexts| !contexts.is_empty()) {
        return followed(py)
            .and_then(|number| contexts.get(&number))
            .map(|enabled| Rc::clone(&enabled.collector));
    }
    let threads = registry.threads.borrow();
    let own = threads.as_ref().and_then(|threads| threads.get(&mark.number));
    own.or(registry.all_threads.borrow().as_ref()).map(|enabled| Rc::clone(&enabled.collector))
}
