//! The threads of a tree: what they are called, and their sum.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::id_map::IdMap;
use super::tree::{CallTree, Node, NodeId, Thread};

impl CallTree {
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
}
