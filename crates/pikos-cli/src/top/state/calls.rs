//! The calls that are open now, thread by thread: which are folded, what is listed, where the cursor stands.

use std::collections::HashSet;

use pikos_views::{FunctionId, Open, ProcessId, ProfileContent};

use super::cursor::{Cursor, Motion};
use super::filter::Filter;

/// A thread: its process, and its number there.
pub type ThreadKey = (ProcessId, u64);

/// What is on screen of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallsScreen {
    /// Threads, each with its calls below it, the outermost first.
    pub rows: Vec<CallRow>,
    pub cursor: Cursor,
    /// How many threads there are, and how many of them have an open call.
    pub threads: usize,
    pub busy: usize,
    /// Whether calls of some threads aren't one stack: the program doesn't keep full stacks.
    pub is_approximate: bool,
    /// The chosen row: the cursor goes where it goes.
    selected: Option<(ThreadKey, Option<usize>)>,
    folded: HashSet<ThreadKey>,
}

/// A row of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CallRow {
    pub thread: ThreadKey,
    pub of: Of,
}

/// What a row is of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Of {
    /// The thread, with so many open calls.
    Thread { calls: usize, is_open: bool },
    /// A call of it: which one, how deep it is shown, and the seconds since it began.
    Call { place: usize, depth: usize, function: FunctionId, since: f64 },
}

impl CallRow {
    /// What tells it from others, also when it is elsewhere.
    fn key(&self) -> (ThreadKey, Option<usize>) {
        match self.of {
            Of::Thread { .. } => (self.thread, None),
            Of::Call { place, .. } => (self.thread, Some(place)),
        }
    }
}

impl CallsScreen {
    /// Lists anew: threads with a call that the one filter finds, without the calls that the other finds.
    pub fn fill(
        &mut self,
        profile: &ProfileContent,
        include: Option<&Filter>,
        exclude: Option<&Filter>,
        is_mine: bool,
        page: usize,
    ) {
        self.rows.clear();
        let open = profile.open.as_deref().map_or(&[][..], Vec::as_slice);
        self.threads = open.len();
        self.busy = open.iter().filter(|(_, open)| !open.calls.is_empty()).count();
        self.is_approximate = open.iter().any(|(_, open)| !open.is_chain && !open.calls.is_empty());
        let is_listed = |function: FunctionId| {
            !exclude.is_some_and(|filter| filter.finds(function)) && (!is_mine || profile.is_own(function))
        };
        for (process, Open { thread, is_chain, calls }) in open {
            let key = (*process, *thread);
            let is_found =
                include.is_none_or(|filter| calls.iter().any(|(function, _)| filter.finds(*function)));
            if !is_found {
                continue;
            }
            let is_open = !self.folded.contains(&key);
            self.rows.push(CallRow { thread: key, of: Of::Thread { calls: calls.len(), is_open } });
            if !is_open {
                continue;
            }
            let listed = calls.iter().enumerate().filter(|(_, (function, _))| is_listed(*function));
            self.rows.extend(listed.enumerate().map(|(depth, (place, (function, since)))| CallRow {
                thread: key,
                of: Of::Call {
                    place,
                    depth: if *is_chain { depth } else { 0 },
                    function: *function,
                    since: *since,
                },
            }));
        }
        match self.selected.and_then(|key| self.rows.iter().position(|row| row.key() == key)) {
            Some(row) => self.cursor.follow(row, self.rows.len(), page),
            None => self.cursor.keep(self.rows.len(), page),
        }
    }

    /// How many threads there are, in words.
    pub fn amount(&self, is_sampled: bool) -> String {
        let threads = if self.threads == 1 { "thread" } else { "threads" };
        let busy = if is_sampled { "seen lately" } else { "with open calls" };
        format!("{} {threads}, {} {busy}", self.threads, self.busy)
    }

    /// Moves the cursor.
    pub fn go(&mut self, motion: Motion, page: usize) {
        self.cursor.go(motion, self.rows.len(), page);
        self.select();
    }

    /// The row under the cursor is the chosen one.
    pub fn select(&mut self) {
        self.selected = self.cursor.row.and_then(|row| self.rows.get(row)).map(CallRow::key);
    }

    /// Lets the cursor go. False if there was none.
    pub fn let_go(&mut self) -> bool {
        self.cursor = Cursor::default();
        self.selected.take().is_some()
    }

    /// The row that keys are for.
    pub fn current(&self) -> Option<&CallRow> {
        self.rows.get(self.cursor.current())
    }

    /// Folds or unfolds the thread of the row that keys are for; the cursor goes to it.
    pub fn fold(&mut self, is_folded: bool) {
        let Some(row) = self.current() else { return };
        let thread = row.thread;
        if is_folded {
            self.folded.insert(thread);
            self.selected = Some((thread, None));
        } else {
            self.folded.remove(&thread);
        }
    }

    /// Folds all threads, or unfolds them.
    pub fn fold_all(&mut self, is_folded: bool) {
        self.folded.clear();
        if is_folded {
            self.folded.extend(self.rows.iter().map(|row| row.thread));
        }
    }
}
