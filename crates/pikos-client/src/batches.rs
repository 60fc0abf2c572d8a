//! Records as they were sent, batch by batch, for whoever wants each of them and no sums.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use pikos_endpoint::{Bound, Endpoint};
use pikos_wire::Records;
use pikos_wire::discovery::Place;

use crate::applied::MOST_ID;
use crate::places::{endpoint_of, of_process, recorders};
use crate::socket::subscriber;
use crate::target::{ClientError, Target};

/// Batches that wait for us; with more, we are too slow, and the newest are lost.
const QUEUE: i32 = 1024;
/// Processes that are gone are looked for this often.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A process that is gone may still have something on the way to us.
const GRACE: Duration = Duration::from_millis(300);
/// At most so many recorders: an endpoint could invent them.
const MOST_RECORDERS: usize = 4096;

/// Of a recorder that was heard.
#[derive(Default)]
struct Heard {
    seq: u64,
    has_ended: bool,
}

/// Listens to recorders.
pub struct RecordBatches {
    // In front of the context: it is closed first.
    socket: zmq::Socket,
    /// How many endpoints there are whose end is waited for; none where others may come.
    awaited: Option<usize>,
    places: Vec<Place>,
    /// Whether those are wanted, too, that are to come.
    finds: bool,
    heard: HashMap<String, Heard>,
    lost: u64,
    refused: u64,
    looked: Instant,
    /// Since when nobody of them is there any more.
    gone: Option<Instant>,
    endpoint: Option<String>,
    _bound: Bound,
    _context: zmq::Context,
}

impl RecordBatches {
    /// Listens to the recorders of these; of all processes of the user's that have one by now if there are none.
    pub fn connect(targets: &[Target]) -> Result<Self, ClientError> {
        let mut new = Self::new()?;
        let mut endpoints = Vec::new();
        for target in targets {
            match target {
                Target::Endpoint(endpoint) => endpoints.push(endpoint.clone()),
                Target::Process(pid) => {
                    let own = of_process(*pid, || {
                        Ok(recorders()?.into_iter().filter(|place| place.pid == *pid).collect())
                    });
                    new.places.extend(own.map_err(|error| match error {
                        ClientError::NotLive(pid) | ClientError::RecordsOnly(pid) => {
                            ClientError::NoRecords(pid)
                        }
                        other => other,
                    })?);
                }
            }
        }
        if targets.is_empty() {
            new.places = recorders()?;
        }
        endpoints.extend(new.places.iter().map(|place| endpoint_of(&place.records())));
        for endpoint in &endpoints {
            let connected = new.socket.connect(endpoint);
            connected.map_err(|problem| ClientError::Socket { endpoint: endpoint.clone(), problem })?;
        }
        new.awaited = Some(endpoints.len());
        Ok(new)
    }

    /// Listens to the recorders of all processes of the user's, those to come included.
    pub fn find() -> Result<Self, ClientError> {
        let mut new = Self { finds: true, ..Self::new()? };
        new.connect_to_new()?;
        Ok(new)
    }

    fn connect_to_new(&mut self) -> Result<(), ClientError> {
        for place in recorders()? {
            if !self.places.iter().any(|known| known.records() == place.records()) {
                let endpoint = endpoint_of(&place.records());
                let connected = self.socket.connect(&endpoint);
                connected.map_err(|problem| ClientError::Socket { endpoint, problem })?;
                self.places.push(place);
            }
        }
        Ok(())
    }

    /// Binds an endpoint, for recorders that connect to it.
    pub fn bind(endpoint: &str) -> Result<Self, ClientError> {
        let mut new = Self::new()?;
        let Endpoint { address, .. } = Endpoint::for_subscriber(endpoint)?;
        let bound = pikos_endpoint::bind(&mut new.socket, &address);
        new._bound = bound.map_err(|problem| ClientError::Bind { endpoint: endpoint.to_owned(), problem })?;
        new.endpoint = new.socket.get_last_endpoint().ok().and_then(Result::ok).or(Some(address));
        Ok(new)
    }

    fn new() -> Result<Self, ClientError> {
        let context = zmq::Context::new();
        let socket = subscriber(&context, QUEUE, "records")?;
        Ok(Self {
            socket,
            awaited: None,
            places: Vec::new(),
            finds: false,
            heard: HashMap::new(),
            lost: 0,
            refused: 0,
            looked: Instant::now(),
            gone: None,
            endpoint: None,
            _bound: Bound::default(),
            _context: context,
        })
    }

    /// Where it was bound, with the real port.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// Messages that did not come, of all recorders.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Messages that made no sense.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Whether a process is gone that was listened to.
    pub fn is_gone(&self, pid: u32) -> bool {
        self.awaited.is_none_or(|awaited| awaited == self.places.len())
            && !self.places.iter().any(|place| place.pid == pid && place.is_alive())
    }

    /// Whether nobody is left who could send.
    pub fn is_over(&self) -> bool {
        let Some(awaited) = self.awaited else { return false };
        let ended = self.heard.values().filter(|heard| heard.has_ended).count();
        ended >= awaited || self.gone.is_some_and(|gone| gone.elapsed() > GRACE)
    }

    /// The next batch; `None` if none comes in that time.
    pub fn next(&mut self, timeout: Duration) -> Option<Records> {
        let deadline = Instant::now() + timeout;
        loop {
            while let Ok(frame) = self.socket.recv_bytes(zmq::DONTWAIT) {
                if let Some(records) = self.take(&frame) {
                    return Some(records);
                }
            }
            self.look();
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.is_over() {
                return None;
            }
            // A signal ends the sleep early; whoever called looks what it was.
            _ = self.socket.poll(zmq::POLLIN, left.min(LOOK_EVERY).as_millis() as i64 + 1);
        }
    }

    fn take(&mut self, frame: &[u8]) -> Option<Records> {
        let records = Records::decode(frame).ok().filter(|records| {
            let has_room = self.heard.len() < MOST_RECORDERS || self.heard.contains_key(&records.id);
            records.seq > 0 && records.id.len() <= MOST_ID && has_room
        });
        let Some(records) = records else {
            self.refused += 1;
            return None;
        };
        let heard = self.heard.entry(records.id.clone()).or_default();
        if records.seq <= heard.seq {
            return None;
        }
        // Before the first message nothing was sent to us, so nothing is lost.
        if heard.seq > 0 {
            self.lost += records.seq - heard.seq - 1;
        }
        heard.seq = records.seq;
        heard.has_ended |= records.end;
        Some(records)
    }

    /// Looks whether they are still there.
    fn look(&mut self) {
        if self.looked.elapsed() < LOOK_EVERY {
            return;
        }
        self.looked = Instant::now();
        if self.finds {
            self.places.retain(Place::is_alive);
            // If the folder can't be read any more, nothing new is found in it.
            _ = self.connect_to_new();
        }
        let are_local = self.awaited == Some(self.places.len());
        if are_local && self.gone.is_none() && self.places.iter().all(|place| !place.is_alive()) {
            self.gone = Some(Instant::now());
        }
    }
}
