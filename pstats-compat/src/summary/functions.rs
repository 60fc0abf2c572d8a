//! The functions that take the most time themselves, whoever's they are.

use super::paper::{Ink, Line, Paper, grouped, percent, short};
use super::subject::Subject;
use crate::details::Detail;
use crate::model::{Counts, FunctionId, Profile, sampling_error};
use crate::owners::Owners;
use crate::stacks::Stacks;

/// So many are shown.
const MOST: usize = 10;
/// Those that take a smaller part of the time aren't.
const LEAST: f64 = 0.005;
/// Of what only some profiles have, these, in columns so wide.
const SHOWN: [Detail; 3] = [Detail::CpuTottime, Detail::P99, Detail::Max];
const DETAIL: usize = 7;

/// The costliest functions by their own time, from the costliest on.
pub fn costliest(subject: &Subject<'_>, most: usize) -> Vec<FunctionId> {
    let mut rows: Vec<(FunctionId, f64)> =
        subject.profile.rows().map(|(id, function)| (id, function.calls.tottime)).collect();
    rows.retain(|&(_, time)| subject.share(time) >= LEAST);
    rows.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    rows.truncate(most);
    rows.into_iter().map(|(id, _)| id).collect()
}

/// For each of these functions, the own function for which it worked the longest, nearest on the stack.
pub fn users(
    profile: &Profile,
    stacks: &Stacks<'_>,
    owners: &Owners,
    functions: &[FunctionId],
) -> Vec<Option<FunctionId>> {
    let mut wanted = vec![None; profile.functions.len()];
    functions.iter().enumerate().for_each(|(place, id)| wanted[id.index()] = Some(place));
    let mut times: Vec<std::collections::BTreeMap<FunctionId, f64>> =
        vec![Default::default(); functions.len()];
    // For each stack, the own function nearest to its top.
    let mut nearest: Vec<Option<FunctionId>> = Vec::with_capacity(stacks.tree.nodes.len());
    for node in &stacks.tree.nodes {
        let below = node.parent.and_then(|parent| nearest[parent.index()]);
        if let (Some(place), Some(user)) = (wanted[node.function.index()], below) {
            *times[place].entry(user).or_default() += node.tottime;
        }
        nearest.push(if owners.is_own(node.function) { Some(node.function) } else { below });
    }
    let most = |times: &std::collections::BTreeMap<FunctionId, f64>| {
        times.iter().max_by(|a, b| a.1.total_cmp(b.1)).map(|(user, _)| *user)
    };
    times.iter().map(most).collect()
}

pub fn lines(subject: &Subject<'_>, paper: &Paper) -> Vec<String> {
    let (profile, places) = (subject.profile, &subject.places);
    let shown = costliest(subject, MOST);
    if shown.is_empty() {
        return Vec::new();
    }
    let users = users(profile, &subject.stacks, &subject.owners, &shown);
    let is_counted = profile.metadata.counts == Counts::Calls;
    let time = |id: FunctionId| short(&profile.metadata.unit, profile.function(id).calls.tottime);
    let calls = |id: FunctionId| grouped(profile.function(id).calls.ncalls);
    let time_width = shown.iter().map(|&id| time(id).chars().count()).max().unwrap_or(0).max(4);
    let calls_width = shown.iter().map(|&id| calls(id).len()).max().unwrap_or(0).max(5);
    let samples = profile.samples();
    let details: Vec<Detail> =
        Detail::of_profile(profile).into_iter().filter(|detail| SHOWN.contains(detail)).collect();
    let head = match is_counted {
        true => format!(" share  {:>time_width$}  {:>calls_width$}", "own", "calls"),
        false if samples.is_some() => format!(" share      ±  {:>time_width$}", "own"),
        false => format!(" share  {:>time_width$}", "own"),
    };
    let mut lines = vec![
        Line::new(paper).put(Ink::Bold, "Functions that take the most time themselves").done(),
        details
            .iter()
            .fold(Line::new(paper).put(Ink::Dim, &head), |line, detail| {
                line.put(Ink::Dim, &format!("  {:>DETAIL$}", detail.word()))
            })
            .done(),
    ];
    for (id, user) in shown.into_iter().zip(users) {
        let share = subject.share(profile.function(id).calls.tottime);
        let is_own = subject.owners.is_own(id);
        let mut line = Line::new(paper).put(Ink::of_share(share), &percent(share));
        if let Some(samples) = samples {
            let error = percent(sampling_error(share, samples));
            line = line.put(Ink::Dim, &format!(" {error}"));
        }
        line = line.put(Ink::Plain, &format!("  {:>time_width$}", time(id)));
        if is_counted {
            line = line.put(Ink::Dim, &format!("  {:>calls_width$}", calls(id)));
        }
        for detail in &details {
            let figure = detail.of(profile.function(id)).map(|time| short(&profile.metadata.unit, time));
            line = line.put(Ink::Plain, &format!("  {:>DETAIL$}", figure.unwrap_or_default()));
        }
        line = line.put(if is_own { Ink::Bold } else { Ink::Plain }, &format!("  {}", places.name(id)));
        let place = places.place(id);
        if !place.is_empty() {
            line = line.put(Ink::Dim, &format!("  {place}"));
        }
        if let Some(user) = user.filter(|_| !is_own) {
            line = line.put(Ink::Dim, &format!("  for {}  {}", places.name(user), places.place(user)));
        }
        lines.push(line.done());
    }
    lines
}
