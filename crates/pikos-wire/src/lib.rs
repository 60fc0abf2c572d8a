//! The messages of the live stream: what a profiled process tells, what it can be told, and what a
//! subscriber knows after any number of messages. docs/wire.md describes the bytes.
//!
//! Everything here is plain values: no socket, no clock, no Python. What comes from outside is hostile:
//! it is an error or it is taken in, in bounded memory, and never a panic.

mod array;
mod control;
mod curve;
pub mod discovery;
mod figures;
mod message;
mod model;
mod names;
mod neighbours;
mod record_model;
mod record_rows;
mod records;
mod table;
mod text;
mod tree;

pub use control::{Command, Reply, Request, Status};
pub use curve::{Cell, Curve};
pub use figures::Figures;
pub use message::{
    EdgeRow, End, Facts, FunctionRow, Kind, MAX_BYTES, Message, Name, NodeRow, ThreadRow, TreePart, VERSION,
    WireError,
};
pub use model::{Applied, Model, labelled};
pub use record_model::{Peak, RecordModel, Usage};
pub use record_rows::{Activated, RecordRow, RowId, TextId};
pub use records::{Activations, RECORDS, Records};
pub use text::WireText;
pub use tree::{Stack, Stacks};
