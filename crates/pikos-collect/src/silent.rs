//! Streams that are put aside until they speak again, in bounded memory.

use std::collections::{BTreeMap, HashMap};

use pstats_compat::Profile;

use crate::keys::Parts;

/// So many are put aside,
const MOST: usize = 16_384;
/// with so much in memory, about.
const MOST_BYTES: usize = if cfg!(test) { 1 << 20 } else { 512 << 20 };
/// A function with its names, an edge, and a stack.
const FUNCTION: usize = 300;
const EDGE: usize = 60;
const STACK: usize = 40;

/// Streams by their ids.
#[derive(Default)]
pub struct Silent {
    streams: HashMap<String, (u64, Parts)>,
    /// In the order in which they fell silent.
    order: BTreeMap<u64, String>,
    next: u64,
    bytes: usize,
}

impl Silent {
    /// Puts one aside.
    pub fn put(&mut self, id: String, parts: Parts) {
        self.take(&id);
        self.bytes += bytes(&parts);
        self.next += 1;
        self.order.insert(self.next, id.clone());
        self.streams.insert(id, (self.next, parts));
    }

    /// Those that there is no room for: the ones that have been silent longest.
    pub fn take_oldest(&mut self) -> Vec<(String, Parts)> {
        let mut gone = Vec::new();
        while self.streams.len() > MOST || self.bytes > MOST_BYTES {
            let Some(oldest) = self.order.values().next().cloned() else { break };
            gone.extend(self.take(&oldest).map(|parts| (oldest, parts)));
        }
        gone
    }

    /// One that speaks again, if it was put aside.
    pub fn take(&mut self, id: &str) -> Option<Parts> {
        let (turn, parts) = self.streams.remove(id)?;
        self.order.remove(&turn);
        self.bytes -= bytes(&parts);
        Some(parts)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Parts)> {
        self.streams.iter().map(|(id, (_, parts))| (id.as_str(), parts))
    }
}

fn bytes(parts: &Parts) -> usize {
    let of = |profile: &Profile| {
        let stacks = profile.tree.as_ref().map_or(0, |tree| tree.nodes.len());
        FUNCTION * profile.functions.len() + EDGE * profile.edges.len() + STACK * stacks
    };
    let sets = |profile: &Profile| profile.label_sets.iter().map(|set| of(&set.profile)).sum::<usize>();
    parts.iter().map(|(_, profile)| of(profile) + sets(profile)).sum()
}

#[cfg(test)]
mod tests {
    use pstats_compat::{Calls, Function};

    use super::*;
    use crate::key::Key;

    fn parts(functions: usize) -> Parts {
        let function = Function::new("a.py".into(), 1, "f".into(), Calls::default());
        vec![(Key::default(), Profile::new(vec![function; functions], Vec::new()))]
    }

    #[test]
    fn the_longest_silent_make_room() {
        const MOST_FUNCTIONS: usize = MOST_BYTES / FUNCTION;
        let mut silent = Silent::default();
        let ids =
            |silent: &mut Silent| silent.take_oldest().into_iter().map(|(id, _)| id).collect::<Vec<_>>();
        silent.put("a".to_owned(), parts(MOST_FUNCTIONS - 10));
        silent.put("b".to_owned(), parts(5));
        // Silent anew: it is the last one now.
        silent.put("a".to_owned(), parts(MOST_FUNCTIONS - 10));
        assert!(silent.take_oldest().is_empty());
        silent.put("c".to_owned(), parts(6));
        assert_eq!(ids(&mut silent), ["b"]);
        silent.put("d".to_owned(), parts(9));
        assert_eq!(ids(&mut silent), ["a"]);
        assert_eq!(silent.take("d").map(|parts| parts[0].1.functions.len()), Some(9));
        assert_eq!((silent.take("d"), silent.bytes, silent.order.len()), (None, 6 * FUNCTION, 1));
        (0..MOST).for_each(|number| silent.put(number.to_string(), parts(0)));
        assert_eq!(ids(&mut silent), ["c"]);
    }
}
