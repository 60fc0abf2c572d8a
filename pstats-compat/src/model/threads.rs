//! Which thread each stack of a tree is of.
//!
//! ```text
//!  nodes    0 … 6 │ 7 … 9 │ 10 …        a thread's stacks stand together, and none stands on another thread's
//!  threads  first 0   7      10         no threads at all: they aren't told apart
//! ```

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::id_map::IdMap;
use super::text::Text;
use super::tree::{CallTree, Node, NodeId};

/// A thread whose stacks stand apart. One of which nothing is known has all stacks that are told apart no further.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// What its program calls it. Several may have one name.
    pub name: Option<Text>,
    /// The system's number of the process.
    pub process: Option<u64>,
    /// The system's number of the thread; when it has ended, another one may get it.
    pub id: Option<u64>,
    /// Its first stack. It has those up to the first one of the next thread.
    pub first: NodeId,
}

/// What is known of a thread itself: two that have it in common are one, if they aren't of one tree.
pub(crate) type ThreadKey = (Option<Text>, Option<u64>, Option<u64>);

impl Thread {
    /// What is known of it.
    pub(crate) fn key(&self) -> ThreadKey {
        (self.name.clone(), self.process, self.id)
    }

    /// Whether both are the same thread as far as is known.
    pub(crate) fn is_same(&self, other: &Thread) -> bool {
        (&self.name, self.process, self.id) == (&other.name, other.process, other.id)
    }
}

impl CallTree {
    /// The places of each thread's stacks; of all stacks, and no thread, where they aren't told apart.
    pub fn parts(&self) -> impl Iterator<Item = (Option<&Thread>, Range<usize>)> {
        let end = |next: usize| self.threads.get(next).map_or(self.nodes.len(), |next| next.first.index());
        let whole = self.threads.is_empty().then_some((None, 0..self.nodes.len()));
        let threads = self.threads.iter().zip(1..);
        whole.into_iter().chain(threads.map(move |(own, next)| (Some(own), own.first.index()..end(next))))
    }

    /// Lets the nodes that follow be of this thread.
    pub(crate) fn begin(&mut self, thread: Option<&Thread>) {
        let first = NodeId(self.nodes.len() as u32);
        self.threads.extend(thread.map(|thread| Thread { first, ..thread.clone() }));
    }

    /// What the threads are called, in their order: by name, else by number. Where there are several processes, each says its own.
    pub(crate) fn plain_thread_names(&self) -> Vec<String> {
        let first = self.threads.first().and_then(|thread| thread.process);
        let has_processes = self.threads.iter().any(|thread| thread.process != first);
        let threads = (1..).zip(&self.threads);
        let names = threads.map(|(number, thread)| {
            let name = thread.name.as_ref().map(|name| name.to_str_lossy().into_owned());
            let name = name.unwrap_or_else(|| format!("thread {}", thread.id.unwrap_or(number)));
            match thread.process.filter(|_| has_processes) {
                Some(process) => format!("{name}, process {process}"),
                None => name,
            }
        });
        names.collect()
    }

    /// The same, no two alike: where several would be, each says how many it is.
    pub fn thread_names(&self) -> Vec<String> {
        let mut names = self.plain_thread_names();
        let mut counts: HashMap<String, usize> = HashMap::new();
        for name in &names {
            *counts.entry(name.clone()).or_default() += 1;
        }
        for (number, name) in (1..).zip(&mut names).filter(|(_, name)| counts[*name] > 1) {
            name.push_str(&format!(" ({number})"));
        }
        names
    }

    /// A process and a number for each thread, where a format tells threads apart by them: what is known, but no two alike. Process 0
    /// is none.
    pub(crate) fn thread_numbers(&self) -> Vec<(u64, u64)> {
        let mut used = HashSet::new();
        let process = |thread: &Thread| thread.process.unwrap_or(0);
        let known = self.threads.iter().map(|thread| (process(thread), thread.id));
        let mut numbers: Vec<(u64, Option<u64>)> =
            known.map(|(process, id)| (process, id.filter(|&id| used.insert((process, id))))).collect();
        let mut free = 1..;
        let mut number = |(process, id): (u64, Option<u64>)| {
            let id = id.or_else(|| free.find(|&number| used.insert((process, number))));
            (process, id.unwrap_or(0))
        };
        numbers.drain(..).map(&mut number).collect()
    }

    /// The stacks whoever made them: equal ones of several threads are one.
    pub fn added_up(&self) -> Cow<'_, CallTree> {
        if self.threads.len() < 2 {
            return Cow::Borrowed(self);
        }
        let mut sum = CallTree { cut: self.cut, ..CallTree::default() };
        let mut known = IdMap::default();
        let mut places: Vec<NodeId> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let parent = node.parent.map(|parent| places[parent.index()]);
            let next = NodeId(sum.nodes.len() as u32);
            let place = *known.entry((parent, node.function)).or_insert(next);
            match sum.nodes.get_mut(place.index()) {
                Some(kept) => kept.absorb(node),
                None => sum.nodes.push(Node { parent, ..node.clone() }),
            }
            places.push(place);
        }
        Cow::Owned(sum)
    }

    /// Whether threads have stacks of their own, in their order.
    pub(super) fn has_sound_threads(&self) -> bool {
        let firsts = || self.threads.iter().map(|thread| thread.first.index());
        let is_ordered = firsts().is_sorted()
            && firsts().next().is_none_or(|first| first == 0)
            && firsts().all(|first| first <= self.nodes.len());
        is_ordered
            && self.parts().all(|(_, places)| {
                let parents = self.nodes[places.clone()].iter().filter_map(|node| node.parent);
                parents.map(NodeId::index).all(|parent| places.contains(&parent))
            })
    }
}
