//! The last line: what is being typed, what there is to say, or which keys there are.

use pikos_views::printable;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::line::{Line, cut_start};
use super::theme::Theme;
use crate::top::state::{Screen, State};

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
    for (key, what) in hints(state) {
        if line.rest() < key.len() + what.len() + 3 {
            break;
        }
        line.put(key, theme.title())
            .put(" ", theme.plain())
            .put(what, theme.quiet())
            .put("  ", theme.plain());
    }
}

/// The keys of this screen; what does not fit is in the help.
fn hints(state: &State) -> Vec<(&'static str, &'static str)> {
    let mut hints = vec![("q", "quit"), ("?", "help")];
    match state.screens.last() {
        None if state.recorder().is_some() => {
            hints.extend([
                ("Enter", "source"),
                ("\u{2190}\u{2192}", "sort"),
                ("/", "filter"),
                ("f", "functions"),
            ]);
            hints.extend([("p", "freeze"), ("s", "save"), ("Tab", "processes"), ("x", "exclude")]);
            hints.push(("r", "reverse"));
        }
        Some(Screen::Line(_)) => hints.extend([("Esc", "back"), ("s", "save")]),
        None => {
            hints.extend([
                ("Enter", "callers"),
                ("\u{2190}\u{2192}", "sort"),
                ("/", "filter"),
                ("t", "tree"),
            ]);
            if state.is_live() {
                hints.extend([("p", "freeze"), ("P", "pause"), ("c", "clear")]);
            }
            let scopes = if state.is_live() { "threads" } else { "files" };
            hints.extend([("m", "mark"), ("d", "diff"), ("s", "save"), ("Tab", scopes)]);
            hints.extend([("x", "exclude"), ("r", "reverse")]);
        }
        Some(Screen::Detail(_)) => {
            hints.extend([("Esc", "back"), ("Tab", "next pane"), ("Enter", "open"), ("s", "save")]);
        }
        Some(Screen::Tree(_)) => {
            hints.extend([
                ("t", "table"),
                ("\u{2190}\u{2192}", "fold"),
                ("Enter", "callers"),
                ("/", "filter"),
            ]);
            hints.extend([("s", "save"), ("e", "open all"), ("p", "freeze"), ("x", "exclude")]);
        }
        Some(Screen::Scopes(_)) => hints.extend([("Esc", "back"), ("Enter", "open")]),
        Some(Screen::Help(_)) => hints.extend([("Esc", "back")]),
    }
    hints
}
