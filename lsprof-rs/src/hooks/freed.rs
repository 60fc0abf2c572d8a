//! The end of coroutines and generators that nobody resumes again: they are freed, and CPython reports nothing of it.
//!
//! While profiles follow such objects, a function of ours stands in the slot of their types by which CPython frees them. Those that it
//! frees before their first step are seen here, too. Objects of other interpreters go by untouched: those may run at the same time.

use std::mem::transmute;
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi::{self, PyObject, destructor};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::collect::registry;
use crate::ffi::attach::in_python;
use crate::ffi::generator;
use crate::ffi::thread_state::ThreadState;
use crate::ffi::trampoline::guard;

/// May run Python, where up to 3.13 CPython ends a daemon thread by `pthread_exit`; so nothing in its frame has to be dropped.
type Destructor = unsafe extern "C-unwind" fn(*mut PyObject);

/// The interpreter whose objects are followed, as an address.
static INTERPRETER: AtomicUsize = AtomicUsize::new(0);
/// What was in the slots, in the order of [`generator::types`].
static BEFORE: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];

const OURS: [Destructor; 3] = [free::<0>, free::<1>, free::<2>];

/// Raises RuntimeError where such objects can't be followed.
pub fn check(py: Python<'_>) -> PyResult<()> {
    static ARE_KNOWN: PyOnceLock<bool> = PyOnceLock::new();
    let are_known = ARE_KNOWN.get_or_try_init(py, || {
        Ok::<_, PyErr>(generator::are_as_declared(py)? && ThreadState::is_as_declared(py)?)
    })?;
    if *are_known {
        return Ok(());
    }
    Err(PyRuntimeError::new_err(
        "tasks=True: this build of CPython has other coroutines than the release that it says it is; leave tasks out",
    ))
}

/// Brings the slots in line with the registry: ours, if an enabled profile follows such objects.
pub fn follow_registry(py: Python<'_>) {
    let wanted = registry::any_follows(py);
    // SAFETY: an attached thread has an interpreter.
    INTERPRETER.store(unsafe { ffi::PyInterpreterState_Get() } as usize, Ordering::Relaxed);
    for ((kind, before), ours) in generator::types().into_iter().zip(&BEFORE).zip(OURS) {
        // SAFETY: the types are CPython's own and live for ever; the GIL is held. Whoever has taken the slot since keeps it.
        unsafe {
            let now = (*kind).tp_dealloc.map_or(0, |now| now as usize);
            let is_ours = now == ours as usize;
            if wanted && !is_ours {
                before.store(now, Ordering::Relaxed);
                (*kind).tp_dealloc = Some(transmute::<Destructor, destructor>(ours));
            } else if !wanted && is_ours {
                (*kind).tp_dealloc = transmute::<usize, Option<destructor>>(before.load(Ordering::Relaxed));
            }
        }
    }
}

unsafe extern "C-unwind" fn free<const KIND: usize>(object: *mut PyObject) {
    let mut is_known = false;
    // SAFETY: CPython calls us with the GIL held and an object of the type.
    unsafe {
        if ffi::PyInterpreterState_Get() as usize == INTERPRETER.load(Ordering::Relaxed) {
            guard(|| is_known = note(object));
        }
        let before = BEFORE[KIND].load(Ordering::Relaxed);
        // Never null: a type whose objects can be freed has such a function.
        transmute::<usize, Destructor>(before)(object);
        if is_known {
            // It may have had a last step meanwhile, and has ended then.
            guard(|| registry::each_follower(|collector| collector.freed(object as usize)));
        }
    }
}

/// Whether somebody is to hear when it is freed.
///
/// # Safety
/// The GIL is held; the object is about to be freed.
unsafe fn note(object: *mut PyObject) -> bool {
    let mut is_known = false;
    // SAFETY: by this function's contract.
    unsafe {
        if let Some(code) = generator::code_before_first_step(object) {
            registry::each_follower(|collector| collector.never_begins(object as usize));
            // Whoever was told that it was never awaited may have kept it for a while.
            if generator::is_coroutine(object) && ffi::PyObject_GC_IsFinalized(object) == 0 {
                // Nobody refers to the object any more: the collector of garbage must not come across it.
                let collects = ffi::PyGC_Disable();
                in_python(|py| {
                    if let Some(collector) = registry::current_collector(py) {
                        let code = Bound::from_borrowed_ptr(py, code);
                        collector.never_awaited(py, &code);
                    }
                });
                if collects != 0 {
                    ffi::PyGC_Enable();
                }
            }
        } else if !generator::may_live_on(object) {
            registry::each_follower(|collector| is_known |= collector.drops(object as usize));
        }
    }
    is_known
}
