//! All keys.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::line::Line;
use super::theme::Theme;
use crate::top::state::cursor::Cursor;
use crate::top::state::{State, help};

pub fn render(state: &State, cursor: &Cursor, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let width = if area.width >= 60 { 20 } else { 12 };
    for ((key, what), y) in help(state.is_live()).skip(cursor.offset).zip(0..area.height) {
        let mut line = Line::new(buffer, area.x, area.y + y, area.width);
        line.left(key, width, theme.title()).put(" ", theme.plain()).put(what, theme.plain());
    }
}
