//! Types of objects: how many are made and go in a second, how many are alive, and the lines that make those of one.

use pikos_views::{ShownType, ShownTypes};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::figures;
use super::line::{Line, cut_path, cut_start};
use super::theme::Theme;
use crate::top::state::State;
use crate::top::state::types::{TypeColumn, TypePlaces};

/// What a line is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Column(TypeColumn),
    /// What is alive, beside the type of which most are.
    Bar,
    Sparkline,
}

/// Those that are missed most first.
const WISHES: [Part; 8] = [
    Part::Column(TypeColumn::Alive),
    Part::Column(TypeColumn::Made),
    Part::Column(TypeColumn::Bytes),
    Part::Sparkline,
    Part::Column(TypeColumn::Gone),
    Part::Bar,
    Part::Column(TypeColumn::Created),
    Part::Column(TypeColumn::Peak),
];
/// On the screen they stand in this order.
const ORDER: [Part; 8] = [
    Part::Column(TypeColumn::Made),
    Part::Column(TypeColumn::Gone),
    Part::Sparkline,
    Part::Column(TypeColumn::Alive),
    Part::Bar,
    Part::Column(TypeColumn::Created),
    Part::Column(TypeColumn::Peak),
    Part::Column(TypeColumn::Bytes),
];
/// The least that names are left with, and what they need.
const NAME: usize = 16;
const WIDEST_NAME: usize = 48;
const SPARKLINE: usize = 16;
const BAR: usize = 8;

pub fn render(state: &State, types: &ShownTypes, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let cells = cells(state.types.sort, usize::from(area.width));
    heading(state, &cells, theme, &mut Line::new(buffer, area.x, area.y, area.width));
    let most = types.rows.iter().filter_map(|row| row.alive).max().unwrap_or(0);
    let table = &state.types;
    let listed = table.rows.iter().enumerate().skip(table.cursor.offset);
    for ((place, row), y) in listed.zip(1..area.height) {
        let Some(row) = types.rows.get(*row) else { continue };
        let mut line = Line::new(buffer, area.x, area.y + y, area.width);
        let selected = (table.cursor.current() == place).then(|| theme.selected());
        for (part, width) in &cells {
            let (text, style) = cell(row, *part, *width, most, theme);
            let style = selected.unwrap_or(style);
            match part {
                Part::Column(TypeColumn::Type) | Part::Bar | Part::Sparkline => {
                    line.left(&text, *width, style)
                }
                Part::Column(_) => line.right(&text, *width, style),
            };
            line.put(" ", selected.unwrap_or_default());
        }
    }
    if table.rows.is_empty() && area.height > 1 {
        let words = match types.rows.is_empty() {
            true => "no object has been made yet",
            false => "no type matches the filters: / and x change them",
        };
        Line::new(buffer, area.x, area.y + 1, area.width).put(words, theme.quiet());
    }
}

/// The parts that there is room for, and their widths. The column that it is sorted by is among them.
fn cells(sort: TypeColumn, width: usize) -> Vec<(Part, usize)> {
    let mut room = width.saturating_sub(NAME + 1);
    let mut chosen = Vec::new();
    let sorted = Part::Column(sort);
    for part in [sorted].into_iter().chain(WISHES).filter(|part| *part != Part::Column(TypeColumn::Type)) {
        if width_of(part) < room && !chosen.contains(&part) {
            room -= width_of(part) + 1;
            chosen.push(part);
        }
    }
    // What the names don't need goes to the past.
    let spare = (room + NAME).saturating_sub(WIDEST_NAME).min(pikos_views::TYPE_HISTORY - SPARKLINE);
    let spare = if chosen.contains(&Part::Sparkline) { spare } else { 0 };
    let mut cells: Vec<_> = ORDER
        .into_iter()
        .filter(|part| chosen.contains(part))
        .map(|part| (part, width_of(part) + if part == Part::Sparkline { spare } else { 0 }))
        .collect();
    cells.push((Part::Column(TypeColumn::Type), NAME + room - spare));
    cells
}

fn width_of(part: Part) -> usize {
    match part {
        Part::Bar => BAR,
        Part::Sparkline => SPARKLINE,
        Part::Column(TypeColumn::Made | TypeColumn::Gone) => 7,
        Part::Column(_) => 8,
    }
}

fn heading(state: &State, cells: &[(Part, usize)], theme: Theme, line: &mut Line<'_>) {
    let arrow = if state.types.is_reversed { "\u{25B2}" } else { "\u{25BC}" };
    for (part, width) in cells {
        let (title, style) = match part {
            Part::Column(column) if *column == state.types.sort => {
                (format!("{}{arrow}", column.title()), theme.sorted())
            }
            Part::Column(column) => (column.title().to_owned(), theme.heading()),
            Part::Bar => (String::new(), theme.heading()),
            Part::Sparkline => ("made, over time".to_owned(), theme.heading()),
        };
        match part {
            Part::Column(TypeColumn::Type) | Part::Sparkline => line.left(&title, *width, style),
            _ => line.right(&title, *width, style),
        };
        line.put(" ", theme.heading());
    }
    line.fill(theme.heading());
}

/// What a row says in a column. A dash where nobody knows.
fn cell(row: &ShownType, part: Part, width: usize, most: i64, theme: Theme) -> (String, Style) {
    let known = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let rate = |rate: f64| if rate > 0.0 { figures::count(rate, width) } else { String::new() };
    match part {
        Part::Column(TypeColumn::Made) => (rate(row.made_per_s), theme.plain()),
        Part::Column(TypeColumn::Gone) => (rate(row.gone_per_s), theme.plain()),
        Part::Column(TypeColumn::Alive) => {
            let change = row.made_per_s - row.gone_per_s;
            let style = theme.change(if row.alive.is_some() { change.round() } else { 0.0 });
            (known(row.alive.map(|alive| figures::count(alive as f64, width))), style)
        }
        Part::Column(TypeColumn::Created) => (figures::count(row.created as f64, width), theme.plain()),
        Part::Column(TypeColumn::Peak) => {
            (known(row.peak.map(|peak| figures::count(peak as f64, width))), theme.plain())
        }
        Part::Column(TypeColumn::Bytes) => (
            known(row.bytes.map(|bytes| figures::bytes(i64::try_from(bytes).unwrap_or(i64::MAX)))),
            theme.plain(),
        ),
        Part::Column(TypeColumn::Type) => (cut_start(&row.name, width), theme.function()),
        Part::Bar => {
            let part = row.alive.unwrap_or(0).max(0) as f64 / most.max(1) as f64;
            (figures::bar(part, width), theme.heat(part))
        }
        Part::Sparkline => (sparkline(&row.history, width), theme.good()),
    }
}

/// Rates of the last messages, each beside the greatest of them; the present is at the right.
fn sparkline(history: &[f32], width: usize) -> String {
    let shown = &history[history.len().saturating_sub(width)..];
    let most = shown.iter().copied().fold(0.0, f32::max);
    let past: String =
        shown.iter().map(|rate| figures::height(if most > 0.0 { rate / most } else { 0.0 })).collect();
    format!("{past:>width$}")
}

/// The lines that make objects of one type.
pub fn places(types: &ShownTypes, screen: &TypePlaces, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let Some(row) = types.rows.get(screen.of).filter(|_| area.height > 0) else { return };
    let mut head = Line::new(buffer, area.x, area.y, area.width);
    head.put(&row.name, theme.title()).put("  ", theme.plain());
    head.put(&figures::count(row.created as f64, 12), theme.title()).put(" made  ", theme.quiet());
    if let Some(alive) = row.alive {
        head.put(&figures::count(alive as f64, 12), theme.title()).put(" alive  ", theme.quiet());
    }
    head.put(&sparkline(&row.history, head.rest().min(pikos_views::TYPE_HISTORY)), theme.good());
    if area.height > 1 {
        let mut heading = Line::new(buffer, area.x, area.y + 1, area.width);
        for title in ["created", "alive"] {
            heading.right(title, 9, theme.heading()).put(" ", theme.heading());
        }
        heading.put("made at", theme.heading()).fill(theme.heading());
    }
    let places = types.places_of(screen.of);
    if places.is_empty() && area.height > 2 {
        let words = "lines are not counted: pikos-run objects --where";
        Line::new(buffer, area.x, area.y + 2, area.width).put(words, theme.quiet());
    }
    for (place, y) in places.iter().skip(screen.cursor.offset).zip(2..area.height) {
        let mut line = Line::new(buffer, area.x, area.y + y, area.width);
        let alive = place.alive.map_or("-".to_owned(), |alive| figures::count(alive as f64, 9));
        line.right(&figures::count(place.created as f64, 9), 9, theme.plain()).put(" ", theme.plain());
        line.right(&alive, 9, theme.plain()).put(" ", theme.plain());
        let room = line.rest() * 3 / 5;
        line.put(&cut_path(&format!("{}:{}", place.file, place.line), room), theme.quiet());
        line.put("  ", theme.plain()).put(&place.function, theme.function());
    }
}
