//! Reading one recorder's tables while its thread goes on: what is finished, and what is open now.
//!
//! ```text
//!  bottom ─ frame ─ frame ─ top     own time in flight = started(above) − started − children, of the top one until now
//! ```
//! Any thread may read at any moment, without a lock. Finished calls are read before the stack: a call that ends in
//! between is missing from one reading, and never counted twice. The stack may change while it is read; then it is
//! read anew, and where it changes too fast, the calls that came and went meanwhile get no time: they are short.
//! No more than what finished calls need is asked of the recorder.

use std::collections::{HashMap, HashSet};

use crate::cells::{Link, look_after};
use crate::clock::Ticks;
use crate::tables::{Counts, Edge, Frame, FunctionId, Subject, Tables};

/// How often a stack that changes is read anew.
const ATTEMPTS: usize = 8;

/// Calls that are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// How many.
    pub calls: u64,
    /// Time in the function itself, in all of them so far.
    pub own: i64,
    /// Time since the outermost one began.
    pub total: i64,
}

/// Finished and open calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Finished ones.
    pub counts: Counts,
    /// Open ones.
    pub open: Open,
}

/// What one recorder's tables said at some moment. Later readings of the same tables have the same functions and
/// edges in the same order, and new ones after them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// By function.
    pub functions: Vec<(FunctionId, Numbers)>,
    /// By (caller, callee). Calls without a caller are in `functions` only.
    pub edges: Vec<((FunctionId, FunctionId), Numbers)>,
}

/// Reads tables; keeps memory from one reading to the next.
#[derive(Debug, Default)]
pub struct Reader {
    /// By function, its place in the reading that is being made.
    places: Vec<u32>,
}

/// A frame as it was found.
#[derive(Clone, Copy)]
struct Seen {
    frame: Link<Frame>,
    edge: Link<Edge>,
    started: Ticks,
    children: Ticks,
    spent_before: u64,
    children_excess: u64,
}

impl Seen {
    fn of(frame: Link<Frame>) -> Self {
        Self {
            frame,
            edge: frame.edge.get(),
            started: frame.started.ticks(),
            children: frame.children.ticks(),
            spent_before: frame.spent_before.get(),
            children_excess: frame.children_excess.get(),
        }
    }

    /// Whether the frame still stands for the same call.
    fn holds(&self) -> bool {
        self.frame.edge.get() == self.edge && self.frame.started.ticks() == self.started
    }
}

impl Reader {
    /// Reads. `clock` is what the recorder's calls are timed by; without one, open calls are counted and have no times.
    pub fn read(&mut self, tables: &Tables, clock: Option<fn() -> Ticks>) -> Reading {
        let mut reading = Reading::default();
        // How many edges before which entries: then the entries of all of them are there.
        let count = tables.edges.count();
        self.read_entries(tables, &mut reading);
        for edge in tables.edges.iter().take(count).skip(1) {
            // Calls before open: one that ends in between is in neither.
            let counts = edge.counts();
            look_after();
            let open = Open { calls: edge.open.get(), ..Open::default() };
            let callee = edge.callee.function;
            if let Some(place) = self.place(callee) {
                let function = &mut reading.functions[place].1;
                function.counts.calls += counts.calls;
                function.counts.own = function.counts.own.plus(counts.own);
                function.open.calls += open.calls;
            }
            if edge.caller.function != FunctionId::ROOT {
                reading.edges.push(((edge.caller.function, callee), Numbers { counts, open }));
            }
        }
        self.read_excesses(tables, count, &mut reading);
        if let Some(clock) = clock {
            self.read_stack(tables, count, clock, &mut reading);
        }
        for (function, _) in &reading.functions {
            self.places[function.0 as usize] = 0;
        }
        reading
    }

    fn read_entries(&mut self, tables: &Tables, reading: &mut Reading) {
        for entry in tables.entries.iter().skip(1) {
            let counts = Counts {
                recursive_calls: entry.recursive_calls.get(),
                total: entry.total.ticks(),
                ..Counts::default()
            };
            reading.functions.push((entry.function, Numbers { counts, open: Open::default() }));
            let index = entry.function.0 as usize;
            if index >= self.places.len() {
                self.places.resize(index + 1, 0);
            }
            self.places[index] = reading.functions.len() as u32;
        }
    }

    fn place(&self, function: FunctionId) -> Option<usize> {
        (self.places.get(function.0 as usize).copied().unwrap_or(0) as usize).checked_sub(1)
    }

    fn read_excesses(&self, tables: &Tables, edges: usize, reading: &mut Reading) {
        if tables.excesses.count() == 0 {
            return;
        }
        let places = places_of_edges(tables, edges);
        for excess in tables.excesses.iter() {
            let (own_excess, total_excess) = (excess.own.ticks(), excess.total.ticks());
            match excess.of {
                Subject::Entry(entry) => {
                    if let Some(place) = self.place(entry.function) {
                        reading.functions[place].1.counts.total_excess = total_excess;
                    }
                }
                Subject::Edge(edge) => {
                    if let Some(place) = self.place(edge.callee.function) {
                        let counts = &mut reading.functions[place].1.counts;
                        counts.own_excess = counts.own_excess.plus(own_excess);
                    }
                    if let Some(&place) = places.get(&edge.address()) {
                        let counts = &mut reading.edges[place].1.counts;
                        (counts.own_excess, counts.total_excess) = (own_excess, total_excess);
                    }
                }
            }
        }
    }

    /// Adds the times of the calls that are open on the running stack.
    fn read_stack(&self, tables: &Tables, edges: usize, clock: fn() -> Ticks, reading: &mut Reading) {
        let mut places = None;
        // Those of whose functions and edges an activation was seen already.
        let mut outermost = HashSet::new();
        each_open(tables, clock, |edge, own, total| {
            let mut add = |open: &mut Open, address: usize| {
                let is_outermost = outermost.insert(address);
                // Zero where it began after the counts were read: it waits for the next reading with its time.
                if open.calls > 0 {
                    open.own += own;
                    if is_outermost {
                        open.total = total;
                    }
                }
            };
            if let Some(place) = self.place(edge.callee.function) {
                add(&mut reading.functions[place].1.open, edge.callee.address());
            }
            let places = places.get_or_insert_with(|| places_of_edges(tables, edges));
            if let Some(&place) = places.get(&edge.address()) {
                add(&mut reading.edges[place].1.open, edge.address());
            }
        });
    }
}

/// Tells the time of each call that is open on the running stack: its edge, its own time and all of its time so far. From
/// the bottom up, so that the first activation is the outermost. Of those whose end is in the finished calls there is none
/// if they were read before.
pub(crate) fn each_open(tables: &Tables, clock: fn() -> Ticks, mut each: impl FnMut(Link<Edge>, i64, i64)) {
    look_after();
    let (stack, now) = settled_stack(tables, clock);
    let spent = tables.spent.get();
    for (at, seen) in stack.iter().enumerate().rev() {
        let (end, spent_then) = match at.checked_sub(1).map(|above| &stack[above]) {
            Some(above) => (above.started, above.spent_before),
            None => (now, spent),
        };
        let own_excess = spent_then.wrapping_sub(seen.spent_before).wrapping_sub(seen.children_excess);
        let own = end.since(seen.started).since(seen.children).since(Ticks(own_excess)).signed().max(0);
        let total_excess = spent.wrapping_sub(seen.spent_before);
        let total = now.since(seen.started).since(Ticks(total_excess)).signed().max(0);
        each(seen.edge, own, total);
    }
}

/// The places of edges in a reading, by their addresses.
fn places_of_edges(tables: &Tables, count: usize) -> HashMap<usize, usize> {
    let edges = tables.edges.iter().take(count).skip(1);
    let shown = edges.filter(|edge| edge.caller.function != FunctionId::ROOT);
    shown.enumerate().map(|(place, edge)| (edge.address(), place)).collect()
}

/// The open calls, the newest first, and the moment at which that was so.
fn settled_stack(tables: &Tables, clock: fn() -> Ticks) -> (Vec<Seen>, Ticks) {
    let mut stack = Vec::new();
    for _ in 0..ATTEMPTS {
        let top = tables.top.get();
        stack.clear();
        stack.extend(open_frames(top).map(Seen::of));
        let now = clock();
        look_after();
        // The top first: it is shown after its clock was started.
        if tables.top.get() == top && stack.iter().all(Seen::holds) {
            return (stack, now);
        }
    }
    // Calls come and go faster than the stack can be read. Those that stay are at the bottom.
    let fleeting = stack.iter().rposition(|seen| !seen.holds()).map_or(0, |last| last + 1);
    without_newest(&mut stack, fleeting);
    (stack, clock())
}

/// Takes the newest calls off; what they took is in the time of their caller's children, if they are over.
fn without_newest(stack: &mut Vec<Seen>, count: usize) {
    if count == 0 {
        return;
    }
    stack.drain(..count);
    if let Some(top) = stack.first_mut() {
        let again = Seen::of(top.frame);
        (top.children, top.children_excess) = (again.children, again.children_excess);
    }
}

/// The frames of open calls from `top` down, without the bottom one, which stands for no call.
fn open_frames(top: Link<Frame>) -> impl Iterator<Item = Link<Frame>> {
    let mut next = Some(top);
    std::iter::from_fn(move || {
        let frame = next?;
        next = frame.below.get();
        next.map(|_| frame)
    })
}

#[cfg(test)]
#[path = "in_flight_tests.rs"]
mod tests;
