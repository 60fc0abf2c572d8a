//! The functions that a focused monitor watches, and which threads are inside one of them.

use std::cell::RefCell;

use hashbrown::HashSet;

use super::event::EventKind;

/// A set of functions.
pub struct Focus {
    /// Their code objects' addresses.
    codes: HashSet<usize>,
    /// How many activations are open: of each thread that has any, by its address.
    inside: RefCell<Vec<(usize, u32)>>,
}

impl Focus {
    /// On the functions with these code objects.
    pub fn new(codes: HashSet<usize>) -> Self {
        Self { codes, inside: RefCell::default() }
    }

    /// Whether this is one of the functions.
    #[inline(always)]
    pub fn has(&self, code: usize) -> bool {
        self.codes.contains(&code)
    }

    /// Whether any thread is inside one of them.
    #[cfg(Py_3_12)]
    pub fn is_entered(&self) -> bool {
        !self.inside.borrow().is_empty()
    }

    /// Whether a function event of this thread takes place inside one of them; their own calls and returns do.
    #[inline(always)]
    pub fn admits(&self, thread: usize, kind: EventKind, code: usize) -> bool {
        let is_edge = matches!(kind, EventKind::Call | EventKind::Return) && self.has(code);
        if is_edge { self.cross(thread, kind) } else { self.is_inside(thread) }
    }

    #[inline(always)]
    fn is_inside(&self, thread: usize) -> bool {
        self.inside.borrow().iter().any(|(inside, _)| *inside == thread)
    }

    fn cross(&self, thread: usize, kind: EventKind) -> bool {
        let mut inside = self.inside.borrow_mut();
        let place = inside.iter().position(|(address, _)| *address == thread);
        match (kind, place) {
            (EventKind::Call, Some(place)) => inside[place].1 += 1,
            (EventKind::Call, None) => inside.push((thread, 1)),
            (_, Some(place)) if inside[place].1 > 1 => inside[place].1 -= 1,
            (_, Some(place)) => _ = inside.swap_remove(place),
            // It was entered before the monitor was enabled.
            (_, None) => return false,
        }
        true
    }
}
