//! The calls that are open now: each thread, and its stack below it.

use pikos_views::{Process, ProcessId, ProfileContent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::figures::Scale;
use super::header;
use super::line::Line;
use super::table::location;
use super::theme::Theme;
use crate::top::state::State;
use crate::top::state::calls::{CallRow, CallsScreen, Of};

/// How wide the time is.
const SINCE: usize = 10;
/// Narrower screens don't say where functions are.
const WITH_LOCATION: usize = 60;

pub fn render(
    state: &State,
    profile: &ProfileContent,
    screen: &CallsScreen,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    if area.height == 0 {
        return;
    }
    let mut heading = Line::new(buffer, area.x, area.y, area.width);
    let what = match screen.is_approximate {
        false => "  thread, and its calls",
        true => "  thread, and what is open in it, oldest first: --tree tells the stack",
    };
    let since = if profile.meaning.is_sampled { "lately" } else { "open for" };
    heading.right(since, SINCE, theme.heading()).put(what, theme.heading()).fill(theme.heading());
    if screen.rows.is_empty() && area.height > 1 {
        let words = match (screen.threads, &profile.open) {
            (_, None) => "waiting for the calls",
            (0, _) => "no thread runs that is recorded",
            _ => "no open call matches the filter: / changes it",
        };
        Line::new(buffer, area.x, area.y + 1, area.width).put(words, theme.quiet());
    }
    let scale = Scale::of(state);
    let has_several = state.picture.process().is_none();
    let listed = screen.rows.iter().enumerate().skip(screen.cursor.offset);
    for ((place, row), y) in listed.zip(1..area.height) {
        let selected = (screen.cursor.current() == place).then(|| theme.selected());
        let mut line = Line::new(buffer, area.x, area.y + y, area.width);
        match row.of {
            Of::Thread { calls, is_open } => {
                let style = selected.unwrap_or(theme.title());
                let fold = match (calls, is_open) {
                    (0, _) => "  ",
                    (_, true) => "▾ ",
                    (_, false) => "▸ ",
                };
                line.right("", SINCE, style).put("  ", style).put(fold, style);
                line.put(&thread(state, row, has_several), style);
                let depth = match calls {
                    0 if profile.meaning.is_sampled => "not seen lately".to_owned(),
                    0 => "no open call".to_owned(),
                    calls => format!("{calls} deep"),
                };
                line.put("  ", style).put(&depth, selected.unwrap_or(theme.quiet()));
            }
            Of::Call { depth, function, since, .. } => {
                let plain = selected.unwrap_or(theme.plain());
                line.right(&scale.time(since, SINCE), SINCE, plain).put("  ", plain);
                name(profile, function, depth, theme, selected, &mut line);
            }
        }
        line.fill(selected.unwrap_or_default());
    }
}

/// A thread as people tell it from others.
fn thread(state: &State, row: &CallRow, has_several: bool) -> String {
    let (ProcessId(process), id) = row.thread;
    let process: Option<&Process> = state.picture.processes.get(process as usize);
    let known = process.and_then(|process| process.threads.iter().find(|thread| thread.id == id));
    let mut name = known.map_or_else(|| format!("#{id}"), |thread| format!("{}  #{id}", thread.name));
    if let Some(process) = process.filter(|_| has_several) {
        name = format!("{}  {name}", header::name(process));
    }
    name
}

/// The name at its depth. Where a stack is too deep for the screen, the depth is a number.
fn name(
    profile: &ProfileContent,
    function: pikos_views::FunctionId,
    depth: usize,
    theme: Theme,
    selected: Option<Style>,
    line: &mut Line<'_>,
) {
    let label = profile.label(function);
    let quiet = selected.unwrap_or(theme.quiet());
    let room = line.rest();
    let place = if room >= WITH_LOCATION && !label.is_builtin { room * 4 / 10 } else { 0 };
    let names = room - place;
    let step = if names >= 40 { 2 } else { 1 };
    let indent = match (depth + 1) * step <= names / 2 {
        true => " ".repeat((depth + 1) * step),
        false => format!("{:>1$} ", format!("…{depth}"), (names / 2).saturating_sub(1)),
    };
    line.put(&indent, quiet);
    let style = selected.unwrap_or(theme.owned(profile.is_own(function)));
    line.left(&label.name, names.saturating_sub(indent.chars().count()), style);
    if place > 0 {
        line.put(" ", quiet).left(&location(label, place - 1), place - 1, quiet);
    }
}
