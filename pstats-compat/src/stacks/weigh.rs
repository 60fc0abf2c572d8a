//! What each place inside of a group is given: own times and calls out of the group.

use super::balance::{Item, Target, balance};
use super::unroll::{Single, Unroller};
use crate::model::IdMap;

impl Unroller<'_> {
    /// Gives every place its part of own times and of calls out of the group, so that edges have their times.
    pub(super) fn weigh(&mut self, entered: &[(f64, f64)]) {
        let functions = self.functions;
        let mut items = Vec::new();
        let mut classes = Vec::new();
        for member in &self.members {
            let class = classes.len() as u32;
            classes.push(member.all_drain);
            if member.all_drain == 0.0 {
                continue;
            }
            let sum: f64 = member.places.iter().map(|&p| self.inners[p as usize].time).sum();
            for &place in &member.places {
                let inner = &self.inners[place as usize];
                let prior = if sum > 0.0 { inner.time / sum } else { 1.0 / member.places.len() as f64 };
                items.push(Item { place, class, time: inner.drained + 0.03 * member.all_drain * prior });
            }
        }
        let mut single_class: IdMap<u32, u32> = IdMap::default();
        for single in &self.singles {
            let whole = self.links.all()[single.link as usize].whole;
            let class = *single_class.entry(single.link).or_insert_with(|| {
                classes.push(whole);
                classes.len() as u32 - 1
            });
            items.push(Item { place: single.inner, class, time: whole * single.part });
        }
        // Targets.
        let mut by_link: IdMap<u32, usize> = IdMap::default();
        let mut targets: Vec<Target> = Vec::new();
        let mut by_member: Vec<Option<usize>> = vec![None; functions.len()];
        for at in 0..self.inners.len() as u32 {
            let inner = &self.inners[at as usize];
            let Some(link) = inner.link else {
                targets.push(Target { places: vec![at], time: entered[inner.function as usize].0 });
                continue;
            };
            let recurses = self.members[inner.function as usize].recurses;
            if !recurses || !self.link_stands_below(at, link) {
                let t = *by_link.entry(link).or_insert_with(|| {
                    targets.push(Target { places: Vec::new(), time: self.links.all()[link as usize].whole });
                    targets.len() - 1
                });
                targets[t].places.push(at);
            }
        }
        for at in 0..self.inners.len() as u32 {
            let inner = &self.inners[at as usize];
            let recurses = self.members[inner.function as usize].recurses;
            if recurses && !inner.parent.is_some_and(|parent| self.stands_on(parent, inner.function)) {
                let time = self.links.functions[functions[inner.function as usize] as usize].whole;
                let t = *by_member[inner.function as usize].get_or_insert_with(|| {
                    targets.push(Target { places: Vec::new(), time });
                    targets.len() - 1
                });
                targets[t].places.push(at);
            }
        }
        let parents: Vec<Option<u32>> = self.inners.iter().map(|inner| inner.parent).collect();
        balance(&parents, &mut items, &classes, &targets);
        for inner in &mut self.inners {
            if self.members[inner.function as usize].all_drain > 0.0 {
                inner.drained = 0.0;
            }
            inner.time = 0.0;
        }
        let mut singles = Vec::new();
        let class_single: IdMap<u32, u32> = single_class.iter().map(|(l, c)| (*c, *l)).collect();
        for item in &items {
            self.inners[item.place as usize].time += item.time;
            if (item.class as usize) < functions.len() {
                self.inners[item.place as usize].drained = item.time / classes[item.class as usize];
            } else if classes[item.class as usize] > 0.0 {
                singles.push(Single {
                    link: class_single[&item.class],
                    inner: item.place,
                    part: item.time / classes[item.class as usize],
                });
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
