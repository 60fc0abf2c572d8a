//! The last line: what is being typed, what there is to say, or which keys there are.

use pikos_views::printable;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::line::{Line, cut_start};
use super::theme::Theme;
use crate::top::state::{Screen, State};

/// Narrower screens have the keys closer together.
const ROOMY: u16 = 100;

pub fn render(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let line = &mut Line::new(buffer, area.x, area.y, area.width);
    if let Some(prompt) = &state.prompt {
        let remark = prompt.remark.as_deref().unwrap_or_default();
        line.put(prompt.label(), theme.title());
        // What was typed last must stay in sight, with a cell for the cursor.
        let room = line.rest().saturating_sub(1);
        let room = if remark.is_empty() { room } else { room.saturating_sub(remark.len() + 2).max(room / 2) };
        line.put(&cut_start(&prompt.text, room), theme.plain()).put(" ", theme.selected());
        line.put("  ", theme.plain()).put(&printable(remark), theme.error());
        return;
    }
    if let Some(notice) = &state.notice {
        let style = if notice.is_error { theme.error() } else { theme.title() };
        line.put(&printable(&notice.text), style);
        return;
    }
    // Keys are bold, so that what they do ends where the next one begins.
    let gap = if area.width < ROOMY { " " } else { "  " };
    for (key, what) in hints(state) {
        if line.rest() < key.width() + 1 + what.width() {
            break;
        }
        line.put(key, theme.title()).put(" ", theme.plain()).put(what, theme.quiet()).put(gap, theme.plain());
    }
}

/// The keys of this screen, those that are missed most first; what does not fit is in the help.
fn hints(state: &State) -> Vec<(&'static str, &'static str)> {
    const SORT: (&str, &str) = ("\u{2190}\u{2192}", "sort");
    let leave = if state.screens.is_empty() { "quit" } else { "back" };
    let mut hints = vec![("q", leave), ("?", "help")];
    let mine = if state.is_mine { ("u", "all") } else { ("u", "mine") };
    match state.screens.last() {
        None if state.recorder().is_some_and(|memory| memory.types.is_some()) => {
            hints.extend([("Enter", "lines"), SORT, ("/", "filter"), ("Tab", "processes"), ("s", "save")]);
            hints.extend([("p", "freeze"), ("x", "exclude"), ("r", "reverse")]);
        }
        None if state.recorder().is_some() => {
            hints.extend([("Enter", "source"), SORT, ("/", "filter"), ("Tab", "processes"), ("s", "save")]);
            hints.extend([("f", "functions"), ("p", "freeze"), ("P", "pause"), ("c", "clear")]);
            hints.extend([("m", "mark"), ("d", "diff"), ("x", "exclude"), ("r", "reverse")]);
        }
        Some(Screen::Line(_) | Screen::TypePlaces(_)) => hints.extend([("s", "save")]),
        None => {
            let scopes = if state.is_live() { "threads" } else { "files" };
            hints.extend([("Enter", "open"), SORT, ("/", "filter"), mine, ("t", "tree"), ("Tab", scopes)]);
            if state.is_live() {
                hints.extend([("k", "calls now"), ("a", "tasks")]);
            }
            hints.push(("s", "save"));
            if state.is_live() {
                hints.extend([("p", "freeze"), ("P", "pause"), ("c", "clear")]);
            }
            hints.extend([("m", "mark"), ("d", "diff"), ("x", "exclude"), ("r", "reverse")]);
        }
        Some(Screen::Detail(_)) => hints.extend([("Tab", "next pane"), ("Enter", "open"), ("s", "save")]),
        Some(Screen::Tree(_)) => {
            hints.extend([
                ("t", "table"),
                ("\u{2190}\u{2192}", "fold"),
                ("Enter", "open"),
                ("/", "filter"),
                mine,
            ]);
            hints.extend([("s", "save"), ("e", "open all"), ("p", "freeze"), ("x", "exclude")]);
        }
        Some(Screen::Calls(_)) => {
            hints.extend([("k", "table"), ("\u{2190}\u{2192}", "fold"), ("Enter", "open"), ("p", "freeze")]);
            hints.extend([("/", "filter"), mine, ("Tab", "threads"), ("x", "exclude"), ("E", "fold all")]);
        }
        Some(Screen::Tasks(_)) => {
            hints.extend([("a", "table"), ("\u{2190}\u{2192}", "sort"), ("Enter", "open"), ("p", "freeze")]);
            hints.extend([("/", "filter"), ("Tab", "threads"), ("x", "exclude")]);
        }
        Some(Screen::Scopes(_)) => hints.extend([("Enter", "open")]),
        Some(Screen::Help(_)) => {}
    }
    hints
}
