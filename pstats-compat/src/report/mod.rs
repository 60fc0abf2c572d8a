//! The tables that people read: sorted, restricted and printed as `pstats.Stats` does.

mod name;
mod restrict;
mod sort;
mod text;

pub use name::stdname;
pub use restrict::{Restriction, Selection};
pub use sort::{SortKey, UnknownSortKey, order};
pub use text::{Report, Surface};
