//! Stacks inside of a group of functions that reach each other.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::links::Links;

/// No more places than this are made for one group, but one for each function.
const MAX_PLACES: usize = 12_000;
/// No stack inside of a group is deeper than this.
const MAX_DEPTH: u32 = 200;
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
    depth: u32,
    calls: f64,
    slack: f64,
    /// By a call that stands on the stack already.
    free: bool,
    /// Time with this stack inside the group.
    pub time: f64,
    /// How much of the function's own time, and of what it calls outside of the group.
    pub drained: f64,
}

/// A call out of the group that happened once: it has one place.
pub(super) struct Single {
    pub link: u32,
    pub inner: u32,
    pub part: f64,
}

pub(super) struct Unrolled {
    pub inners: Vec<Inner>,
    pub singles: Vec<Single>,
}

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

#[derive(Clone, Copy)]
enum Out {
    Inside(u32),
    Single(u32),
}

pub(super) struct Member {
    pub(super) recurses: bool,
    pub(super) calls: f64,
    /// Outermost time that has no place yet.
    pub(super) whole: f64,
    /// Outermost time that has a place or will have, but was not taken apart.
    pub(super) unfilled: f64,
    /// Own time and spread calls without a place.
    pub(super) drain: f64,
    pub(super) all_drain: f64,
    pub(super) places: Vec<u32>,
    pub(super) on_stack: u32,
}

/// What is known of functions and links while their group is unrolled; made once for all groups.
pub(super) struct Scratch {
    /// The place of a function in its group; `NOT_HERE` for those of other groups.
    members: Vec<u32>,
    /// Outermost time of each link that has no place yet; no number where that is not asked.
    left: Vec<f64>,
    /// How often each link is on the stack that is looked at.
    on_stack: Vec<u32>,
}

const NOT_HERE: u32 = u32::MAX;

impl Scratch {
    pub fn new(links: &Links) -> Self {
        Self {
            members: vec![NOT_HERE; links.functions.len()],
            left: vec![f64::NAN; links.all().len()],
            on_stack: vec![0; links.all().len()],
        }
    }

    fn member(&self, function: u32) -> Option<u32> {
        Some(self.members[function as usize]).filter(|&member| member != NOT_HERE)
    }

    fn left(&self, place: u32) -> Option<f64> {
        Some(self.left[place as usize]).filter(|left| !left.is_nan())
    }

    fn clear(&mut self, links: &Links, functions: &[u32]) {
        for &function in functions {
            self.members[function as usize] = NOT_HERE;
            self.left[links.places(function)].fill(f64::NAN);
        }
    }
}

pub(super) struct Unroller<'l> {
    pub(super) links: &'l Links,
    scratch: &'l mut Scratch,
    pub(super) members: Vec<Member>,
    pub(super) inners: Vec<Inner>,
    pub(super) singles: Vec<Single>,
    open: BinaryHeap<Open>,
    min: f64,
    inside_left: f64,
    /// Calls inside of the group that happened once, the longest first.
    atoms: Vec<(f64, u32)>,
}

/// `entered`: for each function of the group, the time of entries from outside.
pub(super) fn unroll(
    links: &Links,
    functions: &[u32],
    entered: &[(f64, f64)],
    scratch: &mut Scratch,
) -> Unrolled {
    for (&function, member) in functions.iter().zip(0u32..) {
        scratch.members[function as usize] = member;
    }
    let mut inside_left = 0.0;
    let mut members = Vec::new();
    for &function in functions {
        let times = &links.functions[function as usize];
        let mut drain = times.own;
        for place in links.places(function) {
            let link = &links.all()[place];
            let inside = scratch.member(link.callee).is_some();
            if inside || is_single(links, place) {
                scratch.left[place] = link.whole;
                if inside {
                    inside_left += link.whole;
                }
            } else {
                drain += link.whole;
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
        });
    }
    let total: f64 = entered.iter().map(|entered| entered.0).sum();
    let mut unroller = Unroller {
        links,
        members,
        scratch,
        inners: Vec::new(),
        singles: Vec::new(),
        open: BinaryHeap::new(),
        min: total * MIN_PART,
        inside_left,
        atoms: Vec::new(),
    };
    for &function in functions {
        for place in links.places(function) {
            let link = &links.all()[place];
            if is_single(links, place) && unroller.scratch.member(link.callee).is_some() {
                unroller.atoms.push((link.whole, place as u32));
            }
        }
    }
    unroller.atoms.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    for (function, &(time, calls)) in entered.iter().enumerate() {
        if time > 0.0 {
            let member = &mut unroller.members[function];
            member.whole = (member.whole - time).max(0.0);
            unroller.enter(function as u32, None, None, time, calls, 0);
        }
    }
    let mut work = 0;
    loop {
        let Some(Open { inner, time }) = unroller.open.pop() else {
            if unroller.inners.len() > MAX_PLACES.min(500 + 50 * functions.len())
                || work > MAX_WORK
                || !unroller.force(functions)
            {
                break;
            }
            continue;
        };
        if unroller.inners.len() > MAX_PLACES.min(500 + 50 * functions.len()) || work > MAX_WORK {
            break;
        }
        work += links.places(unroller.functions(functions, inner)).len() + 1;
        unroller.fill(functions, inner, time);
    }
    unroller.rest(functions);
    unroller.weigh(functions, entered);
    let Unroller { inners, singles, scratch, .. } = unroller;
    scratch.clear(links, functions);
    Unrolled { inners, singles }
}

fn is_single(links: &Links, place: usize) -> bool {
    links.all()[place].calls <= 1
}

impl Unroller<'_> {
    fn functions(&self, functions: &[u32], inner: u32) -> u32 {
        functions[self.inners[inner as usize].function as usize]
    }

    fn enter(
        &mut self,
        member: u32,
        parent: Option<u32>,
        link: Option<u32>,
        time: f64,
        calls: f64,
        depth: u32,
    ) -> u32 {
        let id = self.inners.len() as u32;
        self.inners.push(Inner {
            function: member,
            parent,
            link,
            depth,
            time,
            calls,
            slack: 0.0,
            free: false,
            drained: 0.0,
        });
        self.members[member as usize].places.push(id);
        self.open.push(Open { inner: id, time });
        id
    }

    fn walk(&mut self, inner: u32, by: i32) {
        let mut next = Some(inner);
        while let Some(at) = next {
            let inner = &self.inners[at as usize];
            let member = &mut self.members[inner.function as usize];
            member.on_stack = member.on_stack.wrapping_add_signed(by);
            if let Some(link) = inner.link {
                let count = &mut self.scratch.on_stack[link as usize];
                *count = count.wrapping_add_signed(by);
            }
            next = inner.parent;
        }
    }

    fn fill(&mut self, functions: &[u32], inner: u32, time: f64) {
        self.walk(inner, 1);
        self.fill_marked(functions, inner, time);
        self.walk(inner, -1);
    }

    fn fill_marked(&mut self, functions: &[u32], at: u32, time: f64) {
        let Inner { function: member, depth, calls, .. } = self.inners[at as usize];
        let function = functions[member as usize];
        let m = &mut self.members[member as usize];
        let mut q = 1.0;
        if m.on_stack == 1 {
            q = if m.unfilled > time { time / m.unfilled } else { 1.0 };
            m.unfilled = (m.unfilled - time).max(0.0);
        }
        let recurses = m.recurses;
        let by_calls = m.all_drain * (calls / m.calls).min(1.0);
        let mut atoms: Vec<(f64, u32, Out)> = Vec::new();
        let mut many: Vec<(f64, f64, u32, u32)> = Vec::new();
        let mut free: Option<(f64, u32, u32)> = None;
        if depth < MAX_DEPTH {
            for place in self.links.places(function) {
                let place = place as u32;
                let link = &self.links.all()[place as usize];
                let Some(left) = self.scratch.left(place) else { continue };
                let Some(callee) = self.scratch.member(link.callee) else {
                    if left > 0.0 {
                        atoms.push((left, place, Out::Single(place)));
                    }
                    continue;
                };
                let target = &self.members[callee as usize];
                let on_stack = target.on_stack > 0;
                if on_stack && !target.recurses {
                    continue;
                }
                let again = self.scratch.on_stack[place as usize] > 0;
                let open = if on_stack { f64::INFINITY } else { target.whole };
                if !again && left.min(open) > self.min {
                    if is_single(self.links, place as usize) {
                        atoms.push((left.min(open), place, Out::Inside(callee)));
                    } else {
                        many.push((left.min(open), (left * q).min(open), place, callee));
                    }
                } else if on_stack && free.is_none_or(|free| free.0 < link.whole) && !self.loops(at, callee) {
                    free = Some((link.whole, place, callee));
                }
            }
        }
        let mut rest = time;
        atoms.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for (limit, place, out) in atoms {
            let inside = matches!(out, Out::Inside(_));
            if limit > rest * if inside { 1.04 } else { 1.0 + 1e-9 } {
                continue;
            }
            rest -= limit;
            self.take(at, place, out, limit, depth);
        }
        rest = rest.max(0.0);
        many.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.2.cmp(&b.2)));
        let mut later = None;
        let is_free = recurses && free.is_some_and(|free| many.first().is_none_or(|many| free.0 > many.0));
        // While long calls that happened once wait for a place, the way to them must stay wide enough.
        let is_way = recurses && self.longest_atom(time) > 0.0;
        let per_call = (calls / self.members[member as usize].calls).min(1.0);
        if is_way && !is_free {
            // What is beside the main way comes first.
            let first = usize::from(!many.is_empty());
            many.rotate_left(first);
        }
        let last = many.len().wrapping_sub(1);
        for (number, (limit, scaled, place, callee)) in many.into_iter().enumerate() {
            let amount = match () {
                () if is_way && !is_free && number == last => limit.min(rest - by_calls),
                () if is_way => limit.min(self.links.all()[place as usize].whole * per_call),
                () if recurses && !is_free && number == 0 => limit.min(rest - by_calls),
                () => scaled,
            };
            if amount <= self.min || amount > rest * (1.0 + 1e-9) {
                if amount > self.min && later.is_none() {
                    later = Some((limit, place, callee));
                }
                continue;
            }
            let amount = amount.min(rest);
            rest -= amount;
            self.take(at, place, Out::Inside(callee), amount, depth);
        }
        if rest > 0.0 {
            let needs_more = self.inside_left > self.min * 500.0;
            let m = &mut self.members[member as usize];
            let mut amount = rest.min(m.drain);
            if needs_more && (later.is_some() || free.is_some()) {
                amount = amount.min(by_calls);
            }
            m.drain -= amount;
            self.inners[at as usize].drained += amount;
            rest -= amount;
        }
        if rest > self.min
            && let Some((limit, place, callee)) = later
        {
            let amount = rest.min(limit);
            self.take(at, place, Out::Inside(callee), amount, depth);
            rest -= amount;
        }
        if rest > self.min * 50.0
            && let Some((_, place, callee)) = free
        {
            // What is on the stack already costs nothing more.
            let calls = self.calls(at, place, rest);
            let id = self.enter(callee, Some(at), Some(place), rest, calls, depth + 1);
            self.inners[id as usize].free = true;
            rest = 0.0;
        }
        self.inners[at as usize].slack = rest;
    }

    /// Whether a function would come again without anything new on the way.
    fn loops(&self, at: u32, callee: u32) -> bool {
        let mut next = Some(at);
        while let Some(at) = next {
            let inner = &self.inners[at as usize];
            if inner.function == callee {
                return true;
            }
            next = inner.parent.filter(|_| inner.free);
        }
        false
    }

    /// The longest call that happened once, has no place yet and would fit.
    fn longest_atom(&self, time: f64) -> f64 {
        let first = self.atoms.partition_point(|atom| atom.0 > time * 1.03);
        for &(whole, place) in self.atoms[first..].iter().take(100) {
            let left = self.scratch.left[place as usize];
            let callee = self.scratch.members[self.links.all()[place as usize].callee as usize];
            if left > whole * 0.5 && self.members[callee as usize].on_stack == 0 {
                return whole.min(time);
            }
        }
        0.0
    }

    fn calls(&self, at: u32, place: u32, amount: f64) -> f64 {
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

    fn force(&mut self, functions: &[u32]) -> bool {
        loop {
            let places = functions.iter().flat_map(|&function| self.links.places(function));
            let longest = places
                .map(|place| (self.scratch.left[place], place as u32))
                .filter(|(left, place)| *left > self.min && self.leads_inside(*place))
                .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
            let Some((amount, place)) = longest else { return false };
            let link = &self.links.all()[place as usize];
            let callee = self.scratch.members[link.callee as usize];
            let caller = self.scratch.members[link.caller as usize];
            let target = &self.members[callee as usize];
            let mut best: Option<(bool, f64, f64, u32)> = None;
            for &at in &self.members[caller as usize].places {
                let inner = &self.inners[at as usize];
                if inner.depth + 1 >= MAX_DEPTH {
                    continue;
                }
                let key = (inner.time * 1.05 >= amount, inner.slack.min(amount), inner.time, at);
                if best.is_some_and(|best| (best.0, best.1, best.2) >= (key.0, key.1, key.2)) {
                    continue;
                }
                if !target.recurses && self.stands_on(at, callee) {
                    continue;
                }
                best = Some(key);
            }
            let Some((_, _, _, at)) = best else {
                self.scratch.left[place as usize] = 0.0;
                continue;
            };
            let depth = self.inners[at as usize].depth;
            let slack = &mut self.inners[at as usize].slack;
            *slack = (*slack - amount).max(0.0);
            self.take(at, place, Out::Inside(callee), amount, depth);
            return true;
        }
    }

    fn leads_inside(&self, place: u32) -> bool {
        self.scratch.member(self.links.all()[place as usize].callee).is_some()
    }

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

    fn take(&mut self, at: u32, place: u32, out: Out, amount: f64, depth: u32) {
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

    /// Gives a place to what has none yet.
    fn rest(&mut self, functions: &[u32]) {
        // Functions without any: below their heaviest caller that has one.
        let mut edges: BinaryHeap<(u64, std::cmp::Reverse<u32>)> = BinaryHeap::new();
        let key = |time: f64| time.to_bits();
        let mut todo: Vec<u32> =
            (0..functions.len() as u32).filter(|&m| !self.members[m as usize].places.is_empty()).collect();
        if todo.is_empty() {
            todo.push(0);
            self.enter(0, None, None, 0.0, 1.0, 0);
        }
        loop {
            for member in todo.drain(..) {
                let function = functions[member as usize];
                for place in self.links.places(function) {
                    let link = &self.links.all()[place];
                    if self
                        .scratch
                        .member(link.callee)
                        .is_some_and(|c| self.members[c as usize].places.is_empty())
                    {
                        edges.push((key(link.whole), std::cmp::Reverse(place as u32)));
                    }
                }
            }
            let Some((_, std::cmp::Reverse(place))) = edges.pop() else { break };
            let link = &self.links.all()[place as usize];
            let (caller, callee) =
                (self.scratch.members[link.caller as usize], self.scratch.members[link.callee as usize]);
            if !self.members[callee as usize].places.is_empty() {
                continue;
            }
            let at = self.main_place(caller);
            let depth = self.inners[at as usize].depth;
            self.enter(callee, Some(at), Some(place), 0.0, 0.0, depth + 1);
            todo.push(callee);
        }
        for member in 0..functions.len() as u32 {
            let at = self.main_place(member);
            let m = &mut self.members[member as usize];
            self.inners[at as usize].drained += m.drain;
            m.drain = 0.0;
            let all = m.all_drain;
            if all == 0.0 {
                self.inners[at as usize].drained = 1.0;
            }
            for place in self.links.places(functions[member as usize]) {
                let link = &self.links.all()[place];
                if self.scratch.member(link.callee).is_some() {
                    continue;
                }
                let Some(left) = self.scratch.left(place as u32) else { continue };
                if left > 0.0 || link.whole == 0.0 {
                    let part = if link.whole > 0.0 { left / link.whole } else { 1.0 };
                    self.singles.push(Single { link: place as u32, inner: at, part });
                }
            }
        }
    }

    fn main_place(&self, member: u32) -> u32 {
        let places = &self.members[member as usize].places;
        let time = |&place: &u32| self.inners[place as usize].time;
        *places
            .iter()
            .max_by(|a, b| time(a).total_cmp(&time(b)).then(b.cmp(a)))
            .expect("each member has a place")
    }
}
