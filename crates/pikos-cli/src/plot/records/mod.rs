//! Memory records as the toolkit writes them, CSV or Parquet: the steps to draw.

mod columns;
pub mod csv;
mod error;
mod file;
mod memory;
mod parquet;
mod series;

pub use self::error::RecordsError;
pub use self::file::read;
pub use self::memory::Memory;
pub use self::series::{Point, Series};
