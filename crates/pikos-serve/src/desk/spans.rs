//! What ran when, and what ran in a range: out of the histories.

use std::collections::{BTreeSet, HashMap};

use pikos_views::{FunctionId, Shown, ShownStack, StackId};
use pstats_compat::formats::page::{Group, rounded};
use serde::Serialize;

use super::details::{Curve, curve, ends};
use super::keeper::Past;
use super::labels::Columns;
use super::sent::{Figures, Rows, json, rate};
use super::{Asked, Desk, scope};
use crate::history::{Growth, MOST_TOP, Sum, When};
use crate::parse::Scoped;

/// So many buckets, unless another number is asked for.
const USUAL: usize = 300;
/// So many at most.
const MOST: usize = 5_000;
/// The number of the sum of threads that are no longer kept apart.
const FOLDED: u64 = 0;
/// Lengths of buckets, in seconds, each with its tens, hundreds and so on.
const STEPS: [f64; 3] = [1.0, 2.0, 5.0];

#[derive(Serialize)]
struct Spans {
    from: Option<f64>,
    to: Option<f64>,
    buckets: Vec<Bucket>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Curve>,
}

#[derive(Serialize)]
struct Bucket {
    from: f64,
    to: f64,
    top: Vec<(u32, f64)>,
    rest: f64,
    calls: f64,
}

#[derive(Default)]
struct Gathered {
    own: HashMap<u32, f64>,
    whole: f64,
    calls: f64,
}

#[derive(Serialize)]
struct Range<'l> {
    from: f64,
    to: f64,
    tick: u64,
    time: f64,
    age: Option<f64>,
    is_live: bool,
    unit: &'static str,
    counted: bool,
    sampled: bool,
    edges: &'static str,
    groups: Option<&'l [Group]>,
    labels: Option<Columns<'l>>,
    functions: Rows,
    stacks: Option<RangeStacks>,
}

#[derive(Serialize)]
struct RangeStacks {
    state: &'static str,
    note: Option<String>,
    cut: (u64, f64),
    parent: Vec<i64>,
    function: Vec<u32>,
    #[serde(flatten)]
    figures: Figures,
}

impl Desk {
    /// The top functions by time.
    pub fn history(
        &mut self,
        scoped: Scoped,
        from: Option<f64>,
        most: Option<usize>,
    ) -> Result<String, Asked> {
        let histories = self.histories(scoped)?;
        let mut ends: Option<(f64, f64)> = None;
        for (first, last) in histories.iter().filter_map(|past| past.history.ends()) {
            let (from, to) = ends.unwrap_or((first, last));
            ends = Some((from.min(first), to.max(last)));
        }
        let buckets = ends.map_or_else(Vec::new, |(first, last)| {
            let first = from.map_or(first, |from| from.clamp(first, last));
            buckets(&histories, scoped.thread(), (first, last), most.unwrap_or(USUAL).clamp(1, MOST))
        });
        let memory = match scoped {
            Scoped::Process(_) => self.recorded(scoped).map(|recording| curve(&recording)),
            _ => None,
        };
        let (from, to) = (ends.map(|ends| ends.0), ends.map(|ends| ends.1));
        Ok(json(&Spans { from, to, buckets, memory }))
    }

    /// A picture of a range alone.
    pub fn range(
        &mut self,
        scoped: Scoped,
        (from, to): (f64, f64),
        with_stacks: bool,
        with_labels: bool,
    ) -> Result<String, Asked> {
        let (mut sum, mut has_edges) = (Sum::default(), true);
        for past in self.histories(scoped)? {
            past.history.add_range(When { from, to, thread: scoped.thread() }, with_stacks, &mut sum);
            has_edges &= past.has_edges;
        }
        let (from, to) = sum.ends.unwrap_or((from, to));
        let length = (to - from).max(1e-9);
        let mut functions = Rows::default();
        for (id, growth) in &sum.functions {
            functions.push(*id, &figures(growth, length), true);
        }
        let stacks = with_stacks.then(|| self.stacks_of(&sum));
        let is_sampled = self.sources.live.as_ref().is_some_and(|live| live.is_sampled(scope(scoped)));
        let labels = &self.live_labels;
        let in_stacks = stacks.iter().flat_map(|stacks| stacks.function.iter().copied());
        let seen: BTreeSet<u32> = sum.functions.keys().copied().chain(in_stacks).collect();
        let known = seen.into_iter().filter(|function| labels.has(*function));
        Ok(json(&Range {
            from,
            to,
            tick: 0,
            time: to,
            age: None,
            is_live: false,
            unit: "s",
            counted: !is_sampled,
            sampled: is_sampled,
            edges: if has_edges { "full" } else { "none" },
            groups: with_labels.then(|| labels.groups()),
            labels: with_labels.then(|| labels.of(known)),
            functions,
            stacks,
        }))
    }

    /// Those that were at work, on those that they stand on.
    fn stacks_of(&self, sum: &Sum) -> RangeStacks {
        let live = self.sources.live.as_ref();
        let mut stacks = RangeStacks {
            state: if sum.stacks.is_empty() { "none" } else { "kept" },
            note: None,
            cut: (0, 0.0),
            parent: Vec::new(),
            function: Vec::new(),
            figures: Figures::default(),
        };
        let mut places: HashMap<StackId, i64> = HashMap::new();
        let nothing = Growth::default();
        for id in sum.stacks.keys() {
            // From its bottom up: who stands below comes first.
            let mut path = Vec::new();
            let mut next = Some(StackId(*id));
            while let Some(stack) = next.filter(|stack| !places.contains_key(stack)) {
                let Some((below, function)) = live.and_then(|live| live.stack(stack)) else { break };
                path.push((stack, below, function));
                next = below;
            }
            for (stack, below, function) in path.into_iter().rev() {
                let growth = sum.stacks.get(&stack.0).unwrap_or(&nothing);
                places.insert(stack, stacks.parent.len() as i64);
                stacks.parent.push(below.and_then(|below| places.get(&below).copied()).unwrap_or(-1));
                stacks.function.push(function.0);
                let tottime = seconds(growth.own);
                stacks.figures.push(&ShownStack { ncalls: growth.calls, tottime, ..ShownStack::default() });
            }
        }
        stacks
    }

    /// The callers and callees of a function in a range.
    pub fn edges_within(
        &self,
        scoped: Scoped,
        function: FunctionId,
        (from, to): (f64, f64),
    ) -> Result<String, Asked> {
        let mut sums: HashMap<(u32, u32), Growth> = HashMap::new();
        for past in self.histories(scoped)? {
            if !past.has_edges {
                return Err(Asked::NoPastEdges);
            }
            past.history.add_edges(When { from, to, thread: scoped.thread() }, function.0, &mut sums);
        }
        let mut sums: Vec<((u32, u32), Growth)> = sums.into_iter().collect();
        sums.sort_unstable_by_key(|(ends, _)| *ends);
        let edge = |((caller, callee), growth)| {
            (FunctionId(caller), FunctionId(callee), figures(&growth, to - from))
        };
        Ok(ends(function, sums.into_iter().map(edge)))
    }

    fn histories(&self, scoped: Scoped) -> Result<Vec<Past<'_>>, Asked> {
        self.check(scoped)?;
        match scoped {
            Scoped::All if self.sources.live.is_some() => Ok(self.keeper.of(None)),
            Scoped::Process(process) => Ok(self.keeper.of(Some(process))),
            Scoped::Thread(_, FOLDED) => Err(Asked::NoPastThread),
            Scoped::Thread(process, _) => {
                let past = self.keeper.of(Some(process));
                if past.iter().any(|past| !past.has_threads) {
                    return Err(Asked::NoPastThreads);
                }
                Ok(past)
            }
            Scoped::All | Scoped::Files | Scoped::File(_) => Err(Asked::FileHistory),
        }
    }
}

fn figures(growth: &Growth, length: f64) -> Shown {
    Shown {
        ncalls: growth.calls,
        primitive_calls: growth.primitive,
        tottime: seconds(growth.own),
        cumtime: seconds(growth.cumulative),
        calls_per_s: growth.calls as f64 / length,
        share: seconds(growth.own) / length,
        ..Shown::default()
    }
}

fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

/// The shortest length that makes no more buckets than these.
fn step(length: f64, most: usize) -> f64 {
    let wanted = (length / most as f64).max(0.05);
    let mut scale = 10f64.powf(wanted.log10().floor());
    loop {
        if let Some(step) = STEPS.iter().map(|step| step * scale).find(|step| *step >= wanted * 0.999_999) {
            return step;
        }
        scale *= 10.0;
    }
}

/// What was added in each of equal lengths of time: they begin at multiples of it, and so are the same when somebody asks again. A
/// slice that is in several is in each with the part of it that is.
fn buckets(
    histories: &[Past<'_>],
    thread: Option<u64>,
    (first, last): (f64, f64),
    most: usize,
) -> Vec<Bucket> {
    let step = step(last - first, most.saturating_sub(1).max(1));
    let begin = (first / step).floor();
    let count = ((last / step).ceil() - begin).clamp(1.0, most as f64 + 1.0) as usize;
    let mut gathered: Vec<Gathered> = (0..count).map(|_| Gathered::default()).collect();
    let slices = histories.iter().flat_map(|past| past.history.slices()).filter(|slice| slice.to > first);
    for (slice, part) in slices.filter_map(|slice| Some((slice, slice.part(thread)?))) {
        let length = slice.to - slice.from;
        let place = |time: f64| ((time / step).floor() - begin).clamp(0.0, (count - 1) as f64) as usize;
        let (from, to) = (place(slice.from), place(slice.to));
        for (at, bucket) in gathered.iter_mut().enumerate().take(to + 1).skip(from) {
            let start = (begin + at as f64) * step;
            let share = match length > 0.0 && from < to {
                true => ((slice.to.min(start + step) - slice.from.max(start)) / length).clamp(0.0, 1.0),
                false => 1.0,
            };
            for (id, own) in &part.top {
                *bucket.own.entry(*id).or_default() += seconds(*own) * share;
            }
            bucket.whole += seconds(part.own) * share;
            bucket.calls += part.calls as f64 * share;
        }
    }
    let made = gathered.into_iter().enumerate().map(|(at, bucket)| {
        let mut top: Vec<(u32, f64)> = bucket.own.into_iter().collect();
        top.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        top.truncate(MOST_TOP);
        top.iter_mut().for_each(|(_, own)| *own = rounded(*own));
        let told: f64 = top.iter().map(|(_, own)| own).sum();
        let from = (begin + at as f64) * step;
        Bucket {
            from,
            to: from + step,
            top,
            rest: rounded((bucket.whole - told).max(0.0)),
            calls: rate(bucket.calls),
        }
    });
    made.collect()
}
