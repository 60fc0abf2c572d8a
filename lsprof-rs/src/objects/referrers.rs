//! What keeps an object alive: the shortest way to it from a module, or else from a variable of a running function.
//!
//! One search for all objects that are asked about, from the top down: it looks at each reference once, where a search upwards would
//! look at all of them for each step.

use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;

use super::kinds::{Kinds, Trusted};
use super::visited::Visited;
use super::walk::{Watcher, walk};
use crate::ffi::heap::{Heap, Object};
use crate::ffi::running::Variable;

/// Where a way begins: one of the roots, by number; or a variable of a running function: its thread, counted from the newest one, how many
/// frames are younger, the function's code object and the variable's number.
pub enum Origin {
    Root(usize),
    Variable { thread: usize, depth: usize, code: Py<PyAny>, number: usize },
}

/// The objects from the origin to the one that was asked about.
pub struct Way {
    pub origin: Origin,
    pub objects: Vec<Py<PyAny>>,
}

/// A node whose parent is an origin.
const NO_PARENT: u32 = u32::MAX;

/// More objects that hold others are not looked at.
const MOST_NODES: usize = 1 << 28;

/// The shortest way to each of the targets; None where neither a root nor a running function leads to it. It goes through none of the
/// objects to be avoided, and not through the variables of the running thread's newest `own_frames` frames.
///
/// Raises RuntimeError where the objects can't be found, MemoryError for more of them than can be searched.
pub fn ways(
    py: Python<'_>,
    roots: &[Bound<'_, PyAny>],
    targets: &[Bound<'_, PyAny>],
    avoid: &[Bound<'_, PyAny>],
    own_frames: usize,
) -> PyResult<Vec<Option<Way>>> {
    let trusted = Trusted::standard(py);
    Heap::look(py, |heap| {
        let mut search = Search::new(heap, &trusted, targets);
        for object in avoid {
            search.visited.insert(heap.object(object).address());
        }
        for (number, root) in roots.iter().enumerate() {
            search.begin(heap.object(root), From::Root(number));
        }
        search.run()?;
        heap.each_variable(|variable, object| {
            if !(variable.is_own && variable.depth < own_frames) {
                search.begin(object, From::Variable(variable));
            }
        });
        search.run()?;
        Ok((0..targets.len()).map(|target| search.way(target)).collect())
    })
}

#[derive(Clone, Copy)]
enum From<'heap> {
    Root(usize),
    Variable(Variable<'heap>),
}

struct Search<'heap, 'py> {
    heap: &'heap Heap<'py>,
    kinds: Kinds<'heap>,
    visited: Visited,
    /// What was found, in the order of its distance, with the place of what led there.
    nodes: Vec<(Object<'heap>, u32)>,
    /// Those whose referents are known.
    done: usize,
    /// Nodes that have no parent.
    origins: Vec<(u32, From<'heap>)>,
    targets: Vec<(Object<'heap>, Option<u32>)>,
    left: usize,
}

impl<'heap, 'py> Search<'heap, 'py> {
    fn new(heap: &'heap Heap<'py>, trusted: &'heap Trusted, targets: &'heap [Bound<'py, PyAny>]) -> Self {
        let targets: Vec<_> = targets.iter().map(|target| (heap.object(target), None)).collect();
        Self {
            heap,
            kinds: Kinds::new(trusted),
            visited: Visited::new(),
            nodes: Vec::new(),
            done: 0,
            origins: Vec::new(),
            left: targets.len(),
            targets,
        }
    }

    fn begin(&mut self, object: Object<'heap>, from: From<'heap>) {
        let place = self.nodes.len() as u32;
        if self.meet(object, NO_PARENT) {
            self.origins.push((place, from));
        }
    }

    fn run(&mut self) -> PyResult<()> {
        while self.left > 0 && self.done < self.nodes.len() {
            let parent = self.done as u32;
            let object = self.nodes[self.done].0;
            self.done += 1;
            let kind = self.kinds.number(object.kind());
            let members = self.kinds.list[kind].members.clone();
            self.heap.referents(object, &members, |referent| {
                self.meet(referent, parent);
            });
            if self.nodes.len() > MOST_NODES {
                return Err(PyMemoryError::new_err("there are too many objects to be searched"));
            }
        }
        Ok(())
    }

    /// Notes an object that is new; whether it is a node now.
    #[inline]
    fn meet(&mut self, object: Object<'heap>, parent: u32) -> bool {
        if !self.visited.insert(object.address()) {
            return false;
        }
        let place = self.nodes.len() as u32;
        let mut is_wanted = false;
        for (target, found) in &mut self.targets {
            if *target == object {
                *found = Some(place);
                self.left -= 1;
                is_wanted = true;
            }
        }
        let may_lead_on = object.is_container() || {
            let kind = self.kinds.number(object.kind());
            !self.kinds.list[kind].members.is_empty()
        };
        if is_wanted || may_lead_on {
            self.nodes.push((object, parent));
        }
        is_wanted || may_lead_on
    }

    fn way(&self, target: usize) -> Option<Way> {
        let mut place = self.targets[target].1?;
        let mut objects = Vec::new();
        loop {
            let (object, parent) = self.nodes[place as usize];
            objects.push(self.heap.keep(object));
            if parent == NO_PARENT {
                break;
            }
            place = parent;
        }
        objects.reverse();
        let origin = self.origins.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        let origin = match self.origins[origin].1 {
            From::Root(number) => Origin::Root(number),
            From::Variable(Variable { thread, depth, code, number, .. }) => {
                Origin::Variable { thread, depth, code: self.heap.keep(code), number }
            }
        };
        Some(Way { origin, objects })
    }
}

/// What refers to an object, at most so many; those to be avoided are left out.
pub fn referrers(
    py: Python<'_>,
    target: &Bound<'_, PyAny>,
    avoid: &[Bound<'_, PyAny>],
    most: usize,
) -> PyResult<Vec<Py<PyAny>>> {
    let trusted = Trusted::standard(py);
    Heap::look(py, |heap| {
        let avoid = avoid.iter().map(|object| heap.object(object)).collect();
        let mut watcher = Referrers { target: heap.object(target), avoid, found: Vec::new(), most };
        walk(heap, &mut Kinds::new(&trusted), &mut watcher)?;
        Ok(watcher.found.into_iter().map(|object| heap.keep(object)).collect())
    })
}

struct Referrers<'heap> {
    target: Object<'heap>,
    avoid: Vec<Object<'heap>>,
    found: Vec<Object<'heap>>,
    most: usize,
}

impl<'heap> Watcher<'heap> for Referrers<'heap> {
    fn seen(&mut self, _object: Object<'heap>, _kind: usize, _kinds: &mut Kinds<'heap>) {}

    fn reference(&mut self, from: Object<'heap>, to: Object<'heap>) {
        let is_new = to == self.target && self.found.last() != Some(&from);
        if is_new && self.found.len() < self.most && !self.avoid.contains(&from) {
            self.found.push(from);
        }
    }
}
