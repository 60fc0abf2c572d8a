//! Telling processes what to do.

use std::time::Duration;

use pikos_wire::{Command, Reply, Request};

use crate::places::{endpoint_of, not_live, profiles};
use crate::target::{ClientError, Target};

/// Where a target takes commands: each of a process's profiles.
pub fn controls(target: &Target) -> Result<Vec<String>, ClientError> {
    match target {
        // The sockets of a stream stand side by side.
        Target::Endpoint(endpoint) => Ok(vec![
            endpoint.strip_suffix(".pub").map_or_else(|| endpoint.clone(), |stem| format!("{stem}.ctl")),
        ]),
        Target::Process(pid) => {
            let own = profiles()?.into_iter().filter(|place| place.pid == *pid);
            let own: Vec<String> = own.map(|place| endpoint_of(&place.control())).collect();
            if own.is_empty() { Err(not_live(*pid)) } else { Ok(own) }
        }
    }
}

/// Tells a process what to do, at its control endpoint; waits for the answer, at most so long.
pub fn request(endpoint: &str, command: Command, timeout: Duration) -> Result<Reply, ClientError> {
    let context = zmq::Context::new();
    let asked = || {
        let socket = context.socket(zmq::REQ)?;
        socket.set_linger(0)?;
        socket.set_rcvtimeo(timeout.as_millis() as i32)?;
        socket.set_sndtimeo(timeout.as_millis() as i32)?;
        socket.set_maxmsgsize(64 << 10)?;
        socket.connect(endpoint)?;
        socket.send(Request::new(command).encode(), 0)?;
        socket.recv_bytes(0)
    };
    match asked() {
        Ok(frame) => Reply::decode(&frame)
            .map_err(|problem| ClientError::Answer { endpoint: endpoint.to_owned(), problem }),
        Err(zmq::Error::EAGAIN) => {
            Err(ClientError::Silent { endpoint: endpoint.to_owned(), seconds: timeout.as_secs() })
        }
        Err(problem) => Err(ClientError::Socket { endpoint: endpoint.to_owned(), problem }),
    }
}
