//! Functions that are not shown, folded into those that called them, while a process is at work.
//!
//! A function that stays keeps its calls and its cumulative time; its own time grows by that of the others that it called, by
//! whatever way. The sum of own times stays what it is. Whose the time of a folded function is, full stacks tell exactly. Without
//! them the edges do: the time of each call from one function to another is known, and what goes on through functions that are
//! folded themselves is divided as their cumulative time is. It takes a few passes over the edges.

use crate::feed::ProfileSender;
use crate::forest::Forest;
use crate::picture::{FunctionId, Shown, ShownFunction, ShownStack};

/// As often is time handed on in circles of folded functions that call each other; what goes round still is nobody's.
const ROUNDS: usize = 32;
/// What is less than this part of the whole isn't handed on.
const LITTLE: f64 = 1e-9;

/// What is folded.
#[derive(Clone, Copy)]
pub struct Fold<'f> {
    /// By the functions' ids.
    pub is_folded: &'f [bool],
    /// Who has what none of those that stay has called; else it is in no row.
    pub rest: Option<FunctionId>,
}

/// Own time, and the part of the last interval that it was.
#[derive(Clone, Copy, Default)]
struct Time {
    seconds: f64,
    share: f64,
    gil_wait: f64,
    cpu: f64,
}

/// An edge to a function that is folded.
struct InEdge {
    caller: usize,
    tottime: f64,
    cumtime: f64,
}

impl Fold<'_> {
    fn folds(&self, id: FunctionId) -> bool {
        self.is_folded.get(id.index()).copied().unwrap_or(false)
    }

    /// The functions of one process that are left, in all threads or in one.
    pub fn functions(
        self,
        sender: &dyn ProfileSender,
        functions: &[(FunctionId, Option<Shown>)],
        thread: Option<u64>,
    ) -> Vec<ShownFunction> {
        let is_folded: Vec<bool> = functions.iter().map(|(id, _)| self.folds(*id)).collect();
        let mut handed = Handed { to: vec![Time::default(); functions.len()], rest: Time::default() };
        if !handed.by_stacks(sender, functions, thread, &is_folded) {
            handed.by_edges(sender, functions, thread, &is_folded);
        }
        let kept =
            functions.iter().zip(&is_folded).zip(&handed.to).filter(|((_, is_folded), _)| !**is_folded);
        let mut shown: Vec<ShownFunction> = kept
            .filter_map(|(((id, figures), _), more)| {
                let mut figures = (*figures)?;
                figures.tottime += more.seconds;
                figures.share += more.share;
                figures.gil_wait += more.gil_wait;
                figures.cpu += more.cpu;
                Some(ShownFunction { id: *id, figures })
            })
            .collect();
        let Time { seconds, share, gil_wait, cpu } = handed.rest;
        if let Some(id) = self.rest.filter(|_| seconds > 0.0) {
            let figures =
                Shown { tottime: seconds, cumtime: seconds, share, gil_wait, cpu, ..Shown::default() };
            shown.push(ShownFunction { id, figures });
        }
        shown
    }

    /// Adds a stack to a tree of what is left; `below` is the place of the stack without its top. Returns the place of this one.
    pub fn add(
        self,
        forest: &mut Forest<'_>,
        below: Option<u32>,
        function: FunctionId,
        own: ShownStack,
    ) -> Option<u32> {
        if !self.folds(function) {
            return Some(forest.add(below, function, own));
        }
        let time = ShownStack { tottime: own.tottime, ..ShownStack::default() };
        match (below, self.rest) {
            (Some(below), _) => forest.add_to(below, &time),
            (None, Some(rest)) if time.tottime > 0.0 => drop(forest.add(None, rest, time)),
            (None, _) => {}
        }
        below
    }
}

/// What folded functions have handed to their callers.
struct Handed {
    /// By the place of the function.
    to: Vec<Time>,
    rest: Time,
}

impl Time {
    fn add(&mut self, other: Time, part: f64) {
        self.seconds += other.seconds * part;
        self.share += other.share * part;
        self.gil_wait += other.gil_wait * part;
        self.cpu += other.cpu * part;
    }
}

impl Handed {
    /// False if the process has told none. They may be older than the table: they say which part of a function's time is whose.
    fn by_stacks(
        &mut self,
        sender: &dyn ProfileSender,
        functions: &[(FunctionId, Option<Shown>)],
        thread: Option<u64>,
        is_folded: &[bool],
    ) -> bool {
        if !sender.has_tree() {
            return false;
        }
        // By the place of a stack, who has its time; and the stacks of folded functions, with their own time and their calls.
        let mut owners: Vec<Option<usize>> = Vec::new();
        let mut stacks: Vec<(usize, Option<usize>, f64, f64)> = Vec::new();
        let mut sums = vec![(0.0, 0.0); functions.len()];
        let cut = sender.stacks(thread, &mut |parent, function, own: ShownStack| {
            let below = parent.and_then(|parent| owners[parent as usize]);
            owners.push(match function {
                Some(function) if !is_folded[function] => Some(function),
                Some(function) => {
                    let (tottime, calls) = (own.tottime.max(0.0), own.ncalls as f64);
                    sums[function].0 += tottime;
                    sums[function].1 += calls;
                    stacks.push((function, below, tottime, calls));
                    below
                }
                None => below,
            });
        });
        if cut.is_none() {
            return false;
        }
        for (function, owner, tottime, calls) in stacks {
            let (all_time, all_calls) = sums[function];
            let part = if all_time > 0.0 { tottime / all_time } else { calls / all_calls.max(1.0) };
            self.hand(owner, time(functions, function), part);
        }
        // They are newer than the stacks.
        for (function, (&is_folded, sum)) in is_folded.iter().zip(sums).enumerate() {
            if is_folded && sum == (0.0, 0.0) {
                self.hand(None, time(functions, function), 1.0);
            }
        }
        true
    }

    fn hand(&mut self, to: Option<usize>, time: Time, part: f64) {
        match to {
            Some(function) => self.to[function].add(time, part),
            None => self.rest.add(time, part),
        }
    }

    fn by_edges(
        &mut self,
        sender: &dyn ProfileSender,
        functions: &[(FunctionId, Option<Shown>)],
        thread: Option<u64>,
        is_folded: &[bool],
    ) {
        let mut callers: Vec<Vec<InEdge>> = Vec::new();
        callers.resize_with(functions.len(), Vec::new);
        sender.edges(None, thread, &mut |caller, callee, figures| {
            // Who calls itself hands nothing on by that.
            if is_folded[callee] {
                let (tottime, cumtime) = (figures.tottime.max(0.0), figures.cumtime.max(0.0));
                let cumtime = if caller == callee { 0.0 } else { cumtime };
                callers[callee].push(InEdge { caller, tottime, cumtime });
            }
        });
        let mut moving = vec![Time::default(); functions.len()];
        let mut whole = 0.0;
        for (function, edges) in callers.iter().enumerate().filter(|(function, _)| is_folded[*function]) {
            let own = time(functions, function);
            whole += own.seconds;
            // What no edge tells of was called by nobody.
            let told: f64 = edges.iter().map(|edge| edge.tottime).sum();
            let all = told.max(own.seconds);
            self.rest.add(own, if all > 0.0 { 1.0 - told / all } else { 1.0 });
            for edge in edges.iter().filter(|_| all > 0.0) {
                let to = if is_folded[edge.caller] { &mut moving } else { &mut self.to };
                to[edge.caller].add(own, edge.tottime / all);
            }
        }
        // Callees come before their callers, as far as they don't go in circles: then one round does it.
        let order = callees_first(&callers, is_folded);
        for _ in 0..ROUNDS {
            let mut left = 0.0;
            for &function in &order {
                let time = std::mem::take(&mut moving[function]);
                if time.seconds <= 0.0 && time.share <= 0.0 {
                    continue;
                }
                let edges = &callers[function];
                let through: f64 = edges.iter().map(|edge| edge.cumtime).sum();
                // What came of no call is nobody's.
                let cumtime = functions[function].1.map_or(0.0, |figures| figures.cumtime).max(through);
                if through <= 0.0 {
                    self.rest.add(time, 1.0);
                    continue;
                }
                self.rest.add(time, 1.0 - through / cumtime);
                for edge in edges {
                    let is_moving = is_folded[edge.caller];
                    let to = if is_moving { &mut moving } else { &mut self.to };
                    to[edge.caller].add(time, edge.cumtime / cumtime);
                    if is_moving {
                        left += time.seconds * edge.cumtime / cumtime;
                    }
                }
            }
            if left <= LITTLE * whole {
                break;
            }
        }
        for time in moving {
            self.rest.add(time, 1.0);
        }
    }
}

fn time(functions: &[(FunctionId, Option<Shown>)], function: usize) -> Time {
    functions[function].1.map_or(Time::default(), |figures| Time {
        seconds: figures.tottime,
        share: figures.share,
        gil_wait: figures.gil_wait,
        cpu: figures.cpu,
    })
}

/// The folded functions, each after those that it calls.
fn callees_first(callers: &[Vec<InEdge>], is_folded: &[bool]) -> Vec<usize> {
    let mut order = Vec::new();
    let mut is_seen = vec![false; callers.len()];
    for first in 0..callers.len() {
        // Along the callers, as deep as it goes: who is done comes after all of its callers.
        let mut path = vec![(first, 0)];
        while let Some((function, next)) = path.pop() {
            if next == 0 {
                if is_seen[function] || !is_folded[function] {
                    continue;
                }
                is_seen[function] = true;
            }
            match callers[function].get(next) {
                Some(edge) => {
                    path.push((function, next + 1));
                    path.push((edge.caller, 0));
                }
                None => order.push(function),
            }
        }
    }
    order.reverse();
    order
}
