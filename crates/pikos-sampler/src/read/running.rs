//! The task of asyncio that a thread is at work on.
//!
//! From 3.14 on each thread says which; before, a dict in `asyncio.tasks` has the one of each event loop. It is read shortly after the
//! stack: a task belongs to the stack in which the frame of its coroutine stands. If there is none, the thread has gone on, and nothing is said.

use super::asyncio::TaskLayout;
use super::look::RunningTask;
use super::memory::{Gone, Memory};
use super::objects::{Objects, Unread, optional};
use super::tasks::OfThread;

/// More event loops than these aren't asked.
const LOOPS: usize = 256;

/// Where it is told.
#[derive(Clone, Copy, Debug)]
pub enum Told {
    /// So far behind the beginning of each thread.
    ByThreads(usize),
    /// In the dict that stands there.
    ByDict(usize),
}

/// Where the tasks of an interpreter that has these modules are told. `None`: it has no asyncio so far.
pub fn told<M: Memory>(
    objects: &mut Objects<'_, M>,
    modules: usize,
    layout: TaskLayout,
) -> Result<Option<Told>, Unread> {
    if let Some(lists) = layout.lists {
        return Ok(Some(Told::ByThreads(lists.running)));
    }
    let Some(module) = objects.module(modules, "asyncio.tasks")? else { return Ok(None) };
    Ok(objects.value_of(module, "_current_tasks")?.map(Told::ByDict))
}

/// The tasks that run, each with the place of its thread in the list.
pub fn running<M: Memory>(
    objects: &mut Objects<'_, M>,
    layout: TaskLayout,
    told: Told,
    threads: &[OfThread<'_>],
) -> Result<Vec<(usize, RunningTask)>, Gone> {
    let tasks = match told {
        Told::ByThreads(offset) => {
            let threads = threads.iter().filter(|thread| !thread.places.is_empty());
            let places: Vec<usize> = threads.map(|thread| thread.at.wrapping_add(offset)).collect();
            objects.words_at(&places)
        }
        Told::ByDict(dict) => objects.values(dict, LOOPS),
    };
    let mut found = Vec::new();
    for task in optional(tasks)?.unwrap_or_default().into_iter().filter(|task| *task != 0) {
        found.extend(optional(of_task(objects, layout, task, threads))?.flatten());
    }
    Ok(found)
}

fn of_task<M: Memory>(
    objects: &mut Objects<'_, M>,
    layout: TaskLayout,
    task: usize,
    threads: &[OfThread<'_>],
) -> Result<Option<(usize, RunningTask)>, Unread> {
    let Some((coroutine, name)) = objects.coroutine_and_name(layout, task)? else { return Ok(None) };
    let frame = coroutine.wrapping_add(objects.layout.generator.frame);
    let place = threads.iter().enumerate().find_map(|(thread, of)| {
        let at = of.places.iter().position(|place| *place == frame)?;
        Some((thread, at + 1))
    });
    let Some((thread, frames)) = place else { return Ok(None) };
    Ok(Some((thread, RunningTask { name: objects.name(name)?, frames })))
}
