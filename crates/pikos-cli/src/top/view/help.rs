//! All keys, and what the columns mean.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::line::Line;
use super::theme::Theme;
use crate::top::state::cursor::Cursor;
use crate::top::state::{HELP, State};

pub fn render(state: &State, cursor: &Cursor, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let width = if area.width >= 60 { 20 } else { 12 };
    for ((key, what, is_live), y) in HELP.iter().skip(cursor.offset).zip(0..area.height) {
        let mut line = Line::new(buffer, area.x, area.y + y, area.width);
        let applies = state.is_live() || !is_live;
        let style = if applies { theme.plain() } else { theme.quiet() };
        line.left(key, width, theme.title()).put(" ", style).put(what, style);
        if !applies {
            line.put(" (live only)", theme.quiet());
        }
    }
}
