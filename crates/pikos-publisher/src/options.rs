//! Options of sockets that the zmq crate doesn't know.

use std::ffi::c_int;
use std::mem::size_of;

use zmq::Socket;

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
