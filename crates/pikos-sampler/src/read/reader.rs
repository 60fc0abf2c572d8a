//! Looks at all threads of a process whose runtime and layout are known.

use std::sync::Arc;

use super::asyncio::TaskLayout;
use super::codes::Codes;
use super::layout::Layout;
use super::look::{Frame, Locals, Look, Place, Tasks, ThreadLook};
use super::memory::{Batch, Gone, Memory, half, word};
use super::objects::{Objects, optional};
use super::running::{Told, running, told};
use super::tasks::{OfThread, Reading};
use super::waiting::waiting_for;
use super::walk::{Outcome, Stack, Thread, Walk};

/// More threads and interpreters than these aren't looked at.
const THREADS: usize = 4096;
const INTERPRETERS: usize = 256;
/// How often a thread is copied in one look: each time something new may be learned about where its frames are, or it changed
/// meanwhile.
const COPIES: usize = 24;
/// How many of these may find that it changed.
const CHANGES: usize = 8;

/// An interpreter, and what its threads were found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Interpreter {
    at: usize,
    next: usize,
    first_thread: usize,
    gil: usize,
}

/// What is known of a process, from look to look.
#[derive(Debug)]
pub struct Reader {
    layout: Arc<Layout>,
    runtime: usize,
    interpreters: Vec<Interpreter>,
    threads: Vec<Thread>,
    pub codes: Codes,
    batch: Batch,
    walk: Walk,
}

/// What a look found of an interpreter.
#[derive(Clone, Copy)]
struct State {
    holder: usize,
    collects: bool,
}

impl Reader {
    pub fn new(layout: Layout, runtime: usize) -> Self {
        Self {
            layout: Arc::new(layout),
            runtime,
            interpreters: Vec::new(),
            threads: Vec::new(),
            codes: Codes::default(),
            batch: Batch::default(),
            walk: Walk::default(),
        }
    }

    /// Which release: 3.11 is 11.
    pub fn minor(&self) -> u8 {
        self.layout.minor
    }

    /// Finds out, by some running frame, what the type of all code objects is.
    ///
    /// # Errors
    /// As [`Memory::copy`].
    pub fn find_code_type(&mut self, memory: &impl Memory) -> Result<Option<usize>, Gone> {
        let Some(code) = self.some_code(memory)? else { return Ok(None) };
        let of_type = read_word(memory, &mut self.batch, code.wrapping_add(super::layout::TYPE))?;
        let name = read_word(memory, &mut self.batch, of_type.wrapping_add(self.layout.type_name))?;
        self.batch.clear();
        let piece = self.batch.add(name, 5);
        self.batch.read(memory)?;
        if self.batch.get(piece) != Some(&b"code\0"[..]) {
            return Ok(None);
        }
        self.codes.of_type = of_type;
        Ok(Some(of_type))
    }

    fn some_code(&mut self, memory: &impl Memory) -> Result<Option<usize>, Gone> {
        self.find_threads(memory)?;
        let layout = Arc::clone(&self.layout);
        for thread in &self.threads {
            let mut at = super::walk::current_frame(&layout, thread.at, memory, &mut self.batch)?;
            for _ in 0..16 {
                if at == 0 {
                    break;
                }
                self.batch.clear();
                let piece = self.batch.add(at, layout.frame.length);
                self.batch.read(memory)?;
                let Some(head) = self.batch.get(piece) else { break };
                let owner = head.get(layout.frame.owner).copied().unwrap_or(u8::MAX);
                let (code, previous) = (word(head, layout.frame.code), word(head, layout.frame.previous));
                let (Some(code), Some(previous)) = (code, previous) else { break };
                if owner < 3 && code & !7 != 0 {
                    return Ok(Some(code & !7));
                }
                at = previous;
            }
        }
        Ok(None)
    }

    /// Looks at all threads.
    ///
    /// # Errors
    /// Nothing can be read of the process any more.
    pub fn look(&mut self, memory: &impl Memory, look: &mut Look) -> Result<(), Gone> {
        look.threads.clear();
        look.frames.clear();
        look.torn = 0;
        let layout = Arc::clone(&self.layout);
        let mut states = Vec::new();
        // A program whose threads come and go all the time is looked at as it was found last.
        for _ in 0..4 {
            self.threads.iter_mut().for_each(|thread| thread.outcome = Outcome::Open);
            let asked = self.ask_heads(&layout);
            self.walk.ask(&layout, &mut self.threads, &self.codes, &mut self.batch);
            self.batch.read(memory)?;
            if self.heads_are_same(&layout, &asked, &mut states) {
                break;
            }
            self.find_threads(memory)?;
            self.batch.clear();
            self.threads.iter_mut().for_each(|thread| thread.outcome = Outcome::Torn);
        }
        let mut changes = 0;
        for _ in 0..COPIES {
            let (learned, torn) = self.walk.settle(&layout, &mut self.threads, &mut self.codes, &self.batch);
            changes += usize::from(torn);
            if !learned && (!torn || changes > CHANGES) {
                break;
            }
            let unknown = std::mem::take(&mut self.walk.unknown);
            if !unknown.is_empty() {
                self.codes.learn(&layout, &unknown, memory)?;
            }
            self.batch.clear();
            self.walk.ask(&layout, &mut self.threads, &self.codes, &mut self.batch);
            self.batch.read(memory)?;
        }
        for thread in &self.threads {
            match &thread.outcome {
                Outcome::Whole => {
                    let state = states.get(thread.interpreter).copied();
                    let has_gil = state.is_some_and(|state| state.holder == thread.at);
                    push(look, thread, has_gil, state.is_some_and(|state| state.collects && has_gil));
                }
                Outcome::Empty => {}
                Outcome::Open | Outcome::Torn => look.torn += 1,
            }
        }
        Ok(())
    }

    /// The tasks of asyncio, as they are shortly after the last look.
    ///
    /// # Errors
    /// As [`Memory::copy`].
    pub fn tasks(&mut self, memory: &impl Memory, layout: TaskLayout) -> Result<Tasks, Gone> {
        let of_all = Arc::clone(&self.layout);
        let interpreters: Vec<usize> = self.interpreters.iter().map(|interpreter| interpreter.at).collect();
        let threads: Vec<OfThread<'_>> = self.threads.iter().map(of_thread).collect();
        Reading {
            objects: &mut Objects::new(&of_all, memory),
            codes: &mut self.codes,
            layout,
            interpreters: &interpreters,
            threads: &threads,
        }
        .tasks()
    }

    /// The tasks that wait for each of these tasks, all by their addresses.
    ///
    /// # Errors
    /// As [`Memory::copy`].
    pub fn waiting_for(
        &self,
        memory: &impl Memory,
        layout: TaskLayout,
        tasks: &[usize],
    ) -> Result<Vec<Vec<usize>>, Gone> {
        let mut objects = Objects::new(&self.layout, memory);
        tasks.iter().map(|task| waiting_for(&mut objects, layout, *task)).collect()
    }

    /// Where running tasks are told; nothing before the program has asyncio.
    ///
    /// # Errors
    /// As [`Memory::copy`].
    pub fn told_of_running(&self, memory: &impl Memory, layout: TaskLayout) -> Result<Option<Told>, Gone> {
        let mut objects = Objects::new(&self.layout, memory);
        for interpreter in &self.interpreters {
            let modules = interpreter.at.wrapping_add(self.layout.interpreter.modules);
            let told = objects.word(modules).and_then(|modules| told(&mut objects, modules, layout));
            if let Some(told) = optional(told)?.flatten() {
                return Ok(Some(told));
            }
        }
        Ok(None)
    }

    /// Says which tasks the threads of the last look were at work on.
    ///
    /// # Errors
    /// As [`Memory::copy`].
    pub fn name_running(
        &self,
        memory: &impl Memory,
        layout: TaskLayout,
        told: Told,
        look: &mut Look,
    ) -> Result<(), Gone> {
        // Those that the look has, in its order.
        let whole = self.threads.iter().filter(|thread| thread.outcome == Outcome::Whole);
        let threads: Vec<OfThread<'_>> = whole.map(of_thread).collect();
        let mut objects = Objects::new(&self.layout, memory);
        for (thread, task) in running(&mut objects, layout, told, &threads)? {
            look.threads[thread].task = Some(task);
        }
        Ok(())
    }

    /// Whether a module of this name has been imported, in any interpreter.
    ///
    /// # Errors
    /// As [`Memory::copy`].
    pub fn has_module(&self, memory: &impl Memory, name: &str) -> Result<bool, Gone> {
        let mut objects = Objects::new(&self.layout, memory);
        for interpreter in &self.interpreters {
            let modules = interpreter.at.wrapping_add(self.layout.interpreter.modules);
            let module = objects.word(modules).and_then(|modules| objects.value_of(modules, name));
            if optional(module)?.flatten().is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The variables of a thread's calls, as they are shortly after the last look.
    ///
    /// # Errors
    /// As [`Memory::copy`].
    pub fn locals_of_thread(
        &self,
        memory: &impl Memory,
        ident: u64,
        frames: &[Frame],
    ) -> Result<Vec<Option<Locals>>, Gone> {
        let found = self.threads.iter().find(|thread| thread.ident == ident && thread.stack.frames == frames);
        match found {
            Some(thread) => self.locals(memory, frames, &thread.stack.places),
            None => Ok(Vec::new()),
        }
    }

    /// The variables of calls that stand at these places.
    ///
    /// # Errors
    /// As [`Memory::copy`].
    pub fn locals(
        &self,
        memory: &impl Memory,
        frames: &[Frame],
        places: &[usize],
    ) -> Result<Vec<Option<Locals>>, Gone> {
        let mut objects = Objects::new(&self.layout, memory);
        super::locals::locals(&mut objects, &self.codes, frames, places)
    }

    /// What stands at an address, in a few words.
    #[cfg(any(test, fuzzing))]
    pub fn short(&self, memory: &impl Memory, at: usize) -> Result<String, super::objects::Unread> {
        Objects::new(&self.layout, memory).short(at)
    }

    /// Asks for what tells which threads there are, and for their GILs.
    fn ask_heads(&mut self, layout: &Layout) -> Heads {
        self.batch.clear();
        let batch = &mut self.batch;
        let head = batch.add(self.runtime.wrapping_add(layout.runtime.interpreters), 8);
        let of_interpreters = self
            .interpreters
            .iter()
            .map(|interpreter| {
                let gil = interpreter.gil;
                [
                    batch.add(interpreter.at.wrapping_add(layout.interpreter.next), 8),
                    batch.add(interpreter.at.wrapping_add(layout.interpreter.threads), 8),
                    batch.add(interpreter.at.wrapping_add(layout.interpreter.collecting), 4),
                    batch.add(gil.wrapping_add(layout.gil.holder), 8),
                    batch.add(gil.wrapping_add(layout.gil.locked), 4),
                ]
            })
            .collect();
        Heads { head, of_interpreters }
    }

    fn heads_are_same(&mut self, layout: &Layout, heads: &Heads, states: &mut Vec<State>) -> bool {
        states.clear();
        let batch = &self.batch;
        let mut expected = batch.word(heads.head);
        for (interpreter, pieces) in self.interpreters.iter().zip(&heads.of_interpreters) {
            let [next, threads, collecting, holder, locked] = *pieces;
            if expected != Some(interpreter.at)
                || batch.word(next) != Some(interpreter.next)
                || batch.word(threads) != Some(interpreter.first_thread)
            {
                return false;
            }
            expected = Some(interpreter.next);
            let flag = |piece| batch.get(piece).and_then(|bytes| half(bytes, 0)).unwrap_or(0);
            let holder = if flag(locked) == 1 { batch.word(holder).unwrap_or(0) } else { 0 };
            states.push(State { holder, collects: flag(collecting) == 1 });
        }
        if expected != Some(0) || self.interpreters.is_empty() {
            return false;
        }
        let mut threads = self.threads.iter().peekable();
        for (index, interpreter) in self.interpreters.iter().enumerate() {
            let mut at = interpreter.first_thread;
            while let Some(thread) = threads.next_if(|thread| thread.interpreter == index) {
                let Some(next) = thread.next(layout, batch) else { return false };
                if thread.at != at {
                    return false;
                }
                at = next;
            }
            if at != 0 {
                return false;
            }
        }
        true
    }

    /// Walks the lists of interpreters and threads.
    fn find_threads(&mut self, memory: &impl Memory) -> Result<(), Gone> {
        let layout = Arc::clone(&self.layout);
        let batch = &mut self.batch;
        let mut old = std::mem::take(&mut self.threads);
        self.interpreters.clear();
        let mut at = read_word(memory, batch, self.runtime.wrapping_add(layout.runtime.interpreters))?;
        while at != 0 && self.interpreters.len() < INTERPRETERS {
            batch.clear();
            let next = batch.add(at.wrapping_add(layout.interpreter.next), 8);
            let threads = batch.add(at.wrapping_add(layout.interpreter.threads), 8);
            let gil = layout.interpreter.gil.map(|gil| batch.add(at.wrapping_add(gil), 8));
            batch.read(memory)?;
            let (Some(next), Some(first_thread)) = (batch.word(next), batch.word(threads)) else { break };
            let gil = gil.map_or(self.runtime, |gil| batch.word(gil).unwrap_or(0));
            let index = self.interpreters.len();
            self.interpreters.push(Interpreter { at, next, first_thread, gil });
            let mut thread_at = first_thread;
            while thread_at != 0 && self.threads.len() < THREADS {
                let known =
                    old.iter().position(|thread| thread.at == thread_at && thread.interpreter == index);
                let thread =
                    known.map_or_else(|| Thread::new(thread_at, index), |known| old.swap_remove(known));
                self.threads.push(thread);
                thread_at = read_word(memory, batch, thread_at.wrapping_add(layout.thread.next))?;
            }
            at = next;
        }
        Ok(())
    }
}

/// Pieces of a batch that tell which threads there are.
struct Heads {
    head: super::memory::Piece,
    of_interpreters: Vec<[super::memory::Piece; 5]>,
}

/// A word; 0 where there is none.
fn read_word(memory: &impl Memory, batch: &mut Batch, at: usize) -> Result<usize, Gone> {
    batch.clear();
    let piece = batch.add(at, 8);
    batch.read(memory)?;
    Ok(batch.word(piece).unwrap_or(0))
}

fn push(look: &mut Look, thread: &Thread, has_gil: bool, collects_garbage: bool) {
    let Stack { frames, is_cut, .. } = &thread.stack;
    let start = look.frames.len();
    look.frames.extend_from_slice(frames);
    look.threads.push(ThreadLook {
        native_id: thread.native_id,
        ident: thread.ident,
        place: Place { has_gil, is_running: None, collects_garbage },
        stack: start..look.frames.len(),
        is_cut: *is_cut,
        task: None,
    });
}

/// A thread, with its frames if they could be read.
fn of_thread(thread: &Thread) -> OfThread<'_> {
    let is_whole = thread.outcome == Outcome::Whole;
    OfThread {
        at: thread.at,
        native_id: thread.native_id,
        frames: if is_whole { &thread.stack.frames } else { &[] },
        places: if is_whole { &thread.stack.places } else { &[] },
    }
}
