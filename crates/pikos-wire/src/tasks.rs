//! Coroutines and tasks, of a profile that follows them: the message's `tasks`.

use serde::{Deserialize, Serialize};

use crate::array::{Added, AddedList, array_struct};
use crate::text::WireText;

/// All that is sent of them. It says everything each time: what was known before is void.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TasksPart {
    /// When recording began, in ticks: `at` of the rows below is reckoned from there.
    pub began: i64,
    /// From how many ticks on a step is slow.
    pub slow_from: i64,
    /// Coroutines by function and caller; those that took the longest, if there are too many.
    #[serde(default)]
    pub coroutines: Vec<CoroutineRow>,
    /// How many tasks are under way.
    pub under_way: u64,
    /// Those among them that have waited the longest, or had the longest steps, or have run the longest; those that made these, and those
    /// that wait for them.
    #[serde(default)]
    pub tasks: Vec<TaskRow>,
    /// How many slow steps there were.
    pub slow_count: u64,
    /// How many ticks they took together.
    pub slow_ticks: i64,
    /// The longest of them, the longest first.
    #[serde(default)]
    pub slow: Vec<SlowRow>,
}

array_struct! {
    /// Coroutines of one function that one caller awaited first.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct CoroutineRow {
        /// Whose they are.
        pub function: u32,
        /// Who awaited them first, if anybody did.
        pub caller: Option<u32>,
        /// How many have begun.
        pub started: u64,
        /// How many were under way when recording began.
        pub inherited: u64,
        /// How often one began or went on.
        pub steps: u64,
        /// How they ended.
        pub returned: u64,
        /// By an exception.
        pub raised: u64,
        /// By a cancellation.
        pub cancelled: u64,
        /// Closed, or freed before the end.
        pub dropped: u64,
        /// Freed without a step.
        pub never_awaited: u64,
        /// Ticks in steps.
        pub run: i64,
        /// Ticks between steps.
        pub parked: i64,
        /// Ticks of the longest step.
        pub longest: i64,
        /// When that began.
        pub longest_at: i64,
    }
}

array_struct! {
    /// A task that is under way.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct TaskRow {
        /// Tells it from others, and grows.
        pub task: u64,
        /// What it is called; empty if it has not said so yet.
        pub name: WireText,
        /// Its coroutine's function.
        pub function: u32,
        /// Whether a step of it is open.
        pub runs: bool,
        /// Ticks that it has been so.
        pub since: i64,
        /// How often it began or went on.
        pub steps: u64,
        /// Ticks in steps.
        pub run: i64,
        /// Ticks between steps.
        pub parked: i64,
        /// Ticks of its longest step.
        pub longest: i64,
        /// When that began.
        pub longest_at: i64,
        /// The function of the innermost coroutine that it awaits, or its own.
        pub awaits: u32,
        /// The task that ran when it was made; 0 if none did, or nobody knows. Missing in messages of earlier versions of Pikos.
        pub parent: Added,
        /// The tasks that wait for it.
        pub awaited_by: AddedList,
    }
}

array_struct! {
    /// A step that kept its loop too long.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct SlowRow {
        /// When it began.
        pub at: i64,
        /// How many ticks it was, by the clock.
        pub ticks: i64,
        /// What the task is called; empty of a callback.
        pub task: WireText,
        /// The function whose step it was.
        pub function: u32,
        /// The functions that took more than half of it, the outermost first.
        pub path: Vec<u32>,
        /// How many ticks each of these took.
        pub times: Vec<i64>,
    }
}

impl TasksPart {
    /// How many rows it has.
    pub fn rows(&self) -> usize {
        let calls: usize = self.slow.iter().map(|row| row.path.len() + row.times.len()).sum();
        let waiting: usize = self.tasks.iter().map(|row| row.awaited_by.0.len()).sum();
        self.coroutines.len() + self.tasks.len() + self.slow.len() + calls + waiting
    }

    /// How many bytes of text.
    pub fn bytes(&self) -> usize {
        let names = self.tasks.iter().map(|row| row.name.len());
        names.chain(self.slow.iter().map(|row| row.task.len())).sum()
    }
}
