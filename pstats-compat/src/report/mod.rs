//! The tables that people read: sorted, restricted and printed as `pstats.Stats` does.

mod restrict;
mod sort;
mod stdname;
mod text;

pub use restrict::{Restriction, Selection};
pub use sort::{SortKey, UnknownSortKey, order};
pub use stdname::stdname;
pub use text::{Report, Surface};
