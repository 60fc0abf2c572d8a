//! The option by which ZeroMQ takes a socket that is bound already; the zmq crate doesn't know it.

use std::ffi::c_int;
use std::mem::size_of;

use zmq::Socket;

/// The next bind is to this descriptor, which is ZeroMQ's from then on; `None`: to one that it makes.
pub fn set_descriptor(socket: &mut Socket, descriptor: Option<c_int>) -> bool {
    let value = descriptor.unwrap_or(-1);
    // SAFETY: the socket is open as long as it is borrowed; the option takes an int, which libzmq copies.
    unsafe {
        zmq_sys::zmq_setsockopt(
            socket.as_mut_ptr(),
            zmq_sys::ZMQ_USE_FD as c_int,
            (&raw const value).cast(),
            size_of::<c_int>(),
        ) == 0
    }
}
