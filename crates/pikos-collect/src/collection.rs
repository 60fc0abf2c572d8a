//! What processes have told, those that have ended and those that are silent included.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use pikos_client::{ClientError, Listener, Stream, WireError};
use pstats_compat::Profile;
use pstats_compat::merge::Merger;

use crate::key::Key;
use crate::keys::{Keys, Parts};
use crate::silent::Silent;

/// After so long a stream that says nothing is put aside: its process may be gone, and nobody told us.
const SILENT: Duration = Duration::from_secs(600);
/// Ended streams whose ids are known, so that what comes late of one isn't counted again.
const MOST_ENDED: usize = 65_536;
/// So many parts of ended streams wait to be added up.
const MOST_WAITING: usize = 256;

/// Figures by what they are of.
pub type Sums = BTreeMap<Key, Profile>;

/// All that is known.
pub struct Collection {
    listener: Listener,
    /// The sums of all that have ended.
    ended: Sums,
    /// Those that have ended just now.
    waiting: Parts,
    /// Streams that are known from the disk, or have been silent for long.
    silent: Silent,
    /// Ids of those that have ended, in that order.
    over: (HashSet<String>, VecDeque<String>),
    keys: Keys,
    /// Processes that have ended.
    ends: u64,
    /// Messages that were refused, of streams that are over.
    refused: u64,
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
    /// Messages that could not be taken in.
    pub refused: u64,
}

/// What outlives us.
#[derive(Debug, Default, PartialEq)]
pub struct Memory {
    /// The sums of all that have ended.
    pub ended: Sums,
    /// The others, by their ids.
    pub streams: Vec<(String, Parts)>,
}

impl Memory {
    /// The figures of all of them.
    pub fn sums(&self) -> Sums {
        let parts = self.streams.iter().flat_map(|(_, parts)| parts).map(|(key, profile)| (key, profile));
        let mut sums: BTreeMap<Key, Merger> = BTreeMap::new();
        for (key, profile) in self.ended.iter().chain(parts) {
            add(&mut sums, key.clone(), profile.clone());
        }
        finished(sums)
    }
}

impl Collection {
    /// Binds an endpoint, for processes that connect to it.
    pub fn bind(endpoint: &str) -> Result<Self, ClientError> {
        Ok(Self {
            listener: Listener::bind(endpoint)?,
            ended: Sums::new(),
            waiting: Parts::new(),
            silent: Silent::default(),
            over: Default::default(),
            keys: Keys::default(),
            ends: 0,
            refused: 0,
        })
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &str {
        self.listener.endpoints().next().unwrap_or_default()
    }

    /// Takes in what an earlier one has left. Processes that still run take their figures' place as soon as they speak.
    pub fn restore(&mut self, memory: Memory) {
        let Memory { ended, streams } = memory;
        let parts = streams.iter().flat_map(|(_, parts)| parts.iter().map(|(key, profile)| (key, profile)));
        for (key, profile) in ended.iter().chain(parts) {
            self.keys.add(key);
            let sets = profile.label_sets.iter().map(|set| set.labels.clone());
            sets.for_each(|labels| drop(self.keys.set(key, labels)));
        }
        self.ended = ended;
        streams.into_iter().for_each(|(id, parts)| self.silent.put(id, parts));
    }

    /// Waits for messages, at most so long, and takes them in.
    pub fn poll(&mut self, timeout: Duration) -> Result<bool, ClientError> {
        let has_news = self.listener.poll(timeout)?;
        let now = Instant::now();
        let is_silent = |heard: Instant| now.duration_since(heard) > SILENT;
        let done = self.listener.retire(|stream| stream.model.end().is_some() || is_silent(stream.heard));
        for stream in done {
            let id = stream.model.id().to_owned();
            self.refused += stream.refused;
            let before = self.silent.take(&id);
            if self.over.0.contains(&id) {
                continue;
            }
            let parts = if stream.model.has_facts() {
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
                None => self.put_aside(id, parts),
            }
        }
        // They speak again: what is known of them now takes the place of what they told before.
        if has_news && !self.silent.is_empty() {
            let told = self.listener.streams().iter().filter(|stream| stream.model.has_facts());
            told.for_each(|stream| drop(self.silent.take(stream.model.id())));
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
            silent: self.silent.all().filter(|(id, _)| !self.is_heard(id)).count(),
            ended: self.ends,
            lost: streams.iter().map(|stream| stream.model.lost()).sum(),
            refused: self.refused
                + self.listener.refused()
                + streams.iter().map(|stream| stream.refused).sum::<u64>(),
        }
    }

    /// Whether anything came of a stream that was silent.
    fn is_heard(&self, id: &str) -> bool {
        self.listener.streams().iter().any(|stream| stream.model.id() == id)
    }

    /// Why messages could not be taken in since this was asked last, one of each kind.
    pub fn take_problems(&mut self) -> Vec<WireError> {
        self.listener.take_problems()
    }

    /// How many processes there are of each program on each host that tell of themselves.
    pub fn running(&self) -> BTreeMap<(String, String), usize> {
        let mut running = BTreeMap::new();
        for stream in self.listener.streams().iter().filter(|stream| stream.model.has_facts()) {
            let key = Key::of(stream.model.facts(), &Default::default(), &[]);
            *running.entry((key.host, key.program)).or_default() += 1;
        }
        running
    }

    /// The figures of all of them, as they are now.
    pub fn sums(&mut self) -> Sums {
        self.add_up();
        let mut sums: BTreeMap<Key, Merger> = BTreeMap::new();
        self.ended.iter().for_each(|(key, profile)| add(&mut sums, key.clone(), profile.clone()));
        for stream in self.listener.streams().iter().filter(|stream| is_counted(&self.over.0, stream)) {
            let parts = self.keys.parts(&stream.model);
            parts.into_iter().for_each(|(key, profile)| add(&mut sums, key, profile));
        }
        let silent = self.silent.all().flat_map(|(_, parts)| parts);
        silent.for_each(|(key, profile)| add(&mut sums, key.clone(), profile.clone()));
        finished(sums)
    }

    /// What is to outlive us.
    pub fn memory(&mut self) -> Memory {
        self.add_up();
        let mut streams = Vec::new();
        for stream in self.listener.streams().iter().filter(|stream| is_counted(&self.over.0, stream)) {
            streams.push((stream.model.id().to_owned(), self.keys.parts(&stream.model)));
        }
        streams.extend(self.silent.all().map(|(id, parts)| (id.to_owned(), parts.clone())));
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

    /// Keeps what a stream has told until it speaks again. Of those that are too many, the figures stay, and nothing more is taken.
    fn put_aside(&mut self, id: String, parts: Parts) {
        self.silent.put(id, parts);
        for (id, parts) in self.silent.take_oldest() {
            self.waiting.extend(parts);
            self.note_end(id);
        }
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

fn add(sums: &mut BTreeMap<Key, Merger>, key: Key, profile: Profile) {
    // What can't be added up was told apart by its key.
    let _ = sums.entry(key).or_default().add(profile);
}

fn finished(sums: BTreeMap<Key, Merger>) -> Sums {
    sums.into_iter().map(|(key, merger)| (key, merger.finish())).collect()
}

/// Whether a stream counts: it is known whose its figures are, and it hasn't ended before. Where a message was lost, each figure is
/// what it was or what it is now.
fn is_counted(over: &HashSet<String>, stream: &Stream<()>) -> bool {
    stream.model.has_facts() && !over.contains(stream.model.id())
}
