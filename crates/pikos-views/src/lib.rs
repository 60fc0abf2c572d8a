//! What a viewer of profiles shows, at work or in files, without a terminal or a page.
//!
//! ```text
//!  Listener ─> Streams (a Feed) ─> Live ──────┐
//!                                             ├─ a Source ──(Query)──> Picture ─> a terminal, or a page
//!  files ─> Profiles ─────────────────────────┘                         ├ Profile: functions, edges, stacks
//!                                                                       └ Recording: memory, and the lines that took it
//! ```
//! A viewer asks a [`Source`] for a [`Picture`] of a [`Scope`]: all processes, one, or a thread. A picture is plain values,
//! safe to print, and cheap to clone. Its ids hold for as long as the source lives. Whatever can't be had is an [`Error`].
//!
//! Pictures, the terminal, large files: docs/design/views.md.
#![forbid(unsafe_code)]

mod error;
mod feed;
pub mod files;
mod forest;
mod names;
mod picture;
mod recording;
mod source_lines;
mod sources;
mod types;

pub use error::Error;
pub use feed::{Feed, Heard, Labels, ProfileSender, RecordSender, Run, Sender, Streams};
pub use forest::{Forest, Paths};
pub use picture::{
    Content, Edges, FunctionId, Health, Label, Meaning, Mine, Open, Phase, Picture, Process, ProcessId,
    ProfileContent, Scope, Shown, ShownEdge, ShownFunction, ShownNode, ShownStack, SlowStep, StackId, Stacks,
    Task, Tasks, Thread, Totals, Tree,
};
pub use pikos_client::Command;
pub use pikos_client::{TYPE_HISTORY, TypeThen, TypesThen};
pub use pstats_compat::printable::{Escaped, printable};
pub use recording::{LineId, LineLabel, Lines, OBJECTS, Piece, RecorderFacts, Recording, ShownLine, Summit};
pub use source_lines::SourceLines;
pub use sources::{Hides, Input, Live, Profiles, Query, Reader, Source};
pub use types::{ShownType, ShownTypePlace, ShownTypes};
