//! What has no place when all places are taken apart.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::unroll::{MAX_DEPTH, Out, Single, Unroller};

impl Unroller<'_> {
    /// Gives a place to the link that has the most time without one. `false` if there is none.
    pub(super) fn force(&mut self) -> bool {
        while let Some((amount, place)) = self.longest_left() {
            let Some(at) = self.roomiest(place, amount) else {
                self.scratch.left[place as usize] = 0.0;
                continue;
            };
            let callee = self.scratch.number_of(self.links.all()[place as usize].callee);
            let inner = &mut self.inners[at as usize];
            inner.slack = (inner.slack - amount).max(0.0);
            let depth = inner.depth;
            self.take(at, place, Out::Inside(callee), amount, depth);
            return true;
        }
        false
    }

    /// The link inside of the group with the most time without a place.
    fn longest_left(&self) -> Option<(f64, u32)> {
        let places = self.functions.iter().flat_map(|&function| self.links.places(function));
        places
            .map(|place| (self.scratch.left[place], place as u32))
            .filter(|(left, place)| *left > self.min && self.leads_inside(*place))
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))
    }

    /// Where the caller of a link has the most room for so much time.
    fn roomiest(&self, place: u32, amount: f64) -> Option<u32> {
        let link = &self.links.all()[place as usize];
        let callee = self.scratch.number_of(link.callee);
        let caller = self.scratch.number_of(link.caller);
        let recurses = self.members[callee as usize].recurses;
        let mut best: Option<((bool, f64, f64), u32)> = None;
        for &at in &self.members[caller as usize].places {
            let inner = &self.inners[at as usize];
            if inner.depth + 1 >= MAX_DEPTH {
                continue;
            }
            let room = (inner.time * 1.05 >= amount, inner.slack.min(amount), inner.time);
            if best.is_some_and(|(most, _)| most >= room) || !recurses && self.stands_on(at, callee) {
                continue;
            }
            best = Some((room, at));
        }
        best.map(|(_, at)| at)
    }

    fn leads_inside(&self, place: u32) -> bool {
        self.scratch.member(self.links.all()[place as usize].callee).is_some()
    }

    /// Gives a place to what has none yet.
    pub(super) fn place_leftovers(&mut self) {
        self.place_members();
        for member in 0..self.functions.len() as u32 {
            let at = self.main_place(member);
            self.take_all_own(member, at);
            self.take_all_singles(member, at);
        }
    }

    /// Puts functions without any place below their heaviest caller that has one.
    fn place_members(&mut self) {
        let mut edges: BinaryHeap<(u64, Reverse<u32>)> = BinaryHeap::new();
        let has_none = |unroller: &Self, member: u32| unroller.members[member as usize].places.is_empty();
        let mut todo: Vec<u32> =
            (0..self.functions.len() as u32).filter(|&member| !has_none(self, member)).collect();
        if todo.is_empty() {
            todo.push(0);
            self.enter(0, None, None, 0.0, 1.0, 0);
        }
        loop {
            for member in todo.drain(..) {
                for place in self.links.places(self.functions[member as usize]) {
                    let link = &self.links.all()[place];
                    if self.scratch.member(link.callee).is_some_and(|callee| has_none(self, callee)) {
                        // Times are never negative: their bits are in their order.
                        edges.push((link.whole.to_bits(), Reverse(place as u32)));
                    }
                }
            }
            let Some((_, Reverse(place))) = edges.pop() else { break };
            let link = &self.links.all()[place as usize];
            let (caller, callee) = (self.scratch.number_of(link.caller), self.scratch.number_of(link.callee));
            if !has_none(self, callee) {
                continue;
            }
            let at = self.main_place(caller);
            let depth = self.inners[at as usize].depth;
            self.enter(callee, Some(at), Some(place), 0.0, 0.0, depth + 1);
            todo.push(callee);
        }
    }

    fn take_all_own(&mut self, member: u32, at: u32) {
        let member = &mut self.members[member as usize];
        let inner = &mut self.inners[at as usize];
        inner.drained += std::mem::take(&mut member.drain);
        if member.all_drain == 0.0 {
            inner.drained = 1.0;
        }
    }

    /// Calls out of the group that happened once.
    fn take_all_singles(&mut self, member: u32, at: u32) {
        for place in self.links.places(self.functions[member as usize]) {
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

    /// The place of a member with the most time.
    fn main_place(&self, member: u32) -> u32 {
        let places = &self.members[member as usize].places;
        let time = |&place: &u32| self.inners[place as usize].time;
        *places
            .iter()
            .max_by(|a, b| time(a).total_cmp(&time(b)).then(b.cmp(a)))
            .expect("each member has a place")
    }
}
