//! More places inside of a group, where those that there are don't allow what the tables say.
//!
//! Balancing gives times to places that are there. Where it can't meet its targets, its factors tell which stacks are missing: an item would have
//! been scaled by the product of all factors of targets that it is in, so a stack that isn't there and would have grown most is what
//! is lacking. Such stacks begin at a place that is there and go on by a few links.

use super::balance::Item;
use super::unroll::{Inner, MAX_DEPTH, Member, Unroller};
use crate::model::IdMap;

/// So many links are added to a place at once.
const MAX_STEPS: usize = 10;
/// Of the stacks that go on by one link, or that one call out of the group may stand on, so many are added at once.
const OF_EACH: usize = 2;
/// So many places of each function are gone on from.
const FROM: usize = 64;
/// At most so many in all, where there are few places.
const AT_ONCE: usize = 32;
/// An item that would have grown by less isn't worth a place: the logarithm.
pub(super) const LEAST: f64 = 0.02;
/// The part of its class that a new item has at first.
const FIRST: f64 = 1e-3;
/// What a link is worth that has no place at all.
pub(super) const WITHOUT_PLACE: f64 = 4.0;

/// What the factors of one balancing say, as logarithms.
pub(super) struct Worth {
    /// Of being above a link: for those inside of the group by their place, others are worth nothing.
    pub links: Vec<(u32, f64)>,
    /// Of being above the outermost place of a member that recurses.
    pub members: Vec<f64>,
    /// Of being above the outermost part of a function that has several, by the first member that is one.
    pub kin: Vec<f64>,
    /// Of being above a place where the group is entered from outside.
    pub entries: IdMap<u32, f64>,
    /// Of each class: a member's own, or a call out of the group that happened once.
    pub classes: Vec<f64>,
    /// The classes of each member: what may stand at its places.
    pub of_member: Vec<Vec<u32>>,
}

/// What there is already.
pub(super) struct Known {
    /// Places, each by the place of the caller and the link.
    pub places: IdMap<(u32, u32), u32>,
    /// Which place has an item of which class.
    pub items: IdMap<(u32, u32), ()>,
}

/// A stack that isn't there.
struct Missing {
    worth: f64,
    at: u32,
    links: Vec<u32>,
    class: u32,
}

impl Unroller<'_> {
    /// Makes places for stacks that are missing, and items on them: so many at most, and a few. `false`: there are none.
    pub(super) fn widen(
        &mut self,
        worth: &Worth,
        classes: &[f64],
        items: &mut Vec<Item>,
        room: usize,
    ) -> bool {
        for &(place, of_link) in &worth.links {
            self.scratch.worth[place as usize] = of_link;
        }
        let mut known = self.known(items);
        let (mut missing, here) = self.missing(worth, &known);
        missing.sort_by(|a, b| {
            let by_worth = b.worth.total_cmp(&a.worth).then(a.at.cmp(&b.at));
            by_worth.then(a.links.cmp(&b.links)).then(a.class.cmp(&b.class))
        });
        missing.truncate((room / MAX_STEPS).min(AT_ONCE.max(self.inners.len() / 40)));
        let is_any = self.graft(&here, items, &mut known, classes.iter().sum()) || !missing.is_empty();
        for Missing { at, links, class, .. } in missing {
            let mut at = at;
            for link in links {
                at = self.place_on(at, link, &mut known, |count, class, place| {
                    let time = classes[class as usize] * FIRST / count;
                    items.extend((time > 0.0).then_some(Item { place, class, time }));
                });
            }
            if known.items.insert((at, class), ()).is_none() {
                items.push(Item { place: at, class, time: classes[class as usize] * FIRST });
            }
        }
        is_any
    }

    /// How many ways on there are from the places that are gone on from.
    pub(super) fn ways_to_try(&self) -> usize {
        let members = self.members.iter().zip(self.functions);
        let ways = members
            .map(|(member, &function)| member.places.len().min(FROM) * self.links.places(function).len());
        ways.sum()
    }

    fn known(&self, items: &[Item]) -> Known {
        let places = self.inners.iter().zip(0u32..);
        Known {
            places: places.filter_map(|(inner, at)| Some(((inner.parent?, inner.link?), at))).collect(),
            items: items.iter().map(|item| ((item.place, item.class), ())).collect(),
        }
    }

    /// The place of a link on another place. Where it is new, it is told with its class and how many places its function has.
    fn place_on(&mut self, at: u32, link: u32, known: &mut Known, tell: impl FnOnce(f64, u32, u32)) -> u32 {
        if let Some(&place) = known.places.get(&(at, link)) {
            return place;
        }
        let callee = self.scratch.number_of(self.links.all()[link as usize].callee);
        let place = self.add_place(at, link, callee, known);
        known.items.insert((place, callee), ());
        // A member's own time is of the class of its number.
        tell(self.members[callee as usize].places.len() as f64, callee, place);
        place
    }

    pub(super) fn add_place(&mut self, at: u32, link: u32, callee: u32, known: &mut Known) -> u32 {
        let place = self.inners.len() as u32;
        let depth = self.inners[at as usize].depth + 1;
        self.inners.push(Inner { parent: Some(at), link: Some(link), ..Inner::empty(callee, depth) });
        self.members[callee as usize].places.push(place);
        known.places.insert((at, link), place);
        place
    }

    /// Stacks that are missing, and what it is worth to be above each place.
    fn missing(&mut self, worth: &Worth, known: &Known) -> (Vec<Missing>, Vec<f64>) {
        let ahead = self.ahead(worth);
        let mut worths = vec![0.0; self.inners.len()];
        self.visit(worth, |_, at, here| worths[at as usize] = here);
        let promising = self.promising(&worths);
        let mut best = Best { by_link: IdMap::default(), by_class: IdMap::default() };
        self.visit(worth, |unroller, at, here| {
            if !promising[at as usize] {
                return;
            }
            let member = unroller.inners[at as usize].function;
            for &class in &worth.of_member[member as usize] {
                let value = here + worth.classes[class as usize];
                if value > best.least_of_class(class) && !known.items.contains_key(&(at, class)) {
                    best.add_class(Missing { worth: value, at, links: Vec::new(), class });
                }
            }
            unroller.go_on(worth, &ahead, at, here, known, &mut best);
        });
        (best.all(), worths)
    }

    /// The places of each member from which it is worth most to go on.
    fn promising(&self, worths: &[f64]) -> Vec<bool> {
        let mut promising = vec![false; self.inners.len()];
        for member in &self.members {
            for at in self.most_worth(member.places.clone(), worths, FROM) {
                promising[at as usize] = true;
            }
        }
        promising
    }

    /// So many places at most, those first that it is worth most to be above.
    pub(super) fn most_worth(&self, mut places: Vec<u32>, worths: &[f64], most: usize) -> Vec<u32> {
        let by_worth = |a: &u32, b: &u32| worths[*b as usize].total_cmp(&worths[*a as usize]).then(a.cmp(b));
        if places.len() > most {
            places.select_nth_unstable_by(most, by_worth);
            places.truncate(most);
        }
        places.sort_unstable_by(by_worth);
        places
    }

    /// Visits all places, each with what it is worth to be above it, while all that stands below it is marked.
    fn visit(&mut self, worth: &Worth, mut visit: impl FnMut(&Self, u32, f64)) {
        let mut children: Vec<Vec<u32>> = vec![Vec::new(); self.inners.len()];
        let mut steps = Vec::new();
        for at in (0..self.inners.len() as u32).rev() {
            match self.inners[at as usize].parent {
                Some(parent) => children[parent as usize].push(at),
                None => steps.push((at, 0.0, true)),
            }
        }
        while let Some((at, below, entering)) = steps.pop() {
            let Inner { function: member, link, .. } = self.inners[at as usize];
            let Member { kin, recurses, .. } = self.members[member as usize];
            let by = if entering { 1 } else { u32::MAX };
            let here = match link {
                _ if !entering => 0.0,
                Some(link) => below + self.step(worth, link, member, &[]),
                None => {
                    let of_member = if recurses { worth.members[member as usize] } else { 0.0 };
                    worth.entries.get(&at).copied().unwrap_or(0.0) + worth.kin[kin as usize] + of_member
                }
            };
            let mark = |count: &mut u32| *count = count.wrapping_add(by);
            mark(&mut self.members[member as usize].on_stack);
            mark(&mut self.kin_on_stack[kin as usize]);
            if let Some(link) = link {
                mark(&mut self.scratch.on_stack[link as usize]);
            }
            if entering {
                visit(self, at, here);
                steps.push((at, 0.0, false));
                steps.extend(children[at as usize].iter().map(|&child| (child, here, true)));
            }
        }
    }

    /// What it is worth to go on by a link to a member, beside the links of a way that isn't there yet.
    fn step(&self, worth: &Worth, link: u32, callee: u32, way: &[u32]) -> f64 {
        let all = self.links.all();
        let is_new_link = self.scratch.on_stack[link as usize] == 0 && !way.contains(&link);
        let is_new_member = self.members[callee as usize].on_stack == 0
            && !way.iter().any(|&step| self.scratch.number_of(all[step as usize].callee) == callee);
        let mut sum = 0.0;
        if is_new_link {
            sum += self.scratch.worth[link as usize];
        }
        let kin = self.members[callee as usize].kin;
        let of_kin = worth.kin[kin as usize];
        if of_kin != 0.0 && self.kin_on_stack[kin as usize] == 0 {
            let is_kin = |&step: &u32| {
                self.members[self.scratch.number_of(all[step as usize].callee) as usize].kin == kin
            };
            sum += if way.iter().any(is_kin) { 0.0 } else { of_kin };
        }
        if is_new_member && self.members[callee as usize].recurses {
            sum += worth.members[callee as usize];
        }
        sum
    }

    /// Whether a member may be called there.
    fn may_stand(&self, callee: u32, way: &[u32]) -> bool {
        let member = &self.members[callee as usize];
        member.recurses
            || member.on_stack == 0
                && !way
                    .iter()
                    .any(|&step| self.scratch.number_of(self.links.all()[step as usize].callee) == callee)
    }

    /// For each number of steps and each member, the most that it may be worth to end so many steps from it, or before.
    fn ahead(&self, worth: &Worth) -> Vec<Vec<f64>> {
        let end = |member: usize| {
            let classes = worth.of_member[member].iter();
            classes.map(|&class| worth.classes[class as usize]).fold(f64::NEG_INFINITY, f64::max)
        };
        let mut ahead = vec![(0..self.members.len()).map(end).collect::<Vec<f64>>()];
        for step in 0..MAX_STEPS {
            let before = &ahead[step];
            let next = (0..self.members.len()).map(|member| {
                let places = self.links.places(self.functions[member]);
                let ways = places.filter_map(|place| {
                    let callee = self.scratch.member(self.links.all()[place].callee)?;
                    let target = &self.members[callee as usize];
                    let of_member = if target.recurses { worth.members[callee as usize] } else { 0.0 };
                    Some(self.scratch.worth[place] + of_member + before[callee as usize])
                });
                ways.fold(before[member], f64::max)
            });
            let next = next.collect();
            ahead.push(next);
        }
        ahead
    }

    /// Finds the ways on from a place.
    fn go_on(&self, worth: &Worth, ahead: &[Vec<f64>], at: u32, here: f64, known: &Known, best: &mut Best) {
        let inner = &self.inners[at as usize];
        if inner.depth + 1 + MAX_STEPS as u32 >= MAX_DEPTH {
            return;
        }
        for place in self.links.places(self.functions[inner.function as usize]) {
            let Some(callee) = self.scratch.member(self.links.all()[place].callee) else { continue };
            let place = place as u32;
            if !self.may_stand(callee, &[]) {
                continue;
            }
            let first = here + self.step(worth, place, callee, &[]);
            if first + ahead[MAX_STEPS - 1][callee as usize] <= best.least_of_link(place)
                || known.places.contains_key(&(at, place))
            {
                continue;
            }
            let (value, links) = self.way(worth, ahead, place, callee, first);
            if value > best.least_of_link(place) {
                let last = self.links.all()[links[links.len() - 1] as usize].callee;
                let member = self.scratch.number_of(last);
                let classes = worth.of_member[member as usize].iter().copied();
                let class = classes.max_by(|&a, &b| {
                    worth.classes[a as usize].total_cmp(&worth.classes[b as usize]).then(b.cmp(&a))
                });
                if let Some(class) = class {
                    best.add_link(place, Missing { worth: value, at, links, class });
                }
            }
        }
    }

    /// The best way on from a link, and what it is worth.
    fn way(&self, worth: &Worth, ahead: &[Vec<f64>], first: u32, callee: u32, value: f64) -> (f64, Vec<u32>) {
        let mut links = vec![first];
        let (mut at, mut value) = (callee, value);
        let (mut most, mut length) = (value + ahead[0][at as usize], 1);
        for step in (0..MAX_STEPS - 1).rev() {
            let mut next: Option<(f64, f64, u32, u32)> = None;
            for place in self.links.places(self.functions[at as usize]) {
                let Some(callee) = self.scratch.member(self.links.all()[place].callee) else { continue };
                if !self.may_stand(callee, &links) {
                    continue;
                }
                let of_step = self.step(worth, place as u32, callee, &links);
                let hope = of_step + ahead[step][callee as usize];
                if next.is_none_or(|next| hope > next.0) {
                    next = Some((hope, of_step, place as u32, callee));
                }
            }
            let Some((hope, of_step, place, callee)) = next else { break };
            if value + hope <= most {
                break;
            }
            links.push(place);
            value += of_step;
            at = callee;
            if value + ahead[0][at as usize] > most {
                (most, length) = (value + ahead[0][at as usize], links.len());
            }
        }
        links.truncate(length);
        (most, links)
    }
}

/// The best so far, some for each link to begin with and for each class.
struct Best {
    by_link: IdMap<u32, Vec<Missing>>,
    by_class: IdMap<u32, Vec<Missing>>,
}

impl Best {
    fn least(of: Option<&Vec<Missing>>) -> f64 {
        match of {
            Some(list) if list.len() == OF_EACH => list[OF_EACH - 1].worth,
            _ => LEAST,
        }
    }

    fn least_of_link(&self, link: u32) -> f64 {
        Self::least(self.by_link.get(&link))
    }

    fn least_of_class(&self, class: u32) -> f64 {
        Self::least(self.by_class.get(&class))
    }

    fn add(list: &mut Vec<Missing>, missing: Missing) {
        let at = list.partition_point(|other| other.worth >= missing.worth);
        list.insert(at, missing);
        list.truncate(OF_EACH);
    }

    fn add_link(&mut self, link: u32, missing: Missing) {
        Self::add(self.by_link.entry(link).or_default(), missing);
    }

    fn add_class(&mut self, missing: Missing) {
        Self::add(self.by_class.entry(missing.class).or_default(), missing);
    }

    fn all(self) -> Vec<Missing> {
        self.by_link.into_values().chain(self.by_class.into_values()).flatten().collect()
    }
}
