//! Telling processes what to do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pikos_wire::{Command, Reply, Request};

use crate::places::{endpoint_of, of_process, profiles, recorders};
use crate::target::{ClientError, Target};

/// How long a process is left alone whose connection has ended, or that has no socket just then. One that forks all the
/// time has one for a millisecond each time.
const AGAIN: Duration = Duration::from_millis(3);

/// Where a target takes commands: each of a process's profiles, and of its recorders.
pub fn controls(target: &Target) -> Result<Vec<String>, ClientError> {
    match target {
        // The sockets of a stream stand side by side.
        Target::Endpoint(endpoint) => {
            let beside = [(".pub", "ctl"), (".rec", "rctl")].into_iter();
            let mut beside = beside.filter_map(|(messages, control)| {
                Some(format!("{}.{control}", endpoint.strip_suffix(messages)?))
            });
            Ok(vec![beside.next().unwrap_or_else(|| endpoint.clone())])
        }
        Target::Process(pid) => of_process(*pid, || {
            let profiles = profiles()?.into_iter().map(|place| (place.pid, place.control()));
            let recorders = recorders()?.into_iter().map(|place| (place.pid, place.records_control()));
            let own = profiles.chain(recorders).filter(|(owner, _)| owner == pid);
            Ok(own.map(|(_, control)| endpoint_of(&control)).collect())
        }),
    }
}

/// Tells a process what to do, at its control endpoint; waits for the answer, at most so long.
///
/// A process closes its sockets while it forks. A request that was on its way just then is gone with the connection, and is
/// made again: nobody has acted on it, else there were a reply.
pub fn request(endpoint: &str, command: Command, timeout: Duration) -> Result<Reply, ClientError> {
    let context = zmq::Context::new();
    let deadline = Instant::now() + timeout;
    let request = Request::new(command).encode();
    let asked = loop {
        match ask(&context, endpoint, &request, deadline) {
            Ok(None) => std::thread::sleep(AGAIN),
            Ok(Some(frame)) => break Ok(frame),
            Err(problem) => break Err(problem),
        }
    };
    match asked {
        Ok(frame) => Reply::decode(&frame)
            .map_err(|problem| ClientError::Answer { endpoint: endpoint.to_owned(), problem }),
        Err(zmq::Error::EAGAIN) => {
            Err(ClientError::Silent { endpoint: endpoint.to_owned(), seconds: timeout.as_secs() })
        }
        Err(problem) => Err(ClientError::Socket { endpoint: endpoint.to_owned(), problem }),
    }
}

/// Asks once. `None` if the connection ended before there was a reply.
fn ask(
    context: &zmq::Context,
    endpoint: &str,
    request: &[u8],
    deadline: Instant,
) -> zmq::Result<Option<Vec<u8>>> {
    let socket = context.socket(zmq::REQ)?;
    socket.set_linger(0)?;
    socket.set_maxmsgsize(64 << 10)?;
    // Its socket is there again in a moment.
    socket.set_reconnect_ivl(AGAIN.as_millis() as i32)?;
    // An end of its own for each connection: the one of before may still be closing.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let ends = format!("inproc://ends-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    socket.monitor(&ends, zmq::SocketEvent::DISCONNECTED.to_raw().into())?;
    let ended = context.socket(zmq::PAIR)?;
    ended.set_linger(0)?;
    ended.connect(&ends)?;
    let reply = socket
        .connect(endpoint)
        .and_then(|()| socket.send(request, zmq::DONTWAIT))
        .and_then(|()| reply_to(&socket, &ended, deadline));
    // Of no event any more, before `ended` closes: libzmq waits for ever for somebody to tell one to.
    socket.monitor(&format!("{ends}-none"), 0)?;
    reply
}

fn reply_to(socket: &zmq::Socket, ended: &zmq::Socket, deadline: Instant) -> zmq::Result<Option<Vec<u8>>> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut items = [socket.as_poll_item(zmq::POLLIN), ended.as_poll_item(zmq::POLLIN)];
        zmq::poll(&mut items, left.as_millis() as i64 + 1)?;
        // Asked first: a reply that came before the end is there by now.
        let has_ended = ended.recv_multipart(zmq::DONTWAIT).is_ok();
        match socket.recv_bytes(zmq::DONTWAIT) {
            Err(zmq::Error::EAGAIN) if has_ended => return Ok(None),
            Err(zmq::Error::EAGAIN) if Instant::now() < deadline => {}
            done => return done.map(Some),
        }
    }
}
