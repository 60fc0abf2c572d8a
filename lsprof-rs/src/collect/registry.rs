//! Which recorder runs on this thread: asked on every event, so answered in three instructions.
//!
//! One profile may watch all threads, or any number of profiles one thread each; never both, so that an
//! event has one place to go.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use pyo3::prelude::*;

use crate::collect::collector::{Collector, ThreadRecorder, Timing};
use crate::collect::threads;
use crate::ffi::gil::GilCell;
use crate::ffi::thread::{self, CACHED, Mark};

/// Which threads a profile watches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// All threads of the interpreter, those to come included.
    AllThreads,
    /// The thread that enabled it; here its number.
    Thread(u64),
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
}

static REGISTRY: GilCell<Registry> = GilCell::new(Registry {
    current: Cell::new(std::ptr::null_mut()),
    stack_limit: Cell::new(usize::MAX),
    limit_of_thread: Cell::new(|| usize::MAX),
    new_threads: Cell::new(|_| ()),
    all_threads: RefCell::new(None),
    threads: RefCell::new(None),
});

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
    look_up(registry)
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
}

/// Enables a profile for some threads.
pub fn add(py: Python<'_>, collector: &Rc<Collector>, all_threads: bool) -> Result<Scope, Refusal> {
    let registry = REGISTRY.get(py);
    let mark = thread::mark().ok_or(Refusal::ThreadEnds)?;
    let scope = if all_threads { Scope::AllThreads } else { Scope::Thread(mark.number) };
    if let Some(owner) = conflict(registry, scope) {
        return Err(Refusal::Conflict(owner));
    }
    let name = threads::name_of(py, thread::ident()).unwrap_or_else(|| "a thread without a name".into());
    let whom = if all_threads { "for all threads" } else { "for that thread" };
    let owner = format!(
        "a pikos Profile, enabled {whom} in {name}; disable it first, or use threads=False in each thread"
    );
    let enabled = Enabled {
        collector: Rc::clone(collector),
        mark,
        owner,
        ordinary: Cell::new(false),
        strangers: RefCell::default(),
    };
    match scope {
        Scope::AllThreads => _ = registry.all_threads.replace(Some(enabled)),
        Scope::Thread(number) => {
            _ = registry.threads.borrow_mut().get_or_insert_default().insert(number, enabled);
        }
    }
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
    };
}

/// Whether there is a profile whose events come through the ordinary hook.
pub fn any_ordinary(py: Python<'_>) -> bool {
    let registry = REGISTRY.get(py);
    let in_use = |enabled: &Enabled| enabled.ordinary.get() && !enabled.mark.ended.load(Ordering::Acquire);
    registry.all_threads.borrow().as_ref().is_some_and(|enabled| enabled.ordinary.get())
        || registry.threads.borrow().as_ref().is_some_and(|threads| threads.values().any(in_use))
}

/// What the enabled profiles want to hear of: nothing, Python functions, or built-ins as well.
#[cfg(Py_3_12)]
pub fn wanted(py: Python<'_>) -> Wanted {
    let registry = REGISTRY.get(py);
    let mut wanted = Wanted::Nothing;
    let mut add = |enabled: &Enabled| {
        wanted = wanted.max(if enabled.collector.builtins() { Wanted::Builtins } else { Wanted::Functions });
    };
    if let Some(enabled) = registry.all_threads.borrow().as_ref() {
        add(enabled);
    }
    if let Some(threads) = registry.threads.borrow().as_ref() {
        threads.values().for_each(&mut add);
    }
    wanted
}

/// How all enabled profiles time calls, if they do it in one way: then a hook may go that way first.
#[cfg(Py_3_12)]
pub fn common_timing(py: Python<'_>) -> Option<Timing> {
    let registry = REGISTRY.get(py);
    let (all_threads, threads) = (registry.all_threads.borrow(), registry.threads.borrow());
    let enabled = all_threads.iter().chain(threads.iter().flat_map(HashMap::values));
    let mut timings = enabled.map(|enabled| enabled.collector.timing());
    let first = timings.next()?;
    timings.all(|timing| timing == first).then_some(first)
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

/// Who stands in the way of a profile for `scope`.
fn conflict(registry: &Registry, scope: Scope) -> Option<String> {
    if let Some(enabled) = registry.all_threads.borrow().as_ref() {
        return Some(enabled.owner.clone());
    }
    let mut threads = registry.threads.borrow_mut();
    let threads = threads.as_mut()?;
    threads.retain(|_, enabled| !enabled.mark.ended.load(Ordering::Acquire));
    let blocking = match scope {
        Scope::AllThreads => threads.values().next(),
        Scope::Thread(number) => threads.get(&number),
    };
    blocking.map(|enabled| enabled.owner.clone())
}

/// The slow half of [`current`], after a switch of threads.
#[cold]
#[inline(never)]
fn look_up(registry: &Registry) -> *mut ThreadRecorder {
    registry.stack_limit.set(registry.limit_of_thread.get()());
    let Some(mark) = thread::mark() else {
        // Nothing is kept for a thread that is being taken down; nor is what was kept for another one valid now.
        CACHED.store(0, Ordering::Release);
        return std::ptr::null_mut();
    };
    let threads = registry.threads.borrow();
    let all_threads = registry.all_threads.borrow();
    let enabled = threads.as_ref().and_then(|threads| threads.get(&mark.number)).or(all_threads.as_ref());
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
    // SAFETY: null or just made.
    let how = unsafe { recorder.as_ref() }.map_or(UNUSUAL, |thread| match thread.timing {
        Timing::Plain => 0,
        Timing::Extended => EXTENDED,
        Timing::Sampled if thread.recorder.has_subcalls() => UNTIMED,
        _ => UNUSUAL,
    });
    CACHED.store(thread::address() | how, Ordering::Release);
    recorder
}

/// The running thread's profile.
pub fn current_collector(py: Python<'_>) -> Option<Rc<Collector>> {
    let registry = REGISTRY.get(py);
    let mark = thread::mark()?;
    let threads = registry.threads.borrow();
    let own = threads.as_ref().and_then(|threads| threads.get(&mark.number));
    own.or(registry.all_threads.borrow().as_ref()).map(|enabled| Rc::clone(&enabled.collector))
}
