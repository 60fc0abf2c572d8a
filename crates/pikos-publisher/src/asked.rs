//! Requests as they come through a socket, and answers as they go.

use pikos_wire::{Command, MAX_REQUEST, Reply, Request, WireError};
use zmq::Socket;

/// The frames in front of a reply: who asked.
pub type Address = Vec<Vec<u8>>;

/// The next request, if one has come: who asks, and what; or why it is no request.
pub fn next(socket: &Socket) -> Option<(Address, Result<Command, String>)> {
    let mut frames = socket.recv_multipart(zmq::DONTWAIT).ok()?;
    let parts = frames.split_off(address_in(&frames));
    let asked = match parts.as_slice() {
        [body] => Request::decode(body).map(|request| request.command).map_err(|error| explain(&error)),
        parts => Err(format!("not a request: it has {} parts instead of one", parts.len())),
    };
    Some((frames, asked))
}

/// Answers.
pub fn answer(socket: &Socket, address: Address, reply: &Reply) {
    let frames = address.into_iter().chain([reply.encode()]);
    // Whoever is gone misses it.
    let _ = socket.send_multipart(frames, zmq::DONTWAIT);
}

/// How many frames in front say who asks: up to the first that is empty, where there is one, as REQ sends it; else the first.
fn address_in(frames: &[Vec<u8>]) -> usize {
    let delimiter = frames.iter().skip(1).position(Vec::is_empty).map(|at| at + 2);
    delimiter.unwrap_or(1).min(frames.len())
}

fn explain(error: &WireError) -> String {
    match error {
        WireError::TooLarge(bytes) => {
            format!("{bytes} bytes is more than a request may have ({MAX_REQUEST})")
        }
        WireError::Malformed(error) => format!("not a request that this pikos knows: {error}"),
        other => other.to_string(),
    }
}
