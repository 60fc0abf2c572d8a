//! An acyclic picture of who called whom: what the tree of stacks is drawn from.

use super::figures::Times;
use super::links::Links;
use super::scratch::Scratch;
use super::unroll::{Entered, Unrolled, unroll};
use crate::model::{Cycles, FunctionId, IdMap, Profile};

/// Stands for no context.
pub(super) const NONE: u32 = u32::MAX;

/// So many callers of a function of a group are told apart, if they took more than this part of the group's time.
const APART: usize = 8;
const WORTH_A_PLACE: f64 = 0.002;

/// A function; in a group of functions that reach each other, on one stack inside of the group.
pub(super) struct Context {
    pub function: u32,
    /// Own time of the function in this context.
    pub own: f64,
    /// How much of what it calls outside of its group it calls in this context.
    drained: f64,
    /// Another context of the same function.
    next: u32,
    /// Whether all its calls had one and the same stack.
    pub single: bool,
    /// The only context that it is reached from, if it is one.
    only: u32,
}

/// How a context is reached.
pub(super) struct Way {
    /// `NONE` where a stack begins.
    pub from: u32,
    pub to: u32,
    /// What is called: a place in the edges, and beyond those a function that nobody called.
    pub counter: u32,
    /// The part of the context's own time on this way.
    pub own: f64,
    /// The part of what it calls.
    pub below: f64,
    pub calls: f64,
}

pub(super) struct Contexts {
    /// Callers before callees.
    pub list: Vec<Context>,
    /// Grouped by `from`, those from nowhere last.
    ways: Vec<Way>,
    starts: Vec<u32>,
    /// Of each context, with all that it calls.
    pub below: Vec<f64>,
    /// Seconds whose stacks are not the only ones that the edges allow.
    pub estimated: f64,
}

/// One of the ways into a context, before it is known which part of it is whose.
struct Entry {
    from: u32,
    counter: u32,
    calls: f64,
    own: f64,
    whole: f64,
}

struct Builder<'l> {
    links: &'l Links,
    cycles: &'l Cycles,
    edges: u32,
    list: Vec<Context>,
    ways: Vec<Way>,
    newest: Vec<u32>,
    singles: IdMap<u32, Vec<(u32, f64)>>,
    estimated: f64,
    scratch: Scratch,
}

impl Contexts {
    pub fn of(profile: &Profile) -> Self {
        let links = Links::of(profile);
        let callees = |caller: FunctionId| links.from(caller.0).iter().map(|link| FunctionId(link.callee));
        let cycles = Cycles::find(links.functions.len(), callees);
        let mut builder = Builder {
            links: &links,
            cycles: &cycles,
            edges: profile.edges.len() as u32,
            list: Vec::with_capacity(links.functions.len()),
            ways: Vec::with_capacity(links.all().len()),
            newest: vec![NONE; links.functions.len()],
            singles: IdMap::default(),
            estimated: 0.0,
            scratch: Scratch::new(&links),
        };
        // Callers first.
        for group in (0..cycles.len()).rev() {
            match cycles.members(group) {
                &[FunctionId(function)] => builder.alone(function),
                functions => builder.group(group, functions),
            }
        }
        let Builder { list, mut ways, estimated, .. } = builder;
        ways.sort_by_key(|way| way.from);
        let mut starts = vec![0u32; list.len() + 2];
        for way in &ways {
            starts[(way.from as usize).min(list.len()) + 1] += 1;
        }
        for place in 1..starts.len() {
            starts[place] += starts[place - 1];
        }
        let mut below = vec![0.0; list.len()];
        let mut contexts = Self { list, ways, starts, below: Vec::new(), estimated };
        for context in (0..contexts.list.len() as u32).rev() {
            below[context as usize] = contexts
                .from(context)
                .iter()
                .map(|way| contexts.list[way.to as usize].own * way.own + below[way.to as usize] * way.below)
                .sum();
        }
        contexts.below = below;
        contexts
    }

    /// The places of the ways from a context.
    pub fn places(&self, context: u32) -> std::ops::Range<usize> {
        let at = (context as usize).min(self.list.len());
        self.starts[at] as usize..self.starts[at + 1] as usize
    }

    pub fn from(&self, context: u32) -> &[Way] {
        &self.ways[self.places(context)]
    }

    pub fn ways(&self) -> &[Way] {
        &self.ways
    }
}

impl Builder<'_> {
    /// A function outside of all cycles.
    fn alone(&mut self, function: u32) {
        let times = &self.links.functions[function as usize];
        let mut entries = self.entries(function);
        let by_others: f64 = entries.iter().map(|entry| entry.whole).sum();
        let from_nowhere = times.whole - by_others;
        let can_begin = times.calls_from_nowhere.is_none_or(|calls| calls > 0);
        if entries.is_empty() || (can_begin && from_nowhere > times.whole * 1e-6) {
            entries.push(self.beginning(function, from_nowhere));
        }
        let id = self.push(function, times.own, 1.0);
        self.connect(id, &entries, true);
    }

    /// Functions that reach each other.
    fn group(&mut self, group: usize, functions: &[FunctionId]) {
        let functions: Vec<u32> = functions.iter().map(|function| function.0).collect();
        let functions = functions.as_slice();
        let mut entries: Vec<Vec<Entry>> = functions.iter().map(|&f| self.entries(f)).collect();
        let from_outside: f64 = entries.iter().flatten().map(|entry| entry.whole).sum();
        let total: f64 = functions
            .iter()
            .map(|&function| {
                let times = &self.links.functions[function as usize];
                let outside = self.links.from(function).iter();
                let outside = outside.filter(|link| self.cycles.group(FunctionId(link.callee)) != group);
                times.own + outside.map(|link| link.whole).sum::<f64>()
            })
            .sum();
        let from_nowhere = total - from_outside;
        if from_nowhere > total * 1e-6 || from_outside == 0.0 {
            let weights = self.beginnings(functions);
            let sum: f64 = weights.iter().sum();
            for (place, weight) in weights.into_iter().enumerate() {
                if weight > 0.0 {
                    let time = from_nowhere.max(0.0) * weight / sum;
                    entries[place].push(self.beginning(functions[place], time));
                }
            }
        }
        let (entered, mut entries) = self.entered(entries);
        let Unrolled { inners, singles } = unroll(self.links, functions, &entered, &mut self.scratch);
        let first = self.list.len() as u32;
        let mut times_of_link: IdMap<u32, (f64, f64)> = IdMap::default();
        for inner in &inners {
            if let Some(link) = inner.link {
                let sums = times_of_link.entry(link).or_default();
                sums.0 += inner.time;
                sums.1 += 1.0;
            }
        }
        for (number, inner) in inners.iter().enumerate() {
            let function = functions[inner.function as usize];
            let own = self.links.functions[function as usize].own * inner.drained;
            let id = self.push(function, own, inner.drained);
            let (Some(parent), Some(place)) = (inner.parent, inner.link) else {
                let entries = entries.get_mut(number).map(std::mem::take).unwrap_or_default();
                self.connect(id, &entries, false);
                continue;
            };
            let link = &self.links.all()[place as usize];
            let (time, number) = times_of_link[&place];
            let part = if time > 0.0 { inner.time / time } else { 1.0 / number };
            self.estimated += own;
            self.list[id as usize].only = first + parent;
            self.ways.push(Way {
                from: first + parent,
                to: id,
                counter: link.edge,
                own: 1.0,
                below: 1.0,
                calls: link.calls as f64 * part,
            });
        }
        for single in singles {
            self.singles.entry(single.link).or_default().push((first + single.inner, single.part));
        }
    }

    /// Where a group is entered: by each of a function's greatest callers apart, and by the others together.
    fn entered(&self, entries: Vec<Vec<Entry>>) -> (Vec<Entered>, Vec<Vec<Entry>>) {
        let total: f64 = entries.iter().flatten().map(|entry| entry.whole).sum();
        let (mut entered, mut of_place) = (Vec::new(), Vec::new());
        for (member, mut entries) in (0u32..).zip(entries) {
            entries.sort_by(|a, b| b.whole.total_cmp(&a.whole));
            let apart = entries.iter().take(APART).take_while(|entry| entry.whole > total * WORTH_A_PLACE);
            let others = entries.split_off(apart.count());
            for entries in entries.into_iter().map(|entry| vec![entry]).chain([others]) {
                let sum = |of: fn(&Entry) -> f64| entries.iter().map(of).sum::<f64>();
                let (time, calls) = (sum(|entry| entry.whole), sum(|entry| entry.calls));
                if time > 0.0 {
                    let below = match *entries.as_slice() {
                        [Entry { from, .. }] => self.parts_below(from),
                        _ => Vec::new(),
                    };
                    entered.push(Entered { member, time, calls, below });
                    of_place.push(entries);
                }
            }
        }
        (entered, of_place)
    }

    /// Which functions that have parts stand below all stacks of a context, as far as there is one way into it.
    fn parts_below(&self, context: u32) -> Vec<u32> {
        let mut found = Vec::new();
        let mut at = context;
        while at != NONE {
            let Context { function, only, .. } = self.list[at as usize];
            if self.links.whole_of_parts(function).is_some() {
                found.push(function);
            }
            at = only;
        }
        found
    }

    /// For each function of a group, how much of what nobody outside called began there.
    fn beginnings(&self, functions: &[u32]) -> Vec<f64> {
        let times = |&function: &u32| &self.links.functions[function as usize];
        let mut weights: Vec<f64> = functions
            .iter()
            .map(times)
            .map(
                |times: &Times| {
                    if times.calls_from_nowhere.is_some_and(|calls| calls > 0) { times.whole } else { 0.0 }
                },
            )
            .collect();
        if weights.iter().all(|&weight| weight == 0.0) {
            let whole = |place: &usize| times(&functions[*place]).whole;
            let greatest = (0..functions.len()).max_by(|a, b| whole(a).total_cmp(&whole(b)).then(b.cmp(a)));
            weights[greatest.unwrap_or(0)] = 1.0;
        }
        weights
    }

    fn beginning(&self, function: u32, whole: f64) -> Entry {
        let times = &self.links.functions[function as usize];
        let by_others: f64 =
            self.links.places_into(function).iter().map(|&place| self.links.all()[place as usize].own).sum();
        let whole = whole.max(0.0);
        Entry {
            from: NONE,
            counter: self.edges + self.links.real(function),
            calls: times.calls_from_nowhere.unwrap_or(0) as f64,
            own: (times.own - by_others - times.own_in_itself).clamp(0.0, whole),
            whole,
        }
    }

    /// How a function is called from outside of its group.
    fn entries(&self, function: u32) -> Vec<Entry> {
        let mut entries = Vec::new();
        for &place in self.links.places_into(function) {
            let link = &self.links.all()[place as usize];
            if self.cycles.group(FunctionId(link.caller)) == self.cycles.group(FunctionId(function)) {
                continue;
            }
            let mut push = |from, part: f64| {
                entries.push(Entry {
                    from,
                    counter: link.edge,
                    calls: link.calls as f64 * part,
                    own: link.own * part,
                    whole: link.whole * part,
                });
            };
            if let Some(parts) = self.singles.get(&place) {
                parts.iter().for_each(|&(from, part)| push(from, part));
                continue;
            }
            let mut from = self.newest[link.caller as usize];
            while from != NONE {
                let context = &self.list[from as usize];
                if context.drained > 0.0 {
                    push(from, context.drained);
                }
                from = context.next;
            }
        }
        entries
    }

    fn push(&mut self, function: u32, own: f64, drained: f64) -> u32 {
        let id = self.list.len() as u32;
        let next = std::mem::replace(&mut self.newest[function as usize], id);
        let function = self.links.real(function);
        self.list.push(Context { function, own, drained, next, single: false, only: NONE });
        id
    }

    /// Makes the ways into a context, each with its part.
    fn connect(&mut self, id: u32, entries: &[Entry], alone: bool) {
        let own = self.list[id as usize].own;
        let is_single = |from: u32| from == NONE || self.list[from as usize].single;
        let single = alone && entries.len() == 1 && is_single(entries[0].from);
        let parts = parts(entries, own);
        for (entry, (own_part, below)) in entries.iter().zip(parts) {
            if !(alone && is_single(entry.from)) {
                self.estimated += own * own_part;
            }
            let Entry { from, counter, calls, .. } = *entry;
            self.ways.push(Way { from, to: id, counter, own: own_part, below, calls });
        }
        self.list[id as usize].single = single;
        if let [Entry { from, .. }] = *entries {
            self.list[id as usize].only = from;
        }
    }
}

/// Which part of a context's own time, and of what it calls, came by each of its entries.
fn parts(entries: &[Entry], own: f64) -> Vec<(f64, f64)> {
    let known: f64 = entries.iter().map(|entry| entry.own).sum();
    let whole: f64 = entries.iter().map(|entry| entry.whole).sum();
    let calls: f64 = entries.iter().map(|entry| entry.calls).sum();
    let even = |entry: &Entry| match calls > 0.0 {
        true => entry.calls / calls,
        false => 1.0 / entries.len() as f64,
    };
    // Own time that no entry accounts for was spent in recursion: where the rest of the time was.
    let (scale, missing) = if known > own { (own / known, 0.0) } else { (1.0, own - known) };
    let rest = whole - known;
    let owns: Vec<f64> = entries
        .iter()
        .map(|entry| {
            let share = match () {
                () if rest > 0.0 => (entry.whole - entry.own).max(0.0) / rest,
                () if whole > 0.0 => entry.whole / whole,
                () => even(entry),
            };
            entry.own * scale + missing * share
        })
        .collect();
    let belows: Vec<f64> =
        entries.iter().zip(&owns).map(|(entry, own)| (entry.whole - own).max(0.0)).collect();
    let own_sum: f64 = owns.iter().sum();
    let below_sum: f64 = belows.iter().sum();
    let of_whole = |entry: &Entry| if whole > 0.0 { entry.whole / whole } else { even(entry) };
    entries
        .iter()
        .zip(owns.into_iter().zip(belows))
        .map(|(entry, (own, below))| {
            let own = if own_sum > 0.0 { own / own_sum } else { of_whole(entry) };
            // What is left after rounding says nothing.
            let below = if below_sum > whole * 1e-9 { below / below_sum } else { of_whole(entry) };
            (own, below)
        })
        .collect()
}
