//! The head of a summary: what ran, and how long.

use super::paper::{Ink, Line, Paper, grouped, percent, short, wrapped};
use super::subject::Subject;
use crate::model::{Counts, Unit, facts};
use crate::waiting::{Wait, time_of};

/// What is waited for less than this part of the time isn't told.
const LEAST_WAIT: f64 = 0.05;

pub fn lines(subject: &Subject<'_>, paper: &Paper) -> Vec<String> {
    let profile = subject.profile;
    let metadata = &profile.metadata;
    let title = metadata.command().unwrap_or_else(|| metadata.shown_title());
    let mut lines = vec![Line::new(paper).put(Ink::Bold, &title).done()];

    let calls: u64 = profile.rows().map(|(_, function)| function.calls.ncalls).sum();
    let functions = profile.rows().count();
    let threads =
        metadata.fact(facts::THREADS).and_then(|count| count.parse().ok()).filter(|&count: &u64| count > 1);
    let counted = match metadata.counts {
        Counts::Calls if functions > 0 => {
            Some(format!("{} calls of {} functions", grouped(calls), grouped(functions as u64)))
        }
        Counts::Samples => profile.samples().map(|samples| match metadata.looks() {
            Some(looks) => format!("{} samples in {} looks", grouped(samples), grouped(looks)),
            None => format!("{} samples", grouped(samples)),
        }),
        Counts::Calls | Counts::Unknown => None,
    };
    let parts = [
        metadata.elapsed().map(|elapsed| format!("{} elapsed", short(&Unit::Seconds, elapsed))),
        metadata.cpu().map(|cpu| format!("{} of CPU", short(&Unit::Seconds, cpu))),
        counted,
        metadata.fact(facts::PYTHON).map(str::to_owned),
    ];
    let known: Vec<String> = parts.into_iter().flatten().collect();
    if !known.is_empty() {
        lines.extend(wrapped(&known.join(", "), "", paper));
    }
    if let Some(told) = metadata.fact(facts::SAMPLING) {
        lines.extend(wrapped(&format!("sampled {told}"), "", paper));
    }
    if profile.rows().next().is_none() {
        if profile.objects.is_none() {
            lines.push("nothing was recorded".to_owned());
        }
        return lines;
    }
    let whole = short(&metadata.unit, subject.total());
    let waits = waits(subject);
    let told = match threads {
        Some(count) => Some(format!("{whole} in all {} threads together{waits}", grouped(count))),
        None if waits.is_empty() && metadata.elapsed().is_some() => None,
        None => Some(format!("{whole} recorded{waits}")),
    };
    if let Some(told) = told {
        lines.extend(wrapped(&told, "", paper));
    }
    let is_told = |waited: &f64| waited / (waited + subject.total()) >= LEAST_WAIT;
    if let Some(waited) = metadata.gil_wait().filter(is_told) {
        let told =
            format!("{} more waiting for the GIL, in no function's time", short(&metadata.unit, waited));
        lines.extend(wrapped(&told, "", paper));
    }
    if let Some(error) = metadata.error_of(1.0) {
        let looks = metadata.looks().map(|looks| format!(" by {} looks", grouped(looks))).unwrap_or_default();
        let told = format!(
            "times sampled{looks}: one of 1 s is known to ± {}, its standard error",
            short(&Unit::Seconds, error)
        );
        lines.extend(wrapped(&told, "", paper));
    }
    lines.extend(subject.stacks.told().iter().flat_map(|note| wrapped(note, "", paper)));
    lines
}

/// How much of the time is waiting, and for what.
fn waits(subject: &Subject<'_>) -> String {
    let kinds =
        [(Wait::Lock, "for locks and threads"), (Wait::Sleep, "asleep"), (Wait::Others, "for others")];
    let parts = kinds.map(|(kind, name)| (time_of(subject.profile, kind), name));
    let all: f64 = parts.iter().map(|(time, _)| time).sum();
    if subject.share(all) < LEAST_WAIT {
        return String::new();
    }
    let told = parts.iter().filter(|(time, _)| subject.share(*time) >= LEAST_WAIT);
    let told: Vec<String> =
        told.map(|(time, name)| format!("{} {name}", short(&subject.profile.metadata.unit, *time))).collect();
    format!("; {} of it waiting ({})", percent(subject.share(all)).trim_start(), told.join(", "))
}
