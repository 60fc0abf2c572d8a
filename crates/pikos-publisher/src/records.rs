//! What recorders of the toolkit send: a thread that takes the records of the last moments and sends them on.
//!
//! ```text
//!  monitor ─(GIL)─> Batch ─(lock)─> thread ─> XPUB ─> subscribers
//!                                 ↑ ↓ ROUTER: requests
//! ```
//! While nobody listens, nothing is collected. The program waits for nobody: what is too much is dropped and counted.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pikos_endpoint::{Bound, Endpoint};
use pikos_os::wake::Bell;
use pikos_wire::discovery::{self, Place};
use pikos_wire::{Activations, Command, RECORDS, Records, Reply, Status, Types, VERSION, WireText};
use zmq::{Context, Socket, SocketType};

use super::asked::{self, Address};
use super::error::{SocketError, StartError};
use super::interruptible::{COMING_BACK, Interruptible, launch, locked};
use super::interval::check_interval;
use super::options;
use super::sockets::{bind, open};

/// From one message to the next, at most, where nobody asked for another time.
const INTERVAL: Duration = Duration::from_millis(50);
/// Whoever asks waits no longer than this for an answer.
const SLICE: Duration = Duration::from_millis(50);
/// A request may have so many bytes that it is read; more than [`pikos_wire::MAX_REQUEST`] is answered with a refusal.
const MOST_READ: i64 = 16 << 20;
/// Messages that wait for a slow subscriber.
const QUEUE: i32 = 64;
/// How long the last messages have to leave, in milliseconds; and those before an interruption.
const LINGER_MS: i32 = 200;
const LINGER_BEFORE_INTERRUPTION_MS: i32 = 50;
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
    order: Order,
}

/// What the thread is to do.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Order {
    #[default]
    GoOn,
    /// To close its socket and end, for the time of a fork.
    Rest,
    /// To send what there is, and end.
    End,
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
    /// Where objects are counted.
    pub types: Option<TypeSource>,
}

/// What tells how many objects of which type there are. It is asked by the thread that sends, while somebody listens.
pub struct TypeSource {
    /// How often.
    pub interval: Duration,
    /// Reads them.
    pub source: Box<ReadTypes>,
}

/// Adds to the texts of a message what its types refer to, and tells the types.
pub type ReadTypes = dyn FnMut(&mut Vec<String>) -> Types + Send;

struct Shared {
    batch: Mutex<Batch>,
    wake: Condvar,
    /// Wakes the thread where nobody listens.
    bell: Bell,
    listens: AtomicBool,
    /// How many records were added, those that were dropped not among them.
    added: AtomicU64,
    /// How often somebody has begun to listen.
    arrivals: AtomicU32,
    /// Whether somebody tells of activations.
    tells_activations: AtomicBool,
}

impl Shared {
    fn order(&self, order: Order) {
        lock(self).order = order;
        self.wake.notify_one();
        self.bell.ring();
    }
}

/// What outlives an interruption.
struct Told {
    sender: Sender,
    place: Place,
    id: String,
    seq: u64,
    began: Instant,
    epoch: u64,
    interval: Duration,
    is_paused: bool,
    /// Whether somebody has told it to end: there will be no more messages.
    is_over: bool,
    /// How many listened when the socket was closed, and until when they may come back.
    expected: (u32, Instant),
    /// When types were told last.
    told_types: Option<Instant>,
}

impl Told {
    /// Whether somebody is on the way back.
    fn is_awaiting(&self, subscribers: u32) -> bool {
        subscribers < self.expected.0 && Instant::now() < self.expected.1
    }

    /// The types, if there are any and it is time, or `now`.
    fn types(&mut self, now: bool, texts: &mut Vec<String>) -> Option<Types> {
        let TypeSource { interval, source } = self.sender.types.as_mut()?;
        let is_time = now || self.told_types.is_none_or(|told| told.elapsed() >= *interval);
        is_time.then(|| {
            self.told_types = Some(Instant::now());
            source(texts)
        })
    }
}

/// The thread of one stream, and what it takes to start it again.
struct Line {
    process: u32,
    shared: Arc<Shared>,
    thread: Mutex<Interruptible<Told>>,
}

/// A running thread that sends records.
pub struct RecordStream {
    line: Arc<Line>,
}

/// All streams of this process.
static ALL: Mutex<Vec<Weak<Line>>> = Mutex::new(Vec::new());

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
            bell: Bell::new()?,
            listens: AtomicBool::new(false),
            added: AtomicU64::new(0),
            arrivals: AtomicU32::new(0),
            tells_activations: AtomicBool::new(false),
        });
        // A recorder that is prepared again gets the same place.
        let began = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        let id = format!("{}-{}-{began:x}", sender.host, place.records().display());
        let told = Told {
            sender,
            place,
            id,
            seq: 0,
            began: Instant::now(),
            epoch: 0,
            interval: INTERVAL,
            is_paused: false,
            is_over: false,
            expected: (0, Instant::now()),
            told_types: None,
        };
        let thread = start(Box::new(told), &shared).map_err(|(_, error)| error)?;
        let thread = Mutex::new(Interruptible::Running(thread));
        let line = Arc::new(Line { process: std::process::id(), shared, thread });
        let mut all = locked(&ALL);
        all.retain(|other| other.strong_count() > 0);
        all.push(Arc::downgrade(&line));
        Ok(Self { line })
    }

    /// Whether anybody listens.
    #[inline]
    pub fn is_heard(&self) -> bool {
        self.line.shared.listens.load(Ordering::Relaxed)
    }

    /// How often somebody has begun to listen: who is new doesn't know what is under way.
    #[inline]
    pub fn arrivals(&self) -> u32 {
        self.line.shared.arrivals.load(Ordering::Relaxed)
    }

    /// From now on all beginnings and ends of activations are added, too.
    pub fn set_tells_activations(&self) {
        self.line.shared.tells_activations.store(true, Ordering::Relaxed);
    }

    /// Adds to the batch, if somebody listens and it isn't too large.
    #[inline]
    pub fn add(&self, fill: impl FnOnce(&mut Batch)) {
        if !self.is_heard() {
            return;
        }
        let mut batch = lock(&self.line.shared);
        let is_full = batch.columns.first().is_some_and(|column| column.len() >= MOST);
        if is_full || batch.activations.len() >= MOST {
            batch.dropped += 1;
        } else {
            let before = batch.columns.first().map_or(0, Vec::len);
            fill(&mut batch);
            let added = batch.columns.first().map_or(0, Vec::len) - before;
            self.line.shared.added.fetch_add(added as u64, Ordering::Relaxed);
        }
    }

    /// Stops the threads of all streams and closes their sockets, for the time of a fork: so there is nothing that the child could
    /// inherit. Returns how many threads have ended.
    pub fn rest_all() -> u64 {
        let rest = |line: Arc<Line>| match locked(&line.thread).rest(|| line.shared.order(Order::Rest)) {
            true => THREADS,
            false => 0,
        };
        of_this_process().map(rest).sum()
    }

    /// Goes on after [`RecordStream::rest_all`].
    pub fn resume_all() {
        of_this_process().for_each(|line| locked(&line.thread).resume(|told| start(told, &line.shared)));
    }
}

impl Drop for RecordStream {
    /// Sends what there is, and ends. What a forked child has of it is the parent's, and left to it.
    fn drop(&mut self) {
        if !self.line.is_of_this_process() {
            std::mem::forget(Arc::clone(&self.line));
            return;
        }
        Self::resume_all();
        locked(&self.line.thread).end(|| self.line.shared.order(Order::End));
    }
}

impl Line {
    /// False in a forked child, which has neither thread nor socket.
    fn is_of_this_process(&self) -> bool {
        self.process == std::process::id()
    }
}

fn of_this_process() -> impl Iterator<Item = Arc<Line>> {
    let all: Vec<_> = locked(&ALL).iter().filter_map(Weak::upgrade).collect();
    all.into_iter().filter(|line| line.is_of_this_process())
}

fn lock(shared: &Shared) -> MutexGuard<'_, Batch> {
    locked(&shared.batch)
}

struct Open {
    socket: Socket,
    /// Requests and replies.
    control: Socket,
    /// What was bound: the files go when the sockets are closed.
    _bound: [Bound; 3],
    // Last: dropped when its socket is closed.
    _context: Context,
}

/// Ours, and those of ZeroMQ: one that reads and writes, and one that closes.
const THREADS: u64 = 3;

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
        let mut control = context.socket(SocketType::ROUTER)?;
        control.set_linger(LINGER_MS)?;
        control.set_maxmsgsize(MOST_READ)?;
        options::set_guarded(&control)?;
        control.set_rcvhwm(16)?;
        // First: whoever sees the other one may ask.
        let asked = bind(&mut control, &place.records_control())?;
        let own = bind(&mut socket, &place.records())?;
        Ok(Self { socket, control, _bound: [extra, asked, own], _context: context })
    }

    /// Sleeps until somebody comes, the bell rings, or the time is over; without one, for as long as it takes.
    fn wait(&self, bell: &Bell, timeout: Option<Duration>) {
        let mut items = [
            self.socket.as_poll_item(zmq::POLLIN),
            self.control.as_poll_item(zmq::POLLIN),
            zmq::PollItem::from_fd(bell.ear(), zmq::POLLIN),
        ];
        let timeout = timeout.map_or(-1, |timeout| timeout.as_millis() as i64 + 1);
        if zmq::poll(&mut items, timeout).is_err() {
            // Never a busy loop, whatever the system has against it.
            std::thread::sleep(INTERVAL);
        }
        bell.hear();
    }
}

fn start(told: Box<Told>, shared: &Arc<Shared>) -> Result<JoinHandle<Box<Told>>, (Box<Told>, StartError)> {
    lock(shared).order = Order::GoOn;
    let shared = Arc::clone(shared);
    let open = |told: &Told| match told.is_over {
        true => Ok(None),
        false => Open::new(&told.place, told.sender.extra.as_ref()).map(Some),
    };
    launch("pikos-records", told, open, move |told, open| match open {
        Some(open) => run(told, &open, &shared),
        None => told,
    })
}

/// Does what was asked for, and answers. True if subscribers are to hear of it at once.
fn serve(told: &mut Told, open: &Open, shared: &Shared, subscribers: u32) -> bool {
    let mut is_changed = false;
    while let Some((address, asked)) = asked::next(&open.control) {
        let done = asked.and_then(|command| obey(told, shared, &command));
        is_changed |= *done.as_ref().unwrap_or(&false);
        answer(told, open, shared, subscribers, address, done);
    }
    is_changed
}

/// Carries out a command. Whether anything has changed; or why it can't be done.
fn obey(told: &mut Told, shared: &Shared, command: &Command) -> Result<bool, String> {
    match command {
        Command::Status => return Ok(false),
        Command::Pause => told.is_paused = true,
        Command::Resume => {
            told.is_paused = false;
            // Nobody knows what has begun and ended meanwhile.
            shared.arrivals.fetch_add(1, Ordering::Relaxed);
        }
        Command::Stop => told.is_over = true,
        Command::Interval { seconds } => {
            told.interval = check_interval(*seconds).map_err(|error| error.to_string())?;
        }
        Command::Clear => {
            told.epoch += 1;
            let mut batch = lock(shared);
            batch.columns.iter_mut().for_each(Vec::clear);
            batch.threads.clear();
            batch.texts.clear();
            batch.activations = Activations::default();
            batch.number += 1;
            batch.dropped = 0;
            shared.added.store(0, Ordering::Relaxed);
            // Nobody knows any more what is under way.
            shared.arrivals.fetch_add(1, Ordering::Relaxed);
        }
        Command::Rate { .. } => return Err("it records each event, and has no rate".to_owned()),
        Command::Dump { .. } => {
            return Err("it sends records, and keeps none: `pikos record` writes them to a file".to_owned());
        }
    }
    Ok(true)
}

fn answer(
    told: &Told,
    open: &Open,
    shared: &Shared,
    subscribers: u32,
    address: Address,
    done: Result<bool, String>,
) {
    let reply = match done {
        Err(problem) => Reply::refused(problem),
        Ok(_) => {
            let status = Status {
                pid: told.place.pid,
                id: told.id.clone(),
                paused: told.is_paused,
                interval: told.interval.as_secs_f64(),
                age: told.began.elapsed().as_secs_f64(),
                seq: told.seq,
                ncalls: shared.added.load(Ordering::Relaxed),
                counts: RECORDS.to_owned(),
                subscribers,
            };
            Reply::done(status, false)
        }
    };
    asked::answer(&open.control, address, &reply);
}

fn run(mut told: Box<Told>, open: &Open, shared: &Shared) -> Box<Told> {
    let mut subscribers = 0_u32;
    let mut next = Instant::now();
    // Two sets of columns take turns: to allocate them anew would show in the memory that the records tell.
    let mut spare = (vec![Vec::new(); told.sender.fields.len()], Vec::new());
    loop {
        if told.is_awaiting(subscribers) {
            open.wait(&shared.bell, Some(told.expected.1.saturating_duration_since(Instant::now())));
        } else if subscribers == 0 {
            open.wait(&shared.bell, None);
        }
        let mut is_new = false;
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
        let is_changed = serve(&mut told, open, shared, subscribers);
        let is_awaiting = told.is_awaiting(subscribers);
        let is_heard = (subscribers > 0 || is_awaiting) && !told.is_paused && !told.is_over;
        shared.listens.store(is_heard, Ordering::Relaxed);
        let mut batch = lock(shared);
        if told.is_over && batch.order == Order::GoOn {
            batch.order = Order::End;
        }
        if batch.order == Order::Rest && (is_awaiting || subscribers == 0) {
            // What there is waits for those who are on their way back.
            let expected = if is_awaiting { told.expected.0 } else { 0 };
            told.expected = (expected, Instant::now() + COMING_BACK);
            return told;
        }
        if is_awaiting {
            // The end waits for them as well: there is nothing after it.
            continue;
        }
        let is_due = is_new || is_changed;
        if subscribers > 0 && batch.order == Order::GoOn && !is_due {
            let left = next.saturating_duration_since(Instant::now());
            let waited = shared.wake.wait_timeout(batch, left.min(SLICE).max(Duration::from_millis(1)));
            batch = waited.unwrap_or_else(PoisonError::into_inner).0;
            if batch.order == Order::GoOn && Instant::now() < next {
                continue;
            }
        }
        next = Instant::now() + told.interval;
        let order = batch.order;
        let columns = std::mem::replace(&mut batch.columns, spare.0);
        let mut texts = std::mem::take(&mut batch.texts);
        let threads = std::mem::replace(&mut batch.threads, spare.1);
        let activations = std::mem::take(&mut batch.activations);
        batch.number += 1;
        let dropped = batch.dropped;
        drop(batch);
        let is_empty = columns.first().is_none_or(Vec::is_empty) && activations.is_empty();
        // Whoever is new is told who sends, also where records are rare.
        let mut message = Records { columns, threads, ..Records::default() };
        let is_over = order == Order::End;
        let types = if subscribers > 0 { told.types(is_over || is_due, &mut texts) } else { None };
        if subscribers > 0 && (is_over || is_due || !is_empty || types.is_some()) {
            told.seq += 1;
            message = Records {
                v: VERSION,
                kind: RECORDS.to_owned(),
                id: told.id.clone(),
                seq: told.seq,
                pid: told.place.pid,
                host: told.sender.host.clone(),
                argv: told.sender.argv.clone(),
                time: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64()),
                dropped,
                end: is_over,
                epoch: told.epoch,
                paused: told.is_paused,
                interval: told.interval.as_secs_f64(),
                control: String::from_utf8(discovery::endpoint(&told.place.records_control()))
                    .unwrap_or_default(),
                fields: told.sender.fields.clone(),
                texts,
                activations: shared.tells_activations.load(Ordering::Relaxed).then_some(activations),
                types,
                ..message
            };
            if let Ok(bytes) = message.encode() {
                // Whoever is too slow misses it, and sees that in `seq`.
                _ = open.socket.send(bytes, zmq::DONTWAIT);
            }
        }
        match order {
            Order::GoOn => {}
            Order::Rest => {
                told.expected = (subscribers, Instant::now() + COMING_BACK);
                _ = open.socket.set_linger(LINGER_BEFORE_INTERRUPTION_MS);
                return told;
            }
            Order::End => return told,
        }
        spare = (message.columns, message.threads);
        spare.0.iter_mut().chain([&mut spare.1]).for_each(Vec::clear);
    }
}
