//! Pikos' own file, `.pikos`: all that a profile knows, compact, and readable as far as it was written. docs/file.md has the layout.
//!
//! ```text
//!  magic, version │ META │ TEXT │ wait │ FUNC │ EDGE │ thrd │ TREE │ labl │ DONE ║ META … DONE ║ …
//!                 └───────────────────────── a snapshot ────────────────────────┘  the last whole one counts
//! ```

mod blocks;
mod columns;
mod distributions;
mod meta;
mod objects;
mod read;
mod write;

pub use blocks::MAGIC;
pub use read::read;
pub use write::write;
