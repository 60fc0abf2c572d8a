//! The list of processes and threads, or of files.

use pikos_views::{OBJECTS, Process, ProcessId, RecorderFacts, Scope};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::figures::{self, Scale};
use super::header::{name, status_of};
use super::line::Line;
use super::theme::Theme;
use crate::top::state::State;
use crate::top::state::scopes::{Ended, Entry, Scopes};

pub fn render(state: &State, screen: &Scopes, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let is_live = state.is_live();
    let scale = Scale::of(state);
    let mut heading = Line::new(buffer, area.x, area.y, area.width);
    heading.right("calls", 9, theme.heading());
    if is_live {
        heading.right("calls/s", 9, theme.heading()).right("now%", 7, theme.heading());
    }
    let time = match state.profile() {
        Some(profile) if profile.meaning.unit != "s" => profile.meaning.unit.as_str(),
        _ => "time",
    };
    heading.right(time, 11, theme.heading());
    let entries = screen.entries(&state.picture);
    let has_gil_waits = state
        .picture
        .processes
        .iter()
        .flat_map(|process| &process.threads)
        .any(|thread| thread.gil_wait > 0.0);
    if has_gil_waits {
        heading.right("gil wait", 10, theme.heading());
    }
    heading.put(if is_live { "  process, thread" } else { "  file" }, theme.heading()).fill(theme.heading());
    let listed = entries.iter().enumerate().skip(screen.cursor.offset);
    for ((place, entry), y) in listed.zip(1..area.height) {
        let style = match screen.cursor.current() == place {
            true => theme.selected(),
            false => theme.plain(),
        };
        let mut line = Line::new(buffer, area.x, area.y + y, area.width);
        let words = words(state, entry, theme);
        let is_shown = *entry == Entry::Scope(state.scope);
        let emphasis = if is_shown { style.patch(theme.title()) } else { style };
        if let Some(facts) = words.recorder {
            draw_recorder(facts, &words, style, emphasis, &mut line);
            continue;
        }
        line.right(&figures::counted(words.ncalls.map(|calls| figures::count(calls, 9))), 9, style);
        if is_live {
            line.right(&words.calls_per_s.map_or(String::new(), |rate| figures::count(rate, 7)), 9, style);
            line.right(&words.share.map_or(String::new(), figures::percent), 7, style);
        }
        line.right(&scale.time(words.tottime, 10), 11, style);
        if has_gil_waits {
            line.right(&scale.time(words.gil_wait, 9), 10, style);
        }
        line.put("  ", style);
        let rest = line.rest().saturating_sub(words.status.chars().count() + 2);
        line.put(&super::line::cut_end(&words.name, rest), emphasis);
        line.put("  ", style).put(&words.status, style.patch(words.status_style));
    }
}

/// A recorder has records and memory, where others have calls and times.
fn draw_recorder(facts: RecorderFacts, words: &Words, style: Style, emphasis: Style, line: &mut Line<'_>) {
    match facts.monitor {
        OBJECTS => line.right("", 18, style),
        _ => line.right(&figures::count(facts.records as f64, 9), 9, style).right("records", 9, style),
    };
    line.right("", 7, style);
    line.right(&facts.rss.map_or(String::new(), |rss| figures::bytes(rss as i64)), 11, style);
    line.put("  ", style);
    let name = format!("{}  {}", words.name, facts.monitor);
    let rest = line.rest().saturating_sub(words.status.chars().count() + 2);
    line.put(&super::line::cut_end(&name, rest), emphasis);
    line.put("  ", style).put(&words.status, style.patch(words.status_style));
}

struct Words {
    recorder: Option<RecorderFacts>,
    name: String,
    status: String,
    status_style: Style,
    ncalls: Option<f64>,
    calls_per_s: Option<f64>,
    share: Option<f64>,
    tottime: f64,
    gil_wait: f64,
}

fn words(state: &State, entry: &Entry, theme: Theme) -> Words {
    let processes = &state.picture.processes;
    let process = |ProcessId(place): ProcessId| &processes[place as usize];
    let sum = |of: fn(&Process) -> f64| processes.iter().map(of).sum::<f64>();
    let scope = match entry {
        Entry::Scope(scope) => *scope,
        Entry::Ended(id, Ended { name, threads }) => {
            let threads = || threads.iter().map(|&thread| &process(*id).threads[thread]);
            return Words {
                recorder: None,
                name: format!("  {name}"),
                status: format!("{} ended", threads().count()),
                status_style: theme.quiet(),
                ncalls: Some(threads().map(|thread| thread.ncalls as f64).sum()),
                calls_per_s: None,
                share: Some(threads().map(|thread| thread.share).sum()),
                tottime: threads().map(|thread| thread.tottime).sum(),
                gil_wait: threads().map(|thread| thread.gil_wait).sum(),
            };
        }
    };
    match scope {
        Scope::All => Words {
            recorder: None,
            name: "everything, added up".to_owned(),
            status: String::new(),
            status_style: theme.plain(),
            ncalls: processes.iter().map(|process| process.ncalls.map(|calls| calls as f64)).sum(),
            calls_per_s: Some(sum(|process| process.calls_per_s)),
            share: None,
            tottime: sum(|process| process.tottime),
            gil_wait: sum(Process::gil_wait),
        },
        Scope::Process(id) => {
            let process = process(id);
            let (status, status_style) = status_of(process, theme);
            Words {
                recorder: process.recorder,
                name: name(process),
                status,
                status_style,
                ncalls: process.ncalls.map(|calls| calls as f64),
                calls_per_s: Some(process.calls_per_s),
                share: None,
                tottime: process.tottime,
                gil_wait: process.gil_wait(),
            }
        }
        Scope::Thread(id, thread) => {
            let thread = process(id).threads.iter().find(|other| other.id == thread);
            let thread = thread.expect("a scope of this picture");
            Words {
                recorder: None,
                name: format!("  {}  #{}", thread.name, thread.id),
                status: if thread.is_over { "ended".to_owned() } else { String::new() },
                status_style: theme.quiet(),
                ncalls: Some(thread.ncalls as f64),
                calls_per_s: None,
                share: Some(thread.share),
                tottime: thread.tottime,
                gil_wait: thread.gil_wait,
            }
        }
    }
}
