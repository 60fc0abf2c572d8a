//! Collapsed stacks: one line for each stack, as flamegraph.pl and its kin read it.
//!
//! ```text
//! <module> (app.py:1);main (app.py:10);dumps (json.py:183) 230000
//! bottom of the stack ; … ; top                            how much, a whole number
//! ```
//!
//! We write nanoseconds. The format has no place to say so, nor to say that stacks are
//! approximated; whoever writes it must. Read back, a frame that ends in `(file:line)` is taken
//! apart, as py-spy writes it as well, and the numbers keep the unit `samples`, for nobody knows what they are.
//!
//! Lines that begin with `#` or `//` are comments. Austin says in them what it measured; its frames are
//! `file:function:line`, with the line where the program was, so that all lines of a function are taken together.
//! Two numbers at the end of each line are a difference of two profiles, of which the later one is read.

mod austin;
mod frame;
mod read;
mod thread;
mod write;

pub(crate) use read::looks_like_it;
pub use read::read;
pub use write::write;
