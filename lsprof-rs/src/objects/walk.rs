//! Each object once.
//!
//! What the garbage collector lists comes once by itself, so that only what it doesn't list has to be remembered.

use pyo3::prelude::*;

use super::kinds::Kinds;
use super::visited::Visited;
use crate::ffi::heap::{Heap, Object};

/// Who is told.
pub trait Watcher<'heap> {
    /// An object, with the number of its type.
    fn seen(&mut self, object: Object<'heap>, kind: usize, kinds: &mut Kinds<'heap>);

    /// A reference. Those from one object come one after another.
    fn reference(&mut self, _from: Object<'heap>, _to: Object<'heap>) {}
}

/// Tells of all objects. Raises RuntimeError where they can't be found.
pub fn walk<'heap>(
    heap: &'heap Heap<'_>,
    kinds: &mut Kinds<'heap>,
    watcher: &mut impl Watcher<'heap>,
) -> PyResult<()> {
    let mut walk = Walk { heap, kinds, watcher, visited: Visited::new(), waiting: Vec::new() };
    heap.each_tracked(|object| {
        let kind = walk.kinds.number(object.kind());
        walk.watcher.seen(object, kind, walk.kinds);
        walk.look_into(object);
    })?;
    heap.each_variable(|variable, object| {
        walk.meet(variable.code);
        walk.meet(object);
        walk.look_into_those_that_wait();
    });
    Ok(())
}

struct Walk<'heap, 'py, 'a, W> {
    heap: &'heap Heap<'py>,
    kinds: &'a mut Kinds<'heap>,
    watcher: &'a mut W,
    /// Of those that aren't listed.
    visited: Visited,
    /// Those whose referents are not known yet.
    waiting: Vec<Object<'heap>>,
}

impl<'heap, W: Watcher<'heap>> Walk<'heap, '_, '_, W> {
    fn look_into(&mut self, object: Object<'heap>) {
        self.referents(object);
        self.look_into_those_that_wait();
    }

    fn look_into_those_that_wait(&mut self) {
        while let Some(object) = self.waiting.pop() {
            self.referents(object);
        }
    }

    fn referents(&mut self, object: Object<'heap>) {
        let number = self.kinds.number(object.kind());
        let members = self.kinds.list[number].members.clone();
        self.heap.referents(object, &members, |referent| {
            self.watcher.reference(object, referent);
            self.meet(referent);
        });
    }

    #[inline]
    fn meet(&mut self, object: Object<'heap>) {
        if object.is_tracked() || !self.visited.insert(object.address()) {
            return;
        }
        let kind = self.kinds.number(object.kind());
        self.watcher.seen(object, kind, self.kinds);
        if object.is_container() || !self.kinds.list[kind].members.is_empty() {
            self.waiting.push(object);
        }
    }
}
