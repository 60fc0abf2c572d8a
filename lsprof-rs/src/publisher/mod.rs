//! The live stream: a native thread that reads what the recorders count and sends it through ZeroMQ.
//!
//! ```text
//!  collector ─ names, threads ─> source        (GIL held, lock for moments)
//!  recorders' tables ──────────────┐
//!                        source ─> composer ─> XPUB ─> whoever listens      (this thread; no GIL, no Python)
//! ```
//! It works only while somebody listens. The thread takes no signals, and is joined before a fork and before the
//! interpreter ends.

mod composer;
mod source;

use std::collections::HashSet;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pikos_wire::discovery::{self, Address};
use pikos_wire::{End, Message};

use composer::Composer;
pub use composer::stream_id;
pub use source::{Source, State, Thread};

/// How long the last message may take to leave.
const LINGER_MS: i32 = 200;
/// How long the last message waits for a subscriber who is on the way: of a stream that connects, or that had one before
/// a fork.
const PATIENCE: Duration = Duration::from_millis(300);
/// Messages that may wait for a slow subscriber. What comes then is lost to it, and the next heals it.
const QUEUE: i32 = 8;

/// Where a stream goes.
#[derive(Clone, Debug)]
pub enum Target {
    /// A socket in the user's folder, where viewers look.
    Folder,
    /// This endpoint is ours.
    Bind(String),
    /// A subscriber has this endpoint.
    Connect(String),
}

impl Target {
    /// From what a user wrote. `remote` allows other hosts.
    pub fn parse(endpoint: Option<&str>, connect: bool, remote: bool) -> Result<Self, String> {
        let Some(endpoint) = endpoint else {
            return if connect {
                Err("--connect needs an endpoint to connect to".into())
            } else {
                Ok(Self::Folder)
            };
        };
        match endpoint.split_once("://") {
            Some(("ipc", path)) if path.len() > discovery::LONGEST_PATH => {
                return Err(format!(
                    "{endpoint}: too long a path for a socket ({} bytes at most)",
                    discovery::LONGEST_PATH
                ));
            }
            Some(("ipc", path)) if !path.is_empty() => {}
            Some(("tcp", address)) => {
                let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
                if host.is_empty() || !(port.parse::<u16>().is_ok() || port == "*" && !connect) {
                    return Err(format!("{endpoint}: expected tcp://HOST:PORT"));
                }
                if !remote && !is_loopback(host) {
                    return Err(format!(
                        "{endpoint} is not on this host: the stream is neither encrypted nor authenticated, so everybody \
                         on the way can read it. --live-remote allows that; or use a tunnel"
                    ));
                }
            }
            _ => return Err(format!("{endpoint}: expected ipc://PATH or tcp://HOST:PORT")),
        }
        let endpoint = endpoint.to_owned();
        Ok(if connect { Self::Connect(endpoint) } else { Self::Bind(endpoint) })
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A stream: it runs until it ends, but for forks.
pub struct Stream {
    source: Arc<Source>,
    target: Target,
    interval: Duration,
    /// Its sockets in the user's folder.
    address: Option<Address>,
    endpoint: String,
    /// Kept while the thread is stopped.
    composer: Option<Composer>,
    /// Whether somebody listened when the thread was stopped.
    had_listeners: bool,
    running: Option<Running>,
}

struct Running {
    orders: mpsc::Sender<Order>,
    wake: UnixStream,
    thread: JoinHandle<(Composer, bool)>,
}

enum Order {
    /// Go away for a moment.
    Rest,
    /// Say the last word.
    End,
}

impl Stream {
    /// Starts one. The error says what to do.
    pub fn start(
        source: Arc<Source>,
        id: String,
        target: Target,
        interval: Duration,
        number: u32,
    ) -> Result<Self, String> {
        let (address, endpoint) = match &target {
            Target::Folder => {
                let address = Address::of_this_process(number).map_err(|error| error.to_string())?;
                let endpoint = discovery::endpoint(&address.publisher());
                (Some(address), endpoint)
            }
            Target::Bind(endpoint) | Target::Connect(endpoint) => (None, endpoint.clone()),
        };
        let composer = Some(Composer::new(id));
        let mut stream = Self {
            source,
            target,
            interval,
            address,
            endpoint,
            composer,
            had_listeners: false,
            running: None,
        };
        stream.resume()?;
        Ok(stream)
    }

    /// Where it goes; the port is the real one.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Starts the thread.
    pub fn resume(&mut self) -> Result<(), String> {
        let Some(composer) = self.composer.take() else { return Ok(()) };
        let opened = self.open();
        let (context, publisher) = match opened {
            Ok(opened) => opened,
            Err(problem) => {
                self.composer = Some(composer);
                return Err(problem);
            }
        };
        let (orders, inbox) = mpsc::channel();
        let (wake, bell) = UnixStream::pair().map_err(|error| error.to_string())?;
        let worker = Worker {
            source: Arc::clone(&self.source),
            composer,
            interval: self.interval,
            awaits_subscriber: self.had_listeners || matches!(self.target, Target::Connect(_)),
            topics: HashSet::new(),
            wants_all: false,
            inbox,
            bell,
            publisher,
            _context: context,
        };
        let thread = std::thread::Builder::new()
            .name("pikos-live".into())
            .spawn(move || worker.run())
            .map_err(|error| error.to_string())?;
        self.running = Some(Running { orders, wake, thread });
        Ok(())
    }

    /// Stops the thread for a moment: before a fork.
    pub fn rest(&mut self) {
        self.order(Order::Rest);
    }

    /// Sends the final numbers and how it ended; waits until they have left, a fifth of a second at most.
    pub fn end(&mut self, end: End) {
        self.source.change(|state| {
            state.end.get_or_insert(end);
        });
        self.order(Order::End);
        if self.source.is_of_this_process() {
            if let Some(address) = self.address.take() {
                address.remove();
            }
        }
        self.composer = None;
    }

    fn order(&mut self, order: Order) {
        let Some(mut running) = self.running.take() else { return };
        if !self.source.is_of_this_process() {
            // A forked child: the thread is not here, and its handle means nothing.
            std::mem::forget(running);
            return;
        }
        // Both fail only if the thread is gone already; then joining says so.
        let _ = running.orders.send(order);
        let _ = running.wake.write_all(&[0]);
        if let Ok((composer, had_listeners)) = running.thread.join() {
            self.composer = Some(composer);
            self.had_listeners |= had_listeners;
        }
    }

    fn open(&mut self) -> Result<(zmq::Context, zmq::Socket), String> {
        let context = zmq::Context::new();
        let opened = (|| {
            let socket = context.socket(zmq::XPUB)?;
            socket.set_linger(LINGER_MS)?;
            socket.set_sndhwm(QUEUE)?;
            socket.set_xpub_verbose(true)?;
            // Nobody has more to say to it than a topic.
            socket.set_maxmsgsize(256)?;
            match &self.target {
                Target::Connect(endpoint) => socket.connect(endpoint)?,
                _ => socket.bind(&self.endpoint)?,
            }
            Ok(socket)
        })();
        let socket = opened.map_err(|error: zmq::Error| match error {
            zmq::Error::EADDRINUSE => format!("{} is taken: choose another one", self.endpoint),
            error => format!("{}: {error}", self.endpoint),
        })?;
        if let (Target::Bind(_), Ok(Ok(endpoint))) = (&self.target, socket.get_last_endpoint()) {
            self.endpoint = endpoint;
        }
        Ok((context, socket))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.end(End { how: "normal".into(), detail: String::new() });
    }
}

/// What the thread has.
struct Worker {
    source: Arc<Source>,
    composer: Composer,
    interval: Duration,
    awaits_subscriber: bool,
    /// What is subscribed to.
    topics: HashSet<Vec<u8>>,
    /// Whether somebody has subscribed since everything was said.
    wants_all: bool,
    inbox: mpsc::Receiver<Order>,
    bell: UnixStream,
    publisher: zmq::Socket,
    /// Behind its socket: it is dropped last.
    _context: zmq::Context,
}

impl Worker {
    fn run(mut self) -> (Composer, bool) {
        crate::ffi::signals::block_all();
        let mut due = Instant::now();
        loop {
            self.wait(due);
            match self.inbox.try_recv() {
                Ok(Order::Rest) | Err(mpsc::TryRecvError::Disconnected) => break,
                Ok(Order::End) => {
                    self.end();
                    break;
                }
                Err(mpsc::TryRecvError::Empty) => {}
            }
            if self.has_listeners() && Instant::now() >= due {
                self.send();
                due = (due + self.interval).max(Instant::now() + self.interval / 2);
            }
        }
        let had_listeners = self.has_listeners();
        (self.composer, had_listeners)
    }

    fn has_listeners(&self) -> bool {
        !self.topics.is_empty()
    }

    /// Sleeps until there is something to do.
    fn wait(&mut self, due: Instant) {
        let timeout = match self.has_listeners() {
            // Rounded up: a poll of 0 ms would not sleep.
            true => due.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000) as i64,
            false => -1,
        };
        let mut items = [
            self.publisher.as_poll_item(zmq::POLLIN),
            zmq::PollItem::from_fd(self.bell.as_raw_fd(), zmq::POLLIN),
        ];
        // An interrupted sleep is a short one.
        let _ = zmq::poll(&mut items, timeout);
        let rings = items[1].is_readable();
        if rings {
            let _ = (&self.bell).read(&mut [0; 16]);
        }
        self.hear();
    }

    /// Who has subscribed, and who has left. Whoever floods us with that is heard a little at a time.
    fn hear(&mut self) {
        for _ in 0..64 {
            let Ok(message) = self.publisher.recv_bytes(zmq::DONTWAIT) else { break };
            match message.split_first() {
                Some((1, topic)) if self.topics.len() < 64 => {
                    self.topics.insert(topic.to_vec());
                    self.wants_all = true;
                }
                Some((0, topic)) => {
                    self.topics.remove(topic);
                }
                _ => {}
            }
        }
    }

    fn send(&mut self) {
        let message = self.composer.compose(&self.source, self.wants_all, self.interval);
        self.wants_all = false;
        self.deliver(&message);
    }

    fn end(&mut self) {
        let patience = Instant::now() + PATIENCE;
        while self.awaits_subscriber && !self.has_listeners() && Instant::now() < patience {
            let mut items = [self.publisher.as_poll_item(zmq::POLLIN)];
            let _ = zmq::poll(&mut items, 10);
            self.hear();
        }
        self.hear();
        if self.has_listeners() {
            self.wants_all = true;
            self.send();
        }
    }

    fn deliver(&mut self, message: &Message) {
        if self.publisher.send(message.encode(), zmq::DONTWAIT).is_err() {
            self.composer.count_dropped();
        }
    }
}
