//! The plot of memory over time, or over records that don't tell it: steps, with the peaks named by the lines that made them.
//!
//! ```text
//!  files ─ records: steps ─ peaks, growth ─> picture: axes, curves, labels ─> svg ─ png
//! ```

mod axes;
mod escape;
mod labels;
mod peaks;
mod picture;
mod png;
mod records;
mod svg;
mod theme;
mod typeface;
mod who;

pub use self::axes::amount;
pub use self::peaks::{Peak, least_fall, peaks, summit};
pub use self::picture::{Curve, GREATEST, Picture, SMALLEST};
pub use self::png::png;
pub use self::records::{Memory, RecordsError, Series, read};
pub use self::theme::Theme;
