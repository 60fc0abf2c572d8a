//! A recorder: the chart of its memory, and the table of lines, or functions, that made it grow.

use pikos_views::{Recording, ShownLine};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::line::{Line, cut_path};
use super::theme::Theme;
use super::{chart, figures};
use crate::top::state::memory::MemoryColumn;
use crate::top::state::{State, layout};

/// The least that texts are left with, and from which width on a function has a column of its own.
const LOCATION: usize = 15;
const FUNCTION: usize = 10;
const NARROW: usize = 60;
/// From this width on there is room for all figures: else the source would be a few letters.
const WIDE: usize = 100;

pub fn render(state: &State, memory: &Recording, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let chart = layout::chart_height(state.size, state.is_live(), memory.has_memory).min(area.height);
    chart::render(memory, theme, Rect { height: chart, ..area }, buffer);
    let below = Rect { y: area.y + chart, height: area.height - chart, ..area };
    if below.height == 0 {
        return;
    }
    let cells = cells(state, memory, usize::from(below.width));
    heading(state, memory, &cells, theme, &mut Line::new(buffer, below.x, below.y, below.width));
    let table = &state.memory;
    let listed = table.rows.iter().enumerate().skip(table.cursor.offset);
    for ((place, row), y) in listed.zip(1..below.height) {
        let mut line = Line::new(buffer, below.x, below.y + y, below.width);
        let selected = (table.cursor.current() == place).then(|| theme.selected());
        for (column, width) in &cells {
            let (text, style) = cell(state, memory, row, *column, *width, theme);
            let style = selected.unwrap_or(style);
            match is_text(*column) {
                true => line.left(&text, *width, style),
                false => line.right(&text, *width, style),
            };
            line.put(" ", selected.unwrap_or_default());
        }
    }
    if table.rows.is_empty() && below.height > 1 {
        let words = match table.count {
            0 => "no records yet",
            _ => "nothing matches the filters: / and x change them",
        };
        Line::new(buffer, below.x, below.y + 1, below.width).put(words, theme.quiet());
    }
}

/// The columns that there is room for, and their widths.
fn cells(state: &State, memory: &Recording, width: usize) -> Vec<(MemoryColumn, usize)> {
    let columns = state.memory.columns(memory);
    let sorted = state.memory.column(memory);
    let is_narrow = width < NARROW;
    let figures = columns.iter().copied().filter(|column| !is_text(*column));
    // On a narrow screen, what it is sorted by, and where that is.
    let has_room = |column: MemoryColumn| {
        !is_narrow && (width >= WIDE || column != MemoryColumn::Growth || !memory.has_spikes)
    };
    let figures: Vec<_> = figures.filter(|column| has_room(*column) || *column == sorted).collect();
    let mut room = width.saturating_sub(figures.iter().map(|column| figure_width(*column) + 1).sum());
    let mut cells: Vec<_> = figures.iter().map(|column| (*column, figure_width(*column))).collect();
    if is_narrow {
        let text = if is_text(sorted) { sorted } else { MemoryColumn::Location };
        cells.push((text, room));
        return cells;
    }
    let has_source = columns.contains(&MemoryColumn::Source);
    room = room.saturating_sub(if has_source { 2 } else { 1 });
    // The source says most; what is long is cut.
    let (location, function) = match has_source {
        true => ((room / 4).clamp(LOCATION, 40), (room / 5).clamp(FUNCTION, 30)),
        false => (room - room * 2 / 5, room * 2 / 5),
    };
    cells.extend([(MemoryColumn::Location, location), (MemoryColumn::Function, function)]);
    if has_source {
        cells.push((MemoryColumn::Source, room.saturating_sub(location + function)));
    }
    cells
}

fn figure_width(column: MemoryColumn) -> usize {
    if column == MemoryColumn::Peak { 7 } else { 8 }
}

fn is_text(column: MemoryColumn) -> bool {
    matches!(column, MemoryColumn::Location | MemoryColumn::Function | MemoryColumn::Source)
}

fn heading(
    state: &State,
    memory: &Recording,
    cells: &[(MemoryColumn, usize)],
    theme: Theme,
    line: &mut Line<'_>,
) {
    let sorted = state.memory.column(memory);
    for (column, width) in cells {
        let title = column.title();
        let arrow = if state.memory.is_reversed { "\u{25B2}" } else { "\u{25BC}" };
        let (title, style) = match *column == sorted && title.len() < *width {
            true => (format!("{title}{arrow}"), theme.sorted()),
            false => (title.to_owned(), theme.heading()),
        };
        match is_text(*column) {
            true => line.left(&title, *width, style),
            false => line.right(&title, *width, style),
        };
        line.put(" ", theme.heading());
    }
    line.fill(theme.heading());
}

/// What a row says in a column.
fn cell(
    state: &State,
    memory: &Recording,
    row: &ShownLine,
    column: MemoryColumn,
    width: usize,
    theme: Theme,
) -> (String, Style) {
    let label = memory.label(row.id, state.memory.by_function);
    let change = |bytes: i64| (figures::signed_bytes(bytes), theme.change(bytes as f64));
    match column {
        MemoryColumn::Time => (figures::nanoseconds(row.growth), theme.plain()),
        MemoryColumn::Own if memory.has_times => (figures::nanoseconds(row.own), theme.plain()),
        MemoryColumn::Own => change(row.own),
        MemoryColumn::Growth => change(row.growth),
        MemoryColumn::Spike => change(row.spike.min(i64::MAX as u64).cast_signed()),
        MemoryColumn::Peak => (figures::bytes(row.peak as i64), theme.plain()),
        MemoryColumn::Hits => (figures::count(row.hits as f64, width), theme.plain()),
        MemoryColumn::Location => (cut_path(&format!("{}:{}", label.file, label.line), width), theme.quiet()),
        MemoryColumn::Function => (label.function.clone(), theme.function()),
        MemoryColumn::Source => (label.source.clone(), theme.plain()),
    }
}
