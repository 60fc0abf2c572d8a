//! What processes have told, those that have ended and those that are silent included.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use pikos_client::{ClientError, Listener, Model};
use pstats_compat::Profile;
use pstats_compat::merge::Merger;

use crate::key::Key;

/// After so long a stream that says nothing is put aside: its process may be gone, and nobody told us.
const SILENT: Duration = Duration::from_secs(600);
/// So many streams are put aside; of more, the figures are kept, and no longer whose they are.
const MOST_SILENT: usize = 16_384;
/// Ended streams whose ids are known, so that what comes late of one isn't counted again.
const MOST_ENDED: usize = 65_536;
/// Labels of one program; what else it has is counted together.
const MOST_LABELS: usize = 64;
/// Keys in all; what else comes is counted together.
const MOST_KEYS: usize = 10_000;
/// So many parts of ended streams wait to be added up.
const MOST_WAITING: usize = 256;
/// What is counted together.
const OTHERS: &str = "others";

/// Figures by what they are of.
pub type Sums = BTreeMap<Key, Profile>;

/// What one process has told.
pub type Parts = Vec<(Key, Profile)>;

/// All that is known.
pub struct Collection {
    listener: Listener,
    /// The sums of all that have ended.
    ended: Sums,
    /// Those that have ended just now.
    waiting: Parts,
    /// Streams that are known from the disk, or have been silent for long, by their ids.
    silent: HashMap<String, Parts>,
    /// Ids of those that have ended, in that order.
    over: (HashSet<String>, VecDeque<String>),
    keys: Keys,
    /// Processes that have ended.
    ends: u64,
}

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Processes that tell of themselves.
    pub running: usize,
    /// Those that haven't for long.
    pub silent: usize,
    /// Those that have ended.
    pub ended: u64,
    /// Messages that did not come, of those that run.
    pub lost: u64,
}

/// What outlives us.
#[derive(Debug, Default, PartialEq)]
pub struct Memory {
    /// The sums of all that have ended.
    pub ended: Sums,
    /// The others, by their ids.
    pub streams: Vec<(String, Parts)>,
}

impl Collection {
    /// Binds an endpoint, for processes that connect to it.
    pub fn bind(endpoint: &str) -> Result<Self, ClientError> {
        Ok(Self {
            listener: Listener::bind(endpoint)?,
            ended: Sums::new(),
            waiting: Parts::new(),
            silent: HashMap::new(),
            over: Default::default(),
            keys: Keys::default(),
            ends: 0,
        })
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &str {
        self.listener.endpoints().next().unwrap_or_default()
    }

    /// Takes in what an earlier one has left. Processes that still run take their figures' place as soon as they speak.
    pub fn restore(&mut self, memory: Memory) {
        let Memory { ended, streams } = memory;
        let all = ended.keys().chain(streams.iter().flat_map(|(_, parts)| parts.iter().map(|(key, _)| key)));
        all.for_each(|key| self.keys.add(key));
        self.ended = ended;
        self.silent = streams.into_iter().collect();
    }

    /// Waits for messages, at most so long, and takes them in.
    pub fn poll(&mut self, timeout: Duration) -> Result<bool, ClientError> {
        let has_news = self.listener.poll(timeout)?;
        let now = Instant::now();
        let is_silent = |heard: Instant| now.duration_since(heard) > SILENT;
        let done = self.listener.retire(|stream| stream.model.end().is_some() || is_silent(stream.heard));
        for stream in done {
            let id = stream.model.id().to_owned();
            let before = self.silent.remove(&id);
            if self.over.0.contains(&id) {
                continue;
            }
            let parts = if is_told(&stream.model) {
                self.keys.parts(&stream.model)
            } else {
                before.unwrap_or_default()
            };
            match stream.model.end() {
                Some(_) => {
                    self.waiting.extend(parts);
                    self.ends += 1;
                    self.note_end(id);
                }
                None => drop(self.silent.insert(id, parts)),
            }
        }
        if self.silent.len() > MOST_SILENT {
            let one = self.silent.keys().next().cloned();
            self.waiting.extend(one.and_then(|id| self.silent.remove(&id)).unwrap_or_default());
        }
        if self.waiting.len() > MOST_WAITING {
            self.add_up();
        }
        Ok(has_news)
    }

    /// Whether there was more than could be taken in.
    pub fn is_behind(&self) -> bool {
        self.listener.is_behind()
    }

    /// How many there are.
    pub fn counts(&self) -> Counts {
        let streams = self.listener.streams();
        Counts {
            running: streams.len(),
            silent: self
                .silent
                .keys()
                .filter(|id| !streams.iter().any(|stream| stream.model.id() == *id))
                .count(),
            ended: self.ends,
            lost: streams.iter().map(|stream| stream.model.lost()).sum(),
        }
    }

    /// How many processes there are of each program on each host that tell of themselves.
    pub fn running(&self) -> BTreeMap<(String, String), usize> {
        let mut running = BTreeMap::new();
        for stream in self.listener.streams().iter().filter(|stream| stream.model.has_facts()) {
            let key = Key::of(stream.model.facts(), &Default::default());
            *running.entry((key.host, key.program)).or_default() += 1;
        }
        running
    }

    /// The figures of all of them, as they are now.
    pub fn sums(&mut self) -> Sums {
        self.add_up();
        let mut sums: BTreeMap<Key, Merger> = BTreeMap::new();
        let mut add = |key: Key, profile: Profile| {
            // What can't be added up was told apart by its key.
            let _ = sums.entry(key).or_default().add(profile);
        };
        self.ended.iter().for_each(|(key, profile)| add(key.clone(), profile.clone()));
        let mut told = HashSet::new();
        for stream in self.listener.streams() {
            if self.over.0.contains(stream.model.id()) || !is_told(&stream.model) {
                continue;
            }
            told.insert(stream.model.id());
            self.keys.parts(&stream.model).into_iter().for_each(|(key, profile)| add(key, profile));
        }
        for (_, parts) in self.silent.iter().filter(|(id, _)| !told.contains(id.as_str())) {
            parts.iter().for_each(|(key, profile)| add(key.clone(), profile.clone()));
        }
        sums.into_iter().map(|(key, merger)| (key, merger.finish())).collect()
    }

    /// What is to outlive us.
    pub fn memory(&mut self) -> Memory {
        self.add_up();
        let mut streams = Vec::new();
        let mut told = HashSet::new();
        for stream in self.listener.streams() {
            if is_told(&stream.model) && !self.over.0.contains(stream.model.id()) {
                told.insert(stream.model.id().to_owned());
                streams.push((stream.model.id().to_owned(), self.keys.parts(&stream.model)));
            }
        }
        let silent = self.silent.iter().filter(|(id, _)| !told.contains(*id));
        streams.extend(silent.map(|(id, parts)| (id.clone(), parts.clone())));
        Memory { ended: self.ended.clone(), streams }
    }

    fn add_up(&mut self) {
        let mut mergers: BTreeMap<Key, Merger> = BTreeMap::new();
        for (key, profile) in self.waiting.drain(..) {
            let merger = mergers.entry(key).or_insert_with_key(|key| {
                let mut merger = Merger::new();
                let _ = self.ended.remove(key).map(|known| merger.add(known));
                merger
            });
            let _ = merger.add(profile);
        }
        self.ended.extend(mergers.into_iter().map(|(key, merger)| (key, merger.finish())));
    }

    fn note_end(&mut self, id: String) {
        let (known, order) = &mut self.over;
        if known.insert(id.clone()) {
            order.push_back(id);
        }
        if order.len() > MOST_ENDED {
            let oldest = order.pop_front();
            oldest.into_iter().for_each(|id| _ = known.remove(&id));
        }
    }
}

/// Whether it is known what all its figures are.
fn is_told(model: &Model) -> bool {
    model.has_facts() && model.is_complete()
}

/// Which keys there are.
#[derive(Default)]
struct Keys {
    all: HashSet<Key>,
    /// How many labels each program has.
    labels: HashMap<(String, String), usize>,
}

impl Keys {
    fn add(&mut self, key: &Key) {
        if self.all.insert(key.clone()) {
            *self.labels.entry((key.host.clone(), key.program.clone())).or_default() += 1;
        }
    }

    /// The key that this one's figures are counted under.
    fn known(&mut self, key: Key) -> Key {
        if self.all.contains(&key) {
            return key;
        }
        if self.all.len() >= MOST_KEYS {
            return Key { host: OTHERS.to_owned(), program: OTHERS.to_owned(), label: OTHERS.to_owned() };
        }
        let labels = self.labels.get(&(key.host.clone(), key.program.clone())).copied().unwrap_or(0);
        if labels >= MOST_LABELS {
            let others = key.with_label(OTHERS);
            self.add(&others);
            return others;
        }
        self.add(&key);
        key
    }

    /// What a process has told, by its threads' keys.
    fn parts(&mut self, model: &Model) -> Parts {
        let facts = model.facts();
        let mut threads: BTreeMap<Key, Vec<u64>> = BTreeMap::new();
        for row in model.threads() {
            let key = self.known(Key::of(facts, row));
            threads.entry(key).or_default().push(row.thread);
        }
        if threads.len() == 1 {
            return threads.into_keys().map(|key| (key, model.profile(None))).collect();
        }
        let part = |(key, threads): (Key, Vec<u64>)| {
            let mut merger = Merger::new();
            for thread in threads {
                let _ = merger.add(model.profile(Some(thread)));
            }
            (key, merger.finish())
        };
        threads.into_iter().map(part).filter(|(_, profile)| !profile.functions.is_empty()).collect()
    }
}
