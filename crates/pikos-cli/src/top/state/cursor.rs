//! A place in a list that may be longer than the screen.

/// Where to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
}

/// The chosen row and the first row on screen. Without a chosen row, the first one on screen stands for it: it is marked as if it
/// were, and stays there whatever comes to be first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    pub row: Option<usize>,
    pub offset: usize,
}

impl Cursor {
    /// The row that keys are for.
    pub fn current(&self) -> usize {
        self.row.unwrap_or(self.offset)
    }

    /// Moves from the row that keys are for.
    pub fn go(&mut self, motion: Motion, len: usize, page: usize) {
        let last = len.saturating_sub(1);
        let page_step = page.saturating_sub(1).max(1);
        let row = self.current();
        self.row = Some(match motion {
            Motion::Home => 0,
            Motion::End => last,
            Motion::Up => row.saturating_sub(1),
            Motion::Down => row + 1,
            Motion::PageUp => row.saturating_sub(page_step),
            Motion::PageDown => row + page_step,
        });
        self.keep(len, page);
    }

    /// Keeps the row in the list and on the screen.
    pub fn keep(&mut self, len: usize, page: usize) {
        let page = page.max(1);
        if len == 0 {
            *self = Self::default();
            return;
        }
        self.offset = self.offset.min(len.saturating_sub(page));
        if let Some(row) = &mut self.row {
            *row = (*row).min(len - 1);
            self.offset = self.offset.clamp((*row + 1).saturating_sub(page), *row);
        }
    }

    /// Moves the text under the screen, with no row chosen: for lists of lines.
    pub fn scroll(&mut self, motion: Motion, len: usize, page: usize) {
        let page_step = page.saturating_sub(1).max(1);
        self.offset = match motion {
            Motion::Up => self.offset.saturating_sub(1),
            Motion::Down => self.offset + 1,
            Motion::PageUp => self.offset.saturating_sub(page_step),
            Motion::PageDown => self.offset + page_step,
            Motion::Home => 0,
            Motion::End => len,
        };
        self.offset = self.offset.min(len.saturating_sub(page.max(1)));
    }

    /// The chosen row is now another; it stays at its height on the screen where that is possible.
    pub fn follow(&mut self, row: usize, len: usize, page: usize) {
        let height = self.row.map_or(0, |old| old.saturating_sub(self.offset));
        self.row = Some(row);
        self.offset = row.saturating_sub(height);
        self.keep(len, page);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_stays_in_the_list_and_on_the_screen() {
        let mut cursor = Cursor::default();
        cursor.go(Motion::Down, 100, 10);
        assert_eq!(cursor, Cursor { row: Some(1), offset: 0 }, "from the first row");
        cursor.go(Motion::PageDown, 100, 10);
        cursor.go(Motion::Down, 100, 10);
        assert_eq!(cursor, Cursor { row: Some(11), offset: 2 });
        cursor.go(Motion::End, 100, 10);
        assert_eq!(cursor, Cursor { row: Some(99), offset: 90 });
        cursor.keep(5, 10);
        assert_eq!(cursor, Cursor { row: Some(4), offset: 0 }, "the list became shorter");
        cursor.go(Motion::Down, 0, 10);
        assert_eq!(cursor, Cursor::default());
    }

    #[test]
    fn a_followed_row_keeps_its_height_on_screen() {
        let mut cursor = Cursor { row: Some(13), offset: 10 };
        cursor.follow(50, 100, 10);
        assert_eq!(cursor, Cursor { row: Some(50), offset: 47 });
        cursor.follow(1, 100, 10);
        assert_eq!(cursor, Cursor { row: Some(1), offset: 0 });
    }
}
