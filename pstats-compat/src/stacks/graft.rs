//! Calls with all that stands above them, on another place of their caller.
//!
//! A module is imported once, by one of many modules, and edges don't say by which. Where balancing shows that it stands on the wrong one,
//! it gets places on a better one, and what it imports in turn goes with it.

use super::balance::Item;
use super::unroll::{Inner, MAX_DEPTH, Unroller};
use super::widen::{Known, LEAST};
use crate::model::IdMap;

/// What takes less than this part of the whole isn't moved,
const WORTH_A_MOVE: f64 = 1e-3;
/// nor are more than so many calls at once, nor more than so many places with each.
const GRAFTS: usize = 12;
const MAX_GRAFT: usize = 40;
/// What is moved has this part of its time in its new place at first.
const OF_GRAFT: f64 = 0.3;
/// So many places of the caller are tried.
const TRIED: usize = 64;

/// A place, and the one of its caller on which it would better stand.
pub(super) struct Graft {
    gain: f64,
    from: u32,
    to: u32,
}

impl Unroller<'_> {
    /// Puts what stands on a wrong place on a better one as well, those first that gain most by it. `worths`: what it is worth to be above
    /// each place. Whether there were any.
    pub(super) fn graft(
        &mut self,
        worths: &[f64],
        items: &mut Vec<Item>,
        known: &mut Known,
        whole: f64,
    ) -> bool {
        let times = self.times(items);
        let grafts = self.grafts(worths, &times, known, whole);
        let mut children: IdMap<u32, Vec<u32>> = IdMap::default();
        for (inner, at) in self.inners.iter().zip(0u32..) {
            if let Some(parent) = inner.parent {
                children.entry(parent).or_default().push(at);
            }
        }
        let mut of_place: IdMap<u32, Vec<(u32, f64)>> = IdMap::default();
        for item in items.iter() {
            of_place.entry(item.place).or_default().push((item.class, item.time));
        }
        for &Graft { from, to, .. } in &grafts {
            let mut open = vec![(from, to)];
            let mut made = 0;
            while let Some((from, to)) = open.pop() {
                let Inner { function, link, .. } = self.inners[from as usize];
                let Some(link) = link.filter(|_| self.may_be_on(to, function)) else { continue };
                let place = match known.places.get(&(to, link)) {
                    Some(&place) => place,
                    None => self.add_place(to, link, function, known),
                };
                for &(class, time) in of_place.get(&from).into_iter().flatten() {
                    if known.items.insert((place, class), ()).is_none() {
                        items.push(Item { place, class, time: time * OF_GRAFT });
                    }
                }
                made += 1;
                let mut next = children.get(&from).cloned().unwrap_or_default();
                next.sort_by(|&a, &b| times[b as usize].total_cmp(&times[a as usize]).then(a.cmp(&b)));
                next.truncate(MAX_GRAFT.saturating_sub(made + open.len()));
                open.extend(next.into_iter().rev().map(|child| (child, place)));
            }
        }
        !grafts.is_empty()
    }

    /// The time of each place, and of all that stands above it.
    fn times(&self, items: &[Item]) -> Vec<f64> {
        let mut times = vec![0.0; self.inners.len()];
        for item in items {
            times[item.place as usize] += item.time;
        }
        for at in (0..times.len()).rev() {
            if let Some(parent) = self.inners[at].parent {
                let time = times[at];
                times[parent as usize] += time;
            }
        }
        times
    }

    fn grafts(&self, worths: &[f64], times: &[f64], known: &Known, whole: f64) -> Vec<Graft> {
        // Of each link its place with the most time.
        let mut longest: IdMap<u32, u32> = IdMap::default();
        for (inner, at) in self.inners.iter().zip(0u32..) {
            if let Some(link) = inner.link
                && times[at as usize] >= whole * WORTH_A_MOVE
            {
                let most = longest.entry(link).or_insert(at);
                if times[at as usize] > times[*most as usize] {
                    *most = at;
                }
            }
        }
        let best: Vec<Vec<u32>> =
            self.members.iter().map(|member| self.most_worth(member.places.clone(), worths, TRIED)).collect();
        let mut found: Vec<Graft> = longest
            .into_iter()
            .filter_map(|(link, from)| {
                let Inner { function: callee, parent, .. } = self.inners[from as usize];
                let parent = parent?;
                let here = worths[parent as usize];
                let better = best[self.inners[parent as usize].function as usize].iter().copied();
                let to = better
                    .take_while(|&to| worths[to as usize] - here > LEAST)
                    .find(|&to| !known.places.contains_key(&(to, link)) && self.may_be_on(to, callee))?;
                Some(Graft { gain: times[from as usize] * (worths[to as usize] - here), from, to })
            })
            .collect();
        found.sort_by(|a, b| b.gain.total_cmp(&a.gain).then(a.from.cmp(&b.from)));
        found.truncate(GRAFTS);
        found
    }

    /// Whether a member may be called on a place.
    fn may_be_on(&self, place: u32, callee: u32) -> bool {
        self.inners[place as usize].depth + 1 < MAX_DEPTH
            && (self.members[callee as usize].recurses || !self.stands_on(place, callee))
    }
}
