//! The sockets that messages are received on.

use crate::target::ClientError;

/// A message may not be larger, in bytes.
const MAX_BYTES: i64 = 256 << 20;

/// One that is subscribed to everything. `queue`: how many messages wait for us; with more, we are too slow, and the newest are lost.
/// `endpoint` is what the error names.
pub fn subscriber(context: &zmq::Context, queue: i32, endpoint: &str) -> Result<zmq::Socket, ClientError> {
    let opened = || {
        let socket = context.socket(zmq::SUB)?;
        socket.set_linger(0)?;
        socket.set_rcvhwm(queue)?;
        socket.set_maxmsgsize(MAX_BYTES)?;
        // A process that forks closes its socket for that moment.
        socket.set_reconnect_ivl(10)?;
        socket.set_reconnect_ivl_max(1_000)?;
        socket.set_subscribe(b"")?;
        Ok(socket)
    };
    opened().map_err(|problem| ClientError::Socket { endpoint: endpoint.to_owned(), problem })
}
