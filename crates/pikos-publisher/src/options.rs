//! Options of sockets: against hostile peers, and those that the zmq crate doesn't know.

use std::ffi::c_int;
use std::mem::size_of;

use zmq::Socket;

/// A peer that says nothing sensible is disconnected after so long, in milliseconds.
const HANDSHAKE_MS: i32 = 5_000;
/// Any name: nobody answers for it, and nobody has to.
const DOMAIN: &str = "pikos";

/// Who says nothing is refused, and who speaks ZMTP 1 or 2. libzmq ends the process if such a peer introduces itself just when the
/// socket closes; it refuses them where a domain for its authentication is named, which changes nothing for others.
pub fn set_guarded(socket: &Socket) -> zmq::Result<()> {
    socket.set_handshake_ivl(HANDSHAKE_MS)?;
    socket.set_zap_domain(DOMAIN)
}

/// Whether a message waits where a subscriber's queue is full; else that subscriber misses it.
pub fn set_waits_for_slow(socket: &mut Socket, waits: bool) -> bool {
    set(socket, zmq_sys::ZMQ_XPUB_NODROP, waits)
}

/// Hear of each subscriber that comes or goes, not only of the first and the last.
pub fn set_tells_all(socket: &mut Socket) -> bool {
    set(socket, zmq_sys::ZMQ_XPUB_VERBOSER, true)
}

fn set(socket: &mut Socket, option: u32, on: bool) -> bool {
    let value = c_int::from(on);
    // SAFETY: the socket is open as long as it is borrowed; these options take an int, which libzmq copies.
    unsafe {
        zmq_sys::zmq_setsockopt(
            socket.as_mut_ptr(),
            option as c_int,
            (&raw const value).cast(),
            size_of::<c_int>(),
        ) == 0
    }
}
