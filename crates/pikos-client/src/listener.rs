//! Sockets that are listened to, and the streams that come from them.

use std::collections::{HashMap, HashSet};
use std::mem::discriminant;
use std::time::{Duration, Instant};

use pikos_endpoint::{Bound, Endpoint};
use pikos_wire::discovery::Place;
use pikos_wire::{Message, Records, WireError};

use crate::places::{endpoint_of, of_process, profiles, recorders};
use crate::profile::Model;
use crate::records::RecordModel;
use crate::socket::subscriber;
use crate::stream::{RecordStream, Stream};
use crate::target::{ClientError, Target};

/// Messages of one endpoint that wait for us. With more, we are too slow, and the newest are lost.
const QUEUE: i32 = 64;
/// New processes, and those that are gone, are looked for this often.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A process that is gone may still have something on the way to us.
const GRACE: Duration = Duration::from_millis(300);
/// After so long, messages that still wait are left for the next turn: whoever polls has a screen to draw and keys to obey.
const TURN: Duration = Duration::from_millis(5);
/// At most so many streams: an endpoint could invent them.
const MOST_STREAMS: usize = 4096;

/// What is listened to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Profiles.
    Profiles,
    /// Recorders that count objects, too: the others are heard, and waited for by nobody.
    Objects,
    /// All recorders, too.
    Records,
}

/// A socket, and what is known of the other end.
struct Connection {
    endpoint: String,
    socket: zmq::Socket,
    /// Whether it sent records last: then it will send more of them.
    sends_records: bool,
    /// Of a process in the user's folder.
    place: Option<Place>,
    /// When its process was found to be gone.
    gone: Option<Instant>,
}

/// Listens.
pub struct Listener<T = ()> {
    // In front of the context: sockets are closed first.
    sources: Vec<Connection>,
    /// Whether all processes of the user's are wanted, those to come included.
    finds: bool,
    wanted: Wanted,
    looked: Option<Instant>,
    streams: Vec<Stream<T>>,
    places: HashMap<String, usize>,
    recorders: Vec<RecordStream>,
    recorder_places: HashMap<String, usize>,
    refused: u64,
    /// Why messages were, one of each kind.
    problems: Vec<WireError>,
    /// The source that is read first, the next time.
    first: usize,
    is_behind: bool,
    /// What was bound, if anything: its file goes with us.
    bound: Bound,
    context: zmq::Context,
}

impl<T: Default> Listener<T> {
    /// Listens to the profiles of these; of all processes of the user's on this host if there are none.
    pub fn connect(targets: &[Target]) -> Result<Self, ClientError> {
        Self::new(Wanted::Profiles).connected(targets)
    }

    /// The same, and to their recorders.
    pub fn connect_with_records(targets: &[Target]) -> Result<Self, ClientError> {
        Self::new(Wanted::Records).connected(targets)
    }

    /// The profiles, and what their recorders tell of objects.
    pub fn connect_with_objects(targets: &[Target]) -> Result<Self, ClientError> {
        Self::new(Wanted::Objects).connected(targets)
    }

    fn connected(mut self, targets: &[Target]) -> Result<Self, ClientError> {
        if targets.is_empty() {
            self.finds = true;
            self.look()?;
        }
        for target in targets {
            match target {
                Target::Endpoint(endpoint) => self.add(endpoint.clone(), None, false)?,
                Target::Process(pid) => {
                    let own = of_process(*pid, || {
                        let all = self.sockets()?;
                        Ok(all.into_iter().filter(|(_, place, _)| place.pid == *pid).collect())
                    })?;
                    for (endpoint, place, sends_records) in own {
                        self.add(endpoint, Some(place), sends_records)?;
                    }
                }
            }
        }
        Ok(self)
    }

    /// Binds an endpoint, for processes that connect to it; takes their profiles.
    pub fn bind(endpoint: &str) -> Result<Self, ClientError> {
        Self::new(Wanted::Profiles).bound(endpoint)
    }

    /// The same, and what their recorders send.
    pub fn bind_with_records(endpoint: &str) -> Result<Self, ClientError> {
        Self::new(Wanted::Records).bound(endpoint)
    }

    /// The profiles, and what their recorders tell of objects.
    pub fn bind_with_objects(endpoint: &str) -> Result<Self, ClientError> {
        Self::new(Wanted::Objects).bound(endpoint)
    }

    fn bound(mut self, endpoint: &str) -> Result<Self, ClientError> {
        let Endpoint { address, .. } = Endpoint::for_subscriber(endpoint)?;
        let mut socket = self.socket(endpoint)?;
        let bound = pikos_endpoint::bind(&mut socket, &address);
        self.bound = bound.map_err(|problem| ClientError::Bind { endpoint: endpoint.to_owned(), problem })?;
        let real = socket.get_last_endpoint().ok().and_then(Result::ok);
        let endpoint = real.unwrap_or(address);
        self.sources.push(Connection { endpoint, socket, sends_records: false, place: None, gone: None });
        Ok(self)
    }

    fn new(wanted: Wanted) -> Self {
        Self {
            sources: Vec::new(),
            finds: false,
            wanted,
            looked: None,
            streams: Vec::new(),
            places: HashMap::new(),
            recorders: Vec::new(),
            recorder_places: HashMap::new(),
            refused: 0,
            problems: Vec::new(),
            first: 0,
            is_behind: false,
            bound: Bound::default(),
            context: zmq::Context::new(),
        }
    }

    /// Where it listens.
    pub fn endpoints(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().map(|source| source.endpoint.as_str())
    }

    /// Whether there is one profile at most, and one recorder.
    pub fn is_of_one(&self) -> bool {
        let recorders = self.sources.iter().filter(|source| source.sends_records).count();
        recorders <= 1 && self.sources.len() - recorders <= 1
    }

    /// Those that run and haven't been heard yet: where they would be, and their numbers where they are of this host.
    pub fn silent(&self) -> Vec<(&str, Option<u32>)> {
        let heard: HashSet<&str> = self
            .streams
            .iter()
            .map(|stream| stream.endpoint.as_str())
            .chain(self.recorders.iter().map(|stream| stream.endpoint.as_str()))
            .collect();
        let silent = self.sources.iter().filter(|source| source.gone.is_none());
        let silent = silent.filter(|source| !heard.contains(source.endpoint.as_str()));
        silent
            .map(|source| (source.endpoint.as_str(), source.place.as_ref().map(|place| place.pid)))
            .collect()
    }

    /// All streams that were ever heard of, in that order.
    pub fn streams(&self) -> &[Stream<T>] {
        &self.streams
    }

    /// The same, to change what is kept beside them.
    pub fn streams_mut(&mut self) -> &mut [Stream<T>] {
        &mut self.streams
    }

    /// Takes those out that are done with, and forgets them: whoever listens for months hears more of them than fit.
    pub fn retire(&mut self, mut is_done: impl FnMut(&Stream<T>) -> bool) -> Vec<Stream<T>> {
        if !self.streams.iter().any(&mut is_done) {
            return Vec::new();
        }
        let (done, left) = std::mem::take(&mut self.streams).into_iter().partition(is_done);
        self.streams = left;
        let ids = self.streams.iter().map(|stream| stream.model.id().to_owned());
        self.places = ids.zip(0..).collect();
        done
    }

    /// All recorders that were ever heard of, in that order.
    pub fn recorders(&self) -> &[RecordStream] {
        &self.recorders
    }

    /// Messages that made no sense and belong to no stream.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Why messages were refused since this was asked last, one of each kind.
    pub fn take_problems(&mut self) -> Vec<WireError> {
        std::mem::take(&mut self.problems)
    }

    /// Whether nobody is left who could send: all that were listened to have ended or are gone. Never where others may come.
    pub fn is_over(&self) -> bool {
        let has_ended = |source: &Connection| {
            let profiles = self.streams.iter().filter(|stream| stream.endpoint == source.endpoint);
            let profiles = profiles.map(|stream| stream.is_lost || stream.model.end().is_some());
            let recorders = self.recorders.iter().filter(|stream| stream.endpoint == source.endpoint);
            let is_unwanted =
                |stream: &RecordStream| self.wanted == Wanted::Objects && !stream.model.types().is_told();
            let recorders =
                recorders.map(|stream| stream.is_lost || stream.model.head().end || is_unwanted(stream));
            let mut own = profiles.chain(recorders).peekable();
            match own.peek() {
                Some(_) => own.all(|has_ended| has_ended),
                None => source.gone.is_some_and(|gone| gone.elapsed() > GRACE),
            }
        };
        !self.finds && self.sources.iter().all(has_ended)
    }

    /// Whether the last [`Listener::poll`] left messages for the next one.
    pub fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Waits until something comes, at most so long, and takes in what is there, or what can be taken in within
    /// 5 ms. True if anything was.
    pub fn poll(&mut self, timeout: Duration) -> Result<bool, ClientError> {
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY) {
            self.look()?;
        }
        let mut items: Vec<_> =
            self.sources.iter().map(|source| source.socket.as_poll_item(zmq::POLLIN)).collect();
        if items.is_empty() {
            drop(items);
            std::thread::sleep(timeout.min(LOOK_EVERY));
            return Ok(false);
        }
        // A signal ends the sleep early; whoever called looks what it was.
        let _ = zmq::poll(&mut items, timeout.as_micros().div_ceil(1000) as i64);
        drop(items);
        Ok(self.take_turn())
    }

    /// A message from each source in turn, so that one that floods us can't silence the others.
    fn take_turn(&mut self) -> bool {
        let start = Instant::now();
        let (mut has_news, mut idle) = (false, 0);
        self.is_behind = false;
        while idle < self.sources.len() {
            if start.elapsed() >= TURN {
                self.is_behind = true;
                break;
            }
            let place = self.first % self.sources.len();
            self.first = place + 1;
            match self.sources[place].socket.recv_bytes(zmq::DONTWAIT) {
                Ok(frame) => {
                    match self.take(place, &frame) {
                        Ok(()) => has_news = true,
                        Err(problem) => self.note(problem),
                    }
                    idle = 0;
                }
                Err(_) => idle += 1,
            }
        }
        has_news
    }

    fn note(&mut self, problem: WireError) {
        let kind = discriminant(&problem);
        if self.problems.iter().all(|known| discriminant(known) != kind) {
            self.problems.push(problem);
        }
    }

    /// Takes a message in: a profile's, or records. What was sent last is tried first, since decoding takes long.
    fn take(&mut self, source: usize, frame: &[u8]) -> Result<(), WireError> {
        if self.wanted == Wanted::Profiles {
            let message = Message::decode(frame).inspect_err(|_| self.refused += 1)?;
            return self.take_profile(source, message);
        }
        let sends_records = self.sources[source].sends_records;
        let records = if sends_records { Records::decode(frame).ok() } else { None };
        if let Some(records) = records {
            return self.take_records(source, records);
        }
        match Message::decode(frame) {
            Ok(message) => {
                self.sources[source].sends_records = false;
                self.take_profile(source, message)
            }
            Err(problem) => {
                let records = if sends_records { None } else { Records::decode(frame).ok() };
                let Some(records) = records else {
                    self.refused += 1;
                    return Err(problem);
                };
                self.sources[source].sends_records = true;
                self.take_records(source, records)
            }
        }
    }

    /// A stream begins with the first of its messages that is taken: one that is refused names nobody.
    fn take_profile(&mut self, source: usize, message: Message) -> Result<(), WireError> {
        if let Some(&place) = self.places.get(&message.id) {
            let stream = &mut self.streams[place];
            stream.model.apply(message).inspect_err(|_| stream.refused += 1)?;
            stream.heard = Instant::now();
            stream.is_lost = false;
            return Ok(());
        }
        let (id, mut model) = (message.id.clone(), Model::default());
        self.check_room().and_then(|()| model.apply(message)).inspect_err(|_| self.refused += 1)?;
        self.places.insert(id, self.streams.len());
        self.streams.push(Stream {
            model,
            endpoint: self.sources[source].endpoint.clone(),
            refused: 0,
            heard: Instant::now(),
            is_lost: false,
            extra: T::default(),
        });
        Ok(())
    }

    fn take_records(&mut self, source: usize, records: Records) -> Result<(), WireError> {
        if let Some(&place) = self.recorder_places.get(&records.id) {
            let stream = &mut self.recorders[place];
            stream.model.apply(records).inspect_err(|_| stream.refused += 1)?;
            stream.heard = Instant::now();
            stream.is_lost = false;
            return Ok(());
        }
        let (id, mut model) = (records.id.clone(), RecordModel::default());
        self.check_room().and_then(|()| model.apply(records)).inspect_err(|_| self.refused += 1)?;
        self.recorder_places.insert(id, self.recorders.len());
        self.recorders.push(RecordStream {
            model,
            endpoint: self.sources[source].endpoint.clone(),
            refused: 0,
            heard: Instant::now(),
            is_lost: false,
        });
        Ok(())
    }

    fn check_room(&self) -> Result<(), WireError> {
        match self.streams.len() + self.recorders.len() {
            ..MOST_STREAMS => Ok(()),
            _ => Err(WireError::TooMany(MOST_STREAMS)),
        }
    }

    /// Looks for new processes, and for those that are gone.
    fn look(&mut self) -> Result<(), ClientError> {
        self.looked = Some(Instant::now());
        if self.finds {
            for (endpoint, place, sends_records) in self.sockets()? {
                if !self.sources.iter().any(|source| source.endpoint == endpoint) {
                    self.add(endpoint, Some(place), sends_records)?;
                }
            }
        }
        for source in &mut self.sources {
            let is_gone = source.place.as_ref().is_some_and(|place| !place.is_alive());
            if is_gone && source.gone.is_none() {
                source.gone = Some(Instant::now());
            }
            if source.gone.is_some_and(|gone| gone.elapsed() > GRACE) {
                let own = self.streams.iter_mut().filter(|stream| stream.endpoint == source.endpoint);
                own.filter(|stream| stream.model.end().is_none()).for_each(|stream| stream.is_lost = true);
                let own = self.recorders.iter_mut().filter(|stream| stream.endpoint == source.endpoint);
                own.filter(|stream| !stream.model.head().end).for_each(|stream| stream.is_lost = true);
            }
        }
        if self.finds {
            self.sources.retain(|source| source.gone.is_none_or(|gone| gone.elapsed() <= GRACE));
        }
        Ok(())
    }

    /// The sockets of the user's processes on this host: endpoints, whose, and whether records come from them.
    fn sockets(&self) -> Result<Vec<(String, Place, bool)>, ClientError> {
        let profiles = profiles()?.into_iter().map(|place| (endpoint_of(&place.messages()), place, false));
        let mut sockets: Vec<_> = profiles.collect();
        if self.wanted != Wanted::Profiles {
            let recorders = recorders()?.into_iter();
            sockets.extend(recorders.map(|place| (endpoint_of(&place.records()), place, true)));
        }
        Ok(sockets)
    }

    fn add(
        &mut self,
        endpoint: String,
        place: Option<Place>,
        sends_records: bool,
    ) -> Result<(), ClientError> {
        let socket = self.socket(&endpoint)?;
        socket
            .connect(&endpoint)
            .map_err(|problem| ClientError::Socket { endpoint: endpoint.clone(), problem })?;
        self.sources.push(Connection { endpoint, socket, sends_records, place, gone: None });
        Ok(())
    }

    fn socket(&self, endpoint: &str) -> Result<zmq::Socket, ClientError> {
        subscriber(&self.context, QUEUE, endpoint)
    }
}

#[cfg(test)]
#[path = "listener_tests.rs"]
mod tests;
