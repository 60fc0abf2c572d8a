//! Flame graphs as pictures, of one profile or of the difference of two; and what the page draws of these.
//!
//! Both draw stacks from the top of the page downwards: a box is a function, below it are the
//! functions that it called, and its width is the time with it on the stack. Siblings go from the
//! widest to the narrowest; left to right is no order in time. Those too narrow to be seen share a grey box.
//!
//! The difference of two profiles is drawn twice, with the widths of each: what is gone has none in the newer one. A box is red
//! where the stack's own time grew, blue where it shrank.

mod difference;
mod layout;
mod svg;
mod words;

pub use difference::Difference;
pub use svg::{write, write_difference};
