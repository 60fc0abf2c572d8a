//! The recursion that a program is charged for: its own, not its launcher's.
//!
//! CPython counts a thread's Python frames down from the recursion limit, in a field of the thread state that no
//! API reaches and whose place differs between releases. It is found by its value: the limit is set to a number
//! that stands nowhere else, and looked for.

use pyo3::ffi::PyThreadState_Get;
use pyo3::prelude::*;

/// Found nowhere else in a thread state.
const MARKER: i32 = 0x5A3C_F00D;
/// All releases have both fields in the first bytes: behind three pointers and a few flags.
const SEARCHED: usize = 32;
/// More frames than stand below a launcher.
const DEEPEST: i32 = 1_000;

/// Makes the thread's frames so far count as `frames`, towards the recursion limit. Does nothing where the field
/// isn't found.
pub fn count_as(py: Python<'_>, frames: i32) -> PyResult<()> {
    let sys = py.import("sys")?;
    let limit: i32 = sys.call_method0("getrecursionlimit")?.extract()?;
    // SAFETY: an attached thread has a state.
    let fields = unsafe { PyThreadState_Get() }.cast::<i32>();
    sys.call_method1("setrecursionlimit", (MARKER,))?;
    // SAFETY: a thread state is several times as large as what is searched, and made of words that may be read
    // as integers; nobody else changes it while we hold the GIL.
    let place = (1..SEARCHED).find(|&index| unsafe { fields.add(index).read() } == MARKER);
    sys.call_method1("setrecursionlimit", (limit,))?;
    let Some(place) = place else { return Ok(()) };
    // SAFETY: as above: inside the thread state. The field in front of the limit holds what remains of it.
    unsafe {
        let remaining = fields.add(place - 1);
        let is_it =
            fields.add(place).read() == limit && (limit - DEEPEST..=limit).contains(&remaining.read());
        if is_it {
            remaining.write(limit - frames);
        }
    }
    Ok(())
}
