//! Draws a state into a buffer, and nothing else: the same state, the same cells.

mod ascii;
mod calls;
mod chart;
mod detail;
mod figures;
mod footer;
mod header;
mod help;
mod line;
mod memory;
mod scopes;
mod source_line;
mod table;
mod tasks;
mod theme;
mod tree;
mod types;

use pikos_views::Content;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::state::{Screen, State, layout};

pub use ascii::{is_asked_for as is_ascii, text as ascii};
pub use figures::{Scale, bytes, calls, count, duration, nanoseconds, percent, signed_bytes};
pub use header::{objects, totals};
pub use table::lines;
pub use theme::Theme;

/// Draws the whole screen. The area must have the size that the state was told.
pub fn render(state: &State, theme: Theme, buffer: &mut Buffer) {
    let area = *buffer.area();
    if area.width == 0 || area.height == 0 {
        return;
    }
    let header_height = layout::header_height(state.size, state.is_live()).min(area.height - 1);
    let header = Rect { height: header_height, ..area };
    let body = Rect { y: header_height, height: area.height - header_height - 1, ..area };
    let footer = Rect { y: area.height - 1, height: 1, ..area };
    header::render(state, theme, header, buffer);
    match (state.screens.last(), &state.picture.content) {
        (None, Content::Profile(profile)) => table::render(state, profile, theme, body, buffer),
        (None, Content::Recording(memory)) if memory.types.is_some() => {
            if let Some(kinds) = &memory.types {
                types::render(state, kinds, theme, body, buffer);
            }
        }
        (Some(Screen::TypePlaces(screen)), Content::Recording(memory)) => {
            if let Some(kinds) = &memory.types {
                types::places(kinds, screen, theme, body, buffer);
            }
        }
        (None, Content::Recording(memory)) => memory::render(state, memory, theme, body, buffer),
        (Some(Screen::Detail(detail)), Content::Profile(profile)) => {
            detail::render(state, profile, detail, theme, body, buffer);
        }
        (Some(Screen::Tree(tree)), Content::Profile(profile)) => {
            tree::render(state, profile, tree, theme, body, buffer);
        }
        (Some(Screen::Calls(calls)), Content::Profile(profile)) => {
            calls::render(state, profile, calls, theme, body, buffer);
        }
        (Some(Screen::Tasks(tasks)), Content::Profile(profile)) => {
            tasks::render(state, profile, tasks, theme, body, buffer);
        }
        (Some(Screen::Line(line)), Content::Recording(memory)) => {
            source_line::render(state, memory, line, theme, body, buffer);
        }
        // They go when a picture of the other kind comes.
        (
            Some(Screen::Detail(_) | Screen::Tree(_) | Screen::Calls(_) | Screen::Tasks(_)),
            Content::Recording(_),
        ) => {}
        (Some(Screen::Line(_) | Screen::TypePlaces(_)), Content::Profile(_)) => {}
        (Some(Screen::Scopes(list)), _) => scopes::render(state, list, theme, body, buffer),
        (Some(Screen::Help(cursor)), _) => help::render(state, cursor, theme, body, buffer),
    }
    footer::render(state, theme, footer, buffer);
    if theme.is_ascii {
        ascii::screen(buffer);
    }
}

#[cfg(test)]
mod tests;
