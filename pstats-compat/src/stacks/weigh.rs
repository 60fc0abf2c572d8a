//! What each place inside of a group is given: own times and calls out of the group.

use super::balance::{CLOSE, Fit, Item, Sweeps, Target, balance};
use super::unroll::{Entered, Single, Unroller};
use super::widen::{WITHOUT_PLACE, Worth};
use crate::model::IdMap;

/// No more scaling than this for a group that is weighed once, counted in items.
const MAX_WORK: usize = 8_000_000;
/// A group of more functions is, and so are all when there is no work left for more.
const MOST_FUNCTIONS: usize = 4_000;
/// More places are made so often,
const ROUNDS: usize = 40;
/// and no more of them than so many times as there were at first, and a few.
const MORE_PLACES: usize = 3;
const FEW_PLACES: usize = 5_000;
/// Nor of more than so many places in all.
const MOST_PLACES: usize = 20_000;
/// How often times are scaled before more places are made: at least, at most, and as often as it takes no more than this.
const ROUGHLY: Sweeps = Sweeps { least: 12, most: 100, work: 1_000_000 };
/// How often at last.
const WELL: Sweeps = Sweeps { least: 100, most: 400, work: 10_000_000 };

/// What a target is of.
#[derive(Clone, Copy)]
enum Of {
    Entry(u32),
    Link(u32),
    Member(u32),
    /// A function with parts, by the first member that is one.
    Kin(u32),
}

/// What is given to places.
struct Given {
    items: Vec<Item>,
    /// How much there is of each class: first each member's own, then calls out of the group that happened once.
    classes: Vec<f64>,
    /// The link of each class, for the latter.
    links: Vec<u32>,
    of_member: Vec<Vec<u32>>,
}

impl Unroller<'_> {
    /// Gives every place its part of own times and of calls out of the group, so that edges have their times.
    pub(super) fn weigh(&mut self, entered: &[Entered]) {
        let mut given = self.given();
        let whole: f64 = given.classes.iter().sum();
        let is_once = self.functions.len() > MOST_FUNCTIONS || self.scratch.work_left < MAX_WORK;
        let mut left = if is_once { MAX_WORK } else { self.scratch.work_left };
        let rounds = if is_once { 0 } else { ROUNDS };
        let more_places = self.inners.len() * MORE_PLACES + FEW_PLACES;
        let most_places = more_places.min(MOST_PLACES.max(self.inners.len()));
        for round in 0..=rounds {
            let room = if round < rounds { most_places.saturating_sub(self.inners.len()) } else { 0 };
            let sweeps = if room > 0 { ROUGHLY } else { WELL };
            let (of, targets) = self.targets(entered);
            let parents: Vec<Option<u32>> = self.inners.iter().map(|inner| inner.parent).collect();
            let fit = balance(&parents, &mut given.items, &given.classes, &targets, sweeps, left);
            left = left.saturating_sub(fit.work);
            self.scratch.work_left = self.scratch.work_left.saturating_sub(fit.work);
            if fit.worst < whole * CLOSE || left < fit.work || room == 0 {
                break;
            }
            // As dear as so much scaling, several times over.
            let ways = self.ways_to_try() * 4;
            left = left.saturating_sub(ways);
            self.scratch.work_left = self.scratch.work_left.saturating_sub(ways);
            if left < fit.work {
                break;
            }
            let worth = self.worth(&of, &fit, &given);
            if !self.widen(&worth, &given.classes, &mut given.items, room) {
                break;
            }
        }
        self.take_given(given);
    }

    fn given(&self) -> Given {
        let mut items = Vec::new();
        let mut classes = Vec::new();
        let mut of_member = Vec::new();
        for member in &self.members {
            let class = classes.len() as u32;
            classes.push(member.all_drain);
            if member.all_drain == 0.0 {
                of_member.push(Vec::new());
                continue;
            }
            of_member.push(vec![class]);
            let sum: f64 = member.places.iter().map(|&p| self.inners[p as usize].time).sum();
            for &place in &member.places {
                let inner = &self.inners[place as usize];
                let prior = if sum > 0.0 { inner.time / sum } else { 1.0 / member.places.len() as f64 };
                items.push(Item { place, class, time: inner.drained + 0.03 * member.all_drain * prior });
            }
        }
        let mut links = Vec::new();
        let mut class_of: IdMap<u32, u32> = IdMap::default();
        for single in &self.singles {
            let whole = self.links.all()[single.link as usize].whole;
            let class = *class_of.entry(single.link).or_insert_with(|| {
                let class = classes.len() as u32;
                classes.push(whole);
                links.push(single.link);
                if whole > 0.0 {
                    of_member[self.inners[single.inner as usize].function as usize].push(class);
                }
                class
            });
            items.push(Item { place: single.inner, class, time: whole * single.part });
        }
        Given { items, classes, links, of_member }
    }

    /// What the time of some places, and of all that stands above them, has to be.
    fn targets(&self, entered: &[Entered]) -> (Vec<Of>, Vec<Target>) {
        let mut by_link: IdMap<u32, usize> = IdMap::default();
        let mut targets: Vec<Target> = Vec::new();
        let mut of = Vec::new();
        let mut by_member: Vec<Option<usize>> = vec![None; self.functions.len()];
        for at in 0..self.inners.len() as u32 {
            let inner = &self.inners[at as usize];
            let Some(link) = inner.link else {
                let time = entered.get(at as usize).map_or(0.0, |entered| entered.time);
                targets.push(Target { places: vec![at], time });
                of.push(Of::Entry(at));
                continue;
            };
            let recurses = self.members[inner.function as usize].recurses;
            if !recurses || !self.link_stands_below(at, link) {
                let t = *by_link.entry(link).or_insert_with(|| {
                    targets.push(Target { places: Vec::new(), time: self.links.all()[link as usize].whole });
                    of.push(Of::Link(link));
                    targets.len() - 1
                });
                targets[t].places.push(at);
            }
        }
        for at in 0..self.inners.len() as u32 {
            let inner = &self.inners[at as usize];
            let recurses = self.members[inner.function as usize].recurses;
            if recurses && !inner.parent.is_some_and(|parent| self.stands_on(parent, inner.function)) {
                let time = self.links.functions[self.functions[inner.function as usize] as usize].whole;
                let t = *by_member[inner.function as usize].get_or_insert_with(|| {
                    targets.push(Target { places: Vec::new(), time });
                    of.push(Of::Member(inner.function));
                    targets.len() - 1
                });
                targets[t].places.push(at);
            }
        }
        self.add_kin(entered, &mut of, &mut targets);
        (of, targets)
    }

    /// Functions that have several parts: above which of them it is, outside of the group as well, is no matter.
    fn add_kin(&self, entered: &[Entered], of: &mut Vec<Of>, targets: &mut Vec<Target>) {
        let mut below: Vec<&[u32]> = Vec::with_capacity(self.inners.len());
        let mut by_kin: IdMap<u32, usize> = IdMap::default();
        for (at, inner) in self.inners.iter().enumerate() {
            below.push(match inner.parent {
                Some(parent) => below[parent as usize],
                None => entered.get(at).map_or(&[], |entered| &entered.below),
            });
            let function = self.functions[inner.function as usize];
            let Some(whole) = self.links.whole_of_parts(function) else { continue };
            let (real, kin) = (self.links.real(function), self.members[inner.function as usize].kin);
            if below[at].contains(&real) || inner.parent.is_some_and(|parent| self.kin_stands_on(parent, kin))
            {
                continue;
            }
            let t = *by_kin.entry(kin).or_insert_with(|| {
                let outside = self.links.parts(real).filter(|&part| self.scratch.member(part).is_none());
                let outside: f64 = outside.map(|part| self.links.functions[part as usize].whole).sum();
                targets.push(Target { places: Vec::new(), time: (whole - outside).max(0.0) });
                of.push(Of::Kin(kin));
                targets.len() - 1
            });
            targets[t].places.push(at as u32);
        }
    }

    /// Whether a part of this function stands there, or below.
    fn kin_stands_on(&self, at: u32, kin: u32) -> bool {
        let mut next = Some(at);
        while let Some(at) = next {
            let inner = &self.inners[at as usize];
            if self.members[inner.function as usize].kin == kin {
                return true;
            }
            next = inner.parent;
        }
        false
    }

    fn worth(&self, of: &[Of], fit: &Fit, given: &Given) -> Worth {
        let count = self.functions.len();
        let mut links: IdMap<u32, f64> = IdMap::default();
        let mut worth = Worth {
            links: Vec::new(),
            members: vec![0.0; count],
            kin: vec![0.0; count],
            entries: IdMap::default(),
            classes: fit.by_class.clone(),
            of_member: given.of_member.clone(),
        };
        for (of, &factor) in of.iter().zip(&fit.by_target) {
            match *of {
                Of::Kin(kin) => worth.kin[kin as usize] = factor,
                Of::Entry(place) => _ = worth.entries.insert(place, factor),
                Of::Member(member) => worth.members[member as usize] = factor,
                Of::Link(link) => _ = links.insert(link, factor),
            }
        }
        for &function in self.functions {
            for place in self.links.places(function) {
                let link = &self.links.all()[place];
                if self.scratch.member(link.callee).is_some() {
                    let without = if link.whole > self.min { WITHOUT_PLACE } else { 0.0 };
                    let place = place as u32;
                    worth.links.push((place, links.get(&place).copied().unwrap_or(without)));
                }
            }
        }
        worth
    }

    fn take_given(&mut self, given: Given) {
        let Given { items, classes, links, .. } = given;
        let members = self.functions.len();
        for inner in &mut self.inners {
            if self.members[inner.function as usize].all_drain > 0.0 {
                inner.drained = 0.0;
            }
            inner.time = 0.0;
        }
        let mut singles = Vec::new();
        for item in &items {
            self.inners[item.place as usize].time += item.time;
            let class = item.class as usize;
            if class < members {
                self.inners[item.place as usize].drained = item.time / classes[class];
            } else if classes[class] > 0.0 {
                let link = links[class - members];
                singles.push(Single { link, inner: item.place, part: item.time / classes[class] });
            }
        }
        for single in &self.singles {
            if self.links.all()[single.link as usize].whole == 0.0 {
                singles.push(Single { link: single.link, inner: single.inner, part: single.part });
            }
        }
        self.singles = singles;
        for at in (0..self.inners.len()).rev() {
            if let Some(parent) = self.inners[at].parent {
                let time = self.inners[at].time;
                self.inners[parent as usize].time += time;
            }
        }
    }

    fn link_stands_below(&self, at: u32, link: u32) -> bool {
        let mut next = self.inners[at as usize].parent;
        while let Some(at) = next {
            let inner = &self.inners[at as usize];
            if inner.link == Some(link) {
                return true;
            }
            next = inner.parent;
        }
        false
    }
}
