//! What keeps a server from starting.

use std::io;
use std::net::{IpAddr, SocketAddr};

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Somebody else listens there.
    #[error("port {0} is taken: choose another with `--port N`, or leave `--port` out to have a free one")]
    Taken(u16),
    /// An address that others can reach.
    #[error(
        "others could reach {0}: whoever reads the network's traffic would see your profiles, and could control your processes. \
         Add `--remote` if that is what you want; else leave `--listen` out, and use `ssh -L`"
    )]
    NotHere(IpAddr),
    /// It can't be listened there.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The system gives no random numbers, and so there is no token.
    #[error("the system gives no random numbers ({0}), so nobody could be kept out")]
    Random(getrandom::Error),
    /// No thread, or no event loop.
    #[error("can't start the server: {0}")]
    Start(#[from] io::Error),
}
