//! The histories of live processes: each message is taken in once, whoever looks.

use pikos_views::{Feed, Live, ProcessId, Shown, StackId};

use crate::history::{Growth, History};

/// Memory that all histories may take.
const MOST_BYTES: usize = 24 << 20;

/// The history of each process.
#[derive(Default)]
pub struct Keeper(Vec<Kept>);

#[derive(Default)]
struct Kept {
    history: History,
    /// Which messages were taken in: of figures and of stacks.
    sequence: Option<u64>,
    stacks_sequence: u64,
    epoch: u64,
}

impl Keeper {
    /// Takes in what is new.
    pub fn follow(&mut self, live: &mut Live<Box<dyn Feed>>, processes: usize) {
        self.0.resize_with(processes, Kept::default);
        for (kept, process) in self.0.iter_mut().zip((0u32..).map(ProcessId)) {
            let sequence = live.sequence(process);
            if sequence.is_some() && sequence != kept.sequence {
                kept.take(live, process);
                kept.sequence = sequence;
            }
        }
        let total: usize = self.0.iter().map(|kept| kept.history.bytes()).sum();
        if total > MOST_BYTES {
            // Each may have the same; what one doesn't need, others have.
            let mut left = MOST_BYTES;
            let mut order: Vec<&mut Kept> = self.0.iter_mut().collect();
            order.sort_by_key(|kept| kept.history.bytes());
            let count = order.len();
            for (place, kept) in order.into_iter().enumerate() {
                kept.history.fit(left / (count - place));
                left -= kept.history.bytes().min(left);
            }
        }
    }

    /// Those of a process, or of all.
    pub fn of(&self, process: Option<ProcessId>) -> Vec<&History> {
        match process {
            Some(ProcessId(place)) => {
                self.0.get(place as usize).map(|kept| &kept.history).into_iter().collect()
            }
            None => self.0.iter().map(|kept| &kept.history).collect(),
        }
    }
}

impl Kept {
    fn take(&mut self, live: &mut Live<Box<dyn Feed>>, process: ProcessId) {
        let Some(run) = live.run(process) else { return };
        if run.epoch != self.epoch {
            self.epoch = run.epoch;
            self.history.restart();
        }
        let stacks_sequence = live.stacks_sequence(process);
        let mut stacks: Option<Vec<(u32, Growth)>> = None;
        if stacks_sequence != self.stacks_sequence {
            self.stacks_sequence = stacks_sequence;
            let stacks = stacks.get_or_insert_default();
            live.each_stack(process, &mut |StackId(id), own| {
                let (calls, own) = (own.ncalls, nanos(own.tottime));
                stacks.push((id, Growth { calls, primitive: calls, own, cumulative: own }));
            });
        }
        let rows = live.rows(process).map(|row| (row.id.0, total(&row.figures)));
        self.history.take(run.started.min(run.time), run.time, rows, stacks.map(Vec::into_iter));
    }
}

fn total(figures: &Shown) -> Growth {
    Growth {
        calls: figures.ncalls,
        primitive: figures.primitive_calls,
        own: nanos(figures.tottime),
        cumulative: nanos(figures.cumtime),
    }
}

fn nanos(seconds: f64) -> i64 {
    (seconds * 1e9).round() as i64
}
