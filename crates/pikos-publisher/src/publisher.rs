//! A running publisher: its thread, and what happens to it at a fork and at its end.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use pikos_endpoint::Endpoint;
use pikos_wire::End;
use pikos_wire::discovery::{self, DiscoveryError, Place};

use super::checkpoint::{Checkpoint, Save};
use super::error::{SocketError, StartError};
use super::interruptible::{Interruptible, launch};
use super::mailbox::{Call, Mailbox, Order};
use super::sockets::{Addresses, Sockets};
use super::source::Source;
use super::stream::Stream;
use super::thread::{self, Work};

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
    /// How a file is written.
    pub save: Save,
    /// Has somebody look for tasks in the mailbox, Python's main thread mostly; called without the GIL. False if it can't be done.
    pub call: Call,
}

/// A running publisher.
pub struct Publisher {
    process: u32,
    source: Arc<Source>,
    mailbox: Arc<Mailbox>,
    addresses: Addresses,
    thread: Interruptible<Work>,
}

impl Publisher {
    /// Opens the sockets and starts the thread.
    pub fn start(source: Arc<Source>, plan: Plan) -> Result<Self, StartError> {
        let Plan { is_public, extra, interval, checkpoint, save, call } = plan;
        let checkpoint = checkpoint.map(|(path, every)| Checkpoint::new(path, every));
        let pid = source.lock().facts.pid;
        let addresses = match is_public.then(|| place_of(pid)).transpose() {
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
        let work =
            Work { stream: Stream::new(Arc::clone(&source), interval), expected: 0, checkpoint, save, call };
        let mailbox = Mailbox::new()?;
        let thread = start(Box::new(work), &addresses, &mailbox).map_err(|(_, error)| error)?;
        let thread = Interruptible::Running(thread);
        Ok(Self { process: std::process::id(), source, mailbox, addresses, thread })
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
    /// Returns how many threads have ended.
    pub fn rest(&mut self) -> u64 {
        if !self.is_of_this_process() {
            return 0;
        }
        let Self { mailbox, thread, .. } = self;
        match thread.rest(|| mailbox.order(Order::Rest)) {
            true => 1 + self.addresses.threads(),
            false => 0,
        }
    }

    /// Goes on after [`Publisher::rest`].
    pub fn resume(&mut self) {
        let Self { mailbox, addresses, thread, .. } = self;
        thread.resume(|work| start(work, addresses, mailbox));
    }

    /// Sends the last message and waits, not long, for it to leave.
    pub fn end(&mut self, end: End) {
        if !self.is_of_this_process() {
            return;
        }
        self.resume();
        let Self { mailbox, thread, .. } = self;
        thread.end(|| mailbox.order(Order::End(end)));
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

fn start(
    work: Box<Work>,
    addresses: &Addresses,
    mailbox: &Arc<Mailbox>,
) -> Result<JoinHandle<Box<Work>>, (Box<Work>, StartError)> {
    let mailbox = Arc::clone(mailbox);
    let run = move |work, sockets| thread::run(work, sockets, &mailbox);
    launch("pikos-live", work, |_| Sockets::open(addresses), run)
}

/// Of this process, or of another one that this one speaks for.
fn place_of(pid: u32) -> Result<Place, DiscoveryError> {
    let folder: PathBuf = discovery::make_folder()?;
    // Sweeps what earlier processes left.
    discovery::list(&folder)?;
    if pid == 0 { Place::free(&folder) } else { Place::free_of(&folder, pid) }
}
