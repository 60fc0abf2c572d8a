//! `pikos stacks`: where each thread and each task of a process is now.

use std::io::{self, Write};
use std::time::Duration;

use pikos_sampler::outside::{Problem, thread_name};
use pikos_sampler::read::{
    Frame, Locals, Look, State, Target, Task, Tasks, ThreadLook, Unreadable, WaitsFor,
};
use pikos_views::printable;

use crate::args::StacksArgs;
use crate::error::Error;
use crate::outcome::Outcome;

/// So often it is looked again where a thread changes while it is read.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(2);
/// Of many tasks at the same place, so many are named.
const NAMED: usize = 20;

/// What was there at one moment.
#[derive(Default)]
struct Seen {
    look: Look,
    tasks: Tasks,
    /// Those of each thread's calls, and of each task's, if they are asked for.
    locals: Vec<Variables>,
    locals_of_tasks: Vec<Variables>,
}

/// The variables of each call of a stack.
type Variables = Vec<Option<Locals>>;

pub fn run(args: &StacksArgs) -> Result<Outcome, Error> {
    let mut target = Target::of(args.pid).map_err(Problem::from)?;
    target.ask_activity(true);
    let seen = look(&mut target, args.locals).map_err(Problem::from)?;
    write(&target, &seen, &mut io::stdout().lock())?;
    Ok(Outcome::Fine)
}

/// Looks until there is a look at all threads, or takes the one that has most: one that runs fast may be torn each time.
fn look(target: &mut Target, wants_locals: bool) -> Result<Seen, Unreadable> {
    let mut best: Option<Seen> = None;
    let mut look = Look::default();
    for _ in 0..LOOKS {
        target.look(&mut look)?;
        if best.as_ref().is_none_or(|best| look.threads.len() > best.look.threads.len()) || look.torn == 0 {
            let tasks = target.tasks()?;
            let mut seen = Seen { tasks, look: look.clone(), ..Seen::default() };
            if wants_locals {
                let of_threads = seen.look.threads.iter();
                seen.locals = of_threads
                    .map(|thread| target.locals_of_thread(&look, thread))
                    .collect::<Result<_, _>>()?;
                let of_tasks = seen.tasks.list.iter();
                seen.locals_of_tasks =
                    of_tasks.map(|task| target.locals_of_task(task)).collect::<Result<_, _>>()?;
            }
            best = Some(seen);
        }
        if look.torn == 0 {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    Ok(best.unwrap_or_default())
}

fn write(target: &Target, seen: &Seen, out: &mut dyn Write) -> io::Result<()> {
    let pid = target.pid();
    let command: Vec<_> =
        pikos_os::process::words(pid).iter().map(|word| word.to_string_lossy().into_owned()).collect();
    writeln!(out, "process {pid}, CPython {}: {}", target.python(), printable(&command.join(" ")))?;
    // The main thread, whose number is the process', comes first; the others as the system has made them, as a rule.
    let mut threads: Vec<_> = seen.look.threads.iter().enumerate().collect();
    threads.sort_by_key(|(_, thread)| thread.native_id);
    for (which, thread) in threads {
        let name = thread_name(pid, thread.native_id);
        let number = format!("thread {}", thread.native_id);
        let name = if name == number { String::new() } else { format!(" {}", printable(&name)) };
        writeln!(out, "\n{number}{name}: {}", doing(thread))?;
        write_calls(target, seen.look.stack(thread), seen.locals.get(which), out)?;
        if thread.is_cut {
            writeln!(out, "  … and more below: it is too deep to be read to its bottom")?;
        }
    }
    write_tasks(target, seen, out)?;
    if seen.look.torn > 0 {
        let threads = if seen.look.torn == 1 { "thread" } else { "threads" };
        writeln!(out, "\n{} more {threads} changed too fast to be read: ask again", seen.look.torn)?;
    }
    Ok(())
}

/// The calls of a stack, and their variables if those were asked for.
fn write_calls(
    target: &Target,
    frames: &[Frame],
    locals: Option<&Variables>,
    out: &mut dyn Write,
) -> io::Result<()> {
    for (place, frame) in frames.iter().enumerate() {
        let code = target.code(frame.code);
        let line = target.line(*frame).unwrap_or(code.first_line);
        let name = if code.qualname.is_empty() { &code.name } else { &code.qualname };
        writeln!(out, "  {}", printable(&format!("{}:{line}  {name}", code.file)))?;
        let Some(locals) = locals else { continue };
        let Some(locals) = locals.get(place).and_then(Option::as_ref) else {
            writeln!(out, "      (it went on while its variables were read)")?;
            continue;
        };
        for (name, value) in &locals.values {
            let value = value.as_deref().unwrap_or("(changed while it was read)");
            writeln!(out, "      {}", printable(&format!("{name} = {value}")))?;
        }
        if locals.more > 0 {
            writeln!(out, "      … and {} more", locals.more)?;
        }
    }
    Ok(())
}

/// The tasks of asyncio. Those at the same place stand together.
fn write_tasks(target: &Target, seen: &Seen, out: &mut dyn Write) -> io::Result<()> {
    let tasks = &seen.tasks;
    let with_locals = !seen.locals_of_tasks.is_empty();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut group_of = std::collections::HashMap::new();
    for (which, task) in tasks.list.iter().enumerate() {
        let place = (task.state, &task.frames, &task.waits_for, &task.awaited_by);
        match group_of.get(&place) {
            Some(&group) if !with_locals => {
                let group: &mut Vec<usize> = &mut groups[group];
                group.push(which);
            }
            _ => {
                group_of.insert(place, groups.len());
                groups.push(vec![which]);
            }
        }
    }
    for group in groups {
        let first = &tasks.list[group[0]];
        let word = if group.len() == 1 { "task" } else { "tasks" };
        writeln!(out, "\nasyncio {word} {}: {}", names(tasks, &group), does(tasks, first, group.len() > 1))?;
        // Those of a running one stand in its thread.
        let locals =
            seen.locals_of_tasks.get(group[0]).filter(|_| !matches!(first.state, State::Runs(Some(_))));
        write_calls(target, &first.frames, locals, out)?;
        if first.is_cut {
            writeln!(out, "  … and more above: it is too deep to be read to its top")?;
        }
    }
    if tasks.is_cut {
        writeln!(out, "\nThere are more tasks than these {}", tasks.list.len())?;
    }
    if tasks.torn > 0 {
        let words = if tasks.torn == 1 { "task" } else { "tasks" };
        writeln!(out, "\n{} more {words} changed too fast to be read: ask again", tasks.torn)?;
    }
    if tasks.is_untold {
        writeln!(
            out,
            "\nasyncio's tasks aren't shown: its module _asyncio was stripped of what tells where they are (the section .AsyncioDebug)"
        )?;
    }
    Ok(())
}

/// What tasks are called.
fn names(tasks: &Tasks, which: &[usize]) -> String {
    let names: Vec<_> = which.iter().take(NAMED).map(|task| printable(&tasks.list[*task].name)).collect();
    let more = which.len().saturating_sub(NAMED);
    if more > 0 { format!("{} and {more} more", names.join(", ")) } else { names.join(", ") }
}

/// What a task does, for what it waits, and who waits for it.
fn does(tasks: &Tasks, task: &Task, are_several: bool) -> String {
    let wait = if are_several { "wait" } else { "waits" };
    let mut text = match (task.state, &task.waits_for) {
        (State::Runs(Some(thread)), _) => format!("runs in thread {thread}"),
        (State::Runs(None), _) => "runs".to_owned(),
        (State::Waits, Some(WaitsFor::Task(other))) => {
            format!("{wait} for task {}", printable(&tasks.list[*other].name))
        }
        (State::Waits, Some(WaitsFor::Other(of))) => format!("{wait} for a {}", printable(of)),
        (State::Waits, None) => wait.to_owned(),
        (State::Ready, _) if are_several => "wait for their turns".to_owned(),
        (State::Ready, _) => "waits for its turn".to_owned(),
        (State::NotBegun, _) if are_several => "haven't begun".to_owned(),
        (State::NotBegun, _) => "hasn't begun".to_owned(),
    };
    if !task.awaited_by.is_empty() {
        text += &format!(", awaited by {}", names(tasks, &task.awaited_by));
    }
    text
}

/// What a thread does, as far as the system tells.
fn doing(thread: &ThreadLook) -> String {
    let place = thread.place;
    let parts = [
        Some(match place.is_running {
            Some(true) => "runs",
            Some(false) => "waits",
            None => "runs or waits",
        }),
        place.has_gil.then_some("has the GIL"),
        place.collects_garbage.then_some("collects garbage"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
