//! What is open now, on all stacks of a thread that goes on meanwhile.
//!
//! A stack may change while it is read; then it is read anew, and where it changes too fast, the calls that came and went
//! meanwhile are left out: they are short. Each stack is read once, in whatever state: as it is switched among others, none
//! is counted twice.

use hashbrown::HashTable;

use crate::cells::{Link, look_after};
use crate::clock::Ticks;
use crate::hash::mix;
use crate::tables::{Edge, Frame, Stack, Standing, Tables};

/// How often a stack that changes is read anew.
const ATTEMPTS: usize = 8;

/// A call that is open.
#[derive(Clone, Copy)]
pub(crate) struct OpenCall {
    pub(crate) edge: Link<Edge>,
    /// Its own time so far.
    pub(crate) own: i64,
    /// All of its time so far.
    pub(crate) total: i64,
    /// Where idleness is told apart: how much of all of its time the thread was idle.
    pub(crate) idle: i64,
    /// Whether it is its stack's first.
    pub(crate) is_lowest: bool,
    /// Whether it is the function's first on its stack.
    pub(crate) is_outermost: bool,
    /// Whether it is the edge's first on its stack.
    pub(crate) is_outermost_of_edge: bool,
}

/// Tells each call that is open, stack by stack and from the bottom up. Of those whose end is in the finished calls there is
/// none if they were read before. Without a clock they have no times.
pub(crate) fn each_open(tables: &Tables, clock: Option<fn() -> Ticks>, mut each: impl FnMut(OpenCall)) {
    look_after();
    let mut met = Met::default();
    let mut frames = Vec::new();
    let mut read = |look: &mut dyn FnMut(&mut Vec<Seen>) -> Option<Moment>| {
        if let Some(moment) = look(&mut frames) {
            // Where a recorder's figures are kept in parts, all calls of a stack count in the same one.
            if frames.last().is_none_or(|lowest| lowest.edge.caller != tables.root()) {
                return;
            }
            met.clear();
            tell(&frames, moment, clock.is_some(), &mut met, &mut each);
        }
    };
    let clock = clock.unwrap_or(Ticks::default);
    let stacks = tables.running.stacks.count();
    if stacks == 0 {
        read(&mut |frames| Some(settled(tables, clock, frames)));
    }
    for stack in tables.running.stacks.iter().take(stacks) {
        read(&mut |frames| look_at(tables, stack, clock, frames));
    }
}

/// When a stack was read, and with compensation what had been spent by then; where idleness is told apart, how long there had been some.
#[derive(Clone, Copy)]
struct Moment {
    now: Ticks,
    spent: u64,
    idle: u64,
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
    idle_before: u64,
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
            idle_before: frame.idle_before.get(),
        }
    }

    /// Whether the frame still stands for the same call.
    fn holds(&self) -> bool {
        self.frame.edge.get() == self.edge && self.frame.started.ticks() == self.started
    }
}

/// Reads one of several stacks, the newest call first; `None` if it is none, or changes hands too fast.
fn look_at(
    tables: &Tables,
    stack: Link<Stack>,
    clock: fn() -> Ticks,
    frames: &mut Vec<Seen>,
) -> Option<Moment> {
    for _ in 0..ATTEMPTS {
        let turn = stack.turn();
        let moment = match turn.standing() {
            Standing::Free => return None,
            Standing::Changing => {
                std::hint::spin_loop();
                continue;
            }
            Standing::Parked => {
                frames.clear();
                frames.extend(open_frames(stack.top.get()).map(Seen::of));
                Moment { now: stack.since.ticks(), spent: stack.spent.get(), idle: stack.idle.get() }
            }
            Standing::Running => settled(tables, clock, frames),
        };
        if stack.turn_after() == turn {
            return Some(moment);
        }
    }
    None
}

/// Reads the running stack, the newest call first.
fn settled(tables: &Tables, clock: fn() -> Ticks, frames: &mut Vec<Seen>) -> Moment {
    for _ in 0..ATTEMPTS {
        let top = tables.running.now.top.get();
        frames.clear();
        frames.extend(open_frames(top).map(Seen::of));
        let moment =
            Moment { now: clock(), spent: tables.running.spent.get(), idle: tables.running.idle.get() };
        look_after();
        // The top first: it is shown after its clock was started.
        if tables.running.now.top.get() == top && frames.iter().all(Seen::holds) {
            return moment;
        }
    }
    // Calls come and go faster than the stack can be read. Those that stay are at the bottom.
    let fleeting = frames.iter().rposition(|seen| !seen.holds()).map_or(0, |last| last + 1);
    without_newest(frames, fleeting);
    Moment { now: clock(), spent: tables.running.spent.get(), idle: tables.running.idle.get() }
}

/// Takes the newest calls off; what they took is in the time of their caller's children, if they are over.
fn without_newest(frames: &mut Vec<Seen>, count: usize) {
    if count == 0 {
        return;
    }
    frames.drain(..count);
    if let Some(top) = frames.first_mut() {
        let again = Seen::of(top.frame);
        (top.children, top.children_excess) = (again.children, again.children_excess);
    }
}

fn tell(frames: &[Seen], moment: Moment, has_times: bool, met: &mut Met, each: &mut impl FnMut(OpenCall)) {
    let Moment { now, spent, idle } = moment;
    for (at, seen) in frames.iter().enumerate().rev() {
        let (end, spent_then) = match at.checked_sub(1).map(|above| &frames[above]) {
            Some(above) => (above.started, above.spent_before),
            None => (now, spent),
        };
        let own_excess = spent_then.wrapping_sub(seen.spent_before).wrapping_sub(seen.children_excess);
        let own = end.since(seen.started).since(seen.children).since(Ticks(own_excess)).signed().max(0);
        let total_excess = spent.wrapping_sub(seen.spent_before);
        let total = now.since(seen.started).since(Ticks(total_excess)).signed().max(0);
        let (own, total) = if has_times { (own, total) } else { (0, 0) };
        each(OpenCall {
            edge: seen.edge,
            own,
            total,
            // A call that has just begun may not know yet.
            idle: Ticks(idle.wrapping_sub(seen.idle_before)).signed().clamp(0, total.max(0)),
            is_lowest: at + 1 == frames.len(),
            is_outermost: met.is_first(seen.edge.callee.address()),
            is_outermost_of_edge: met.is_first(seen.edge.address()),
        });
    }
}

/// Addresses of the entries and edges that a stack has had so far.
#[derive(Debug, Default)]
pub(crate) struct Met(HashTable<usize>);

impl Met {
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn is_first(&mut self, address: usize) -> bool {
        let hash = |address: usize| mix(address as u64);
        let is_known = self.0.find(hash(address), |known| *known == address).is_some();
        if !is_known {
            self.0.insert_unique(hash(address), address, |known| hash(*known));
        }
        !is_known
    }
}

/// The frames of open calls from `top` down, without the bottom one, which stands for no call.
pub(crate) fn open_frames(top: Link<Frame>) -> impl Iterator<Item = Link<Frame>> {
    let mut next = Some(top);
    std::iter::from_fn(move || {
        let frame = next?;
        next = frame.below.get();
        next.map(|_| frame)
    })
}
