//! What looks add up to: a recorder for each thread, functions by their labels, and what becomes of threads that end.
//!
//! A sample stands for the time since its thread was last seen. A thread that changed while it was read gives no sample; the
//! time that it would have had goes to its next one, so that it isn't taken from the threads that are hard to read.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lsprof_engine::{FunctionId, Key, Limits, SampleRecorder, Ticks, Totals, TreeTotals};
use pikos_publisher::{Source, SourceThread};
use pikos_wire::Name;

use super::names::Names;
use super::options::{Mode, Options};
use super::subject::Subject;
use crate::read::{Code, CodeId, Frame, Look, ThreadLook};

/// So many functions are told apart; a program that makes code without end has the rest in one.
const MOST_FUNCTIONS: usize = 200_000;
/// Of so many codes it is remembered which function they are.
const MOST_CODES: usize = 1_000_000;
/// When so many threads have ended, they become one.
const ENDED_THREADS_KEPT: usize = 64;

/// So many tasks are told apart by their names.
const MOST_TASKS: usize = 1_000;

/// What runs in a thread that collects garbage.
const GARBAGE: &str = "<garbage collection>";
/// What stands below a stack that is too deep to be read to its bottom.
const DEEPER: &str = "<deeper than can be read>";
/// Tasks of which there are too many.
const OTHER_TASKS: &str = "<further tasks>";
/// Functions that there are too many of.
const OTHERS: &str = "<further functions>";

/// All that samples have said so far.
pub struct Ledger {
    source: Arc<Source>,
    mode: Mode,
    tree: Option<(u32, usize)>,
    limits: Option<Limits>,
    names: Box<dyn Names>,
    functions: Functions,
    threads: Vec<Thread>,
    numbers: u64,
    ended: Totals,
    ended_trees: TreeTotals,
    /// The last look, and when collecting began, or went on after a pause.
    looked: Ticks,
    samples: u64,
    torn: u64,
    stack: Vec<Key>,
    /// How many names of tasks there were.
    tasks: usize,
}

/// A thread that was seen.
struct Thread {
    number: u64,
    native_id: u64,
    ident: u64,
    recorder: SampleRecorder,
    has_ended: Arc<AtomicBool>,
    /// Its last sample's stack; empty where there was more to it than calls.
    stack: Vec<CodeId>,
    /// When it was seen last, or known not to be there.
    seen: Ticks,
    /// Whether the last look had it.
    is_here: bool,
}

impl Ledger {
    /// Nothing so far; it tells this source.
    pub fn new(source: Arc<Source>, options: &Options, names: Box<dyn Names>, now: Ticks) -> Self {
        let tree = options.tree;
        Self {
            source,
            mode: options.mode,
            tree,
            limits: tree.map(|(depth, nodes)| Limits::new(depth, nodes)),
            names,
            functions: Functions::default(),
            threads: Vec::new(),
            numbers: 0,
            ended: Totals::default(),
            ended_trees: TreeTotals::default(),
            looked: now,
            samples: 0,
            torn: 0,
            stack: Vec::new(),
            tasks: 0,
        }
    }

    /// Samples that count, and threads that gave none because they changed, so far.
    pub fn figures(&self) -> (u64, u64) {
        (self.samples, self.torn)
    }

    /// Nothing before this moment is in any sample: collecting goes on after a pause.
    pub fn resume(&mut self, now: Ticks) {
        self.looked = now;
        self.threads.iter_mut().for_each(|thread| thread.seen = now);
    }

    /// Forgets all that there was.
    pub fn clear(&mut self, now: Ticks) {
        self.source.clear();
        self.functions = Functions::default();
        self.threads.clear();
        self.limits = self.tree.map(|(depth, nodes)| Limits::new(depth, nodes));
        (self.ended, self.ended_trees) = (Totals::default(), TreeTotals::default());
        (self.samples, self.torn, self.tasks) = (0, 0, 0);
        self.looked = now;
    }

    /// Adds a look.
    pub fn add(&mut self, look: &Look, subject: &dyn Subject, now: Ticks) {
        self.threads.iter_mut().for_each(|thread| thread.is_here = false);
        for seen in look.threads.iter().filter(|seen| !is_ours(look.stack(seen), subject)) {
            let place = self.place(seen);
            let thread = &mut self.threads[place];
            let time = now.since(thread.seen);
            (thread.seen, thread.is_here) = (now, true);
            if counts(self.mode, seen) {
                self.add_sample(place, look, seen, subject, time);
            }
        }
        self.torn += u64::from(look.torn);
        if look.torn == 0 {
            // Whoever isn't here was not torn either: it runs no Python.
            let away = self.threads.iter_mut().filter(|thread| !thread.is_here);
            away.for_each(|thread| thread.seen = now);
        }
        self.looked = now;
    }

    fn add_sample(
        &mut self,
        place: usize,
        look: &Look,
        seen: &ThreadLook,
        subject: &dyn Subject,
        time: Ticks,
    ) {
        let Self { functions, stack, source, tasks, threads, .. } = self;
        let thread = &mut threads[place];
        let frames = look.stack(seen);
        let codes = frames.iter().map(|frame| frame.code);
        let is_plain = seen.task.is_none() && !seen.is_cut && !seen.place.collects_garbage;
        let is_same = is_plain && !frames.is_empty() && codes.clone().eq(thread.stack.iter().copied());
        if is_same && thread.recorder.sample_again(time) {
            self.samples += 1;
            return;
        }
        thread.stack.clear();
        stack.clear();
        let task = seen.task.as_ref().and_then(|task| {
            let label = named_task(&task.name)?;
            let is_new = !functions.by_label.contains_key(&label);
            let function = match is_new && *tasks >= MOST_TASKS {
                true => functions.of_label(&built_in(OTHER_TASKS), source),
                false => functions.of_label(&label, source),
            };
            *tasks += usize::from(is_new);
            Some((task.frames, key(function)))
        });
        if seen.is_cut {
            stack.push(key(functions.of_label(&built_in(DEEPER), source)));
        }
        for (frame, above) in frames.iter().rev().zip((1..=frames.len()).rev()) {
            stack.extend(task.filter(|(own, _)| *own == above).map(|(_, key)| key));
            stack.push(key(functions.of_code(frame.code, subject.code(frame.code), source)));
        }
        if seen.place.collects_garbage {
            stack.push(key(functions.of_label(&built_in(GARBAGE), source)));
        }
        let recorder = &mut thread.recorder;
        let mut is_added = recorder.sample(stack.iter().copied(), time);
        if !is_added {
            for key in stack.iter() {
                recorder.define(*key, FunctionId(*key as u32 - 1));
            }
            // A thread without a single frame gives none.
            is_added = recorder.sample(stack.iter().copied(), time);
        }
        self.samples += u64::from(is_added);
        if is_added && is_plain {
            thread.stack.extend(codes);
        }
    }

    /// The thread's place; it gets one if it is new.
    fn place(&mut self, seen: &ThreadLook) -> usize {
        let is_it = |thread: &Thread| thread.native_id == seen.native_id && thread.ident == seen.ident;
        // The order is mostly that of the last look, the newest first.
        if let Some(place) =
            self.threads.iter().position(|thread| is_it(thread) && !thread.has_ended.load(Ordering::Relaxed))
        {
            return place;
        }
        // Zero is the sum of those that ended.
        self.numbers += 1;
        let recorder = SampleRecorder::new(self.limits.clone());
        let has_ended = Arc::new(AtomicBool::new(false));
        self.source.add_thread(SourceThread {
            number: self.numbers,
            native_id: seen.native_id,
            name: self.names.name(seen),
            ended: Arc::clone(&has_ended),
            labels: Vec::new(),
            tables: Arc::clone(recorder.tables()),
        });
        self.threads.push(Thread {
            number: self.numbers,
            native_id: seen.native_id,
            ident: seen.ident,
            recorder,
            has_ended,
            stack: Vec::new(),
            seen: self.looked,
            is_here: true,
        });
        self.threads.len() - 1
    }

    /// Called now and then, after a look: finds out who has ended, and what the others are called.
    pub fn tidy(&mut self, subject: &dyn Subject) {
        self.names.refresh();
        let is_over = |thread: &Thread| thread.has_ended.load(Ordering::Relaxed);
        let gone = self.threads.iter().filter(|thread| !thread.is_here && !is_over(thread));
        for thread in gone.filter(|thread| !subject.has_thread(thread.native_id)) {
            thread.has_ended.store(true, Ordering::Release);
        }
        if self.threads.iter().filter(|thread| is_over(thread)).count() < ENDED_THREADS_KEPT {
            return;
        }
        let Self { threads, ended, ended_trees, .. } = self;
        threads.retain(|thread| {
            if is_over(thread) {
                ended.add(thread.recorder.tables());
                ended_trees.add(thread.recorder.tables());
            }
            !is_over(thread)
        });
        let is_kept = |number| threads.iter().any(|thread| thread.number == number);
        self.source.fold(|number| !is_kept(number), ended, ended_trees.nodes());
        if let (Some(limits), Some((_, nodes))) = (&self.limits, self.tree) {
            // Equal stacks of ended threads have one node now: others may be made instead.
            let kept: usize = threads.iter().map(|thread| thread.recorder.tables().node_count()).sum();
            let used = kept + ended_trees.nodes().len();
            limits.nodes_left.store(nodes.saturating_sub(used), Ordering::Relaxed);
        }
    }

    /// No thread runs any more.
    pub fn end(&mut self) {
        self.threads.iter().for_each(|thread| thread.has_ended.store(true, Ordering::Release));
    }
}

/// Whether a thread is one of Pikos itself, which serves a watch, a history or coverage: it is no part of the program.
fn is_ours(stack: &[Frame], subject: &dyn Subject) -> bool {
    const FILES: [&str; 3] =
        ["/pikos/sampling/watch.py", "/pikos/sampling/history.py", "/pikos/sampling/coverage.py"];
    // Its outermost calls are those of `threading`, then comes ours.
    stack.iter().rev().take(5).any(|frame| {
        let code = subject.code(frame.code);
        code.name == "_run" && FILES.iter().any(|file| code.file.ends_with(file))
    })
}

/// What stands below a task's coroutine. Nothing if only asyncio gave it a name.
fn named_task(name: &str) -> Option<Code> {
    let is_numbered =
        name.strip_prefix("Task-").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    (!is_numbered && !name.is_empty()).then(|| built_in(&format!("<task {name}>")))
}

fn counts(mode: Mode, seen: &ThreadLook) -> bool {
    match mode {
        Mode::Wall => true,
        // Where the system doesn't say, all of them.
        Mode::Cpu => seen.place.is_running.unwrap_or(true),
        Mode::Gil => seen.place.has_gil,
    }
}

/// A function's number is its key, but for zero, which is nobody's.
fn key(function: u32) -> Key {
    function as Key + 1
}

fn built_in(name: &str) -> Code {
    Code { file: "~".to_owned(), name: name.to_owned(), ..Code::default() }
}

/// Functions, by their labels: code that is made anew each time is the same function each time.
#[derive(Default)]
struct Functions {
    by_label: HashMap<Code, u32>,
    by_code: HashMap<CodeId, u32>,
}

impl Functions {
    fn of_code(&mut self, id: CodeId, code: &Code, source: &Source) -> u32 {
        if let Some(known) = self.by_code.get(&id) {
            return *known;
        }
        let function = self.of_label(code, source);
        if self.by_code.len() >= MOST_CODES {
            self.by_code.clear();
        }
        self.by_code.insert(id, function);
        function
    }

    fn of_label(&mut self, code: &Code, source: &Source) -> u32 {
        if let Some(known) = self.by_label.get(code) {
            return *known;
        }
        let others = || built_in(OTHERS);
        let code = if self.by_label.len() < MOST_FUNCTIONS { code.clone() } else { others() };
        let number = self.by_label.len() as u32;
        *self.by_label.entry(code).or_insert_with_key(|code| {
            source.add_function(Name {
                function: number,
                file: code.file.as_str().into(),
                line: code.first_line,
                name: code.name.as_str().into(),
                qualname: Some(code.qualname.as_str().into()).filter(|_| !code.qualname.is_empty()),
            });
            number
        })
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
