//! A live profile: a native thread that reads the recorders and sends what they say through ZeroMQ.
//!
//! ```text
//!  collector ─(GIL)─> source ─┐
//!  recorders ─(no lock)───────┴─> stream ─> thread ─> sockets ─> subscribers
//!                                             ↑ ↓
//!                            Python side <─ mailbox        desk: requests
//! ```
//! It never touches Python. While nobody listens it sleeps, and reads and encodes nothing.

mod desk;
mod endpoint;
mod file;
mod mailbox;
mod options;
mod records;
mod sockets;
mod source;
mod stream;
mod thread;
mod trees;

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use pikos_os::signals;
use pikos_wire::End;
use pikos_wire::discovery::{self, DiscoveryError, Place};

pub use endpoint::{Endpoint, EndpointError};
pub use mailbox::{Mailbox, Outcome};
pub use records::{Batch, RecordStream, Sender};
pub use sockets::SocketError;
pub use source::{Rate, SharedName, Source, SourceThread};

use file::Checkpoint;
use mailbox::Order;
use sockets::{Addresses, Sockets};
use stream::Stream;
use thread::Work;

/// Seconds from one message to the next may be these.
pub const INTERVALS: RangeInclusive<f64> = 0.02..=60.0;

/// Reads seconds.
pub fn check_interval(seconds: f64) -> Option<Duration> {
    INTERVALS.contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// Why a profile is not live.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No sockets.
    #[error(transparent)]
    Sockets(#[from] SocketError),
    /// No thread, or no way to wake it.
    #[error("no thread for it: {0}")]
    Thread(#[from] std::io::Error),
}

/// What to publish, and where.
pub struct Plan {
    /// Whether there are sockets at all.
    pub is_public: bool,
    /// Where messages go beside the user's own folder.
    pub extra: Option<Endpoint>,
    /// From one message to the next.
    pub interval: Duration,
    /// A file to write, and how often.
    pub checkpoint: Option<(PathBuf, Duration)>,
}

/// A running publisher.
pub struct Publisher {
    process: u32,
    source: Arc<Source>,
    mailbox: Arc<Mailbox>,
    addresses: Addresses,
    state: Running,
}

enum Running {
    Yes(JoinHandle<Box<Work>>),
    /// Interrupted: for the time of a fork.
    Resting(Box<Work>),
    Over,
}

impl Publisher {
    /// Opens the sockets and starts the thread. `call_main_thread` makes Python's main thread look for tasks in the mailbox;
    /// it is called without the GIL.
    pub fn start(
        source: Arc<Source>,
        plan: Plan,
        call_main_thread: fn() -> bool,
    ) -> Result<Self, StartError> {
        let Plan { is_public, extra, interval, checkpoint } = plan;
        let checkpoint = checkpoint.map(|(path, every)| Checkpoint::new(path, every));
        let addresses = match is_public.then(own_place).transpose() {
            Ok(None) => Addresses { place: None, extra: None },
            Ok(place) => Addresses { place, extra },
            // Somebody else's folder in our way: what the user named may do without.
            Err(_) if extra.is_some() => Addresses { place: None, extra },
            Err(error) => return Err(SocketError::from(error).into()),
        };
        let control = addresses.place.as_ref().map(|place| discovery::endpoint(&place.control()));
        source.change(|state| {
            state.facts.control = control.map(|endpoint| pikos_wire::WireText(endpoint.into()));
        });
        let work = Work {
            stream: Stream::new(Arc::clone(&source), interval),
            expected: 0,
            checkpoint,
            call_main_thread,
        };
        let mailbox = Mailbox::new()?;
        let state = launch(Box::new(work), &addresses, &mailbox).map_err(|(_, error)| error)?;
        Ok(Self { process: std::process::id(), source, mailbox, addresses, state: Running::Yes(state) })
    }

    /// What the collector tells.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Where tasks come from.
    pub fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    /// Where its messages are to be had.
    pub fn endpoints(&self) -> Vec<String> {
        let place = self.addresses.place.as_ref().map(|place| discovery::endpoint(&place.messages()));
        let own = place.map(|endpoint| String::from_utf8_lossy(&endpoint).into_owned());
        own.into_iter().chain(self.addresses.extra.as_ref().map(ToString::to_string)).collect()
    }

    /// Stops the thread and closes the sockets, for the time of a fork: so there is nothing that the child could inherit.
    pub fn rest(&mut self) {
        if !self.is_of_this_process() {
            return;
        }
        self.state = match std::mem::replace(&mut self.state, Running::Over) {
            Running::Yes(handle) => {
                self.mailbox.order(Order::Rest);
                handle.join().map_or(Running::Over, Running::Resting)
            }
            other => other,
        };
    }

    /// Goes on after [`Publisher::rest`].
    pub fn resume(&mut self) {
        self.state = match std::mem::replace(&mut self.state, Running::Over) {
            Running::Resting(work) => match launch(work, &self.addresses, &self.mailbox) {
                Ok(handle) => Running::Yes(handle),
                // The next fork may have more luck.
                Err((work, _)) => Running::Resting(work),
            },
            other => other,
        };
    }

    /// Sends the last message and waits, not long, for it to leave.
    pub fn end(&mut self, end: End) {
        if !self.is_of_this_process() {
            return;
        }
        self.resume();
        if let Running::Yes(handle) = std::mem::replace(&mut self.state, Running::Over) {
            self.mailbox.order(Order::End(end));
            let _ = handle.join();
        }
    }

    /// False in a child that was forked without a word to us: it has neither the thread nor the right to touch its sockets.
    fn is_of_this_process(&self) -> bool {
        self.process == std::process::id()
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.end(End { how: "disabled".to_owned(), detail: String::new() });
    }
}

/// Opens the sockets and starts the thread; all signals are the program's other threads'.
fn launch(
    work: Box<Work>,
    addresses: &Addresses,
    mailbox: &Arc<Mailbox>,
) -> Result<JoinHandle<Box<Work>>, (Box<Work>, StartError)> {
    signals::with_all_blocked(|| {
        let sockets = match Sockets::open(addresses) {
            Ok(sockets) => sockets,
            Err(error) => return Err((work, error.into())),
        };
        let mailbox = Arc::clone(mailbox);
        // Handed over by a cell, so that it is not lost where no thread can be had.
        let cell = Arc::new(std::sync::Mutex::new(Some((work, sockets))));
        let theirs = Arc::clone(&cell);
        let take = |cell: &std::sync::Mutex<Option<_>>| {
            cell.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
        };
        let body = move || {
            let (work, sockets) = take(&theirs).expect("put there before the thread was made");
            thread::run(work, sockets, &mailbox)
        };
        std::thread::Builder::new().name("pikos-live".to_owned()).spawn(body).map_err(|error| {
            let (work, _) = take(&cell).expect("no thread has taken it");
            (work, error.into())
        })
    })
}

fn own_place() -> Result<Place, DiscoveryError> {
    let folder: PathBuf = discovery::make_folder()?;
    // Sweeps what earlier processes left.
    discovery::list(&folder)?;
    Place::free(&folder)
}
