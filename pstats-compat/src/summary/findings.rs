//! What stands out in a run: a sentence each, with the place to look at.

use std::collections::BTreeMap;

use super::functions::{costliest, users};
use super::paper::{Ink, Line, Paper, grouped, percent, short, wrapped};
use super::subject::Subject;
use crate::model::{COLLECTION, Counts, Edge, Function, FunctionId, IdMap, Unit};
use crate::modules;
use crate::waiting::{Wait, wait};

/// A function that takes this part of the time by itself stands out.
const MUCH: f64 = 0.3;
/// So does one that another calls more often than this.
const OFTEN: u64 = 1_000_000;
/// Or one that waits for this part of the time.
const LONG_WAIT: f64 = 0.1;
/// And collecting garbage that takes this part of it.
const MUCH_GARBAGE: f64 = 0.05;
/// Imports do if they take this part of a run that is shorter than so many seconds.
const MUCH_IMPORTING: f64 = 0.2;
const SHORT_RUN: f64 = 10.0;
/// Of each kind so many are told.
const MOST: usize = 2;

/// What stands out, a sentence each.
pub fn sentences(subject: &Subject<'_>) -> Vec<String> {
    let imported = Imported::of(subject);
    [
        alone(subject),
        through_others(subject, &imported),
        often(subject),
        waits(subject),
        gil_waits(subject),
        garbage(subject),
        imports(subject, &imported),
    ]
    .concat()
}

pub fn lines(subject: &Subject<'_>, paper: &Paper) -> Vec<String> {
    let found = sentences(subject);
    if found.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![Line::new(paper).put(Ink::Bold, "What stands out").done()];
    lines.extend(found.iter().flat_map(|text| wrapped(text, "- ", paper)));
    lines
}

/// `name (file:line)`.
fn named(subject: &Subject<'_>, id: FunctionId) -> String {
    let (name, place) = (subject.places.name(id), subject.places.place(id));
    if place.is_empty() { name } else { format!("{name} ({place})") }
}

fn part(subject: &Subject<'_>, time: f64) -> String {
    percent(subject.share(time)).trim_start().to_owned()
}

/// The same for people, of what wasn't spent waiting: a server waits most of its time.
fn part_of_work(subject: &Subject<'_>, time: f64) -> String {
    let (work, total) = (subject.work(), subject.total());
    let of = if total - work >= LONG_WAIT * total { "the time not spent waiting" } else { "the time" };
    format!("{} of {of}", percent(time / work).trim_start())
}

/// Who it is that called a function the longest, of the user's own.
fn user(subject: &Subject<'_>, id: FunctionId) -> Option<String> {
    let users = users(subject.profile, &subject.stacks, &subject.owners, &[id]);
    users[0].map(|user| named(subject, user))
}

/// The functions that take much by themselves.
fn much(subject: &Subject<'_>) -> Vec<FunctionId> {
    let takes_much = |id: &FunctionId| {
        let function = subject.profile.function(*id);
        function.calls.tottime >= MUCH * subject.work() && wait(function).is_none()
    };
    costliest(subject, MOST).into_iter().filter(takes_much).collect()
}

fn alone(subject: &Subject<'_>) -> Vec<String> {
    let sentence = |id: FunctionId| {
        let calls = &subject.profile.function(id).calls;
        let share = part_of_work(subject, calls.tottime);
        let count = counted(subject, id);
        match user(subject, id).filter(|_| !subject.owners.is_own(id)) {
            Some(user) => format!("{} takes {share}{count}, for {user}.", named(subject, id)),
            None => format!("{} itself takes {share}{count}.", named(subject, id)),
        }
    };
    much(subject).into_iter().map(sentence).collect()
}

/// Own functions that take much with what they call of others. What waits or imports is told by itself.
fn through_others(subject: &Subject<'_>, imported: &Imported) -> Vec<String> {
    /// What an own function takes.
    #[derive(Default)]
    struct Time {
        all: f64,
        /// What is in code of others; and how much of all no other sentence tells of.
        of_called: BTreeMap<FunctionId, f64>,
        untold: f64,
    }
    let Subject { profile, owners, stacks, .. } = subject;
    let told = much(subject);
    // Of each stack: the own function nearest to its top, and what that called of others.
    let mut nearest: Vec<Option<(FunctionId, FunctionId)>> = Vec::with_capacity(stacks.tree.nodes.len());
    let mut times: IdMap<FunctionId, Time> = IdMap::default();
    for (node, is_imported) in stacks.tree.nodes.iter().zip(&imported.is_within) {
        let function = node.function;
        let below = node.parent.and_then(|parent| nearest[parent.index()]);
        let here = match below {
            _ if owners.is_own(function) => Some((function, function)),
            Some((user, called)) if user == called => Some((user, function)),
            other => other,
        };
        nearest.push(here);
        let Some((user, called)) =
            here.filter(|_| !is_imported && wait(profile.function(function)).is_none())
        else {
            continue;
        };
        let time = times.entry(user).or_default();
        time.all += node.tottime;
        time.untold += if told.contains(&function) { 0.0 } else { node.tottime };
        if called != user {
            *time.of_called.entry(called).or_default() += node.tottime;
        }
    }
    let mut found: Vec<_> = times.into_iter().filter(|(id, _)| !told.contains(id)).collect();
    found.retain(|(_, time)| time.untold >= MUCH * subject.work());
    found.sort_by(|a, b| b.1.all.total_cmp(&a.1.all).then(a.0.cmp(&b.0)));
    let sentence = |(id, Time { all, of_called, .. }): (FunctionId, Time)| {
        let itself = all - of_called.values().sum::<f64>();
        let most = of_called.into_iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        let called = most.map(|(called, time)| {
            let share = |time: f64| percent(time / all).trim_start().to_owned();
            match itself > time {
                true => format!(", {} of that itself", share(itself)),
                false => format!(", {} of that in {}, which it calls", share(time), named(subject, called)),
            }
        });
        let (share, count) = (part_of_work(subject, all), counted(subject, id));
        format!("{} takes {share}{count}{}.", named(subject, id), called.unwrap_or_default())
    };
    found.into_iter().take(MOST).map(sentence).collect()
}

/// `, in 3 calls`, where that was counted and says something.
fn counted(subject: &Subject<'_>, id: FunctionId) -> String {
    let calls = &subject.profile.function(id).calls;
    match subject.profile.metadata.counts {
        Counts::Calls if calls.ncalls > 1 => format!(", in {} calls", grouped(calls.ncalls)),
        _ => String::new(),
    }
}

fn often(subject: &Subject<'_>) -> Vec<String> {
    let profile = subject.profile;
    if profile.metadata.counts != Counts::Calls {
        return Vec::new();
    }
    let told = much(subject);
    let is_new = |edge: &&Edge| edge.calls.ncalls > OFTEN && !told.contains(&edge.callee);
    let mut edges: Vec<_> = profile.edges.iter().filter(is_new).collect();
    edges.sort_by_key(|edge| (std::cmp::Reverse(edge.calls.ncalls), edge.caller, edge.callee));
    let sentence = |edge: &&Edge| {
        let (callee, count) = (named(subject, edge.callee), grouped(edge.calls.ncalls));
        let share = part(subject, edge.calls.tottime);
        match subject.owners.is_own(edge.caller) {
            true => {
                format!("{} calls {callee} {count} times: {share} of the time.", named(subject, edge.caller))
            }
            false => {
                let who = user(subject, edge.callee).map(|user| format!(" for {user}")).unwrap_or_default();
                format!("{callee} is called {count} times{who}: {share} of the time.")
            }
        }
    };
    edges.iter().take(MOST).map(sentence).collect()
}

fn waits(subject: &Subject<'_>) -> Vec<String> {
    let profile = subject.profile;
    let waiting = costliest(subject, usize::MAX).into_iter().filter_map(|id| {
        let function = profile.function(id);
        let kind = wait(function)?;
        (subject.share(function.calls.tottime) >= LONG_WAIT).then_some((id, kind))
    });
    let sentence = |(id, kind): (FunctionId, Wait)| {
        let share = part(subject, profile.function(id).calls.tottime);
        let what = match kind {
            Wait::Lock => "for a lock, a queue or another thread",
            Wait::Sleep => "asleep",
            Wait::Others => "for others: a socket, a file or a process",
        };
        let who = user(subject, id).map(|user| format!(", called by {user}")).unwrap_or_default();
        format!("{share} of the time is spent waiting {what}, in {}{who}.", named(subject, id))
    };
    waiting.take(MOST).map(sentence).collect()
}

/// Where threads waited for the GIL most, if they waited long.
fn gil_waits(subject: &Subject<'_>) -> Vec<String> {
    let rows = || subject.profile.rows().map(|(id, function)| (id, function.gil_wait));
    let all: f64 = rows().map(|(_, waited)| waited).sum();
    let most = rows().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
    let sentence = |(id, waited): (FunctionId, f64)| {
        let (time, share) = (short(&Unit::Seconds, waited), percent(waited / all));
        format!(
            "Threads wait for the GIL most in {}: {time}, {} of all such waiting.",
            named(subject, id),
            share.trim_start()
        )
    };
    let is_told =
        |&(_, waited): &(FunctionId, f64)| waited > 0.0 && all >= LONG_WAIT * (all + subject.total());
    most.filter(is_told).map(sentence).into_iter().collect()
}

fn garbage(subject: &Subject<'_>) -> Vec<String> {
    let is_asked_for = |function: &Function| function.name.as_bytes() == b"<built-in method gc.collect>";
    let collects = |function: &Function| {
        function.is_builtin() && (is_asked_for(function) || function.name.as_bytes() == COLLECTION.as_bytes())
    };
    let found = subject.profile.rows().filter(|(_, function)| collects(function));
    let sentence = |(id, time): (FunctionId, f64)| {
        let who = user(subject, id).filter(|_| is_asked_for(subject.profile.function(id)));
        let who = who.map(|user| format!(" that {user} asks for")).unwrap_or_default();
        format!("Collecting garbage{who} takes {} of the time.", part(subject, time))
    };
    let found = found.map(|(id, function)| (id, function.calls.tottime)).max_by(|a, b| a.1.total_cmp(&b.1));
    found.filter(|&(_, time)| subject.share(time) >= MUCH_GARBAGE).map(sentence).into_iter().collect()
}

/// What import statements take.
struct Imported {
    /// Of each stack, whether it stands on one.
    is_within: Vec<bool>,
    /// Time below the outermost ones.
    all: f64,
    /// The same by the module that each imports.
    modules: IdMap<FunctionId, f64>,
}

impl Imported {
    fn of(subject: &Subject<'_>) -> Self {
        let profile = subject.profile;
        let is_import = |id: FunctionId| {
            let function = profile.function(id);
            function.file.as_bytes() == b"<frozen importlib._bootstrap>"
                && function.name.as_bytes() == b"_find_and_load"
        };
        let tree = &subject.stacks.tree;
        /// Where a stack stands.
        #[derive(Clone, Copy, PartialEq)]
        enum At {
            Outside,
            /// In an import whose module hasn't begun to run.
            Import,
            Module,
        }
        let mut states: Vec<At> = Vec::with_capacity(tree.nodes.len());
        let mut all = 0.0;
        let mut modules: IdMap<FunctionId, f64> = IdMap::default();
        for (node, &time) in tree.nodes.iter().zip(&tree.cumtimes()) {
            let below = node.parent.map_or(At::Outside, |parent| states[parent.index()]);
            let is_module = profile.function(node.function).name.as_bytes() == b"<module>";
            states.push(match below {
                At::Outside if is_import(node.function) => {
                    all += time;
                    At::Import
                }
                At::Import if is_module => {
                    *modules.entry(node.function).or_default() += time;
                    At::Module
                }
                other => other,
            });
        }
        Self { is_within: states.into_iter().map(|state| state != At::Outside).collect(), all, modules }
    }
}

fn imports(subject: &Subject<'_>, Imported { all, modules, .. }: &Imported) -> Vec<String> {
    let (profile, all) = (subject.profile, *all);
    let run = profile.metadata.elapsed().unwrap_or(subject.total());
    if profile.metadata.unit != Unit::Seconds || run > SHORT_RUN || subject.share(all) < MUCH_IMPORTING {
        return Vec::new();
    }
    let costliest = modules.iter().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(a.0)));
    let largest = costliest.map(|(&id, &time)| {
        let name = modules::Modules::of(profile).name(profile.function(id));
        let name = name.unwrap_or_else(|| subject.places.place(id));
        format!("; the costliest is {name} ({})", short(&Unit::Seconds, time))
    });
    let time = short(&Unit::Seconds, all);
    vec![format!("Imports take {} of the time ({time}){}.", part(subject, all), largest.unwrap_or_default())]
}
