//! Text into cells, cut to fit. Wide characters take the cells that they need.

use ratatui::buffer::Buffer;
use ratatui::style::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// One line of the screen, filled from the left.
pub struct Line<'b> {
    buffer: &'b mut Buffer,
    x: u16,
    y: u16,
    end: u16,
}

impl<'b> Line<'b> {
    /// The cells from `x` on, `width` of them, in line `y`.
    pub fn new(buffer: &'b mut Buffer, x: u16, y: u16, width: u16) -> Self {
        Self { buffer, x, y, end: x + width }
    }

    pub fn rest(&self) -> usize {
        usize::from(self.end - self.x)
    }

    /// As much of the text as there is room for.
    pub fn put(&mut self, text: &str, style: Style) -> &mut Self {
        if self.x < self.end {
            (self.x, _) =
                self.buffer.set_stringn(self.x, self.y, text, usize::from(self.end - self.x), style);
        }
        self
    }

    /// The text at the left of a column.
    pub fn left(&mut self, text: &str, width: usize, style: Style) -> &mut Self {
        let text = cut_end(text, width);
        let pad = width - text.width();
        self.put(&text, style).put(&" ".repeat(pad), style)
    }

    /// The text at the right of a column.
    pub fn right(&mut self, text: &str, width: usize, style: Style) -> &mut Self {
        let text = cut_end(text, width);
        let pad = width - text.width();
        self.put(&" ".repeat(pad), style).put(&text, style)
    }

    pub fn fill(&mut self, style: Style) {
        let rest = self.rest();
        self.put(&" ".repeat(rest), style);
    }
}

/// The text, or its beginning and `…`.
pub fn cut_end(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        cut.push(c);
    }
    if width > 0 {
        cut.push('…');
    }
    cut
}

/// The text, or `…` and its end: of a path, the end says most.
pub fn cut_start(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = Vec::new();
    let mut used = 1;
    for c in text.chars().rev() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(c);
    }
    if width > 0 {
        kept.push('…');
    }
    kept.iter().rev().collect()
}

/// A path, or `…` and its last folders, whole ones, or its name; this is cut where there is no room for it.
pub fn cut_path(path: &str, width: usize) -> String {
    if path.width() <= width {
        return path.to_owned();
    }
    let is_separator = |c| c == '/' || c == '\\';
    let fits = |(start, _): &(usize, &str)| path[*start..].width() < width;
    match path.match_indices(is_separator).find(fits) {
        Some((start, _)) => format!("…{}", &path[start..]),
        None => {
            let name = path.rfind(is_separator).map_or(path, |slash| &path[slash + 1..]);
            if name.width() <= width { name.to_owned() } else { cut_start(path, width) }
        }
    }
}

/// What stands in a line of one row, without what is empty at its end.
pub fn text(buffer: &Buffer) -> String {
    let mut text = String::new();
    let mut skip = 0;
    for cell in &buffer.content {
        if skip == 0 {
            text.push_str(cell.symbol());
            skip = cell.symbol().width();
        }
        skip = skip.saturating_sub(1);
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_fits_and_says_so() {
        assert_eq!(cut_end("function", 5), "func…");
        assert_eq!(cut_end("函数的名字", 5), "函数…");
        assert_eq!(cut_start("/a/long/path.py", 8), "…path.py");
        assert_eq!(cut_end("abc", 3), "abc");
        assert_eq!(cut_end("abc", 0), "");
        assert_eq!(cut_start("abc", 1), "…");
        assert_eq!(cut_path("/srv/shop/app.py:12", 12), "…/app.py:12");
        assert_eq!(cut_path("/srv/shop/application.py:12", 12), "…ation.py:12");
        assert_eq!(cut_path("/srv/shop/application.py:12", 17), "application.py:12");
        assert_eq!(cut_path(r"C:\shop\app.py:12", 11), r"…\app.py:12");
    }
}
