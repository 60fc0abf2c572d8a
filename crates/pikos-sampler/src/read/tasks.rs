//! The tasks of asyncio, and where each of them is.

use std::collections::{HashMap, HashSet};

use super::asyncio::{Lists, TaskLayout};
use super::codes::Codes;
use super::coroutine::{Chain, Chains, End, future_of};
use super::look::{Frame, State, Task, Tasks, WaitsFor};
use super::memory::{Gone, Memory};
use super::objects::{Objects, Unread, optional};
use super::waiting::waiting_for;

/// More tasks than these aren't looked at.
const TASKS: usize = 1 << 16;
/// How often one that changes meanwhile is read.
const TRIES: usize = 4;
/// Names of what holds all tasks: weak sets, and a set.
const WEAK_SETS: [&str; 2] = ["_scheduled_tasks", "_all_tasks"];
const EAGER: &str = "_eager_tasks";

/// A thread, and where its frames stand.
pub struct OfThread<'a> {
    pub at: usize,
    pub native_id: u64,
    pub frames: &'a [Frame],
    pub places: &'a [usize],
}

/// Reads them, of interpreters with their `sys.modules`.
pub struct Reading<'a, 'o, M> {
    pub objects: &'a mut Objects<'o, M>,
    pub codes: &'a mut Codes,
    pub layout: TaskLayout,
    pub interpreters: &'a [usize],
    pub threads: &'a [OfThread<'a>],
}

/// A task that was read, and what it waits for.
struct Found {
    at: usize,
    task: Task,
    awaits: Option<usize>,
}

impl<M: Memory> Reading<'_, '_, M> {
    pub fn tasks(&mut self) -> Result<Tasks, Gone> {
        let (addresses, mut torn) = self.addresses()?;
        let mut tasks = Tasks { is_cut: addresses.len() > TASKS, ..Tasks::default() };
        let mut chains = Chains::default();
        let mut found = Vec::new();
        for at in addresses.into_iter().take(TASKS) {
            let mut read = Err(Unread::Nonsense);
            for _ in 0..TRIES {
                read = self.task(at, &mut chains);
                if !matches!(read, Err(Unread::Nonsense)) {
                    break;
                }
            }
            match optional(read)? {
                Some(task) => found.extend(task),
                None => torn += 1,
            }
        }
        found.sort_by(|a, b| by_number(&a.task.name, &b.task.name));
        self.link(&mut found)?;
        tasks.list = found.into_iter().map(|found| found.task).collect();
        tasks.torn = torn;
        Ok(tasks)
    }

    /// Where tasks are, and how many lists of them changed while they were read.
    fn addresses(&mut self) -> Result<(Vec<usize>, u32), Gone> {
        let mut all = Vec::new();
        let mut torn = 0;
        for interpreter in self.interpreters {
            let modules = interpreter.wrapping_add(self.objects.layout.interpreter.modules);
            if let Some(found) = optional(self.of_module(modules))? {
                all.extend(found);
            }
        }
        if let Some(lists) = self.layout.lists {
            let threads = self.threads.iter().map(|thread| thread.at.wrapping_add(lists.of_thread));
            let interpreters = self.interpreters.iter().map(|at| at.wrapping_add(lists.of_interpreter));
            for head in threads.chain(interpreters) {
                let mut read = None;
                for _ in 0..TRIES {
                    read = optional(list(self.objects, head, lists))?;
                    if read.is_some() {
                        break;
                    }
                }
                match read {
                    Some(found) => all.extend(found),
                    None => torn += 1,
                }
            }
        }
        let mut seen = HashSet::new();
        all.retain(|at| seen.insert(*at));
        Ok((all, torn))
    }

    /// Those that the module `asyncio.tasks` knows.
    fn of_module(&mut self, modules: usize) -> Result<Vec<usize>, Unread> {
        let objects = &mut *self.objects;
        let modules = objects.word(modules)?;
        let Some(dict) = objects.module(modules, "asyncio.tasks")? else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for name in WEAK_SETS {
            let Some(set) = objects.value_of(dict, name)? else { continue };
            let Some(data) = objects.attribute(set, "data")? else { continue };
            for reference in objects.set(data)? {
                if let Ok(task) = objects.referent(reference) {
                    all.push(task);
                }
            }
        }
        if let Some(eager) = objects.value_of(dict, EAGER)? {
            all.extend(objects.set(eager)?);
        }
        Ok(all)
    }

    /// One of them; nothing if it is over.
    fn task(&mut self, at: usize, chains: &mut Chains) -> Result<Option<Found>, Unread> {
        let objects = &mut *self.objects;
        let Some((coroutine, name)) = objects.coroutine_and_name(self.layout, at)? else { return Ok(None) };
        let name = objects.name(name)?;
        let Chain { mut frames, mut places, end, is_cut } = chains.chain(objects, self.codes, coroutine)?;
        let mut awaits = None;
        let state = match end {
            End::IsOver => return Ok(None),
            End::NotBegun if frames.len() == 1 => State::NotBegun,
            End::NotBegun | End::Yields => State::Ready,
            End::Awaits(object) => {
                awaits = Some(future_of(objects, object)?);
                State::Waits
            }
            End::Runs(frame) => {
                let thread = self.threads.iter().find_map(|thread| {
                    let end = thread.places.iter().position(|place| *place == frame)?;
                    Some((thread, end))
                });
                if let Some((thread, end)) = thread {
                    frames = thread.frames[..=end].to_vec();
                    places = thread.places[..=end].to_vec();
                }
                State::Runs(thread.map(|(thread, _)| thread.native_id))
            }
        };
        let task = Task { name, state, frames, places, is_cut, waits_for: None, awaited_by: Vec::new() };
        Ok(Some(Found { at, task, awaits }))
    }

    /// Finds out who awaits whom.
    fn link(&mut self, found: &mut [Found]) -> Result<(), Gone> {
        let index: HashMap<usize, usize> =
            found.iter().enumerate().map(|(index, found)| (found.at, index)).collect();
        let mut links: HashSet<(usize, usize)> = HashSet::new();
        for (which, task) in found.iter_mut().enumerate() {
            if let Some(object) = task.awaits {
                task.task.waits_for = match index.get(&object) {
                    Some(other) => {
                        links.insert((*other, which));
                        Some(WaitsFor::Task(*other))
                    }
                    None => {
                        for child in optional(children(self.objects, object))?.unwrap_or_default() {
                            links.extend(index.get(&child).map(|child| (*child, which)));
                        }
                        let name = optional(self.objects.type_of(object))?;
                        name.map(|of| WaitsFor::Other(of.short_name().to_owned()))
                    }
                };
            }
            let waiting = waiting_for(self.objects, self.layout, task.at)?;
            links.extend(waiting.iter().filter_map(|other| Some((which, *index.get(other)?))));
        }
        let mut links: Vec<_> = links.into_iter().collect();
        links.sort_unstable();
        for (awaited, by) in links {
            found[awaited].task.awaited_by.push(by);
        }
        Ok(())
    }
}

impl<M: Memory> Objects<'_, M> {
    /// Where a task has its coroutine and its name; nothing if it is over.
    pub(super) fn coroutine_and_name(
        &mut self,
        layout: TaskLayout,
        task: usize,
    ) -> Result<Option<(usize, usize)>, Unread> {
        let of = self.type_of(task)?;
        if of.is("NoneType") {
            return Ok(None);
        }
        let (coroutine, name) = if self.is_kind_of(&of, "_asyncio.Task")? {
            (self.word(task + layout.coroutine)?, self.word(task + layout.name)?)
        } else {
            // One that is written in Python.
            let coroutine = self.attribute(task, "_coro")?.ok_or(Unread::Nonsense)?;
            (coroutine, self.attribute(task, "_name")?.ok_or(Unread::Nonsense)?)
        };
        let is_over = coroutine == 0 || self.type_of(coroutine)?.is("NoneType");
        Ok((!is_over).then_some((coroutine, name)))
    }
}

/// A list of tasks.
fn list<M: Memory>(objects: &mut Objects<'_, M>, head: usize, lists: Lists) -> Result<Vec<usize>, Unread> {
    let mut all = Vec::new();
    let (mut before, mut at) = (head, objects.word(head)?);
    // One that was never used may be empty.
    while at != head && at != 0 {
        let links = objects.words(at, 2)?;
        // Each knows the one before it, unless the list changes.
        if links.len() != 2 || links[1] != before || all.len() > TASKS {
            return Err(Unread::Nonsense);
        }
        all.push(at.wrapping_sub(lists.node));
        (before, at) = (at, links[0]);
    }
    Ok(all)
}

/// What `asyncio.gather` waits for.
fn children<M: Memory>(objects: &mut Objects<'_, M>, future: usize) -> Result<Vec<usize>, Unread> {
    let of = objects.type_of(future)?;
    if of.short_name() != "_GatheringFuture" {
        return Ok(Vec::new());
    }
    let Some(children) = objects.attribute(future, "_children")? else { return Ok(Vec::new()) };
    objects.list(children, TASKS)
}

/// `Task-2` before `Task-10`.
fn by_number(one: &str, other: &str) -> std::cmp::Ordering {
    let parts = |name: &str| {
        let digits = name.len() - name.bytes().rev().take_while(u8::is_ascii_digit).count();
        (name[..digits].to_owned(), name[digits..].parse::<u64>().unwrap_or(0))
    };
    parts(one).cmp(&parts(other)).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_their_numbers() {
        let mut names = ["Task-10", "a", "Task-9", "Task-09", "7", ""];
        names.sort_by(|a, b| by_number(a, b));
        assert_eq!(names, ["", "7", "Task-09", "Task-9", "Task-10", "a"]);
    }
}
