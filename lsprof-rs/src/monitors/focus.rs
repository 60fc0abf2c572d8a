//! The functions that a focused monitor watches, and which threads are inside one of them.

use std::cell::RefCell;

use hashbrown::HashSet;

use super::event::EventKind;

/// A set of functions.
pub struct Focus {
    /// Their code objects' addresses.
    codes: RefCell<HashSet<usize>>,
    /// The activations that are open, the innermost last, of each thread that ever had any: by its address, their code objects'.
    inside: RefCell<Vec<(usize, Vec<usize>)>>,
}

impl Focus {
    /// On the functions with these code objects.
    pub fn new(codes: impl Iterator<Item = usize>) -> Self {
        Self { codes: RefCell::new(codes.collect()), inside: RefCell::default() }
    }

    /// On these from now on. What is open of others counts no more.
    pub fn set(&self, codes: impl Iterator<Item = usize>) {
        let codes: HashSet<usize> = codes.collect();
        let mut inside = self.inside.borrow_mut();
        inside.iter_mut().for_each(|(_, open)| open.retain(|code| codes.contains(code)));
        self.codes.replace(codes);
    }

    /// Whether this is one of the functions.
    #[inline(always)]
    pub fn has(&self, code: usize) -> bool {
        self.codes.borrow().contains(&code)
    }

    /// Whether any thread is inside one of them.
    #[cfg(Py_3_12)]
    pub fn is_entered(&self) -> bool {
        self.inside.borrow().iter().any(|(_, open)| !open.is_empty())
    }

    /// Whether a function event of this thread takes place inside one of them; their own calls and returns do.
    #[inline(always)]
    pub fn admits(&self, thread: usize, kind: EventKind, code: usize) -> bool {
        let is_edge = matches!(kind, EventKind::Call | EventKind::Return) && self.has(code);
        if is_edge { self.cross(thread, kind, code) } else { self.is_inside(thread) }
    }

    #[inline(always)]
    fn is_inside(&self, thread: usize) -> bool {
        self.inside.borrow().iter().any(|(inside, open)| *inside == thread && !open.is_empty())
    }

    fn cross(&self, thread: usize, kind: EventKind, code: usize) -> bool {
        let mut inside = self.inside.borrow_mut();
        let place = match inside.iter().position(|(address, _)| *address == thread) {
            Some(place) => place,
            None => {
                inside.push((thread, Vec::new()));
                inside.len() - 1
            }
        };
        let open = &mut inside[place].1;
        if kind == EventKind::Call {
            open.push(code);
            return true;
        }
        // Perhaps it was entered before the monitor was enabled, or it is not the last one: greenlets switch.
        let is_within = !open.is_empty();
        if let Some(at) = open.iter().rposition(|open| *open == code) {
            open.remove(at);
        }
        is_within
    }
}
