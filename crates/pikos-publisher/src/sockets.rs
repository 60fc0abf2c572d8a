//! The publisher's two sockets: messages go out of one (XPUB), requests come in by the other (ROUTER).

use std::path::Path;
use std::time::{Duration, Instant};

use pikos_endpoint::{BindError, Bound, Endpoint};
use pikos_os::reserve;
use pikos_wire::discovery::{self, Place};
use zmq::{Context, Socket, SocketType};

use super::error::SocketError;
use super::options;

/// How long the last message may take to leave, in milliseconds.
const LINGER_MS: i32 = 200;

/// What ZeroMQ's threads and sockets take of the address space, in bytes, and some for the program to begin with.
const ROOM: u64 = 48 << 20;

/// How many messages wait for a slow subscriber; what comes after them it misses.
const QUEUE: i32 = 4;

/// No subscription or request may be larger, in bytes; whoever sends one is disconnected. A request may be larger than what
/// [`pikos_wire::Request`] takes: it is refused with a reply.
const MAX_SUBSCRIPTION: i64 = 1 << 10;
const MAX_REQUEST: i64 = 16 << 20;
/// How long replies may take to leave before an interruption, in milliseconds.
const REPLY_LINGER_MS: i32 = 50;

/// Where the sockets are.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// In the user's folder; nothing where it can't be used, but `extra` can.
    pub place: Option<Place>,
    /// What the user named.
    pub extra: Option<Endpoint>,
}

impl Addresses {
    /// Whether there is anywhere to send to.
    fn is_nowhere(&self) -> bool {
        self.place.is_none() && self.extra.is_none()
    }

    /// How many threads ZeroMQ has for them: one that reads and writes, and one that closes.
    pub fn threads(&self) -> u64 {
        if self.is_nowhere() { 0 } else { 2 }
    }
}

/// The open sockets. They are closed when dropped; what is queued then has [`LINGER_MS`] to leave.
pub struct Sockets {
    /// Messages and subscriptions. Nothing where there is nobody to send to: a file is all that is wanted.
    pub messages: Option<Socket>,
    /// Requests and replies.
    pub control: Option<Socket>,
    /// How many subscriptions there are.
    pub subscribers: u32,
    /// When they were opened.
    pub opened: Instant,
    /// What was bound: the files go when the sockets are closed.
    _bound: Vec<Bound>,
    // Last: dropped when its sockets are closed.
    _context: Option<Context>,
}

impl Sockets {
    /// Opens them. Their threads block all signals if the caller does.
    pub fn open(addresses: &Addresses) -> Result<Self, SocketError> {
        if addresses.is_nowhere() {
            return Ok(Self::new(None, None, Vec::new(), None));
        }
        // It would end the process where there is no room for its threads.
        if reserve::room().is_some_and(|room| room < ROOM) {
            return Err(SocketError::NoRoom);
        }
        let context = Context::new();
        let mut messages = outgoing(&context, QUEUE)?;
        let mut files = Vec::new();
        if let Some(extra) = &addresses.extra {
            files.push(open(&mut messages, extra)?);
        }
        let mut control = None;
        if let Some(place) = &addresses.place {
            files.push(bind(&mut messages, &place.messages())?);
            let mut socket = context.socket(SocketType::ROUTER)?;
            socket.set_linger(LINGER_MS)?;
            socket.set_maxmsgsize(MAX_REQUEST)?;
            options::set_guarded(&socket)?;
            socket.set_rcvhwm(16)?;
            files.push(bind(&mut socket, &place.control())?);
            control = Some(socket);
        }
        Ok(Self::new(Some(messages), control, files, Some(context)))
    }

    fn new(
        messages: Option<Socket>,
        control: Option<Socket>,
        files: Vec<Bound>,
        context: Option<Context>,
    ) -> Self {
        Self { messages, control, subscribers: 0, opened: Instant::now(), _bound: files, _context: context }
    }

    /// Takes in who came and went. Returns whether somebody came.
    pub fn read_subscriptions(&mut self) -> bool {
        let Some(messages) = &self.messages else { return false };
        let (change, came) = arrivals(messages);
        self.subscribers = (i64::from(self.subscribers) + change).clamp(0, u32::MAX.into()) as u32;
        came
    }

    /// Sends to all; whoever is too slow misses it. False if nobody could get it.
    pub fn send(&self, message: Vec<u8>) -> bool {
        let Some(messages) = &self.messages else { return false };
        // Given away, not copied.
        let message = zmq::Message::from(message);
        messages.send(message, zmq::DONTWAIT).is_ok()
    }

    /// Sends to all, and waits, until `deadline`, for those who are slow and for those who are on their way back
    /// from an interruption.
    pub fn send_last(&mut self, message: &[u8], expected: u32, deadline: Instant) {
        while self.subscribers < expected {
            let Some(left) = left_until(deadline) else { break };
            let Some(messages) = &self.messages else { return };
            let _ = messages.poll(zmq::POLLIN, left);
            self.read_subscriptions();
        }
        let Some(messages) = &mut self.messages else { return };
        if options::set_waits_for_slow(messages, true) {
            loop {
                match messages.send(message, zmq::DONTWAIT) {
                    Err(zmq::Error::EAGAIN) if left_until(deadline).is_some() => {
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    Err(zmq::Error::EAGAIN) => break,
                    _ => return,
                }
            }
            options::set_waits_for_slow(messages, false);
        }
        self.send(message.to_vec());
    }

    /// Closes them at once: what is queued is lost, but for replies. For interruptions.
    pub fn close_at_once(self) {
        if let Some(messages) = &self.messages {
            let _ = messages.set_linger(0);
        }
        if let Some(control) = &self.control {
            let _ = control.set_linger(REPLY_LINGER_MS);
        }
    }
}

/// A socket that messages go out of, nowhere yet. So many wait for a slow subscriber.
pub fn outgoing(context: &Context, queue: i32) -> Result<Socket, SocketError> {
    let mut messages = context.socket(SocketType::XPUB)?;
    messages.set_linger(LINGER_MS)?;
    messages.set_sndhwm(queue)?;
    messages.set_maxmsgsize(MAX_SUBSCRIPTION)?;
    options::set_guarded(&messages)?;
    messages.set_ipv6(true)?;
    options::set_tells_all(&mut messages);
    Ok(messages)
}

/// Reads who came and went: by how much the number of subscribers has changed, and whether somebody came.
pub fn arrivals(messages: &Socket) -> (i64, bool) {
    let (mut change, mut came) = (0, false);
    while let Ok(frame) = messages.recv_bytes(zmq::DONTWAIT) {
        // Only subscriptions to everything: no other topic fits a message. And frames may hold anything.
        match frame.as_slice() {
            [1] => {
                change += 1;
                came = true;
            }
            [0] => change -= 1,
            _ => {}
        }
    }
    (change, came)
}

/// Milliseconds until then; `None` if it is over.
pub fn left_until(deadline: Instant) -> Option<i64> {
    let left = deadline.saturating_duration_since(Instant::now());
    (!left.is_zero()).then(|| left.as_millis() as i64 + 1)
}

/// Binds or connects, as the user has said.
pub fn open(socket: &mut Socket, Endpoint { address, connect }: &Endpoint) -> Result<Bound, SocketError> {
    let opened = match connect {
        true => socket.connect(address).map(|()| Bound::default()).map_err(BindError::from),
        false => pikos_endpoint::bind(socket, address),
    };
    opened.map_err(|error| SocketError::Endpoint { endpoint: address.clone(), error })
}

/// Binds an ipc socket at this path.
pub fn bind(socket: &mut Socket, path: &Path) -> Result<Bound, SocketError> {
    let endpoint = discovery::endpoint(path);
    let fail =
        |error| SocketError::Endpoint { endpoint: String::from_utf8_lossy(&endpoint).into_owned(), error };
    let text = std::str::from_utf8(&endpoint).map_err(|_| fail(zmq::Error::EINVAL.into()))?;
    pikos_endpoint::bind(socket, text).map_err(fail)
}
