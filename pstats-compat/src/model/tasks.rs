//! What is known of coroutines and tasks: how long they ran and were parked, and which steps kept a loop too long.

use std::collections::HashMap;

use super::function_id::FunctionId;
use super::text::Text;

/// Coroutines of one function that were begun by one caller; or asynchronous generators, or generators.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coroutine {
    /// Whose they are.
    pub function: FunctionId,
    /// Who awaited them first; `None` for nobody.
    pub caller: Option<FunctionId>,
    /// Their figures.
    pub figures: Figures,
}

/// Figures of coroutines. Times are in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// How many have begun.
    pub started: u64,
    /// How many were under way when recording began.
    pub inherited: u64,
    /// How often one began or went on.
    pub steps: u64,
    /// How many have returned, ...
    pub returned: u64,
    /// ... ended by an exception, ...
    pub raised: u64,
    /// ... were cancelled, ...
    pub cancelled: u64,
    /// ... or were closed or freed before the end.
    pub dropped: u64,
    /// How many were freed without having begun.
    pub never_awaited: u64,
    /// Time in steps, with all that they called or awaited.
    pub run: f64,
    /// Time between steps.
    pub parked: f64,
    /// The longest step ...
    pub longest: f64,
    /// ... and when it began, since recording did.
    pub longest_at: f64,
}

impl Figures {
    /// How many have not ended.
    pub fn alive(&self) -> u64 {
        let ended = [self.returned, self.raised, self.cancelled, self.dropped];
        let begun = self.started.saturating_add(self.inherited);
        ended.into_iter().fold(begun, u64::saturating_sub)
    }

    /// From the first step to the end, or until now.
    pub fn elapsed(&self) -> f64 {
        self.run + self.parked
    }

    /// The counts, in the order in which files have them.
    pub(crate) fn counts(&self) -> [u64; 8] {
        let Self { started, inherited, steps, returned, raised, cancelled, dropped, never_awaited, .. } =
            *self;
        [started, inherited, steps, returned, raised, cancelled, dropped, never_awaited]
    }

    /// The times, likewise.
    pub(crate) fn times(&self) -> [f64; 4] {
        [self.run, self.parked, self.longest, self.longest_at]
    }

    /// Of these.
    pub(crate) fn of(counts: [u64; 8], times: [f64; 4]) -> Self {
        let [started, inherited, steps, returned, raised, cancelled, dropped, never_awaited] = counts;
        let [run, parked, longest, longest_at] = times;
        Self {
            started,
            inherited,
            steps,
            returned,
            raised,
            cancelled,
            dropped,
            never_awaited,
            run,
            parked,
            longest,
            longest_at,
        }
    }

    /// Adds those of others.
    pub fn add(&mut self, other: &Self) {
        let counts = self.counts();
        let sums = std::array::from_fn(|place| counts[place].saturating_add(other.counts()[place]));
        let longest = if other.longest > self.longest { other } else { &*self };
        let times = [self.run + other.run, self.parked + other.parked, longest.longest, longest.longest_at];
        *self = Self::of(sums, times);
    }
}

/// A step of a task that kept its loop too long.
#[derive(Clone, Debug, PartialEq)]
pub struct SlowStep {
    /// When it began: seconds since recording did.
    pub at: f64,
    /// How many seconds it was, by the clock.
    pub seconds: f64,
    /// What the task is called, if it has a name.
    pub task: Option<Text>,
    /// The function whose step it was; of a loop's, what is called for each thing that there is to do.
    pub function: FunctionId,
    /// The calls that took more than half of it, the outermost first, and how many seconds each took.
    pub path: Vec<(FunctionId, f64)>,
}

/// Those that took the longest come first.
pub fn longest_first<F: Ord>(mut coroutines: Vec<(F, Figures)>) -> Vec<(F, Figures)> {
    coroutines.sort_by(|(a, one), (b, other)| other.elapsed().total_cmp(&one.elapsed()).then(a.cmp(b)));
    coroutines
}

/// So many slow steps are kept of several profiles.
const KEPT: usize = 100;

/// Coroutines and tasks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tasks {
    /// Coroutines, by function and caller.
    pub coroutines: Vec<Coroutine>,
    /// The longest slow steps, the longest first.
    pub slow: Vec<SlowStep>,
    /// How many slow steps there were.
    pub slow_count: u64,
    /// How many seconds these took together.
    pub slow_seconds: f64,
    /// From how many seconds on a step is slow.
    pub slow_from: f64,
}

impl Tasks {
    /// The figures of each function, whoever awaited it, in the order of their numbers.
    pub fn by_function(&self) -> Vec<(FunctionId, Figures)> {
        let mut sums: HashMap<FunctionId, Figures> = HashMap::new();
        for coroutine in &self.coroutines {
            sums.entry(coroutine.function).or_default().add(&coroutine.figures);
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_by_key(|(function, _)| *function);
        sums
    }

    /// Whether all functions that are named here are among so many.
    pub(crate) fn is_sound(&self, functions: usize) -> bool {
        let is_known = |id: &FunctionId| id.index() < functions;
        self.coroutines.iter().all(|row| is_known(&row.function) && row.caller.as_ref().is_none_or(is_known))
            && self.slow.iter().all(|step| {
                is_known(&step.function) && step.path.iter().all(|(function, _)| is_known(function))
            })
    }

    /// Gives each function its new number; `None` of one that is left out, and with it what is known of it alone.
    pub(crate) fn renumber(&mut self, moved: impl Fn(FunctionId) -> Option<FunctionId>) {
        let rows = std::mem::take(&mut self.coroutines);
        for row in rows {
            if let Some(function) = moved(row.function) {
                self.add(Coroutine { function, caller: row.caller.and_then(&moved), ..row });
            }
        }
        self.merge_rows();
        self.slow.retain_mut(|step| {
            let function = moved(step.function);
            step.path = step.path.iter().filter_map(|(id, time)| Some((moved(*id)?, *time))).collect();
            step.function = function.unwrap_or(step.function);
            function.is_some()
        });
    }

    /// Adds those of another profile, whose functions have the numbers of this one's.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.coroutines.extend(other.coroutines);
        self.merge_rows();
        self.slow.extend(other.slow);
        self.slow.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        self.slow.truncate(KEPT);
        self.slow_count = self.slow_count.saturating_add(other.slow_count);
        self.slow_seconds += other.slow_seconds;
        self.slow_from =
            if self.slow_from > 0.0 { self.slow_from.min(other.slow_from) } else { other.slow_from };
    }

    fn add(&mut self, row: Coroutine) {
        self.coroutines.push(row);
    }

    /// Rows of one function and one caller become one.
    fn merge_rows(&mut self) {
        self.coroutines.sort_by_key(|row| (row.function, row.caller));
        self.coroutines.dedup_by(|later, kept| {
            let is_same = (later.function, later.caller) == (kept.function, kept.caller);
            if is_same {
                kept.figures.add(&later.figures);
            }
            is_same
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(function: u32, caller: Option<u32>, steps: u64, longest: f64) -> Coroutine {
        let figures =
            Figures { started: 1, steps, run: longest, longest, longest_at: 7.0, ..Figures::default() };
        Coroutine { function: FunctionId(function), caller: caller.map(FunctionId), figures }
    }

    #[test]
    fn rows_that_become_equal_are_added_up() {
        let coroutines = vec![row(0, None, 1, 0.5), row(1, Some(0), 2, 0.25), row(2, Some(0), 4, 1.0)];
        let mut tasks = Tasks { coroutines, ..Tasks::default() };
        tasks.renumber(|id| Some(FunctionId(id.0.min(1))));
        let sum = &tasks.coroutines[1];
        assert_eq!((tasks.coroutines.len(), sum.figures.steps, sum.figures.started), (2, 6, 2));
        assert_eq!((sum.figures.longest, sum.figures.run), (1.0, 1.25));
        tasks.renumber(|id| (id.0 == 1).then_some(FunctionId(0)));
        assert_eq!(tasks.coroutines.len(), 1);
        assert_eq!(tasks.coroutines[0].caller, None, "its caller is left out");
    }
}
