//! What the mouse does: a click chooses, a second one opens, the wheel moves.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::cursor::Cursor;
use super::{Effect, Screen, State, layout};

/// Rows for each notch of the wheel.
const NOTCH: usize = 3;

impl State {
    pub(super) fn mouse(&mut self, mouse: MouseEvent) -> Option<Effect> {
        if self.prompt.is_some() {
            return None;
        }
        let key = |code| KeyEvent::new(code, KeyModifiers::NONE);
        let step = match mouse.kind {
            MouseEventKind::ScrollUp => KeyCode::Up,
            MouseEventKind::ScrollDown => KeyCode::Down,
            MouseEventKind::Down(MouseButton::Left) => {
                return self.click(mouse.row).then(|| self.key(key(KeyCode::Enter))).flatten();
            }
            _ => return None,
        };
        for _ in 0..NOTCH {
            self.key(key(step));
        }
        None
    }

    /// Chooses the row of a list on this line of the screen. True if it was chosen already.
    fn click(&mut self, line: u16) -> bool {
        let (size, is_live) = (self.size, self.is_live());
        let above = layout::header_height(size, is_live)
            + match self.recorder() {
                Some(memory) if self.screens.is_empty() && memory.types.is_none() => {
                    layout::chart_height(size, is_live, memory.has_memory)
                }
                _ => 0,
            };
        // Under the heading, above the footer.
        let Some(row) = line.checked_sub(above + 1).filter(|_| line + 1 < size.height) else { return false };
        let Self { screens, memory, types, cursor, rows, picture, selected, .. } = self;
        let choose = |cursor: &mut Cursor, len: usize| {
            let row = cursor.offset + usize::from(row);
            let was_chosen = cursor.current() == row;
            (row < len).then(|| {
                cursor.row = Some(row);
                (row, was_chosen)
            })
        };
        let chosen = match screens.last_mut() {
            None if picture.recording().is_some_and(|memory| memory.types.is_some()) => {
                let chosen = choose(&mut types.cursor, types.rows.len());
                types.selected = chosen.map(|(row, _)| types.rows[row]).or(types.selected);
                chosen
            }
            None if picture.recording().is_some() => {
                let chosen = choose(&mut memory.cursor, memory.rows.len());
                memory.selected = chosen.map(|(row, _)| memory.rows[row].id).or(memory.selected);
                chosen
            }
            None => {
                let chosen = choose(cursor, rows.len());
                *selected = chosen.map(|(row, _)| rows[row].id).or(*selected);
                chosen
            }
            Some(Screen::Tree(tree)) => {
                let chosen = choose(&mut tree.cursor, tree.rows.len());
                tree.selected = chosen.map(|(row, _)| tree.rows[row].id).or(tree.selected);
                chosen
            }
            Some(Screen::Calls(calls)) => {
                let chosen = choose(&mut calls.cursor, calls.rows.len());
                calls.select();
                chosen
            }
            Some(Screen::Tasks(tasks)) => choose(&mut tasks.cursor, tasks.rows.len()),
            Some(Screen::Scopes(list)) => {
                let count = list.entries(picture).len();
                choose(&mut list.cursor, count)
            }
            Some(Screen::Detail(_) | Screen::Line(_) | Screen::TypePlaces(_) | Screen::Help(_)) => None,
        };
        chosen.is_some_and(|(_, was_chosen)| was_chosen)
    }
}
