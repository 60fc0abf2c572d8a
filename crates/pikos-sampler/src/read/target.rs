//! A process whose stacks can be read.

use std::collections::HashMap;
use std::fs::File;
use std::time::{Duration, Instant};

use pikos_os::foreign_memory::{self, Span};

use super::asyncio::{self, TaskLayout};
use super::layout::{Layout, TABLE};
use super::look::{Code, CodeId, Frame, Locals, Look, State, Task, Tasks, ThreadLook};
use super::memory::{Batch, Gone, Memory};
use super::numbers::Numbers;
use super::reader::Reader;
use super::running::Told;
use super::unreadable::Unreadable;

/// So often it is asked whether the program has asyncio by now.
const SEEK_AGAIN: Duration = Duration::from_secs(1);

/// A CPython process whose stacks can be read, while it runs: nothing of it is stopped, and nothing in it is asked.
#[derive(Debug)]
pub struct Target {
    memory: OfProcess,
    reader: Reader,
    version: u32,
    asks_activity: bool,
    activity: HashMap<u64, Option<File>>,
    /// In another namespace of process numbers: what ours of its threads are.
    numbers: Option<Numbers>,
    /// Where tasks have what, if that was asked for and found.
    tasks: Option<TaskLayout>,
    names: NamesOfTasks,
}

/// Whether looks say which tasks run, and where that is told.
#[derive(Debug)]
enum NamesOfTasks {
    Off,
    /// Nothing tells it so far; asked at this moment.
    Sought(Option<Instant>),
    Told(Told),
}

/// A process' memory.
#[derive(Debug)]
struct OfProcess {
    pid: u32,
}

impl Memory for OfProcess {
    fn copy(&self, spans: &[Span], into: &mut [u8]) -> Result<usize, Gone> {
        match foreign_memory::copy(self.pid, spans, into) {
            Ok(copied) => Ok(copied),
            Err(error) if foreign_memory::is_not_there(&error) => Ok(0),
            Err(error) => Err(Gone(error)),
        }
    }
}

impl Target {
    /// The process that asks: the address of `_PyRuntime`, and `Py_Version`. A forked child needs one of its own.
    ///
    /// # Errors
    /// What stands in the way.
    pub fn this(runtime: usize, version: u32) -> Result<Self, Unreadable> {
        let pid = std::process::id();
        Self::new(pid, runtime, Some(version)).map_err(|error| match error {
            Unreadable::NoRights { .. } => Unreadable::Forbidden,
            error => error,
        })
    }

    /// Another one.
    ///
    /// # Errors
    /// What stands in the way.
    pub fn of(pid: u32) -> Result<Self, Unreadable> {
        let found = super::find::find(pid)?;
        let memory = OfProcess { pid };
        let mut batch = Batch::default();
        let piece = found.version.map(|at| batch.add(at, 8));
        batch.read(&memory).map_err(|Gone(error)| Unreadable::of(pid, error))?;
        let version = piece.and_then(|piece| batch.word(piece)).map(|version| version as u32);
        Self::new(pid, found.runtime, version)
    }

    fn new(pid: u32, runtime: usize, version: Option<u32>) -> Result<Self, Unreadable> {
        let memory = OfProcess { pid };
        let gone = |Gone(error)| Unreadable::of(pid, error);
        let mut batch = Batch::default();
        let piece = batch.add(runtime, TABLE);
        batch.read(&memory).map_err(gone)?;
        let table = batch.get(piece).unwrap_or_default();
        let told = Layout::told(table);
        let version = told.map(|told| told.version).or(version).unwrap_or(0);
        let python = python(version);
        if told.is_some_and(|told| told.free_threaded) {
            return Err(Unreadable::FreeThreaded { pid, python });
        }
        let layout = match told {
            Some(told) => told.layout,
            None if version >> 24 == 3 => Layout::known((version >> 16) as u8),
            None => None,
        };
        let Some(layout) = layout else { return Err(Unreadable::Release { pid, python }) };
        let mut target = Self {
            memory,
            reader: Reader::new(layout, runtime),
            version,
            asks_activity: false,
            activity: HashMap::new(),
            numbers: Numbers::of(pid),
            tasks: None,
            names: NamesOfTasks::Off,
        };
        target.test()?;
        Ok(target)
    }

    /// Whether memory holds what it should: else it isn't read.
    fn test(&mut self) -> Result<(), Unreadable> {
        let pid = self.memory.pid;
        let nonsense = |target: &Self, what: &str| Unreadable::Nonsense {
            pid,
            python: target.python(),
            what: what.to_owned(),
        };
        let gone = |Gone(error)| Unreadable::of(pid, error);
        let of_type = self.reader.find_code_type(&self.memory).map_err(gone)?;
        if of_type.is_none() {
            return Err(nonsense(self, "no thread has a frame with a code object"));
        }
        let mut look = Look::default();
        self.look(&mut look)?;
        if look.threads.is_empty() && look.torn == 0 {
            return Err(nonsense(self, "no thread has a frame"));
        }
        Ok(())
    }

    /// Which CPython: "3.13.0".
    pub fn python(&self) -> String {
        python(self.version)
    }

    /// Whose stacks these are.
    pub fn pid(&self) -> u32 {
        self.memory.pid
    }

    /// Looks once at all threads of all interpreters.
    ///
    /// # Errors
    /// The process has ended, mostly.
    pub fn look(&mut self, look: &mut Look) -> Result<(), Unreadable> {
        let pid = self.memory.pid;
        let gone = |Gone(error)| Unreadable::of(pid, error);
        self.reader.look(&self.memory, look).map_err(gone)?;
        self.name_tasks(look).map_err(gone)?;
        if let Some(numbers) = &mut self.numbers {
            look.threads.iter_mut().for_each(|thread| thread.native_id = numbers.ours(thread.native_id));
        }
        if self.asks_activity {
            self.ask_system(look);
        }
        Ok(())
    }

    /// A function that a look has seen.
    pub fn code(&self, code: CodeId) -> &Code {
        const UNSEEN: &Code =
            &Code { file: String::new(), name: String::new(), qualname: String::new(), first_line: 0 };
        self.reader.codes.code(code).unwrap_or(UNSEEN)
    }

    /// Which line a frame is at, if it is at one.
    pub fn line(&self, frame: Frame) -> Option<u32> {
        self.reader.codes.line(frame.code, usize::try_from(frame.instruction).unwrap_or(0))
    }

    /// The tasks of asyncio, as they are shortly after the last look.
    ///
    /// # Errors
    /// The process has ended, mostly.
    pub fn tasks(&mut self) -> Result<Tasks, Unreadable> {
        let pid = self.memory.pid;
        let gone = |Gone(error)| Unreadable::of(pid, error);
        if self.tasks.is_none() {
            self.tasks = self.find_tasks().map_err(gone)?;
        }
        if let Some(layout) = self.tasks {
            let mut tasks = self.reader.tasks(&self.memory, layout).map_err(gone)?;
            for task in &mut tasks.list {
                if let (State::Runs(Some(thread)), Some(numbers)) = (&mut task.state, &mut self.numbers) {
                    *thread = numbers.ours(*thread);
                }
            }
            return Ok(tasks);
        }
        let is_untold = self.reader.has_module(&self.memory, "_asyncio").map_err(gone)?;
        Ok(Tasks { is_untold, ..Tasks::default() })
    }

    /// The tasks of asyncio that wait for each of these: objects, by their addresses, which may be out of date. Nothing where such links
    /// can't be read.
    ///
    /// # Errors
    /// The process has ended, mostly.
    pub fn waiting_for(&mut self, tasks: &[usize]) -> Result<Vec<Vec<usize>>, Unreadable> {
        let pid = self.memory.pid;
        let gone = |Gone(error)| Unreadable::of(pid, error);
        if self.tasks.is_none() {
            self.tasks = self.find_tasks().map_err(gone)?;
        }
        match self.tasks {
            Some(layout) => self.reader.waiting_for(&self.memory, layout, tasks).map_err(gone),
            None => Ok(vec![Vec::new(); tasks.len()]),
        }
    }

    fn find_tasks(&self) -> Result<Option<TaskLayout>, Gone> {
        if self.reader.minor() < 14 {
            return Ok(Some(TaskLayout::known(self.reader.minor())));
        }
        let Some(at) = super::find::asyncio(self.memory.pid) else { return Ok(None) };
        let mut batch = Batch::default();
        let table = batch.add(at, asyncio::TABLE);
        batch.read(&self.memory)?;
        Ok(batch.get(table).and_then(TaskLayout::told))
    }

    /// Whether [`Self::look`] says which task of asyncio each thread is at work on.
    pub fn ask_tasks(&mut self) {
        self.names = NamesOfTasks::Sought(None);
    }

    fn name_tasks(&mut self, look: &mut Look) -> Result<(), Gone> {
        let asked = match self.names {
            NamesOfTasks::Off => return Ok(()),
            NamesOfTasks::Told(told) => {
                return match self.tasks {
                    Some(layout) => self.reader.name_running(&self.memory, layout, told, look),
                    None => Ok(()),
                };
            }
            NamesOfTasks::Sought(asked) => asked,
        };
        if asked.is_some_and(|asked| asked.elapsed() < SEEK_AGAIN) {
            return Ok(());
        }
        self.names = NamesOfTasks::Sought(Some(Instant::now()));
        if !self.reader.has_module(&self.memory, "asyncio.tasks")? {
            return Ok(());
        }
        if self.tasks.is_none() {
            self.tasks = self.find_tasks()?;
        }
        // A release whose file has no table doesn't get one later.
        let Some(layout) = self.tasks else {
            self.names = NamesOfTasks::Off;
            return Ok(());
        };
        if let Some(told) = self.reader.told_of_running(&self.memory, layout)? {
            self.names = NamesOfTasks::Told(told);
        }
        Ok(())
    }

    /// The local variables of a thread's calls, in the order of its stack; none where the thread has gone on since the look.
    ///
    /// # Errors
    /// The process has ended, mostly.
    pub fn locals_of_thread(
        &self,
        look: &Look,
        thread: &ThreadLook,
    ) -> Result<Vec<Option<Locals>>, Unreadable> {
        let frames = look.stack(thread);
        let locals = self.reader.locals_of_thread(&self.memory, thread.ident, frames);
        locals.map_err(|Gone(error)| Unreadable::of(self.memory.pid, error))
    }

    /// Those of a task's calls.
    ///
    /// # Errors
    /// The process has ended, mostly.
    pub fn locals_of_task(&self, task: &Task) -> Result<Vec<Option<Locals>>, Unreadable> {
        let locals = self.reader.locals(&self.memory, &task.frames, &task.places);
        locals.map_err(|Gone(error)| Unreadable::of(self.memory.pid, error))
    }

    /// Whether [`Self::look`] asks the system what each thread does: a system call for each.
    pub fn ask_activity(&mut self, on: bool) {
        self.asks_activity = on;
        self.activity.clear();
    }

    fn ask_system(&mut self, look: &mut Look) {
        let pid = self.memory.pid;
        self.activity.retain(|native, _| look.threads.iter().any(|thread| thread.native_id == *native));
        for thread in &mut look.threads {
            let native = thread.native_id;
            let file = self
                .activity
                .entry(native)
                .or_insert_with(|| File::open(format!("/proc/{pid}/task/{native}/stat")).ok());
            thread.place.is_running = file.as_ref().and_then(pikos_os::process::runs);
        }
    }
}

/// A release by its `Py_Version`.
fn python(version: u32) -> String {
    format!("{}.{}.{}", version >> 24, (version >> 16) & 255, (version >> 8) & 255)
}
