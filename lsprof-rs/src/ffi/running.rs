//! What running functions hold: variables of frames, which no object has as long as nobody asks for the frame.

use std::ptr::{self, NonNull};

use pyo3::ffi;

use super::heap::{Heap, Object};
use super::interpreter_frame;
use super::thread_state::ThreadState;

/// More frames of one thread are not looked at.
const MOST_FRAMES: usize = 1 << 20;

/// A variable of a running function.
#[derive(Clone, Copy)]
pub struct Variable<'heap> {
    /// The thread, counted from the newest one.
    pub thread: usize,
    /// How many frames of the thread are younger.
    pub depth: usize,
    /// What the function runs.
    pub code: Object<'heap>,
    /// Which variable: in the order of `co_varnames`, `co_cellvars`, `co_freevars`.
    pub number: usize,
    /// Whether it is the running thread's.
    pub is_own: bool,
}

impl Heap<'_> {
    /// Calls `each` with the variables of all threads' running functions.
    pub fn each_variable<'heap>(&'heap self, mut each: impl FnMut(Variable<'heap>, Object<'heap>)) {
        if !is_known() {
            return;
        }
        // A thread of C's enters its state before it has the GIL, and fills it then: both under the list's lock, which this call takes
        // and gives back, looking for a thread of a number that none has.
        // SAFETY: the GIL is held; without such a thread nothing is set.
        unsafe { ffi::PyThreadState_SetAsyncExc(-1, ptr::null_mut()) };
        // SAFETY: the GIL is held: none of these is freed.
        let (own, mut state) = unsafe {
            let own = ffi::PyThreadState_Get();
            (own, ffi::PyInterpreterState_ThreadHead(ffi::PyInterpreterState_Get()))
        };
        let mut thread = 0;
        while !state.is_null() {
            // SAFETY: the thread waits for the GIL, or is this one: its frames stay.
            let mut frame = unsafe { ThreadState::of(state) }.newest_frame();
            let mut depth = 0;
            for _ in 0..MOST_FRAMES {
                if frame.is_null() {
                    break;
                }
                // SAFETY: frames from the newest on are alive, as are their code objects; nobody runs Python.
                unsafe {
                    if !interpreter_frame::is_entry(frame)
                        && let Some(code) = NonNull::new(interpreter_frame::code(frame))
                    {
                        let code = Object::new(code);
                        interpreter_frame::variables(frame, |number, value| {
                            if let Some(value) = NonNull::new(value) {
                                let is_own = state == own;
                                each(Variable { thread, depth, code, number, is_own }, Object::new(value));
                            }
                        });
                        depth += 1;
                    }
                    frame = interpreter_frame::previous(frame);
                }
            }
            thread += 1;
            // SAFETY: as above.
            state = unsafe { ffi::PyThreadState_Next(state) };
        }
    }
}

/// Whether a frame that is being cleared is no longer among those that run: the first releases of 3.11 left it there.
fn is_known() -> bool {
    super::runtime::version() >> 8 >= 0x03_0B_02
}
