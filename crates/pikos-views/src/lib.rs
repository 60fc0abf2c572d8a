//! What a viewer shows, without a terminal or a page.
#![forbid(unsafe_code)]

mod feed;
mod forest;
mod memory;
mod names;
mod picture;
mod printable;
mod source_lines;
mod sources;

pub use feed::{Labels, Streams};
pub use forest::{Forest, Part, Paths};
pub use memory::{Facts, LineId, LineLabel, LineLabels, LineRow, Memory, Piece, Summit};
pub use picture::{
    Edge, Edges, Figures, FunctionId, Health, Label, Meaning, Node, Picture, Process, ProcessId, Row, Scope,
    StackId, Stacks, Status, Thread, Totals, Tree,
};
pub use printable::printable;
pub use source_lines::SourceLines;
pub use sources::{
    Command, Feed, Input, Live, Profiles, Query, Reader, Source, Target, Told, ToldStack, ToldStacks,
    ToldThread,
};
