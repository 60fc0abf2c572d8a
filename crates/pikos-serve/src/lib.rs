//! Profiles in the browser: an HTTP server over what pikos-views shows.
//!
//! ```text
//!  browser ──> connections ──> gate ──> router ──(Ask)──> Desk, on the thread that called: sources, histories, topics
//!     ^                                   │                          │
//!     └───────── one queue a viewer ──────┴──────────────────────────┘ one encoding a tick
//! ```
//! The [`Desk`](desk::Desk) polls processes and takes pictures; it belongs to the thread that calls [`Server::run`], waits for nobody, and
//! sends what changed to a bounded queue of each viewer. HTTP has a thread of its own. What a request may do is decided in `gate`, before
//! anything else looks at it. Routes and events: docs/serve.md; why it is made so: docs/design/serve.md.
#![forbid(unsafe_code)]

mod address;
mod answer;
mod connections;
mod desk;
mod error;
mod gate;
mod history;
mod parse;
mod router;
mod server;

pub use address::Address;
pub use desk::{Sources, Watched};
pub use error::ServeError;
pub use server::{Options, Server};

/// What is parsed of requests, for fuzzing.
#[cfg(fuzzing)]
pub mod fuzz {
    pub use crate::parse::{EventId, Scoped, cookie, query};
}
