//! `_PyInterpreterFrame`: the frame that CPython evaluates, before anybody asks for a frame object.
//!
//! No API says whose frame it is, and the one for its code object (3.12 on) takes a reference each time; so its
//! layout is written down here, for each release, and checked against a running interpreter before it is relied
//! upon (`hooks/frame_eval.rs`).

use std::ffi::c_char;
#[cfg(not(Py_3_14))]
use std::ffi::c_int;

use pyo3::ffi::{PyObject, PyVarObject};

/// `FRAME_OWNED_BY_GENERATOR`, the same in all releases.
const OWNED_BY_GENERATOR: c_char = 1;

/// `FRAME_OWNED_BY_CSTACK`, `FRAME_OWNED_BY_INTERPRETER`: no Python function's.
#[cfg(Py_3_12)]
const OWNED_BY_INTERPRETER: c_char = 3;

/// Its first fields, as far as they are of use. "Specials" section and linkage.
#[cfg(not(Py_3_12))]
#[repr(C)]
pub struct InterpreterFrame {
    function: *mut PyObject,
    globals: *mut PyObject,
    builtins: *mut PyObject,
    locals: *mut PyObject,
    code: *mut PyObject,
    object: *mut PyObject,
    previous: *mut InterpreterFrame,
    prev_instr: *mut u16,
    stacktop: c_int,
    is_entry: bool,
    owner: c_char,
}

/// As above.
#[cfg(all(Py_3_12, not(Py_3_14)))]
#[repr(C)]
pub struct InterpreterFrame {
    code: *mut PyObject,
    previous: *mut InterpreterFrame,
    function: *mut PyObject,
    globals: *mut PyObject,
    builtins: *mut PyObject,
    locals: *mut PyObject,
    object: *mut PyObject,
    instruction: *mut u16,
    stacktop: c_int,
    return_offset: u16,
    owner: c_char,
}

/// As above. `code` is a tagged reference.
#[cfg(Py_3_14)]
#[repr(C)]
pub struct InterpreterFrame {
    code: usize,
    previous: *mut InterpreterFrame,
    function: usize,
    globals: *mut PyObject,
    builtins: *mut PyObject,
    locals: *mut PyObject,
    object: *mut PyObject,
    instruction: *mut u16,
    stackpointer: *mut usize,
    #[cfg(Py_GIL_DISABLED)]
    tlbc_index: i32,
    return_offset: u16,
    owner: c_char,
}

/// `PyCodeObject`'s first fields, the same in all releases; PyO3 keeps them to itself.
#[repr(C)]
struct CodeObject {
    ob_base: PyVarObject,
    consts: *mut PyObject,
    names: *mut PyObject,
    exception_table: *mut PyObject,
    flags: std::ffi::c_int,
}

/// The code object that the frame runs; the frame keeps it alive.
///
/// # Safety
/// The frame is the live one that CPython passed.
#[cfg(not(Py_3_14))]
#[inline(always)]
pub unsafe fn code(frame: *const InterpreterFrame) -> *mut PyObject {
    // SAFETY: by this function's contract.
    unsafe { (*frame).code }
}

/// The code object that the frame runs; the frame keeps it alive.
///
/// # Safety
/// The frame is the live one that CPython passed.
#[cfg(Py_3_14)]
#[inline(always)]
pub unsafe fn code(frame: *const InterpreterFrame) -> *mut PyObject {
    /// `Py_TAG_BITS`: whether the reference is counted.
    const TAGS: usize = 3;
    // SAFETY: by this function's contract.
    unsafe { ((*frame).code & !TAGS) as *mut PyObject }
}

/// The namespace that the frame's code runs in; the frame keeps it alive.
///
/// # Safety
/// The frame is the live one that CPython passed.
pub unsafe fn globals(frame: *const InterpreterFrame) -> *mut PyObject {
    // SAFETY: by this function's contract.
    unsafe { (*frame).globals }
}

/// Where in its code the frame stands: the address of the instruction that it carries out.
///
/// # Safety
/// The frame is alive.
#[cfg(not(Py_3_12))]
pub unsafe fn instruction(frame: *const InterpreterFrame) -> usize {
    // SAFETY: by this function's contract.
    unsafe { (*frame).prev_instr as usize }
}

/// Whether evaluating the frame only makes the generator or coroutine that it will run in. That is no call: cProfile
/// counts the resumes.
///
/// # Safety
/// As for [`code`], which gave `code`.
#[inline(always)]
pub unsafe fn makes_generator(frame: *const InterpreterFrame, code: *mut PyObject) -> bool {
    use pyo3::ffi::{CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR};
    const GENERATORS: std::ffi::c_int = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR;
    // SAFETY: by this function's contract.
    unsafe { (*code.cast::<CodeObject>()).flags & GENERATORS != 0 && (*frame).owner != OWNED_BY_GENERATOR }
}

/// Whether this is the frame that CPython puts below each evaluation.
///
/// # Safety
/// The frame is alive.
#[cfg(Py_3_12)]
#[inline(always)]
pub unsafe fn is_entry(frame: *const InterpreterFrame) -> bool {
    // SAFETY: by this function's contract.
    unsafe { (*frame).owner >= OWNED_BY_INTERPRETER }
}
