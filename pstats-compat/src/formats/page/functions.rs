//! The functions of a page, by columns: those that took the most time, were called most often, or are in its stacks.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::model::{Calls, Edge, Function, FunctionId, Profile, Unit};
use crate::modules::{self, Origin};
use crate::owners::{Owner, Owners};
use crate::printable::printable;
use crate::stacks::Stacks;
use crate::summary::Places;

/// So many functions by each of their figures.
const MOST: usize = 5_000;
/// So many caller edges.
const MOST_EDGES: usize = 60_000;
/// Of a name or a path so many characters: a page is for people.
const LONGEST: usize = 400;

/// Whose code functions are, for their colour.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Group {
    name: String,
    kind: &'static str,
}

impl Group {
    /// That of a function in this file.
    pub fn of(file: &[u8], owner: Owner) -> Self {
        let package = || match modules::installed(file) {
            Some((Origin::Package, parts)) if !parts.is_empty() => shown(&String::from_utf8_lossy(parts[0])),
            _ => "packages".to_owned(),
        };
        let (name, kind) = match owner {
            Owner::User => ("your code".to_owned(), "own"),
            Owner::Package => (package(), "package"),
            Owner::Library => ("standard library".to_owned(), "library"),
            Owner::Builtin => ("built-ins".to_owned(), "builtin"),
        };
        Self { name, kind }
    }
}

/// Functions by columns.
#[derive(Default, Serialize)]
pub struct Functions {
    name: Vec<String>,
    place: Vec<String>,
    group: Vec<usize>,
    calls: Vec<u64>,
    primitive: Vec<u64>,
    /// None of what is named as a caller only.
    own: Vec<Option<f64>>,
    cumulative: Vec<f64>,
    /// Own time with that of all others' code that it called, where there is code of the user's.
    folded: Option<Vec<f64>>,
    #[serde(flatten)]
    durations: Option<Durations>,
    before: Option<Before>,
    /// How many have no row here, and their own time.
    left: (usize, f64),
}

/// How long calls took, each by itself; none of a function of which that isn't known.
#[derive(Default, Serialize)]
pub struct Durations {
    p50: Vec<Option<f64>>,
    p99: Vec<Option<f64>>,
    max: Vec<Option<f64>>,
}

impl Durations {
    /// Adds those of a function: what half of its calls took at most, 99 of 100, and the slowest.
    pub fn push(&mut self, p50: f64, p99: f64, max: f64) {
        let known = |seconds: f64| Some(rounded(seconds)).filter(|seconds| *seconds > 0.0);
        self.p50.push(known(p50));
        self.p99.push(known(p99));
        self.max.push(known(max));
    }
}

/// The same in the older profile.
#[derive(Default, Serialize)]
pub struct Before {
    calls: Vec<u64>,
    own: Vec<f64>,
    cumulative: Vec<f64>,
}

/// Caller edges by columns.
#[derive(Default, Serialize)]
pub struct Edges {
    caller: Vec<u32>,
    callee: Vec<u32>,
    calls: Vec<u64>,
    own: Vec<f64>,
    cumulative: Vec<f64>,
    /// Cumulative times in the older profile.
    before: Option<Vec<f64>>,
    left: usize,
}

/// The functions of one profile or of two, with what is shown of them.
pub struct Listed<'p> {
    pub functions: Vec<&'p Function>,
    pub figures: Vec<Calls>,
    pub before: Option<Vec<Calls>>,
    /// Own time with that of all others' code below, by place.
    pub folded: Option<Vec<f64>>,
    /// The profile and the id that each is known by.
    known: Vec<(usize, FunctionId)>,
    profiles: Vec<(&'p Profile, Owners, Places<'p>)>,
}

impl<'p> Listed<'p> {
    /// Those of one profile.
    pub fn of(profile: &'p Profile) -> Self {
        Self {
            functions: profile.functions.iter().collect(),
            figures: profile.functions.iter().map(|function| function.calls).collect(),
            before: None,
            folded: None,
            known: profile.ids().map(|id| (0, id)).collect(),
            profiles: vec![(profile, Owners::of(profile), Places::of(profile))],
        }
    }

    /// Those of two, each once: as the newer one has it, if it does.
    pub fn of_both(before: &'p Profile, after: &'p Profile, pairs: &[crate::diff::Pair]) -> Self {
        let figures = |profile: &Profile, id: Option<FunctionId>| {
            id.map_or(Calls::default(), |id| profile.function(id).calls)
        };
        let known: Vec<(usize, FunctionId)> = pairs
            .iter()
            .filter_map(|pair| pair.after.map(|id| (0, id)).or(pair.before.map(|id| (1, id))))
            .collect();
        let profiles = [after, before].map(|profile| (profile, Owners::of(profile), Places::of(profile)));
        Self {
            functions: known.iter().map(|&(which, id)| profiles[which].0.function(id)).collect(),
            figures: pairs.iter().map(|pair| figures(after, pair.after)).collect(),
            before: Some(pairs.iter().map(|pair| figures(before, pair.before)).collect()),
            folded: None,
            known,
            profiles: profiles.into(),
        }
    }

    /// Whether one profile is shown, and has how long calls took.
    fn has_durations(&self) -> bool {
        self.before.is_none() && self.profiles.iter().any(|(profile, ..)| profile.has_distributions())
    }

    /// Whose code it is.
    pub fn owner(&self, place: usize) -> Owner {
        let (which, id) = self.known[place];
        self.profiles[which].1.owner(id)
    }

    fn group(&self, place: usize) -> Group {
        Group::of(self.functions[place].file.as_bytes(), self.owner(place))
    }

    /// A figure of either profile, the greater one.
    fn greatest(&self, place: usize, figure: impl Fn(&Calls) -> f64) -> f64 {
        let before = self.before.as_ref().map_or(0.0, |before| figure(&before[place]));
        figure(&self.figures[place]).max(before)
    }
}

/// The functions that are in a page, with their numbers there.
pub struct Chosen {
    places: Vec<usize>,
    numbers: HashMap<usize, u32>,
}

impl Chosen {
    /// Those that stand out by one of their figures, and `needed`.
    pub fn of(listed: &Listed<'_>, needed: impl Iterator<Item = usize>) -> Self {
        let count = listed.functions.len();
        let mut is_chosen = vec![false; count];
        needed.for_each(|place| is_chosen[place] = true);
        let figures: [fn(&Calls) -> f64; 3] = [|c| c.tottime, |c| c.cumtime, |c| c.ncalls as f64];
        for figure in figures {
            let mut order: Vec<usize> = (0..count).collect();
            if count > MOST {
                order.select_nth_unstable_by(MOST, |&a, &b| {
                    listed.greatest(b, figure).total_cmp(&listed.greatest(a, figure)).then(a.cmp(&b))
                });
                order.truncate(MOST);
            }
            order.into_iter().for_each(|place| is_chosen[place] = true);
        }
        let places: Vec<usize> = (0..count).filter(|&place| is_chosen[place]).collect();
        let numbers = places.iter().copied().zip(0..).collect();
        Self { places, numbers }
    }

    /// The number of a function that is in the page.
    pub fn number(&self, place: usize) -> u32 {
        self.numbers.get(&place).copied().unwrap_or_default()
    }

    /// The same; none of one that isn't.
    fn find(&self, id: FunctionId) -> Option<u32> {
        self.numbers.get(&id.index()).copied()
    }

    /// Their places in the profile, in their order.
    pub fn places(&self) -> &[usize] {
        &self.places
    }

    /// As columns, with their groups: the user's own first, then by the time in them.
    pub fn columns(&self, listed: &Listed<'_>) -> (Functions, Vec<Group>) {
        let mut times: BTreeMap<(usize, String), (Group, f64)> = BTreeMap::new();
        let key = |group: &Group| (KINDS.iter().position(|kind| *kind == group.kind), group.name.clone());
        for &place in &self.places {
            let group = listed.group(place);
            let (kind, name) = key(&group);
            let time = listed.greatest(place, |calls| calls.tottime);
            let sum = times.entry((kind.unwrap_or_default(), name)).or_insert((group, 0.0));
            sum.1 += if time.is_finite() { time.max(0.0) } else { 0.0 };
        }
        let mut groups: Vec<((usize, String), Group, f64)> =
            times.into_iter().map(|(key, (group, time))| (key, group, time)).collect();
        groups.sort_by(|a, b| a.0.0.cmp(&b.0.0).then(b.2.total_cmp(&a.2)));
        let numbers: HashMap<(usize, String), usize> =
            groups.iter().enumerate().map(|(number, (key, ..))| (key.clone(), number)).collect();

        let mut columns = Functions {
            folded: listed.folded.as_ref().map(|_| Vec::new()),
            before: listed.before.as_ref().map(|_| Before::default()),
            durations: listed.has_durations().then(Durations::default),
            ..Functions::default()
        };
        for &place in &self.places {
            let (function, figures) = (listed.functions[place], &listed.figures[place]);
            let (which, id) = listed.known[place];
            let places = &listed.profiles[which].2;
            let (kind, name) = key(&listed.group(place));
            columns.name.push(shown(&places.name(id)));
            columns.place.push(shown_place(&places.place(id)));
            columns.group.push(numbers[&(kind.unwrap_or_default(), name)]);
            columns.calls.push(figures.ncalls);
            columns.primitive.push(figures.primitive_calls);
            columns.own.push((!function.caller_only).then(|| rounded(figures.tottime)));
            columns.cumulative.push(rounded(figures.cumtime));
            if let Some(durations) = &mut columns.durations {
                let known = function.distribution.as_deref();
                let percentile = |part| known.map_or(0.0, |known| known.percentile(part));
                durations.push(
                    percentile(0.5),
                    percentile(0.99),
                    known.map_or(0.0, |known| known.slowest.seconds),
                );
            }
            if let (Some(column), Some(folded)) = (&mut columns.folded, &listed.folded) {
                column.push(rounded(folded[place]));
            }
            if let (Some(columns), Some(before)) = (&mut columns.before, &listed.before) {
                columns.calls.push(before[place].ncalls);
                columns.own.push(rounded(before[place].tottime));
                columns.cumulative.push(rounded(before[place].cumtime));
            }
        }
        let all: f64 = listed.figures.iter().map(|calls| calls.tottime).sum();
        let here: f64 = self.places.iter().map(|&place| listed.figures[place].tottime).sum();
        columns.left = (listed.functions.len() - self.places.len(), rounded((all - here).max(0.0)));
        (columns, groups.into_iter().map(|(_, group, _)| group).collect())
    }

    /// The edges between them, of one profile.
    pub fn edges(&self, profile: &Profile) -> Edges {
        let joined = profile.edges.iter().map(|edge| (edge, None));
        self.heaviest(joined.collect(), None)
    }

    /// The edges between them, of both. `numbers` are the places of each profile's functions, the older one's first.
    pub fn edges_of_both(&self, before: &Profile, after: &Profile, numbers: &[Vec<FunctionId>; 2]) -> Edges {
        let moved = |edge: &Edge, numbers: &[FunctionId]| Edge {
            caller: numbers[edge.caller.index()],
            callee: numbers[edge.callee.index()],
            calls: edge.calls,
        };
        let mut known: HashMap<(FunctionId, FunctionId), (Calls, f64)> = HashMap::new();
        for edge in after.edges.iter().map(|edge| moved(edge, &numbers[1])) {
            known.entry((edge.caller, edge.callee)).or_default().0.add(&edge.calls);
        }
        for edge in before.edges.iter().map(|edge| moved(edge, &numbers[0])) {
            known.entry((edge.caller, edge.callee)).or_default().1 += edge.calls.cumtime;
        }
        let mut edges: Vec<(Edge, Option<f64>)> = known
            .into_iter()
            .map(|((caller, callee), (calls, was))| (Edge { caller, callee, calls }, Some(was)))
            .collect();
        edges.sort_by_key(|(edge, _)| (edge.callee, edge.caller));
        self.heaviest(edges.iter().map(|(edge, was)| (edge, *was)).collect(), Some(Vec::new()))
    }

    fn heaviest(&self, mut edges: Vec<(&Edge, Option<f64>)>, before: Option<Vec<f64>>) -> Edges {
        let all = edges.len();
        edges.retain(|(edge, _)| self.find(edge.caller).is_some() && self.find(edge.callee).is_some());
        if edges.len() > MOST_EDGES {
            let weight = |(edge, was): &(&Edge, Option<f64>)| edge.calls.cumtime.max(was.unwrap_or(0.0));
            edges.sort_by(|a, b| {
                weight(b).total_cmp(&weight(a)).then(b.0.calls.ncalls.cmp(&a.0.calls.ncalls))
            });
            edges.truncate(MOST_EDGES);
        }
        let mut columns = Edges { before, left: all - edges.len(), ..Edges::default() };
        for (edge, was) in edges {
            columns.caller.push(self.find(edge.caller).unwrap_or_default());
            columns.callee.push(self.find(edge.callee).unwrap_or_default());
            columns.calls.push(edge.calls.ncalls);
            columns.own.push(rounded(edge.calls.tottime));
            columns.cumulative.push(rounded(edge.calls.cumtime));
            columns.before.iter_mut().for_each(|column| column.push(rounded(was.unwrap_or(0.0))));
        }
        columns
    }
}

/// In the order of the legend.
const KINDS: [&str; 4] = ["own", "package", "library", "builtin"];

/// To the nanosecond, or what else the unit's billionth is; what is no number is nothing.
pub fn rounded(value: f64) -> f64 {
    if !value.is_finite() {
        return 0.0;
    }
    let nanos = (value * 1e9).round();
    if nanos.abs() < 9e15 { nanos / 1e9 } else { value }
}

/// What a person can read: no marks that turn the direction of writing round, and an end.
pub fn shown(text: &str) -> String {
    cut(text, LONGEST)
}

/// So many characters of a text, safe to show.
pub fn cut(text: &str, most: usize) -> String {
    let text = printable(text);
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

/// The same of a path, whose end says more.
pub fn shown_place(place: &str) -> String {
    let place = printable(place);
    let count = place.chars().count();
    match count > LONGEST {
        true => format!("…{}", place.chars().skip(count - LONGEST).collect::<String>()),
        false => place.into_owned(),
    }
}

/// What a time is in; none for seconds.
pub fn shown_unit(unit: &Unit) -> Option<String> {
    match unit {
        Unit::Seconds => None,
        Unit::Other(unit) => Some(shown(unit)),
    }
}

/// Own times with those of all others' code below, by place; none without code of the user's.
pub fn folded(profile: &Profile, stacks: &Stacks<'_>) -> Option<Vec<f64>> {
    let owners = Owners::of(profile);
    let shown = crate::mine::fold(profile, &owners, stacks)?;
    // What stays keeps its order.
    let mut own = shown.profile.functions.iter();
    let time = |id: FunctionId| match owners.is_own(id) {
        true => own.next().map_or(0.0, |function| function.calls.tottime),
        false => 0.0,
    };
    Some(profile.ids().map(time).collect())
}
