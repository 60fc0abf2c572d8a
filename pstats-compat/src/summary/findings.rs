//! What stands out in a run: a sentence each, with the place to look at.

use super::functions::{costliest, users};
use super::paper::{Ink, Line, Paper, grouped, percent, short, wrapped};
use super::subject::Subject;
use crate::model::{Counts, Edge, FunctionId, IdMap, Unit};
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
    [alone(subject), often(subject), waits(subject), gil_waits(subject), garbage(subject), imports(subject)].concat()
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

/// Who it is that called a function the longest, of the user's own.
fn user(subject: &Subject<'_>, id: FunctionId) -> Option<String> {
    let users = users(subject.profile, &subject.stacks, &subject.owners, &[id]);
    users[0].map(|user| named(subject, user))
}

/// The functions that take much by themselves.
fn much(subject: &Subject<'_>) -> Vec<FunctionId> {
    let takes_much = |id: &FunctionId| {
        let function = subject.profile.function(*id);
        subject.share(function.calls.tottime) >= MUCH && wait(function).is_none()
    };
    costliest(subject, MOST).into_iter().filter(takes_much).collect()
}

fn alone(subject: &Subject<'_>) -> Vec<String> {
    let sentence = |id: FunctionId| {
        let calls = &subject.profile.function(id).calls;
        let share = part(subject, calls.tottime);
        let count = match subject.profile.metadata.counts {
            Counts::Calls if calls.ncalls > 1 => format!(" in {} calls", grouped(calls.ncalls)),
            _ => String::new(),
        };
        match user(subject, id).filter(|_| !subject.owners.is_own(id)) {
            Some(user) => format!("{} takes {share} of the time{count}, for {user}.", named(subject, id)),
            None => format!("{} takes {share} of the time itself{count}.", named(subject, id)),
        }
    };
    much(subject).into_iter().map(sentence).collect()
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
    let is_told = |&(_, waited): &(FunctionId, f64)| {
        waited > 0.0 && all >= LONG_WAIT * (all + subject.total())
    };
    most.filter(is_told).map(sentence).into_iter().collect()
}

fn garbage(subject: &Subject<'_>) -> Vec<String> {
    let collects = |name: &[u8]| name == b"<built-in method gc.collect>";
    let found = subject
        .profile
        .rows()
        .find(|(_, function)| function.is_builtin() && collects(function.name.as_bytes()));
    let sentence = |(id, time): (FunctionId, f64)| {
        let who = user(subject, id).map(|user| format!(" that {user} asks for")).unwrap_or_default();
        format!("Collecting garbage{who} takes {} of the time.", part(subject, time))
    };
    let found = found.map(|(id, function)| (id, function.calls.tottime));
    found.filter(|&(_, time)| subject.share(time) >= MUCH_GARBAGE).map(sentence).into_iter().collect()
}

/// Time below the outermost import statements, and the module that took the most of it.
fn imports(subject: &Subject<'_>) -> Vec<String> {
    let profile = subject.profile;
    let is_import = |id: FunctionId| {
        let function = profile.function(id);
        function.file.as_bytes() == b"<frozen importlib._bootstrap>"
            && function.name.as_bytes() == b"_find_and_load"
    };
    let tree = &subject.stacks.tree;
    let cumulative = tree.cumtimes();
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
    for (node, &time) in tree.nodes.iter().zip(&cumulative) {
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
    let run = profile.metadata.elapsed().unwrap_or(subject.total());
    if profile.metadata.unit != Unit::Seconds || run > SHORT_RUN || subject.share(all) < MUCH_IMPORTING {
        return Vec::new();
    }
    let costliest = modules.into_iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
    let largest = costliest.map(|(id, time)| {
        let name = modules::Modules::of(profile).name(profile.function(id));
        let name = name.unwrap_or_else(|| subject.places.place(id));
        format!("; the costliest is {name} ({})", short(&Unit::Seconds, time))
    });
    let time = short(&Unit::Seconds, all);
    vec![format!("Imports take {} of the time ({time}){}.", part(subject, all), largest.unwrap_or_default())]
}
