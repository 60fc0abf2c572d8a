//! The table for a terminal.

use std::io::{self, Write};

use pstats_compat::diff::Diff;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::selection::Selected;
use super::words::{Words, fate, name, relative};

/// How it is drawn.
#[derive(Clone, Copy)]
pub struct Look {
    /// Lines are cut off here, names at their beginning.
    pub width: Option<usize>,
    /// Red for what is slower, green for what is faster.
    pub colours: bool,
}

/// Names are never cut shorter.
const LEAST_NAME: usize = 16;
const COLUMNS: usize = 7;

/// A cell of a figure, and whether it is better or worse than it was.
struct Cell {
    text: String,
    growth: f64,
}

/// Totals, and what became of how many functions.
pub fn write_summary(diff: &Diff<'_>, words: &Words<'_>, out: &mut dyn Write) -> io::Result<()> {
    write_totals(diff, words, out)?;
    writeln!(out, "{}", words.counts(diff))?;
    match words.slowest(diff) {
        Some(slowest) => writeln!(out, "{slowest}"),
        None => Ok(()),
    }
}

/// The totals, then a row for each change.
pub fn write(
    diff: &Diff<'_>,
    words: &Words<'_>,
    selected: &Selected<'_, '_>,
    look: Look,
    out: &mut dyn Write,
) -> io::Result<()> {
    write_totals(diff, words, out)?;
    writeln!(out)?;
    if !selected.changes.is_empty() {
        write_rows(diff, words, selected, look, out)?;
        writeln!(out)?;
    }
    if selected.cut > 0 {
        writeln!(out, "{} more changed", selected.cut)?;
    }
    if selected.filtered > 0 {
        writeln!(out, "{} changes are left out by --grep and --exclude", selected.filtered)?;
    }
    writeln!(out, "{} did not change beyond noise", diff.unchanged)
}

fn write_totals(diff: &Diff<'_>, words: &Words<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", words.headline(diff))?;
    if diff.counted {
        writeln!(out, "{} calls -> {} calls", diff.total_before.ncalls, diff.total_after.ncalls)?;
    }
    Ok(())
}

fn write_rows(
    diff: &Diff<'_>,
    words: &Words<'_>,
    selected: &Selected<'_, '_>,
    look: Look,
    out: &mut dyn Write,
) -> io::Result<()> {
    let plain = |text: String| Cell { text, growth: 0.0 };
    let rows: Vec<[Cell; COLUMNS]> = selected
        .changes
        .iter()
        .map(|change| {
            let (was, is) = change.both();
            let ((before, after), grown_by) = (change.compared(diff.by), change.growth(diff.by));
            let all = change.cumtime();
            let grown = |text: String, growth: f64| Cell { text, growth };
            let calls = match (diff.counted, change.ncalls()) {
                (false, _) => "-".to_owned(),
                (true, 0) => "0".to_owned(),
                (true, calls) => format!("{calls:+}"),
            };
            [
                plain(words.compared.number(after, false)),
                grown(words.compared.number(grown_by, true), grown_by),
                grown(relative(before, grown_by), grown_by),
                plain(words.scale.number(is.cumtime, false)),
                grown(words.scale.number(all, true), all),
                grown(relative(was.cumtime, all), all),
                plain(calls),
            ]
        })
        .collect();
    let headings = [words.compared_by(), "", "change", "cumtime", "", "change", "calls"];
    let mut widths = headings.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.text.len());
        }
    }
    let heading: Vec<String> =
        headings.iter().zip(widths).map(|(text, width)| format!("{text:>width$}")).collect();
    let unit = match words.compared_unit() {
        own if own == words.unit() => own,
        own => format!("{} in {own}, cumtime in {}", words.compared_by(), words.unit()),
    };
    writeln!(out, "{}  function ({unit})", heading.join(" "))?;
    let taken: usize = widths.iter().sum::<usize>() + widths.len() + 1;
    let room = look.width.map(|width| width.saturating_sub(taken).max(LEAST_NAME));
    for (cells, change) in rows.iter().zip(&selected.changes) {
        for (cell, width) in cells.iter().zip(widths) {
            let colour = match look.colours {
                true if cell.growth > 0.0 => "\x1b[31m",
                true if cell.growth < 0.0 => "\x1b[32m",
                _ => "",
            };
            let end = if colour.is_empty() { "" } else { "\x1b[0m" };
            write!(out, "{colour}{:>width$}{end} ", cell.text)?;
        }
        let fate = fate(change).map(|fate| format!("[{fate}] ")).unwrap_or_default();
        let name = name(change.function());
        let room = room.map(|room| room.saturating_sub(fate.width()).max(LEAST_NAME));
        writeln!(out, " {fate}{}", room.map_or(name.clone(), |room| shortened(&name, room)))?;
    }
    Ok(())
}

/// The end of a name says most: the file and the function.
fn shortened(name: &str, room: usize) -> String {
    if name.width() <= room {
        return name.to_owned();
    }
    let mut kept = 1;
    let tail = name.char_indices().rev().take_while(|(_, c)| {
        kept += c.width().unwrap_or(0);
        kept <= room
    });
    let start = tail.last().map_or(name.len(), |(at, _)| at);
    format!("…{}", &name[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_beginning() {
        assert_eq!(shortened("/a/b.py:1(f)", 12), "/a/b.py:1(f)");
        assert_eq!(shortened("/a/b.py:1(f)", 8), "…py:1(f)");
        assert_eq!(shortened("a.py:1(名前)", 8), "…1(名前)");
    }
}
