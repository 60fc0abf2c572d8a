//! Endpoints of ZeroMQ: what a user may name, and sockets that are bound there.
//!
//! By itself ZeroMQ removes whatever stands at the path of an ipc endpoint, and lets the umask say who may connect. So our ipc
//! sockets are made by [`pikos_os::local_socket`], which does neither, and handed to it.

mod bind;
mod endpoint;
mod own;

pub use bind::{BindError, Bound, bind};
pub use endpoint::{Endpoint, EndpointError};
