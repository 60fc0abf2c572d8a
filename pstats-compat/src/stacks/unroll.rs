//! Stacks inside of a group of functions that reach each other.
//!
//! Where functions call each other in circles, their edges don't say who stood above whom. What is made here is one way it may have
//! been: *places*, each a function on one stack inside of the group, with the time that was spent with this stack.
//!
//! 1. Each function that is entered from outside has a place for that.
//! 2. Places are taken apart, the longest first (`fill`). Of a place's time, calls that happened once take theirs where they fit.
//!    Links that were followed often take their part of what they have left; a function that recurses gives as much as there is
//!    to the longest, so that the recursion becomes deep rather than broad. What is left is the function's own time, and that
//!    of its calls out of the group.
//! 3. When all places are taken apart, and a link still has time without a place, the longest such link gets one where the most
//!    room is, and it goes on from there (`leftover`).
//! 4. Functions that still have no place get one below their heaviest caller. All own time without a place goes to each
//!    function's main one.
//! 5. Own times are weighed so that each edge and each function has its time (`weigh`, `balance`). As long as some can't have it, stacks that
//!    are missing get places, and what stands on a wrong one gets a better one (`widen`, `graft`), and it is weighed again.
//!
//! Nothing is drawn by lot: of what is equal, the first in the tables goes first.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::links::Links;
use super::scratch::Scratch;
use crate::model::IdMap;

/// No more places than this are made for one group, but one for each function.
const MAX_PLACES: usize = 12_000;
/// No stack inside of a group is deeper than this.
pub(super) const MAX_DEPTH: u32 = 200;
/// Nothing below this part of the group's time gets a place of its own.
const MIN_PART: f64 = 2e-6;
/// No more links than this are looked at for one group.
const MAX_WORK: usize = 2_000_000;

/// A function of the group on one stack inside of the group.
pub(super) struct Inner {
    pub function: u32,
    /// Place of the caller; `None` where the group is entered.
    pub parent: Option<u32>,
    /// The place of the link by which it was called.
    pub link: Option<u32>,
    pub depth: u32,
    pub calls: f64,
    /// Time that nothing took when it was taken apart.
    pub slack: f64,
    /// By a call that stands on the stack already.
    pub free: bool,
    /// Time with this stack inside the group.
    pub time: f64,
    /// How much of the function's own time, and of what it calls outside of the group.
    pub drained: f64,
}

impl Inner {
    /// Without a caller, and without time.
    pub fn empty(function: u32, depth: u32) -> Self {
        Self {
            function,
            parent: None,
            link: None,
            depth,
            calls: 0.0,
            slack: 0.0,
            free: false,
            time: 0.0,
            drained: 0.0,
        }
    }
}

/// A call out of the group that happened once: it has one place.
pub(super) struct Single {
    pub link: u32,
    pub inner: u32,
    pub part: f64,
}

/// How a group is entered from outside.
pub(super) struct Entered {
    pub member: u32,
    pub time: f64,
    pub calls: f64,
    /// Which of the profile's functions stand below, of those that have parts.
    pub below: Vec<u32>,
}

pub(super) struct Unrolled {
    pub inners: Vec<Inner>,
    pub singles: Vec<Single>,
}

/// A place that was not taken apart yet.
struct Open {
    inner: u32,
    time: f64,
}

impl Ord for Open {
    fn cmp(&self, other: &Self) -> Ordering {
        self.time.total_cmp(&other.time).then(other.inner.cmp(&self.inner))
    }
}
impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Open {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Open {}

/// Where a call leads.
#[derive(Clone, Copy)]
pub(super) enum Out {
    /// To a member of the group.
    Inside(u32),
    /// Out of it, once, by this link.
    Single(u32),
}

/// A function of the group.
pub(super) struct Member {
    pub recurses: bool,
    pub calls: f64,
    /// Outermost time that has no place yet.
    pub whole: f64,
    /// Outermost time that has a place or will have, but was not taken apart.
    pub unfilled: f64,
    /// Own time and spread calls without a place.
    pub drain: f64,
    /// The same with what has a place.
    pub all_drain: f64,
    pub places: Vec<u32>,
    /// How often it is on the stack that is looked at.
    pub on_stack: u32,
    /// The first member that is a part of the same function: itself, if there is none.
    pub kin: u32,
}

pub(super) struct Unroller<'l> {
    pub(super) links: &'l Links,
    /// The group. A member is an index into it.
    pub(super) functions: &'l [u32],
    pub(super) scratch: &'l mut Scratch,
    pub(super) members: Vec<Member>,
    pub(super) inners: Vec<Inner>,
    pub(super) singles: Vec<Single>,
    open: BinaryHeap<Open>,
    /// Nothing shorter gets a place of its own.
    pub(super) min: f64,
    /// Outermost time of links inside of the group that has no place yet.
    pub(super) inside_left: f64,
    /// How often a part of a function is on the stack that is looked at, by the first member that is one.
    pub(super) kin_on_stack: Vec<u32>,
    /// Calls inside of the group that happened once, the longest first.
    pub(super) atoms: Vec<(f64, u32)>,
}

/// The first places are those where the group is entered, in that order.
pub(super) fn unroll(
    links: &Links,
    functions: &[u32],
    entered: &[Entered],
    scratch: &mut Scratch,
) -> Unrolled {
    let total: f64 = entered.iter().map(|entered| entered.time).sum();
    let mut unroller = Unroller::new(links, functions, total * MIN_PART, scratch);
    unroller.begin(entered);
    unroller.grow();
    unroller.place_leftovers();
    unroller.weigh(entered);
    let Unroller { inners, singles, scratch, .. } = unroller;
    scratch.clear(links, functions);
    Unrolled { inners, singles }
}

/// Whether what a link stands for happened once.
pub(super) fn is_single(links: &Links, place: usize) -> bool {
    links.all()[place].calls <= 1
}

impl<'l> Unroller<'l> {
    fn new(links: &'l Links, functions: &'l [u32], min: f64, scratch: &'l mut Scratch) -> Self {
        scratch.number(functions);
        let mut inside_left = 0.0;
        let mut members: Vec<Member> = Vec::new();
        let mut kin: IdMap<u32, u32> = IdMap::default();
        let mut atoms = Vec::new();
        for &function in functions {
            let times = &links.functions[function as usize];
            let mut drain = times.own;
            for place in links.places(function) {
                let link = &links.all()[place];
                let (is_inside, is_single) = (scratch.member(link.callee).is_some(), is_single(links, place));
                if is_inside && is_single {
                    atoms.push((link.whole, place as u32));
                }
                if is_inside || is_single {
                    scratch.left[place] = link.whole;
                } else {
                    drain += link.whole;
                }
                if is_inside {
                    inside_left += link.whole;
                }
            }
            members.push(Member {
                recurses: times.recurses,
                calls: times.calls.max(1) as f64,
                whole: times.whole,
                unfilled: times.whole,
                drain,
                all_drain: drain,
                places: Vec::new(),
                on_stack: 0,
                kin: *kin.entry(links.real(function)).or_insert(members.len() as u32),
            });
        }
        atoms.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let (inners, singles, open) = (Vec::new(), Vec::new(), BinaryHeap::new());
        let kin_on_stack = vec![0; members.len()];
        Self {
            links,
            functions,
            scratch,
            members,
            inners,
            singles,
            open,
            min,
            inside_left,
            kin_on_stack,
            atoms,
        }
    }

    /// Makes the places where the group is entered.
    fn begin(&mut self, entered: &[Entered]) {
        for &Entered { member, time, calls, .. } in entered {
            let whole = &mut self.members[member as usize].whole;
            *whole = (*whole - time).max(0.0);
            self.enter(member, None, None, time, calls, 0);
        }
    }

    /// Takes places apart, and forces links into the picture when there are no more, as long as that is worth it.
    fn grow(&mut self) {
        let most_places = MAX_PLACES.min(500 + 50 * self.functions.len());
        let mut work = 0;
        while self.inners.len() <= most_places && work <= MAX_WORK {
            match self.open.pop() {
                Some(Open { inner, time }) => {
                    let function = self.functions[self.inners[inner as usize].function as usize];
                    work += self.links.places(function).len() + 1;
                    self.fill(inner, time);
                }
                None if self.force() => {}
                None => break,
            }
        }
    }

    /// Makes a place.
    pub(super) fn enter(
        &mut self,
        member: u32,
        parent: Option<u32>,
        link: Option<u32>,
        time: f64,
        calls: f64,
        depth: u32,
    ) -> u32 {
        let id = self.inners.len() as u32;
        self.inners.push(Inner { parent, link, time, calls, ..Inner::empty(member, depth) });
        self.members[member as usize].places.push(id);
        self.open.push(Open { inner: id, time });
        id
    }

    /// How many calls by a link there were in a place, if they took so long.
    pub(super) fn calls(&self, at: u32, place: u32, amount: f64) -> f64 {
        let link = &self.links.all()[place as usize];
        let inner = &self.inners[at as usize];
        let caller = &self.members[inner.function as usize];
        if caller.recurses && link.calls > 1 {
            inner.calls * link.calls as f64 / caller.calls
        } else if link.whole > 0.0 {
            link.calls as f64 * amount / link.whole
        } else {
            link.calls as f64
        }
    }

    /// Whether a member stands there, or below.
    pub(super) fn stands_on(&self, at: u32, member: u32) -> bool {
        let mut next = Some(at);
        while let Some(at) = next {
            let inner = &self.inners[at as usize];
            if inner.function == member {
                return true;
            }
            next = inner.parent;
        }
        false
    }

    /// Gives a link so much of a place's time.
    pub(super) fn take(&mut self, at: u32, place: u32, out: Out, amount: f64, depth: u32) {
        self.scratch.left[place as usize] -= amount;
        match out {
            Out::Single(link) => {
                let whole = self.links.all()[link as usize].whole;
                self.singles.push(Single { link, inner: at, part: amount / whole });
            }
            Out::Inside(callee) => {
                self.inside_left -= amount;
                let m = &mut self.members[callee as usize];
                if m.on_stack == 0 {
                    m.whole -= amount;
                }
                let calls = self.calls(at, place, amount);
                self.enter(callee, Some(at), Some(place), amount, calls, depth + 1);
            }
        }
    }
}
