//! A live profile: a native thread that reads the recorders and sends what they say through ZeroMQ.
//!
//! ```text
//!  collector ─(GIL)─> source ─┐
//!  recorders ─(no lock)───────┴─> stream ─> thread ─> sockets ─> subscribers
//!                                             ↑ ↓
//!                            Python side <─ mailbox        desk: requests
//! ```
//! It never touches Python. While nobody listens it sleeps, and reads and encodes nothing.
//!
//! The whole way, and why so: docs/design/live.md.

mod asked;
mod base;
mod checkpoint;
mod desk;
mod details;
mod error;
mod interruptible;
mod interval;
mod mailbox;
mod options;
mod publisher;
mod records;
mod relay;
mod sockets;
mod source;
mod stopwatch;
mod stream;
mod tasks;
mod thread;
mod trees;
mod voice;
mod watched;

pub use checkpoint::Save;
pub use error::{SocketError, StartError};
pub use interruptible::{Interruptible, launch, locked};
pub use interval::{INTERVALS, IntervalError, check_interval};
pub use mailbox::{Call, Mailbox, Outcome, Task};
pub use pikos_endpoint::{Endpoint, EndpointError};
pub use publisher::{Plan, Publisher};
pub use records::{Batch, ReadTypes, RecordStream, Sender, TypeSource};
pub use relay::Relay;
pub use source::{Rate, SharedName, SharedSampled, Source, SourceThread, State, folded_row};
pub use stopwatch::Stopwatch;
pub use stream::{since_epoch, whole};
pub use tasks::SharedCoroutines;
pub use voice::{Part, Voice};
