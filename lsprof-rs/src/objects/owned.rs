//! How much objects have to themselves: they and all that they refer to, what several share counted once.

use pyo3::prelude::*;
use pyo3::types::PyType;

use super::census::{Instances, wanted};
use super::kinds::{Kinds, Trusted};
use super::visited::Visited;
use super::walk::walk;
use crate::ffi::heap::{Heap, Object};

/// Of some objects: how many, their own bytes, and those with what they refer to.
pub type Owned = (u64, u64, u64);

/// For each of these types what its objects own, and for each of these objects. Code is nobody's: types, functions, modules. What one
/// of these objects is itself, it is for no other.
///
/// Raises RuntimeError where the objects can't be found.
pub fn owned(
    py: Python<'_>,
    types: &[Bound<'_, PyType>],
    objects: &[Bound<'_, PyAny>],
) -> PyResult<(Vec<Owned>, Vec<Owned>)> {
    let trusted = Trusted::standard(py);
    Heap::look(py, |heap| {
        let mut kinds = Kinds::new(&trusted);
        let mut instances = Instances::new(wanted(heap, types), usize::MAX);
        if !types.is_empty() {
            walk(heap, &mut kinds, &mut instances)?;
        }
        let alone: Vec<_> = objects.iter().map(|object| heap.object(object)).collect();
        let mut sum = Sum { heap, kinds, visited: Visited::new(), waiting: Vec::new() };
        let of_types = instances.found.iter().flatten().copied();
        for object in of_types.chain(alone.iter().copied()) {
            sum.visited.insert(object.address());
        }
        let of_types = instances.found.iter().map(|found| {
            let sums = found.iter().map(|object| sum.of(*object));
            sums.fold((0, 0, 0), |all, one| (all.0 + one.0, all.1 + one.1, all.2 + one.2))
        });
        let of_types = of_types.collect();
        Ok((of_types, alone.into_iter().map(|object| sum.of(object)).collect()))
    })
}

struct Sum<'heap, 'py> {
    heap: &'heap Heap<'py>,
    kinds: Kinds<'heap>,
    visited: Visited,
    waiting: Vec<Object<'heap>>,
}

impl<'heap> Sum<'heap, '_> {
    fn of(&mut self, object: Object<'heap>) -> Owned {
        let mut all = 0u64;
        let mut own = None;
        self.waiting.push(object);
        while let Some(object) = self.waiting.pop() {
            let kind = self.kinds.number(object.kind());
            let known = &mut self.kinds.list[kind];
            let size = known.measure.size(object);
            own.get_or_insert(size);
            all = all.saturating_add(size);
            let members = known.members.clone();
            let Self { visited, waiting, .. } = self;
            self.heap.referents(object, &members, |referent| {
                if !referent.kind().is_code() && visited.insert(referent.address()) {
                    waiting.push(referent);
                }
            });
        }
        (1, own.unwrap_or(0), all)
    }
}
