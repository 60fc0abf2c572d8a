//! Which function of the older profile is which of the newer one.
//!
//! First by file and name ([`super::paths`] says which file is which); of several with one name, by where the functions
//! around them went, then in their order. Those left over may have been renamed (the same place, or the same callers and
//! callees) or moved to another file (the same name, called by or calling the same). Each pair that is found says more about
//! its neighbours, so that is tried again until nothing new comes of it.

use std::collections::HashSet;

use super::paths::{File, pair_files};
use crate::model::{Edge, EdgeIndex, Function, FunctionId, IdMap, Profile};

/// What is found in so many rounds is enough.
const MOST_ROUNDS: usize = 8;
/// Where more pairs are possible in one file, none is looked for: that is generated code.
const MOST_COMPARED: usize = 40_000;

/// A function in both profiles, or in one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// In the older profile.
    pub before: Option<FunctionId>,
    /// In the newer profile.
    pub after: Option<FunctionId>,
}

/// Every function of both profiles, once: in the order of the newer one, then those that only the older one has.
pub(super) fn pair_functions(before: &Profile, after: &Profile) -> Vec<Pair> {
    let mut matcher = Matcher::new(before, after);
    matcher.by_name();
    for _ in 0..MOST_ROUNDS {
        let known = matcher.count;
        matcher.by_neighbours();
        matcher.by_move();
        if matcher.count == known {
            break;
        }
    }
    let pairs = after.ids().map(|id| Pair { before: matcher.after.partner[id.index()], after: Some(id) });
    let gone = before.ids().filter(|id| matcher.before.partner[id.index()].is_none());
    pairs.chain(gone.map(|id| Pair { before: Some(id), after: None })).collect()
}

/// One of the two profiles, and what was found of its functions.
struct Side<'p> {
    profile: &'p Profile,
    by_callee: EdgeIndex,
    by_caller: EdgeIndex,
    /// The number of the file of each function, the same for both files of a pair.
    file: Vec<usize>,
    partner: Vec<Option<FunctionId>>,
}

struct Matcher<'p> {
    before: Side<'p>,
    after: Side<'p>,
    count: usize,
}

impl<'p> Matcher<'p> {
    fn new(before: &'p Profile, after: &'p Profile) -> Self {
        let (old_files, old_places) = files(before);
        let (new_files, new_places) = files(after);
        let pairs = pair_files(&old_files, &new_files);
        // Files of the newer profile keep their numbers, those that only the older one has come after them.
        let numbers: Vec<usize> =
            pairs.iter().zip(new_files.len()..).map(|(pair, own)| pair.unwrap_or(own)).collect();
        let old_places = old_places.into_iter().map(|place| numbers[place]).collect();
        Self { before: Side::new(before, old_places), after: Side::new(after, new_places), count: 0 }
    }

    fn put(&mut self, before: FunctionId, after: FunctionId) {
        self.before.partner[before.index()] = Some(after);
        self.after.partner[after.index()] = Some(before);
        self.count += 1;
    }

    /// Functions of one name in one file.
    fn by_name(&mut self) {
        let groups = {
            let key = |side: &Side<'p>, id: FunctionId| {
                let function = side.profile.function(id);
                (side.file[id.index()], function.name.as_bytes())
            };
            grouped(&self.before, &self.after, key)
        };
        let (single, several): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|[old, new]| old.len() == 1 && new.len() == 1);
        for [old, new] in single {
            self.put(old[0], new[0]);
        }
        let shifts = self.shifts();
        for [mut old, mut new] in several {
            let line = |side: &Side<'_>, id: FunctionId| side.profile.function(id).line;
            // Qualified names tell methods of two classes apart, where both profiles know them.
            self.pair_where(&mut old, &mut new, |matcher, old, new| {
                let name = matcher.before.profile.function(old).qualname.as_ref();
                name.is_some() && name == matcher.after.profile.function(new).qualname.as_ref()
            });
            self.pair_where(&mut old, &mut new, |matcher, old, new| {
                let file = matcher.before.file[old.index()];
                expected(&shifts, file, line(&matcher.before, old)) == i64::from(line(&matcher.after, new))
            });
            self.pair_where(&mut old, &mut new, |matcher, old, new| {
                line(&matcher.before, old) == line(&matcher.after, new)
            });
            if old.len() == new.len() {
                old.sort_by_key(|&id| line(&self.before, id));
                new.sort_by_key(|&id| line(&self.after, id));
                old.into_iter().zip(new).for_each(|(old, new)| self.put(old, new));
            }
        }
    }

    /// Pairs what goes together, if neither goes with anything else. What is left stays in the lists.
    fn pair_where(
        &mut self,
        old: &mut Vec<FunctionId>,
        new: &mut Vec<FunctionId>,
        goes: impl Fn(&Self, FunctionId, FunctionId) -> bool,
    ) {
        if old.len().saturating_mul(new.len()) > MOST_COMPARED {
            return;
        }
        let mut found: Vec<(FunctionId, FunctionId)> = Vec::new();
        for &one in old.iter() {
            found.extend(new.iter().filter(|&&other| goes(self, one, other)).map(|&other| (one, other)));
        }
        let mut counts: [IdMap<FunctionId, usize>; 2] = Default::default();
        for &(one, other) in &found {
            *counts[0].entry(one).or_default() += 1;
            *counts[1].entry(other).or_default() += 1;
        }
        for (one, other) in found {
            if (counts[0][&one], counts[1][&other]) == (1, 1) {
                self.put(one, other);
            }
        }
        self.drop_paired(old, new);
    }

    /// By how many lines functions of each file moved, by their old line.
    fn shifts(&self) -> Shifts {
        let mut shifts = Shifts::default();
        for id in self.before.profile.ids() {
            let Some(partner) = self.before.partner[id.index()] else { continue };
            let (old, new) = (self.before.profile.function(id), self.after.profile.function(partner));
            if old.line > 0 && new.line > 0 {
                let file = shifts.entry(self.before.file[id.index()]).or_default();
                file.push((old.line, i64::from(new.line) - i64::from(old.line)));
            }
        }
        shifts.values_mut().for_each(|file| file.sort_unstable());
        shifts
    }

    /// Functions that have another name now: in the same file, where the old one was, or with its callers and callees.
    fn by_neighbours(&mut self) {
        let shifts = self.shifts();
        let groups = grouped(&self.before, &self.after, |side, id| side.file[id.index()]);
        for [mut old, mut new] in groups {
            let is_code = |side: &Side<'_>, id: FunctionId| side.profile.function(id).line > 0;
            old.retain(|&id| is_code(&self.before, id));
            new.retain(|&id| is_code(&self.after, id));
            self.by_place(&mut old, &mut new, &shifts);
            self.by_use(&mut old, &mut new);
            // Of several with one name, what their callers tell.
            self.pair_where(&mut old, &mut new, |matcher, old, new| {
                matcher.before.profile.function(old).name == matcher.after.profile.function(new).name
                    && matcher.shares_any(old, new)
            });
        }
    }

    /// Functions that stand in another file now, under their name.
    fn by_move(&mut self) {
        let groups = grouped(&self.before, &self.after, |side, id| side.profile.function(id).name.as_bytes());
        for sides in groups {
            let ([old], [new]) = (&sides[0][..], &sides[1][..]) else { continue };
            let function = self.before.profile.function(*old);
            if has_own_name(function) && function.line > 0 && self.shares_any(*old, *new) {
                self.put(*old, *new);
            }
        }
    }

    /// Whether callers and callees, as far as it is known which are which, are mostly the same. Without any, the number of calls
    /// must be.
    fn has_same_neighbours(&self, old: FunctionId, new: FunctionId) -> bool {
        let known: Vec<f64> =
            [End::Callers, End::Callees].into_iter().filter_map(|end| self.alike(end, old, new)).collect();
        if known.is_empty() {
            let calls = |side: &Side<'_>, id: FunctionId| side.profile.function(id).calls.ncalls;
            return calls(&self.before, old) == calls(&self.after, new);
        }
        known.iter().sum::<f64>() >= 0.5 * known.len() as f64
    }

    /// Pairs those that stand where others of one file would be now, if their callers and callees don't say otherwise.
    fn by_place(&mut self, old: &mut Vec<FunctionId>, new: &mut Vec<FunctionId>, shifts: &Shifts) {
        let mut at_line: IdMap<i64, [Vec<FunctionId>; 2]> = IdMap::default();
        for &id in &*old {
            let place = expected(shifts, self.before.file[id.index()], self.before.profile.function(id).line);
            at_line.entry(place).or_default()[0].push(id);
        }
        for &id in &*new {
            if let Some(sides) = at_line.get_mut(&i64::from(self.after.profile.function(id).line)) {
                sides[1].push(id);
            }
        }
        // All of them are found before any is taken: which comes first must not matter.
        let found: Vec<(FunctionId, FunctionId)> = at_line
            .values()
            .filter_map(|sides| match (&sides[0][..], &sides[1][..]) {
                ([one], [other]) if self.has_same_neighbours(*one, *other) => Some((*one, *other)),
                _ => None,
            })
            .collect();
        found.into_iter().for_each(|(one, other)| self.put(one, other));
        self.drop_paired(old, new);
    }

    /// Pairs those of which all callers and all callees are the same, where there are some of both. Found by what they have in
    /// common, not by comparing each with each: of two programs, many are left over.
    fn by_use(&mut self, old: &mut Vec<FunctionId>, new: &mut Vec<FunctionId>) {
        let mut alike: IdMap<[Vec<FunctionId>; 2], [Vec<FunctionId>; 2]> = IdMap::default();
        for (number, side, ids) in [(0, &self.before, &*old), (1, &self.after, &*new)] {
            for &id in ids {
                let uses = [End::Callers, End::Callees].map(|end| {
                    let mut known: Vec<FunctionId> = side.known(end, id, number == 0).collect();
                    known.sort_unstable();
                    known.dedup();
                    known
                });
                if uses.iter().all(|known| !known.is_empty()) {
                    alike.entry(uses).or_default()[number].push(id);
                }
            }
        }
        for sides in alike.values() {
            if let ([one], [other]) = (&sides[0][..], &sides[1][..]) {
                self.put(*one, *other);
            }
        }
        self.drop_paired(old, new);
    }

    fn drop_paired(&self, old: &mut Vec<FunctionId>, new: &mut Vec<FunctionId>) {
        old.retain(|&left| self.before.partner[left.index()].is_none());
        new.retain(|&left| self.after.partner[left.index()].is_none());
    }

    fn shares_any(&self, old: FunctionId, new: FunctionId) -> bool {
        let any = |end| self.alike(end, old, new).is_some_and(|part| part > 0.0);
        any(End::Callers) || any(End::Callees)
    }

    /// Which part of the callers (or callees) of both is the same. `None` if none of them is known on one of the sides.
    fn alike(&self, end: End, old: FunctionId, new: FunctionId) -> Option<f64> {
        let was: HashSet<FunctionId> = self.before.known(end, old, true).collect();
        let is: HashSet<FunctionId> = self.after.known(end, new, false).collect();
        if was.is_empty() || is.is_empty() {
            return None;
        }
        let same = was.intersection(&is).count();
        Some(same as f64 / (was.len() + is.len() - same) as f64)
    }
}

#[derive(Clone, Copy)]
enum End {
    Callers,
    Callees,
}

impl<'p> Side<'p> {
    fn new(profile: &'p Profile, file: Vec<usize>) -> Self {
        let partner = vec![None; profile.functions.len()];
        Self {
            profile,
            by_callee: profile.edges_by_callee(),
            by_caller: profile.edges_by_caller(),
            file,
            partner,
        }
    }

    /// Those of its callers or callees that have a partner, by the newer profile's ids.
    fn known(&self, end: End, id: FunctionId, is_older: bool) -> impl Iterator<Item = FunctionId> {
        self.others(end, id).filter_map(move |id| {
            let partner = self.partner[id.index()]?;
            Some(if is_older { partner } else { id })
        })
    }

    /// Who calls a function, or whom it calls; not itself.
    fn others(&self, end: End, id: FunctionId) -> impl Iterator<Item = FunctionId> {
        let (index, other): (_, fn(&Edge) -> FunctionId) = match end {
            End::Callers => (&self.by_callee, |edge| edge.caller),
            End::Callees => (&self.by_caller, |edge| edge.callee),
        };
        index.of(&self.profile.edges, id).map(other).filter(move |&other| other != id)
    }
}

/// The old lines of each file, with how far what stood there has moved; sorted.
type Shifts = IdMap<usize, Vec<(u32, i64)>>;

/// Where a line of a file should be now: as far away as what stood above it, or else below it.
fn expected(shifts: &Shifts, file: usize, line: u32) -> i64 {
    let known = shifts.get(&file).map_or(&[][..], Vec::as_slice);
    let above = known.partition_point(|&(at, _)| at <= line);
    let near = above.checked_sub(1).and_then(|place| known.get(place)).or(known.first());
    i64::from(line) + near.map_or(0, |&(_, shift)| shift)
}

/// The functions without a partner that have the same key, those of each profile in its order; where both have some.
fn grouped<'p, K: Eq + std::hash::Hash>(
    before: &Side<'p>,
    after: &Side<'p>,
    key: impl Fn(&Side<'p>, FunctionId) -> K,
) -> Vec<[Vec<FunctionId>; 2]> {
    let mut places: IdMap<K, usize> = IdMap::default();
    let mut groups: Vec<[Vec<FunctionId>; 2]> = Vec::new();
    for (number, side) in [before, after].into_iter().enumerate() {
        for id in side.profile.ids().filter(|id| side.partner[id.index()].is_none()) {
            let place = *places.entry(key(side, id)).or_insert(groups.len());
            if place == groups.len() {
                groups.push(Default::default());
            }
            groups[place][number].push(id);
        }
    }
    groups.retain(|[old, new]| !old.is_empty() && !new.is_empty());
    groups
}

/// The files of a profile, and for each function the place of its own.
fn files(profile: &Profile) -> (Vec<File<'_>>, Vec<usize>) {
    let mut known: IdMap<&[u8], usize> = IdMap::default();
    let mut files: Vec<File<'_>> = Vec::new();
    let places = profile.functions.iter().map(|function| {
        let path = function.file.as_bytes();
        let place = *known.entry(path).or_insert(files.len());
        if place == files.len() {
            files.push(File { path, names: HashSet::new() });
        }
        if has_own_name(function) {
            files[place].names.insert(function.name.as_bytes());
        }
        place
    });
    let places = places.collect();
    (files, places)
}

/// Not `<module>`, `<lambda>` and the like.
fn has_own_name(function: &Function) -> bool {
    !function.name.as_bytes().starts_with(b"<")
}
