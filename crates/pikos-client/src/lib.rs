//! The subscriber's side of the live stream: finds processes, takes their messages in, keeps what they told, and tells
//! them what to do.
//!
//! ```text
//!  Target ─> Listener: a SUB socket for each endpoint ─> Stream: a Model, and whether its process is still there
//!                                                     └> RecordStream: likewise, of what a recorder sends
//!  Target ─> RecordBatches: what recorders send, as it comes
//! ```
//! Nothing here trusts what it receives: messages are bounded, and one that makes no sense is counted and dropped.

mod applied;
mod batches;
mod control;
mod listener;
mod places;
mod profile;
mod records;
mod socket;
mod stream;
mod target;

pub use applied::Applied;
pub use batches::RecordBatches;
pub use control::{controls, request};
pub use listener::Listener;
pub use places::{profiles, recorders};
// What the models above are made of, so that whoever uses them needs no other crate.
pub use pikos_wire::{
    Command, End, Facts, Finished, Message, Name, Open, Records, Reply, Status, ThreadRow, WireError,
    WireText, name_without_labels,
};
pub use profile::{Known, KnownNode, Labels, Model, labelled, run_facts};
pub use records::{
    Activated, Cell, Curve, Highs, KnownTypes, Peak, RecordModel, RecordRow, RowId, Since, TYPE_HISTORY,
    TextId, TypePlaceRow, TypeRow, TypeThen, TypesThen, Usage,
};
pub use stream::{RecordStream, Stream};
pub use target::{ClientError, Target};
