//! What a source knows of each process, for whoever keeps a history of it: nothing here makes a picture.

use super::live::Live;
use crate::feed::{Feed, Heard, Run};
use crate::picture::{
    FunctionId, Open, Phase, ProcessId, Scope, Shown, ShownFunction, ShownStack, StackId, Tasks, Thread,
};

/// Of so many threads it is remembered where they were.
const MOST_LATELY: usize = 10_000;

impl<F: Feed> Live<F> {
    /// How many processes were ever heard of.
    pub fn heard_of(&self) -> usize {
        self.tracks.len()
    }

    /// Which of its messages was taken in last; nothing of recorders.
    pub fn sequence(&self, process: ProcessId) -> Option<u64> {
        self.heard(process)?.profile()?;
        self.tracks.get(process.0 as usize)?.sequence
    }

    /// Which of its messages told of stacks last; 0 before the first.
    pub fn stacks_sequence(&self, process: ProcessId) -> u64 {
        self.heard(process).and_then(Heard::profile).map_or(0, |sender| sender.stacks_sequence())
    }

    /// How far it has come.
    pub fn phase(&self, process: ProcessId) -> Option<Phase> {
        Some(self.heard(process)?.sender().phase())
    }

    /// Whether there were processes, and all of them have ended or are lost; or nobody is left who could be heard.
    pub fn is_over(&self) -> bool {
        let heard = self.feed.heard();
        let has_ended =
            |heard: &Heard<'_>| matches!(heard.sender().phase(), Phase::Ended(_) | Phase::Lost(_));
        self.feed.is_over() || !heard.is_empty() && heard.iter().all(has_ended)
    }

    /// Whether a process has such a thread.
    pub fn has_thread(&self, process: ProcessId, thread: u64) -> bool {
        let sender = self.heard(process).and_then(Heard::profile);
        sender.is_some_and(|sender| sender.threads().iter().any(|known| known.id == thread))
    }

    /// Whether it keeps full stacks.
    pub fn has_tree(&self, process: ProcessId) -> bool {
        self.heard(process).and_then(Heard::profile).is_some_and(|sender| sender.has_tree())
    }

    /// Whether a process follows tasks.
    pub fn has_tasks(&self, process: ProcessId) -> bool {
        self.heard(process).and_then(Heard::profile).is_some_and(|sender| sender.has_tasks())
    }

    /// Counts up when its profile is cleared.
    pub fn epoch(&self, process: ProcessId) -> Option<u64> {
        Some(self.heard(process)?.profile()?.epoch())
    }

    /// What a process said of its run.
    pub fn run(&self, process: ProcessId) -> Option<Run> {
        Some(self.heard(process)?.profile()?.run())
    }

    /// Its functions, with their places in it.
    pub fn rows(&self, process: ProcessId) -> impl Iterator<Item = (usize, ShownFunction)> {
        let functions = self.tracks.get(process.0 as usize).map(|track| &track.profile.functions);
        functions.into_iter().flatten().enumerate().filter_map(|(place, (id, figures))| {
            figures.map(|figures| (place, ShownFunction { id: *id, figures }))
        })
    }

    /// Its threads, without rates.
    pub fn threads(&self, process: ProcessId) -> Vec<Thread> {
        self.heard(process).and_then(Heard::profile).map_or(Vec::new(), |sender| sender.threads())
    }

    /// The figures of a function in one thread, by its place.
    pub fn row_in(&self, process: ProcessId, place: usize, thread: u64) -> Option<Shown> {
        self.heard(process)?.profile()?.figures(place, Some(thread))
    }

    /// Passes on the callers of a function, by its place, in all threads or in one, and what it did for each. Returns how many edges
    /// were looked at.
    pub fn each_caller(
        &self,
        process: ProcessId,
        place: usize,
        thread: Option<u64>,
        each: &mut dyn FnMut(FunctionId, &Shown),
    ) -> usize {
        let Some((sender, track)) =
            self.heard(process).and_then(Heard::profile).zip(self.tracks.get(process.0 as usize))
        else {
            return 0;
        };
        let functions = &track.profile.functions;
        let mut count = 0;
        sender.edges(Some(place), thread, &mut |caller, callee, figures| {
            count += 1;
            if let Some((caller, _)) = functions.get(caller).filter(|_| callee == place) {
                each(*caller, &figures);
            }
        });
        count
    }

    /// Passes on its full stacks, those of all threads together, or of one.
    pub fn each_stack(
        &mut self,
        process: ProcessId,
        thread: Option<u64>,
        each: &mut dyn FnMut(StackId, ShownStack),
    ) {
        let Self { feed, tracks, paths, .. } = self;
        let place = process.0 as usize;
        let Some((sender, track)) = feed.heard_at(place).and_then(Heard::profile).zip(tracks.get(place))
        else {
            return;
        };
        let mut ids: Vec<Option<StackId>> = Vec::new();
        let _ = sender.stacks(thread, &mut |parent, function, own| {
            // One of which the function's name has not come waits for it, with all that stand on it.
            let below = parent.map(|parent| ids[parent as usize]);
            let function = function.and_then(|function| track.profile.functions.get(function));
            let id = match (below, function) {
                (Some(None), _) | (_, None) => None,
                (below, Some((function, _))) => Some(paths.id(below.flatten(), *function)),
            };
            ids.push(id);
            if let Some(id) = id {
                each(id, own);
            }
        });
    }

    /// What a stack is made of: the one without its top, and the function on top.
    pub fn stack(&self, id: StackId) -> Option<(Option<StackId>, FunctionId)> {
        self.paths.stack(id)
    }

    /// The calls that are open in each thread of a process; of one that is sampled, where it was most since the message before.
    pub fn open(&mut self, process: ProcessId) -> Vec<Open> {
        let Self { feed, tracks, lately, .. } = self;
        let place = process.0 as usize;
        let Some((sender, track)) = feed.heard_at(place).and_then(Heard::profile).zip(tracks.get(place))
        else {
            return Vec::new();
        };
        let id = |function: usize| track.profile.functions.get(function).map(|(id, _)| *id);
        let threads = sender.threads().into_iter().filter(|thread| !thread.is_over);
        if lately.len() > MOST_LATELY {
            lately.clear();
        }
        let open = threads.map(|thread| {
            let mut calls = Vec::new();
            if sender.is_sampled() {
                let lately = lately.entry((process, thread.id)).or_default();
                let now = (sender.stacks_sequence(), sender.epoch());
                if lately.is_news(now.0, now.1) {
                    let mut nodes = Vec::new();
                    sender.stacks(Some(thread.id), &mut |below, function, own| {
                        nodes.push((below, function, own.tottime));
                    });
                    lately.learn(now.0, now.1, &nodes);
                }
                let found = lately.calls.iter();
                calls.extend(found.filter_map(|(function, seconds)| Some((id(*function)?, *seconds))));
                return Open { thread: thread.id, is_chain: true, calls };
            }
            let cut = sender.stacks(Some(thread.id), &mut |_, function, own| {
                if own.open > 0 {
                    calls.extend(function.and_then(id).map(|function| (function, own.in_flight)));
                }
            });
            let is_chain = cut.is_some();
            if !is_chain {
                for function in 0..sender.functions() {
                    let figures =
                        sender.figures(function, Some(thread.id)).filter(|figures| figures.open > 0);
                    calls.extend(figures.and_then(|figures| Some((id(function)?, figures.in_flight))));
                }
                calls.sort_by(|a, b| b.1.total_cmp(&a.1));
            }
            Open { thread: thread.id, is_chain, calls }
        });
        open.collect()
    }

    /// Those of all processes and threads of a scope.
    pub(super) fn open_in(&mut self, scope: Scope) -> Vec<(ProcessId, Open)> {
        let mut all = Vec::new();
        for process in (0..self.tracks.len() as u32).map(ProcessId) {
            if scope.process().is_none_or(|only| only == process) {
                all.extend(self.open(process).into_iter().map(|open| (process, open)));
            }
        }
        if let Scope::Thread(_, thread) = scope {
            all.retain(|(_, open)| open.thread == thread);
        }
        all
    }

    /// The tasks of all processes of a scope that follow them.
    pub fn tasks_in(&self, scope: Scope) -> Vec<(ProcessId, Tasks)> {
        let processes = (0..self.tracks.len() as u32).map(ProcessId);
        let wanted = processes.filter(|process| scope.process().is_none_or(|only| only == *process));
        let tasks = |process: ProcessId| {
            let sender = self.heard(process).and_then(Heard::profile)?;
            let track = self.tracks.get(process.0 as usize)?;
            let id = |function: usize| track.profile.functions.get(function).map(|(id, _)| *id);
            Some((process, sender.tasks()?.with(id)))
        };
        wanted.filter_map(tasks).collect()
    }

    fn heard(&self, process: ProcessId) -> Option<Heard<'_>> {
        self.feed.heard_at(process.0 as usize)
    }
}
