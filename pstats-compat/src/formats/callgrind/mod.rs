//! callgrind: what valgrind writes and KCachegrind, QCachegrind and `callgrind_annotate` open.
//!
//! Text, one line a fact. A function is a block; its calls stand inside it:
//!
//! ```text
//! events: ns
//! fl=(1) prog.py           the file, by number from its second mention on
//! fn=(1) main              the function, in a number space of its own
//! 10 1500                  at line 10 it spent 1500 ns itself
//! cfi=(2) json.py          the file of a callee
//! cfn=(2) dumps
//! calls=3 230              three calls of the function at line 230
//! 10 9000                  made at line 10, and 9000 ns went by in them
//! ```
//!
//! What else stands there:
//!
//! ```text
//! fi=(3) inline.h          code of another file in the same function; fe= goes back. Costs stay the function's
//! ob=(1) libc.so           the object of what follows; cob= that of a callee
//! positions: instr line    two columns before the costs instead of one
//! events: Ir Dr Dw         several costs in each line; one of them is read
//! +3 *                     3 lines further than the last position, and the same
//! jump=1 0x40 12           jumps, and jcnd=, jfi=, jfn=: skipped, but for the names
//! totals: 30               what all costs add up to
//! ```
//!
//! What maps: own time and each edge's calls and inclusive time, to the nanosecond. What the format
//! has no place for: primitive calls, a callee's own time for each caller, cumulative time of a
//! recursive function. A reader here computes cumulative times from the edges, which is exact
//! where nothing recurses but functions that call themselves.

mod events;
mod functions;
mod inclusive;
mod names;
mod numbers;
mod read;
mod totals;
mod write;
mod writer;

pub use read::{read, read_event};
pub use write::write;
