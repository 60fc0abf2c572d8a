//! The list of processes and threads. Threads that are over stand together, by their names: a server has started thousands.

use std::collections::HashSet;

use pikos_views::{Picture, Process, ProcessId, Scope, Thread};

use super::cursor::Cursor;

/// What is on screen of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    pub cursor: Cursor,
    /// Whose ended threads are listed one by one.
    opened: HashSet<(ProcessId, String)>,
}

/// A row of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Something to look at: everything, a process, or a thread.
    Scope(Scope),
    /// Threads of a process that are over.
    Ended(ProcessId, Ended),
}

/// Threads that are over, and are called alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// `parser-*`.
    pub name: String,
    /// Their places in [`Process::threads`]; several.
    pub threads: Vec<usize>,
}

impl Scopes {
    /// All that can be chosen: everything, each process, and its threads under it.
    pub fn entries(&self, picture: &Picture) -> Vec<Entry> {
        let mut entries = Vec::new();
        let profiles = picture.processes.iter().filter(|process| process.recorder.is_none()).count();
        if picture.has_sum && profiles > 1 {
            entries.push(Entry::Scope(Scope::All));
        }
        for (process, place) in picture.processes.iter().zip(0u32..) {
            let id = ProcessId(place);
            entries.push(Entry::Scope(Scope::Process(id)));
            let scope = |thread: &Thread| Entry::Scope(Scope::Thread(id, thread.id));
            let (ended, alone) = by_name(process);
            entries.extend(alone.into_iter().map(|thread| scope(&process.threads[thread])));
            for ended in ended {
                let is_open = self.opened.contains(&(id, ended.name.clone()));
                let one_by_one = if is_open { ended.threads.as_slice() } else { &[] };
                let threads: Vec<Entry> =
                    one_by_one.iter().map(|&thread| scope(&process.threads[thread])).collect();
                entries.push(Entry::Ended(id, ended));
                entries.extend(threads);
            }
        }
        entries
    }

    /// Lists ended threads one by one, or together again.
    pub fn toggle(&mut self, process: ProcessId, ended: Ended) {
        let key = (process, ended.name);
        if !self.opened.remove(&key) {
            self.opened.insert(key);
        }
    }
}

/// The threads of a process that are over and have a name in common, and the places of all others.
pub fn by_name(process: &Process) -> (Vec<Ended>, Vec<usize>) {
    let mut groups: Vec<Ended> = Vec::new();
    let mut alone = Vec::new();
    for (place, thread) in process.threads.iter().enumerate() {
        if !thread.is_over {
            alone.push(place);
            continue;
        }
        let name = without_numbers(&thread.name);
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => group.threads.push(place),
            None => groups.push(Ended { name, threads: vec![place] }),
        }
    }
    let (mut groups, single): (Vec<_>, Vec<_>) =
        groups.into_iter().partition(|group| group.threads.len() > 1);
    alone.extend(single.into_iter().flat_map(|group| group.threads));
    alone.sort_unstable();
    for group in &mut groups {
        let first = &process.threads[group.threads[0]].name;
        if group.threads.iter().all(|&thread| process.threads[thread].name == *first) {
            group.name.clone_from(first);
        }
    }
    (groups, alone)
}

/// `Thread-* (work)` of `Thread-12 (work)`.
fn without_numbers(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        match c.is_ascii_digit() {
            true if text.ends_with('*') => {}
            true => text.push('*'),
            false => text.push(c),
        }
    }
    text
}
