//! The subscriber's side of the live stream: finds processes, takes their messages in, keeps what they told, and tells
//! them what to do.
//!
//! ```text
//!  Target ─> Listener: a SUB socket for each endpoint ─> Stream: a Model, and whether its process is still there
//!                                                     └> RecordStream: likewise, of what a recorder sends
//! ```
//! Nothing here trusts what it receives: messages are bounded, and one that makes no sense is counted and dropped.

mod listener;
mod profile;
mod records;
mod target;

pub use listener::{Listener, RecordStream, Stream, controls, request};
pub use profile::{Applied, Figures, Model, NodeFigures, Stack, Stacks, labelled};
pub use records::{Activated, Cell, Curve, Peak, RecordModel, RecordRow, RowId, TextId, Usage};
pub use target::{ClientError, Target};
