//! Flame graphs: a page with search and zoom, and a picture.
//!
//! Both draw stacks from the top of the page downwards: a box is a function, below it are the
//! functions that it called, and its width is the time with it on the stack. Siblings go from the
//! widest to the narrowest; left to right is no order in time.

mod html;
mod layout;
mod svg;

pub use html::write as write_html;
pub use svg::write as write_svg;
