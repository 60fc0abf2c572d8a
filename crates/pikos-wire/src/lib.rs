//! The messages of the live stream: what a profiled process tells, and what it can be told; and where its sockets are
//! found. docs/wire.md describes the bytes. What a subscriber knows after them is another crate's, pikos-client.
//!
//! Everything here is plain values: no socket, no clock, no Python. What comes from outside is hostile:
//! it is an error or it is taken in, in bounded memory, and never a panic.

mod array;
mod control;
pub mod discovery;
mod labelled;
mod message;
mod records;
mod tasks;
mod text;

pub use array::{Added, AddedList};
pub use control::{Command, MAX_REQUEST, Reply, Request, Status};
pub use labelled::{name_with_labels, name_without_labels};
pub use message::{
    DurationRow, EdgeRow, End, Facts, Finished, FunctionRow, IdleRow, Kind, LabelRow, MAX_BYTES, Message,
    Name, NodeFigures, NodeRow, Open, Recorded, SAMPLES, Sampled, ThreadRow, TreePart, VERSION, WireError,
};
pub use records::{Activations, RECORDS, Records, TypePlaces, Types};
pub use tasks::{CoroutineRow, SlowRow, TaskRow, TasksPart};
pub use text::WireText;
