//! Samples: what one thread's stacks, looked at now and then, add up to. The only writer of its [`Tables`].
//!
//! ```text
//!  sample(f g h): function h, edge g→h: own += time      f, g, h, →f, f→g, g→h: total += time, each once
//! ```
//! The tables are those of a [`crate::Recorder`], so whoever reads these reads those; in place of calls they count samples: all of
//! them in `calls`, those in which something else was on top in `recursive_calls`. So what is left, "primitive calls", are the
//! samples on top of the stack, as CPython 3.15 has it in its files.
//!
//! A function that a stack has more than once may stand there by way of several callers, and its samples are the sum over all of
//! them. What is too much in that sum stands in [`Tables::repeats`]. Nothing is ever open here.
//!
//! Samples are few, so a reader may have what calls can't give: the writer waits for it, and all numbers are of one moment.

use std::sync::Arc;

use hashbrown::HashTable;

use crate::cells::{Cell64, Link};
use crate::clock::Ticks;
use crate::hash::mix;
use crate::tables::{Edge, Entry, FunctionId, Key, Kind, Pauses, Repeat, Tables};
use crate::tree::{Limits, TreeWriter};

/// Records the samples of one thread; whoever takes them may be another one.
pub struct SampleRecorder {
    root: Link<Entry>,
    tables: Arc<Tables>,
    edges: HashTable<Link<Edge>>,
    entries: HashTable<Link<Entry>>,
    repeats: HashTable<Link<Repeat>>,
    tree: Option<TreeWriter>,
    /// What the sample that is being added has, from the outermost call on.
    stack: Vec<Link<Edge>>,
    /// What it has had so far, by address, and how often.
    met: HashTable<(usize, u64)>,
}

impl SampleRecorder {
    /// A recorder with nothing in it. With `limits` it keeps full stacks as well.
    pub fn new(limits: Option<Limits>) -> Self {
        // As a recorder's, which readers expect: with an edge that leads nowhere, and a stack without calls.
        let tables = Tables::new();
        let tree = limits.map(|limits| TreeWriter::new(limits, &tables.nodes));
        Self {
            root: tables.root(),
            tables: Arc::new(tables),
            edges: HashTable::new(),
            entries: HashTable::new(),
            repeats: HashTable::new(),
            tree,
            stack: Vec::new(),
            met: HashTable::new(),
        }
    }

    /// What others may read while this recorder writes.
    pub fn tables(&self) -> &Arc<Tables> {
        &self.tables
    }

    /// Makes a function known. Does nothing if it is.
    pub fn define(&mut self, key: Key, function: FunctionId) {
        if self.entry(key).is_none() {
            let entry = self.tables.entries.push(Entry::new(key, function, Kind::default(), Pauses::Never));
            self.entries.insert_unique(mix(key as u64), entry, |entry| mix(entry.key as u64));
        }
    }

    /// Adds a sample that stands for so much time: `stack` has its functions, the outermost first. False, and nothing done, where
    /// one of them is not known yet, or there is none.
    pub fn sample(&mut self, stack: impl IntoIterator<Item = Key>, time: Ticks) -> bool {
        self.stack.clear();
        let mut caller = self.root;
        for key in stack {
            let Some(edge) = self.edge(caller, key) else { return false };
            self.stack.push(edge);
            caller = edge.callee;
        }
        let Some((&top, below)) = self.stack.split_last() else { return false };
        self.met.clear();
        let tables = Arc::clone(&self.tables);
        let _readers_wait = tables.without_samples();
        top.own.add_ticks(time);
        for edge in below.iter().chain([&top]) {
            if meet(&mut self.met, edge.address()) == 1 {
                edge.calls.add(1);
                edge.total.add_ticks(time);
                if *edge != top {
                    edge.recursive_calls.add(1);
                }
                meet(&mut self.met, edge.callee.address());
            }
        }
        self.settle_functions(top.callee, time);
        if let Some(tree) = &mut self.tree {
            tree.spend(&self.tables.nodes, self.stack.iter().map(|edge| edge.callee.function), time, 1);
        }
        true
    }

    /// Each function of the stack once; [`SampleRecorder::met`] says by how many edges it is in it.
    fn settle_functions(&mut self, top: Link<Entry>, time: Ticks) {
        let Self { stack, met, repeats, tables, .. } = self;
        for entry in stack.iter().map(|edge| edge.callee) {
            let address = entry.address();
            let found = met.find_mut(mix(address as u64), |(known, _)| *known == address);
            // Nothing is left of those that were settled before.
            let Some(edges) = found.map(|(_, edges)| std::mem::take(edges)).filter(|edges| *edges > 0) else {
                continue;
            };
            entry.total.add_ticks(time);
            if entry != top {
                entry.recursive_calls.add(1);
            }
            if edges > 1 {
                repeat_of(repeats, tables, entry).samples.add(edges - 1);
            }
        }
    }

    fn edge(&mut self, caller: Link<Entry>, key: Key) -> Option<Link<Edge>> {
        let hash =
            |caller: Link<Entry>, key: Key| mix(key.wrapping_add(caller.address().rotate_left(21)) as u64);
        let is_wanted = |edge: &Link<Edge>| edge.key == key && edge.caller == caller;
        if let Some(known) = self.edges.find(hash(caller, key), is_wanted) {
            return Some(*known);
        }
        let callee = self.entry(key)?;
        let edge = self.tables.edges.push(Edge::new(caller, callee));
        self.edges.insert_unique(hash(caller, key), edge, |edge| hash(edge.caller, edge.key));
        Some(edge)
    }

    fn entry(&self, key: Key) -> Option<Link<Entry>> {
        self.entries.find(mix(key as u64), |entry| entry.key == key).copied()
    }
}

/// Counts an address; how often it has come so far.
fn meet(met: &mut HashTable<(usize, u64)>, address: usize) -> u64 {
    let hash = |address: usize| mix(address as u64);
    let (_, times) = met
        .entry(hash(address), |(known, _)| *known == address, |(known, _)| hash(*known))
        .or_insert((address, 0))
        .into_mut();
    *times += 1;
    *times
}

fn repeat_of(repeats: &mut HashTable<Link<Repeat>>, tables: &Tables, of: Link<Entry>) -> Link<Repeat> {
    let hash = |entry: Link<Entry>| mix(entry.address() as u64);
    let entry = repeats.entry(hash(of), |repeat| repeat.of == of, |repeat| hash(repeat.of));
    *entry.or_insert_with(|| tables.repeats.push(Repeat { of, samples: Cell64::default() })).get()
}

#[cfg(test)]
#[path = "sampled_tests.rs"]
mod tests;
