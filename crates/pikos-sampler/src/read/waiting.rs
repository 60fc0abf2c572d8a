//! Who waits for a task: by its own links from 3.14 on; before, by what is to be called when it is done.
//!
//! ```text
//!  task ─> what it calls ─> a task's wake-up                       `await task`
//!                        ─> a method of a group ─> its task        `TaskGroup`
//!                        ─> a function's variables ─> a future ─>  `gather`, `wait`, `shield`
//! ```

use std::collections::HashSet;

use super::asyncio::{Lists, TaskLayout};
use super::memory::{Gone, Memory};
use super::objects::{Objects, Unread, optional};

/// How many futures may stand between a task and one that waits for it, and how many of them are followed.
const BETWEEN: usize = 8;
const FOLLOWED: usize = 256;

/// Where a future has the first thing that it calls when it is done, and a list of the others: in all releases without links.
const FIRST_CALLBACK: usize = 24;
const CALLBACKS: usize = 40;
/// Where a built-in and a method have what they are bound to, a function its variables of outer functions, a partial its arguments, and a
/// variable its value.
const BOUND_TO: usize = 24;
const VARIABLES: usize = 72;
const ARGUMENTS: usize = 24;
const VALUE: usize = 16;

/// The tasks that wait for this one, by their addresses: for itself, or for futures that wait for it.
///
/// # Errors
/// Nothing can be read any more.
pub fn waiting_for<M: Memory>(
    objects: &mut Objects<'_, M>,
    layout: TaskLayout,
    task: usize,
) -> Result<Vec<usize>, Gone> {
    let mut found = Vec::new();
    let mut followed = HashSet::from([task]);
    let mut level = vec![task];
    for _ in 0..BETWEEN {
        let mut next = Vec::new();
        for at in std::mem::take(&mut level) {
            let by = match layout.lists {
                Some(lists) => by_links(objects, at, lists),
                None => by_callbacks(objects, at),
            };
            next.extend(optional(by)?.unwrap_or_default());
        }
        for at in next {
            if followed.len() >= FOLLOWED || !followed.insert(at) {
                continue;
            }
            match optional(kind(objects, at))?.flatten() {
                Some(Kind::Task) => found.push(at),
                Some(Kind::Future) => level.push(at),
                None => {}
            }
        }
        if level.is_empty() {
            break;
        }
    }
    Ok(found)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Task,
    Future,
}

fn kind<M: Memory>(objects: &mut Objects<'_, M>, at: usize) -> Result<Option<Kind>, Unread> {
    let of = objects.type_of(at)?;
    Ok(if objects.is_kind_of(&of, "_asyncio.Task")? {
        Some(Kind::Task)
    } else if objects.is_kind_of(&of, "_asyncio.Future")? {
        Some(Kind::Future)
    } else if objects.attribute(at, "_coro")?.is_some() {
        // One that is written in Python.
        Some(Kind::Task)
    } else {
        None
    })
}

/// What awaits a task or future directly, as it says itself.
fn by_links<M: Memory>(objects: &mut Objects<'_, M>, at: usize, lists: Lists) -> Result<Vec<usize>, Unread> {
    let by = objects.word(at + lists.awaited_by)?;
    let is_set = objects.copy(at + lists.awaited_by_is_set, 1)?[0] != 0;
    match (by, is_set) {
        (0, _) => Ok(Vec::new()),
        (set, true) => objects.set(set),
        (one, false) => Ok(vec![one]),
    }
}

/// What may hear of its end.
fn by_callbacks<M: Memory>(objects: &mut Objects<'_, M>, at: usize) -> Result<Vec<usize>, Unread> {
    let [first, others] = objects.words_at(&[at + FIRST_CALLBACK, at + CALLBACKS])?[..] else {
        return Err(Unread::Nonsense);
    };
    let mut callbacks = vec![first];
    if others != 0 && objects.type_of(others)?.is_list() {
        for pair in objects.list(others, FOLLOWED)? {
            // With the context that it is called in.
            callbacks.extend(objects.tuple(pair, 1)?);
        }
    }
    let mut found = Vec::new();
    for callback in callbacks.into_iter().filter(|callback| *callback != 0) {
        if let Ok(by) = behind(objects, callback) {
            found.extend(by);
        }
    }
    Ok(found)
}

/// What a callback may tell.
fn behind<M: Memory>(objects: &mut Objects<'_, M>, callback: usize) -> Result<Vec<usize>, Unread> {
    let of = objects.type_of(callback)?;
    if of.is("builtin_function_or_method") {
        return Ok(vec![objects.word(callback + BOUND_TO)?]);
    }
    if of.is("method") {
        let bound_to = objects.word(callback + BOUND_TO)?;
        // A group has the task in it that waits for all of it.
        return Ok(match objects.attribute(bound_to, "_parent_task")? {
            Some(task) => vec![task],
            None => vec![bound_to],
        });
    }
    if of.is("function") {
        let variables = objects.word(callback + VARIABLES)?;
        if variables == 0 {
            return Ok(Vec::new());
        }
        let cells: Vec<usize> = objects.tuple(variables, FOLLOWED)?.iter().map(|cell| cell + VALUE).collect();
        return objects.words_at(&cells);
    }
    if of.name == "functools.partial" {
        let arguments = objects.word(callback + ARGUMENTS)?;
        return objects.tuple(arguments, FOLLOWED);
    }
    Ok(Vec::new())
}
