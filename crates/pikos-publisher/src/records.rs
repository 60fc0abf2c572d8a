//! What recorders of the toolkit send: a thread that takes the records of the last moments and sends them on.
//!
//! ```text
//!  monitor ─(GIL)─> Batch ─(lock)─> thread ─> XPUB ─> subscribers
//! ```
//! While nobody listens, nothing is collected. The program waits for nobody: what is too much is dropped and counted.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pikos_endpoint::{Bound, Endpoint};
use pikos_os::signals;
use pikos_wire::discovery::{self, Place};
use pikos_wire::{Activations, RECORDS, Records, VERSION, WireText};
use zmq::{Context, Socket, SocketType};

use super::error::{SocketError, StartError};
use super::options;
use super::sockets::{bind, open};

/// From one message to the next, at most.
const INTERVAL: Duration = Duration::from_millis(50);
/// While nobody listens, subscriptions are looked for this often.
const IDLE_MS: i64 = 100;
/// Messages that wait for a slow subscriber.
const QUEUE: i32 = 64;
/// How long the last messages have to leave, in milliseconds.
const LINGER_MS: i32 = 200;
/// Records that wait for the thread; more are dropped.
const MOST: usize = 1 << 17;

/// The records since the last message.
#[derive(Default)]
pub struct Batch {
    /// Texts that they refer to.
    pub texts: Vec<String>,
    /// A column for each field.
    pub columns: Vec<Vec<u64>>,
    /// The thread of each record.
    pub threads: Vec<u64>,
    /// Beginnings and ends of activations.
    pub activations: Activations,
    /// Counts the batches: with a new one, texts begin anew.
    pub number: u64,
    dropped: u64,
    is_over: bool,
}

/// Who sends, and what.
pub struct Sender {
    /// The process's arguments.
    pub argv: Vec<WireText>,
    /// Its host.
    pub host: String,
    /// The names of the fields.
    pub fields: Vec<String>,
    /// Where to beside the user's own folder.
    pub extra: Option<Endpoint>,
}

struct Shared {
    batch: Mutex<Batch>,
    wake: Condvar,
    listens: AtomicBool,
    /// How often somebody has begun to listen.
    arrivals: AtomicU32,
    /// Whether somebody tells of activations.
    tells_activations: AtomicBool,
}

/// A running thread that sends records.
pub struct RecordStream {
    process: u32,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl RecordStream {
    /// Opens the socket and starts the thread.
    pub fn start(sender: Sender) -> Result<Self, StartError> {
        let place = {
            let folder = discovery::make_folder().map_err(SocketError::from)?;
            discovery::list_recorders(&folder).map_err(SocketError::from)?;
            Place::free_for_records(&folder).map_err(SocketError::from)?
        };
        let columns = vec![Vec::new(); sender.fields.len()];
        let shared = Arc::new(Shared {
            batch: Mutex::new(Batch { columns, ..Batch::default() }),
            wake: Condvar::new(),
            listens: AtomicBool::new(false),
            arrivals: AtomicU32::new(0),
            tells_activations: AtomicBool::new(false),
        });
        let theirs = Arc::clone(&shared);
        let thread = signals::with_all_blocked(|| {
            let sockets = Open::new(&place, sender.extra.as_ref())?;
            let body = move || run(sockets, &sender, &theirs);
            Ok::<_, StartError>(std::thread::Builder::new().name("pikos-records".to_owned()).spawn(body)?)
        })?;
        Ok(Self { process: std::process::id(), shared, thread: Some(thread) })
    }

    /// Whether anybody listens.
    #[inline]
    pub fn is_heard(&self) -> bool {
        self.shared.listens.load(Ordering::Relaxed)
    }

    /// How often somebody has begun to listen: who is new doesn't know what is under way.
    #[inline]
    pub fn arrivals(&self) -> u32 {
        self.shared.arrivals.load(Ordering::Relaxed)
    }

    /// From now on all beginnings and ends of activations are added, too.
    pub fn set_tells_activations(&self) {
        self.shared.tells_activations.store(true, Ordering::Relaxed);
    }

    /// Adds to the batch, if somebody listens and it isn't too large.
    #[inline]
    pub fn add(&self, fill: impl FnOnce(&mut Batch)) {
        if !self.is_heard() {
            return;
        }
        let mut batch = lock(&self.shared);
        let is_full = batch.columns.first().is_some_and(|column| column.len() >= MOST);
        if is_full || batch.activations.len() >= MOST {
            batch.dropped += 1;
        } else {
            fill(&mut batch);
        }
    }
}

impl Drop for RecordStream {
    /// Sends what there is, and ends. A forked child has neither thread nor socket.
    fn drop(&mut self) {
        if self.process != std::process::id() {
            std::mem::forget(self.thread.take());
            return;
        }
        lock(&self.shared).is_over = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // It has nothing to answer.
            _ = thread.join();
        }
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, Batch> {
    shared.batch.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Open {
    socket: Socket,
    place: Place,
    /// What was bound: the files go when the socket is closed.
    _bound: [Bound; 2],
    // Last: dropped when its socket is closed.
    _context: Context,
}

impl Open {
    fn new(place: &Place, extra: Option<&Endpoint>) -> Result<Self, SocketError> {
        let context = Context::new();
        let mut socket = context.socket(SocketType::XPUB)?;
        socket.set_linger(LINGER_MS)?;
        socket.set_sndhwm(QUEUE)?;
        socket.set_maxmsgsize(1 << 10)?;
        options::set_guarded(&socket)?;
        options::set_tells_all(&mut socket);
        let extra = extra.map(|endpoint| open(&mut socket, endpoint)).transpose()?.unwrap_or_default();
        let own = bind(&mut socket, &place.records())?;
        Ok(Self { socket, place: place.clone(), _bound: [extra, own], _context: context })
    }
}

fn run(open: Open, sender: &Sender, shared: &Shared) {
    // A recorder that is prepared again gets the same place.
    let began = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    let id = format!("{}-{}-{began:x}", sender.host, open.place.records().display());
    let mut subscribers = 0_u32;
    let mut seq = 0;
    // Two sets of columns take turns: to allocate them anew would show in the memory that the records tell.
    let mut spare = (vec![Vec::new(); sender.fields.len()], Vec::new());
    loop {
        let mut is_new = false;
        if subscribers == 0 {
            _ = open.socket.poll(zmq::POLLIN, IDLE_MS);
        }
        while let Ok(frame) = open.socket.recv_bytes(zmq::DONTWAIT) {
            match frame.first() {
                Some(1) => {
                    subscribers = subscribers.saturating_add(1);
                    is_new = true;
                    shared.arrivals.fetch_add(1, Ordering::Relaxed);
                }
                Some(0) => subscribers = subscribers.saturating_sub(1),
                _ => {}
            }
        }
        shared.listens.store(subscribers > 0, Ordering::Relaxed);
        let mut batch = lock(shared);
        if subscribers > 0 && !batch.is_over && !is_new {
            batch = shared.wake.wait_timeout(batch, INTERVAL).unwrap_or_else(PoisonError::into_inner).0;
        }
        let is_over = batch.is_over;
        let columns = std::mem::replace(&mut batch.columns, spare.0);
        let texts = std::mem::take(&mut batch.texts);
        let threads = std::mem::replace(&mut batch.threads, spare.1);
        let activations = std::mem::take(&mut batch.activations);
        batch.number += 1;
        let dropped = batch.dropped;
        drop(batch);
        let is_empty = columns.first().is_none_or(Vec::is_empty) && activations.is_empty();
        // Whoever is new is told who sends, also where records are rare.
        let mut message = Records { columns, threads, ..Records::default() };
        if subscribers > 0 && (is_over || is_new || !is_empty) {
            seq += 1;
            message = Records {
                v: VERSION,
                kind: RECORDS.to_owned(),
                id: id.clone(),
                seq,
                pid: open.place.pid,
                host: sender.host.clone(),
                argv: sender.argv.clone(),
                time: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64()),
                dropped,
                end: is_over,
                fields: sender.fields.clone(),
                texts,
                activations: shared.tells_activations.load(Ordering::Relaxed).then_some(activations),
                ..message
            };
            if let Ok(bytes) = message.encode() {
                // Whoever is too slow misses it, and sees that in `seq`.
                _ = open.socket.send(bytes, zmq::DONTWAIT);
            }
        }
        if is_over {
            return;
        }
        spare = (message.columns, message.threads);
        spare.0.iter_mut().chain([&mut spare.1]).for_each(Vec::clear);
    }
}
