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
//! What maps: own time and each edge's calls and inclusive time, to the nanosecond. What the format
//! has no place for: primitive calls, a callee's own time for each caller, cumulative time of a
//! recursive function. A reader here computes cumulative times from the edges, which is exact
//! where nothing recurses.

mod read;
mod write;

pub use read::read;
pub use write::write;
