//! pstats: what `cProfile -o` writes and `pstats.Stats` loads.
//!
//! The file has no header. It is one dict in CPython's marshal encoding:
//!
//! ```text
//! { (file, line, name): (cc, nc, tt, ct, { (file, line, name): (nc, cc, tt, ct), … }), … }
//!    the function        its totals        each of its callers, with its part of the totals
//! ```
//!
//! `cc` counts primitive calls, `nc` all calls. **The two change places between the outer and the
//! inner tuple.** Variants that others write:
//!
//! - the pure-Python `profile` module and 3.15's sampling profiler give each caller a bare count;
//! - the sampling profiler adds the key `("__sampled__",)` with the value `True`;
//! - pyinstrument does not count calls and writes -1;
//! - a profile of a program that still ran has the string `pikos: unfinished` after the dict, where `marshal.load` doesn't
//!   look;
//! - yappi writes all calls where primitive calls belong and the reverse; they are kept as found.
//!
//! marshal can hold code objects, and loading it with `marshal.load` is unsafe on a stranger's
//! file. This reader knows the shape above and nothing else; see [`read`].

mod marshal;
mod read;
mod write;

pub use read::read;
pub use write::write;
