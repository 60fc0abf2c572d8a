//! Why nothing can be published.

use pikos_endpoint::BindError;
use pikos_wire::discovery::DiscoveryError;

/// No sockets.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// No folder for the sockets.
    #[error(transparent)]
    Folder(#[from] DiscoveryError),
    /// The system refuses an endpoint.
    #[error("{endpoint}: {error}")]
    Endpoint {
        /// Which.
        endpoint: String,
        /// Why.
        error: BindError,
    },
    /// The address space is limited.
    #[error("too little address space is left for its sockets (ulimit -v)")]
    NoRoom,
    /// The system refuses a socket or its options.
    #[error("can't open a socket: {0}")]
    Socket(#[from] zmq::Error),
}

/// Why a profile is not live.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No sockets.
    #[error(transparent)]
    Sockets(#[from] SocketError),
    /// No thread, or no way to wake it.
    #[error("can't start a thread: {0}")]
    Thread(#[from] std::io::Error),
}
