//! What is looked at, how well it is known, and how much of it is listed.

use pikos_views::{
    Health, Phase, Process, ProfileContent, RecorderFacts, Recording, Scope, ShownTypes, Stacks, Totals,
};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::figures::{self, Scale};
use super::line::{Line, cut_end, cut_path};
use super::theme::Theme;
use crate::top::state::State;

/// A message that is older than this many intervals is late.
const LATE: f64 = 3.0;

pub fn render(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    for y in 0..area.height {
        let line = &mut Line::new(buffer, area.x, area.y + y, area.width);
        match y {
            0 => what(state, theme, line),
            // Two lines of three: how much is listed matters more than how it was measured.
            1 if area.height > 2 => health(state, theme, line),
            _ => amount(state, theme, line),
        }
    }
}

/// The program or the file, and what became of it.
fn what(state: &State, theme: Theme, line: &mut Line<'_>) {
    line.put(state.command, theme.title()).put("  ", theme.plain());
    let mut modes = Vec::new();
    if state.is_frozen {
        modes.push("FROZEN".to_owned());
    }
    if let Some(title) = state.mark_title().filter(|_| state.is_diff()) {
        modes.push(format!("SINCE {}", cut_path(title, 20)));
    }
    let modes = modes.iter().map(|mode| format!(" [{mode}]")).collect::<String>();
    let (status, style) = status(state, theme);
    let rest = line.rest().saturating_sub(modes.chars().count() + status.chars().count() + 2);
    line.put(&cut_path(&title(state), rest), theme.plain());
    line.put("  ", theme.plain()).put(&status, style).put(&modes, theme.warning());
}

fn title(state: &State) -> String {
    let picture = &state.picture;
    match (picture.process(), picture.thread()) {
        (Some(process), Some(thread)) => format!("{}  thread {}", name(process), thread.name),
        (Some(process), None) => name(process),
        (None, _) if state.is_live() => format!("{} processes", picture.processes.len()),
        (None, _) if picture.processes.is_empty() => String::new(),
        (None, _) => format!("{} files, added up", picture.processes.len()),
    }
}

/// A process as people tell it from others.
pub fn name(process: &Process) -> String {
    let mut name = process.title.clone();
    if let Some(pid) = process.pid {
        name = format!("{name}  pid {pid}");
    }
    match &process.host {
        Some(host) => format!("{name}  on {host}"),
        None => name,
    }
}

fn status(state: &State, theme: Theme) -> (String, ratatui::style::Style) {
    let picture = &state.picture;
    if let Some(process) = picture.process() {
        return status_of(process, theme);
    }
    let running = picture.processes.iter().filter(|process| process.phase == Phase::Running).count();
    match picture.scope {
        Scope::All if state.is_live() => (format!("{running} running"), theme.good()),
        _ => (String::new(), theme.plain()),
    }
}

/// How far a process has come, in words.
pub fn status_of(process: &Process, theme: Theme) -> (String, ratatui::style::Style) {
    let age = process.age.map(|age| format!(" {age:.1} s")).unwrap_or_default();
    match &process.phase {
        Phase::Finished => (String::new(), theme.plain()),
        Phase::Running => (format!("running{age}"), theme.good()),
        Phase::Paused => (format!("PAUSED{age}"), theme.warning()),
        Phase::Ended(how) => (format!("target ended {how}").trim_end().to_owned(), theme.warning()),
        Phase::Lost(why) => (format!("target lost: {why}"), theme.error()),
    }
}

/// How good the figures are.
fn health(state: &State, theme: Theme, line: &mut Line<'_>) {
    let picture = &state.picture;
    if let Some(memory) = state.recorder() {
        records(state, memory, theme, line);
        return;
    }
    let Some(health) = picture.process().map(|process| process.health.clone().unwrap_or_default()) else {
        let lost: u64 =
            picture.processes.iter().flat_map(|process| &process.health).map(|health| health.lost).sum();
        lost_messages(lost, theme, line);
        return;
    };
    let is_running = picture.process().is_some_and(|process| process.phase == Phase::Running);
    overhead(&health, theme, line);
    if let Some(lag) = health.lag.filter(|_| is_running) {
        let is_late = health.interval.is_some_and(|interval| lag > LATE * interval + 0.1);
        let style = if is_late { theme.warning() } else { theme.plain() };
        line.put("lag ", theme.quiet()).put(&format!("{lag:.1} s"), style).put("  ", theme.plain());
    }
    lost_messages(health.lost, theme, line);
    if let Some(interval) = health.interval {
        line.put("every ", theme.quiet()).put(&format!("{} s", trimmed(interval)), theme.plain());
        line.put("  ", theme.plain());
    }
    if let Some(hook) = &health.hook {
        line.put("by ", theme.quiet()).put(hook, theme.plain());
    }
}

/// How many records have come, and how many have not.
fn records(state: &State, memory: &Recording, theme: Theme, line: &mut Line<'_>) {
    let health = state.picture.process().and_then(|process| process.health.as_ref());
    let RecorderFacts { monitor, records, dropped, unlisted, .. } = memory.facts;
    line.put(monitor, theme.plain()).put("  ", theme.plain());
    if memory.types.is_some() {
        lost_messages(health.map_or(0, |health| health.lost), theme, line);
        return;
    }
    line.put(&records.to_string(), theme.plain()).put(" records", theme.quiet()).put("  ", theme.plain());
    let lost = health.map_or(0, |health| health.lost);
    let mut missing = |count: u64, words: &str| {
        let style = if count > 0 { theme.warning() } else { theme.plain() };
        line.put("lost ", theme.quiet()).put(&count.to_string(), style).put(words, theme.quiet());
    };
    missing(dropped, " records  ");
    missing(lost, " messages  ");
    if unlisted > 0 {
        line.put(&format!("{unlisted} on lines beyond the first million  "), theme.warning());
    }
}

fn overhead(health: &Health, theme: Theme, line: &mut Line<'_>) {
    let text = match health.overhead {
        Some(part) => format!("≥{} %", figures::percent(part)),
        None => "unknown".to_owned(),
    };
    line.put("overhead ", theme.quiet()).put(&text, theme.plain()).put("  ", theme.plain());
}

fn lost_messages(lost: u64, theme: Theme, line: &mut Line<'_>) {
    let style = if lost > 0 { theme.warning() } else { theme.plain() };
    line.put("lost ", theme.quiet()).put(&lost.to_string(), style).put("  ", theme.plain());
}

/// 0.5, not 0.50.
fn trimmed(seconds: f64) -> String {
    let text = format!("{seconds:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Sums, and which part of the functions is listed.
fn amount(state: &State, theme: Theme, line: &mut Line<'_>) {
    if let Some(types) = state.recorder().and_then(|memory| memory.types.as_ref()) {
        line.put(&objects(state, types), theme.plain());
        return filters(state, theme, line);
    }
    if let Some(memory) = state.recorder() {
        usage("RSS ", memory.now.rss, memory.most.rss, memory, theme, line);
        listed_records(state, memory, theme, line);
        filters(state, theme, line);
        line.put("  ", theme.plain());
        usage("VMS ", memory.now.vms, memory.most.vms, memory, theme, line);
        return;
    }
    let Some(profile) = state.profile() else { return };
    let scale = Scale::of(state);
    // Said first, so that a narrow screen says it.
    if state.is_mine {
        let words = match (profile.mine.is_some(), profile.own.is_empty()) {
            (true, _) => "your code only (u: all)  ",
            (false, true) if !profile.functions.is_empty() => "no code of your own: all is shown  ",
            (false, _) => "",
        };
        line.put(words, theme.warning());
    }
    if let (Some(tree), Stacks::Known(stacks)) = (state.tree(), profile.listed_stacks(state.is_mine)) {
        line.put(&super::tree::amount(tree, stacks, scale), theme.plain());
        return filters(state, theme, line);
    }
    if let Some(calls) = state.calls() {
        line.put(&calls.amount(profile.meaning.is_sampled), theme.plain());
        return filters(state, theme, line);
    }
    line.put(&totals(state, profile), theme.plain());
    if profile.meaning.is_compensated {
        line.put("  compensated", theme.quiet());
    }
    filters(state, theme, line);
}

/// How many types are listed, and what all of them add up to.
pub fn objects(state: &State, types: &ShownTypes) -> String {
    let count = types.rows.len();
    let listed = match state.types.rows.len() {
        listed if listed == count => format!("{count} types"),
        listed => format!("{listed} of {count} types"),
    };
    let created: f64 = types.rows.iter().map(|row| row.created as f64).sum();
    let made_per_s: f64 = types.rows.iter().map(|row| row.made_per_s).sum();
    let (created, made) = (figures::count(created, 9), figures::count(made_per_s, 7));
    let mut text = format!("{listed}  {created} objects made  {made}/s");
    let alive: Option<i64> = types.rows.iter().map(|row| row.alive).sum();
    if let Some(alive) = alive {
        text += &format!("  {} more alive", figures::count(alive as f64, 9));
    }
    if types.unlisted > 0 {
        text += &format!("  {} types not sent", types.unlisted);
    }
    text
}

/// How many functions are listed, and what all of them add up to.
pub fn totals(state: &State, profile: &ProfileContent) -> String {
    let Totals { ncalls, tottime, calls_per_s, .. } = state.totals;
    let (listed, count) = (state.rows.len(), profile.listed(state.is_mine).len());
    let mut text = match listed == count {
        _ if state.shows_diff => format!("{listed} functions differ"),
        true => format!("{count} functions"),
        false => format!("{listed} of {count} functions"),
    };
    let meaning = &profile.meaning;
    if meaning.is_counted && !meaning.is_sampled {
        text += &format!("  {} calls", figures::count(ncalls, 9));
    }
    // A sample counts in each function of its stack: their sum says nothing.
    if meaning.is_live && !meaning.is_sampled {
        text += &format!("  {} calls/s", figures::count(calls_per_s, 6));
    }
    let scale = Scale::of(state);
    let unit = if scale.is_seconds() { String::new() } else { format!(" {}", meaning.unit) };
    text + &format!("  {}{unit} in them", scale.time(tottime, 11))
}

/// Memory now and at most.
fn usage(word: &str, now: u64, most: u64, memory: &Recording, theme: Theme, line: &mut Line<'_>) {
    if memory.has_memory {
        line.put(word, theme.quiet()).put(&figures::bytes(now as i64), theme.title());
        line.put(" peak ", theme.quiet()).put(&figures::bytes(most as i64), theme.title());
        line.put("  ", theme.plain());
    }
}

/// Which part of the lines is listed.
fn listed_records(state: &State, memory: &Recording, theme: Theme, line: &mut Line<'_>) {
    let table = &state.memory;
    let what = if table.by_function || memory.is_of_functions { "functions" } else { "lines" };
    let listed = match table.rows.len() == table.count {
        true => format!("{} {what}", table.count),
        false => format!("{} of {} {what}", table.rows.len(), table.count),
    };
    line.put(&listed, theme.plain());
}

fn filters(state: &State, theme: Theme, line: &mut Line<'_>) {
    for (word, filter) in [("  only ", &state.include), ("  without ", &state.exclude)] {
        if let Some(filter) = filter {
            line.put(word, theme.quiet()).put(&cut_end(filter.text(), 24), theme.warning());
        }
    }
}
