//! How many objects of which type there are, and which.

use std::collections::{HashMap, VecDeque};

use pyo3::prelude::*;
use pyo3::types::PyType;

use super::kinds::{Kinds, Trusted};
use super::walk::{Watcher, walk};
use crate::ffi::heap::{Heap, Kind, Object};

/// What there is of a type: the type, how many objects, and their bytes without those of what they refer to.
pub type Row = (Py<PyType>, u64, u64);

/// Counts all objects. Raises RuntimeError where they can't be found.
pub fn census(py: Python<'_>) -> PyResult<Vec<Row>> {
    let trusted = Trusted::standard(py);
    Heap::look(py, |heap| {
        let mut kinds = Kinds::new(&trusted);
        let mut tally = Tally::default();
        walk(heap, &mut kinds, &mut tally)?;
        let rows = kinds.list.iter().zip(&tally.0);
        Ok(rows.map(|(known, (count, bytes))| (heap.keep_kind(known.kind), *count, *bytes)).collect())
    })
}

/// Count and bytes, by the type's number.
#[derive(Default)]
struct Tally(Vec<(u64, u64)>);

impl<'heap> Watcher<'heap> for Tally {
    #[inline]
    fn seen(&mut self, object: Object<'heap>, kind: usize, kinds: &mut Kinds<'heap>) {
        let size = kinds.list[kind].measure.size(object);
        if self.0.len() <= kind {
            self.0.resize(kinds.list.len().max(kind + 1), (0, 0));
        }
        let row = &mut self.0[kind];
        row.0 += 1;
        row.1 = row.1.saturating_add(size);
    }
}

/// The objects of each of these types, without those of types made from them; at most so many of each, the last ones that are met.
pub fn instances(py: Python<'_>, types: &[Bound<'_, PyType>], most: usize) -> PyResult<Vec<Vec<Py<PyAny>>>> {
    let trusted = Trusted::standard(py);
    Heap::look(py, |heap| {
        let mut watcher = Instances::new(wanted(heap, types), most);
        walk(heap, &mut Kinds::new(&trusted), &mut watcher)?;
        let keep = |found: VecDeque<Object<'_>>| found.into_iter().map(|object| heap.keep(object)).collect();
        Ok(watcher.found.into_iter().map(keep).collect())
    })
}

/// These types, as they are named here.
pub fn wanted<'heap>(heap: &'heap Heap<'_>, types: &'heap [Bound<'_, PyType>]) -> Vec<Kind<'heap>> {
    types.iter().map(|kind| heap.kind(kind)).collect()
}

/// Collects the objects of some types.
pub struct Instances<'heap> {
    wanted: Vec<Kind<'heap>>,
    /// By a type's number, its place among those that are wanted.
    numbers: Vec<Option<usize>>,
    /// The last ones of each.
    pub found: Vec<VecDeque<Object<'heap>>>,
    most: usize,
}

impl<'heap> Instances<'heap> {
    /// At most so many of each.
    pub fn new(wanted: Vec<Kind<'heap>>, most: usize) -> Self {
        let found = vec![VecDeque::new(); wanted.len()];
        Self { wanted, numbers: Vec::new(), found, most }
    }
}

impl<'heap> Watcher<'heap> for Instances<'heap> {
    fn seen(&mut self, object: Object<'heap>, kind: usize, kinds: &mut Kinds<'heap>) {
        for known in &kinds.list[self.numbers.len()..] {
            self.numbers.push(self.wanted.iter().position(|wanted| *wanted == known.kind));
        }
        if let Some(place) = self.numbers[kind] {
            let found = &mut self.found[place];
            if found.len() >= self.most {
                found.pop_front();
            }
            if self.most > 0 {
                found.push_back(object);
            }
        }
    }
}

/// What refers to objects of a type: single objects, with how many references, the one with the most first; and their types, likewise, each
/// with an object that refers to some.
pub type Holding = (Vec<(Py<PyAny>, u64)>, Vec<(Py<PyType>, u64, Py<PyAny>)>);

/// What refers to objects of each of these types: so many objects and types at most. Raises RuntimeError where they can't be found.
pub fn holders(py: Python<'_>, types: &[Bound<'_, PyType>], most: usize) -> PyResult<Vec<Holding>> {
    let trusted = Trusted::standard(py);
    Heap::look(py, |heap| {
        let wanted = wanted(heap, types);
        let held = wanted.iter().map(|_| Held::default()).collect();
        let mut watcher = Holders { wanted, from: None, held, most };
        walk(heap, &mut Kinds::new(&trusted), &mut watcher)?;
        watcher.end();
        let named = watcher.held.into_iter().map(|held| {
            let objects = held.objects.into_iter().map(|(count, object)| (heap.keep(object), count));
            let mut kinds = held.kinds;
            kinds.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
            kinds.truncate(most);
            let kinds = kinds.into_iter();
            let kinds =
                kinds.map(|(count, object)| (heap.keep_kind(object.kind()), count, heap.keep(object)));
            (objects.collect(), kinds.collect())
        });
        Ok(named.collect())
    })
}

/// What refers to objects of one type.
#[derive(Default)]
struct Held<'heap> {
    /// References of the object whose turn it is.
    count: u64,
    /// The objects with the most, the first one first.
    objects: Vec<(u64, Object<'heap>)>,
    /// For each type of them: how many references, and the last object.
    kinds: Vec<(u64, Object<'heap>)>,
    /// By the type's address, its place in `kinds`.
    places: HashMap<usize, usize>,
}

struct Holders<'heap> {
    wanted: Vec<Kind<'heap>>,
    /// The object whose references come.
    from: Option<Object<'heap>>,
    held: Vec<Held<'heap>>,
    most: usize,
}

impl<'heap> Holders<'heap> {
    fn end(&mut self) {
        let Some(from) = self.from else { return };
        for held in &mut self.held {
            let count = std::mem::take(&mut held.count);
            if count == 0 {
                continue;
            }
            let next = held.kinds.len();
            let place = *held.places.entry(from.kind().address()).or_insert(next);
            if place == next {
                held.kinds.push((0, from));
            }
            held.kinds[place] = (held.kinds[place].0 + count, from);
            let objects = &mut held.objects;
            if objects.len() < self.most || objects.last().is_some_and(|last| last.0 < count) {
                let place = objects.partition_point(|(other, _)| *other >= count);
                objects.insert(place, (count, from));
                objects.truncate(self.most);
            }
        }
    }
}

impl<'heap> Watcher<'heap> for Holders<'heap> {
    fn seen(&mut self, _object: Object<'heap>, _kind: usize, _kinds: &mut Kinds<'heap>) {}

    fn reference(&mut self, from: Object<'heap>, to: Object<'heap>) {
        if self.from != Some(from) {
            self.end();
            self.from = Some(from);
        }
        let kind = to.kind();
        for (wanted, held) in self.wanted.iter().zip(&mut self.held) {
            held.count += u64::from(*wanted == kind);
        }
    }
}
