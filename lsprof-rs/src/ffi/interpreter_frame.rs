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
    locals_plus: [usize; 0],
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
    locals_plus: [usize; 0],
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
    locals_plus: [usize; 0],
}

/// `PyCodeObject`'s first fields, the same in all releases; PyO3 keeps them to itself.
#[repr(C)]
struct CodeObject {
    ob_base: PyVarObject,
    consts: *mut PyObject,
    names: *mut PyObject,
    exception_table: *mut PyObject,
    flags: std::ffi::c_int,
    #[cfg(not(Py_3_12))]
    warmup: std::ffi::c_int,
    /// Of arguments (all, by position alone, by name alone), of the stack's entries, and the first line.
    counts: [std::ffi::c_int; 5],
    locals_plus: std::ffi::c_int,
}

/// How many arguments a code object takes, where all can be given by position, and none is gathered by a star.
///
/// # Safety
/// It is a code object, and alive.
#[cfg(Py_3_13)]
pub unsafe fn plain_arguments(code: *mut PyObject) -> Option<std::ffi::c_int> {
    /// `inspect.CO_VARARGS` and `CO_VARKEYWORDS`.
    const STARS: std::ffi::c_int = 0x04 | 0x08;
    // SAFETY: by this function's contract.
    let code = unsafe { &*code.cast::<CodeObject>() };
    let [all, _, by_name_alone, ..] = code.counts;
    (code.flags & STARS == 0 && by_name_alone == 0).then_some(all)
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
#[inline(always)]
pub unsafe fn instruction(frame: *const InterpreterFrame) -> usize {
    #[cfg(not(Py_3_12))]
    // SAFETY: by this function's contract.
    return unsafe { (*frame).prev_instr as usize };
    #[cfg(Py_3_12)]
    // SAFETY: by this function's contract.
    return unsafe { (*frame).instruction as usize };
}

/// The frame that called this one; null for the outermost.
///
/// # Safety
/// The frame is alive.
#[inline(always)]
pub unsafe fn previous(frame: *const InterpreterFrame) -> *const InterpreterFrame {
    // SAFETY: by this function's contract.
    unsafe { (*frame).previous }
}

/// Calls `each` with the number and the value of each variable of a frame: locals, cells, free ones, in the order of
/// `co_varnames`, `co_cellvars`, `co_freevars`. What is on its stack isn't among them: up to 3.13 nobody knows how high that is.
///
/// # Safety
/// The frame is alive and a Python function's ([`is_entry`] is false); its thread holds the GIL or waits for it. `each` runs no
/// Python.
pub unsafe fn variables(frame: *const InterpreterFrame, mut each: impl FnMut(usize, *mut PyObject)) {
    // SAFETY: by this function's contract the frame has a code object, and as many variables as that one says.
    unsafe {
        let count = (*code(frame).cast::<CodeObject>()).locals_plus;
        let values = (&raw const (*frame).locals_plus).cast::<usize>();
        for number in 0..usize::try_from(count).unwrap_or(0) {
            let value = untagged(*values.add(number));
            if !value.is_null() {
                each(number, value);
            }
        }
    }
}

/// The object that a variable refers to.
#[cfg(not(Py_3_14))]
fn untagged(value: usize) -> *mut PyObject {
    value as *mut PyObject
}

/// The object that a variable refers to; null where there is none: two bits say whether it is counted, or a number itself.
#[cfg(Py_3_14)]
fn untagged(value: usize) -> *mut PyObject {
    if value & 3 == 3 { std::ptr::null_mut() } else { (value & !3) as *mut PyObject }
}

/// Whether a generator, a coroutine or an asynchronous generator holds the frame.
///
/// # Safety
/// The frame is alive.
#[inline(always)]
pub unsafe fn is_held_by_generator(frame: *const InterpreterFrame) -> bool {
    // SAFETY: by this function's contract.
    unsafe { (*frame).owner == OWNED_BY_GENERATOR }
}

/// What a code object says of its function: `inspect.CO_COROUTINE` and the like.
///
/// # Safety
/// It is a code object, and alive.
#[inline(always)]
pub unsafe fn code_flags(code: *mut PyObject) -> std::ffi::c_int {
    // SAFETY: by this function's contract.
    unsafe { (*code.cast::<CodeObject>()).flags }
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

/// Whether this is the frame that CPython puts below each evaluation: 3.11 has none.
///
/// # Safety
/// The frame is alive.
#[cfg(not(Py_3_12))]
pub unsafe fn is_entry(_frame: *const InterpreterFrame) -> bool {
    false
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
