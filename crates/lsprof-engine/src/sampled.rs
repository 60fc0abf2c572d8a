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
use crate::tree::{Limits, Standing, TreeWriter};

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
    /// What the last sample added to: mostly, the next one is the same.
    last: Addends,
}

/// What a sample adds to.
#[derive(Default)]
struct Addends {
    top: Option<Link<Edge>>,
    /// Each edge of the stack once, the top one as well.
    edges: Vec<Link<Edge>>,
    /// Each function of the stack once, and by how many edges it is in it.
    entries: Vec<(Link<Entry>, u64)>,
    standing: Option<Standing>,
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
            last: Addends::default(),
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
        let Some(&top) = self.stack.last() else { return false };
        self.prepare(top);
        self.add(time);
        true
    }

    /// Adds a sample of the same stack as the last one. False, and nothing done, where that has to be told again.
    pub fn sample_again(&mut self, time: Ticks) -> bool {
        // Where a stack was cut, there may be room for it now.
        let is_known = self.last.top.is_some() && self.last.standing.is_none_or(|standing| !standing.is_cut);
        if is_known {
            self.add(time);
        }
        is_known
    }

    /// Finds out what the stack adds to.
    fn prepare(&mut self, top: Link<Edge>) {
        let Self { stack, met, last, tree, tables, .. } = self;
        met.clear();
        last.edges.clear();
        last.edges.extend(stack.iter().filter(|edge| meet(met, edge.address()) == 1));
        for edge in &last.edges {
            meet(met, edge.callee.address());
        }
        last.entries.clear();
        last.entries.extend(stack.iter().filter_map(|edge| {
            let address = edge.callee.address();
            let found = met.find_mut(mix(address as u64), |(known, _)| *known == address);
            // Nothing is left of those that were met before.
            let edges = found.map(|(_, edges)| std::mem::take(edges)).filter(|edges| *edges > 0)?;
            Some((edge.callee, edges))
        }));
        last.top = Some(top);
        let functions = stack.iter().map(|edge| edge.callee.function);
        last.standing = tree.as_mut().map(|tree| tree.find(&tables.nodes, functions));
    }

    /// Adds what was found out.
    fn add(&mut self, time: Ticks) {
        let Self { last, repeats, tables, .. } = self;
        let Some(top) = last.top else { return };
        let _readers_wait = tables.without_samples();
        top.own.add_ticks(time);
        for edge in &last.edges {
            edge.calls.add(1);
            edge.total.add_ticks(time);
            if *edge != top {
                edge.recursive_calls.add(1);
            }
        }
        for (entry, edges) in &last.entries {
            entry.total.add_ticks(time);
            if *entry != top.callee {
                entry.recursive_calls.add(1);
            }
            if *edges > 1 {
                repeat_of(repeats, tables, *entry).samples.add(edges - 1);
            }
        }
        if let Some(standing) = last.standing {
            standing.spend(time, 1);
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
