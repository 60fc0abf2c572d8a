//! The messages of the live stream: what a profiled process tells, what it can be told, and what a
//! subscriber knows after any number of messages. docs/wire.md describes the bytes.
//!
//! Everything here is plain values: no socket, no clock, no Python. What comes from outside is hostile:
//! it is an error or it is taken in, in bounded memory, and never a panic.

mod array;
mod control;
pub mod discovery;
mod figures;
mod message;
mod model;
mod names;
mod neighbours;
mod records;
mod table;
mod text;
mod tree;

pub use control::{Command, Reply, Request, Status};
pub use figures::Figures;
pub use message::{
    EdgeRow, End, Facts, FunctionRow, Kind, MAX_BYTES, Message, Name, NodeRow, ThreadRow, TreePart, VERSION,
    WireError,
};
pub use model::{Applied, Model, labelled};
pub use records::{RECORDS, Records};
pub use text::WireText;
pub use tree::{Stack, Stacks};
