//! The table of functions.

use pikos_views::{Label, ProfileContent, ShownFunction};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::figures::{self, Scale, signed};
use super::line::{Line, cut_path, text};
use super::theme::Theme;
use crate::top::state::State;
use crate::top::state::columns::{Column, per_call};
use crate::top::state::history;

/// What a line is made of: columns that rows are sorted by, and two pictures of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Column(Column),
    /// The share as a bar.
    Bar,
    Sparkline,
}

/// A part, and how many cells it has.
type Slot = (Part, usize);

const BAR: usize = 6;
const SPARKLINE: usize = 12;
/// The least that names are left with.
const FUNCTION: usize = 16;
/// Narrower screens don't say where functions are; wider ones leave nearly half of their room to names and places.
const NARROW: usize = 60;
/// More than this, no name and no place needs: the rest goes to bars.
const WIDEST_NAMES: usize = 130;
const WIDEST_BAR: usize = 24;

/// The parts that have a fixed width, those that are missed most first.
const LIVE: [Part; 15] = [
    Part::Column(Column::Tottime),
    Part::Column(Column::Share),
    Part::Column(Column::Cumtime),
    Part::Column(Column::Ncalls),
    Part::Column(Column::P99),
    Part::Column(Column::Cpu),
    Part::Column(Column::InFlight),
    Part::Column(Column::Max),
    Part::Column(Column::GilWait),
    Part::Column(Column::CallsPerS),
    Part::Column(Column::P50),
    Part::Bar,
    Part::Column(Column::CumPerCall),
    Part::Sparkline,
    Part::Column(Column::TotPerCall),
];
const FINISHED: [Part; 12] = [
    Part::Column(Column::Tottime),
    Part::Column(Column::Cumtime),
    Part::Column(Column::Share),
    Part::Column(Column::Ncalls),
    Part::Column(Column::P99),
    Part::Column(Column::Cpu),
    Part::Column(Column::Max),
    Part::Column(Column::GilWait),
    Part::Column(Column::P50),
    Part::Column(Column::CumPerCall),
    Part::Bar,
    Part::Column(Column::TotPerCall),
];

/// On the screen they stand in this order.
const ORDER: [Part; 17] = [
    Part::Column(Column::Ncalls),
    Part::Column(Column::CallsPerS),
    Part::Column(Column::Tottime),
    Part::Column(Column::TotPerCall),
    Part::Column(Column::Share),
    Part::Bar,
    Part::Sparkline,
    Part::Column(Column::Cumtime),
    Part::Column(Column::CumPerCall),
    Part::Column(Column::InFlight),
    Part::Column(Column::GilWait),
    Part::Column(Column::Cpu),
    Part::Column(Column::P50),
    Part::Column(Column::P99),
    Part::Column(Column::Max),
    Part::Column(Column::Function),
    Part::Column(Column::Location),
];

pub fn render(state: &State, profile: &ProfileContent, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let cells = cells(state, profile, usize::from(area.width));
    heading(state, profile, &cells, theme, &mut Line::new(buffer, area.x, area.y, area.width));
    let listed = state.rows.iter().enumerate().skip(state.cursor.offset);
    for ((place, row), y) in listed.zip(1..area.height) {
        let mut line = Line::new(buffer, area.x, area.y + y, area.width);
        let style = (state.cursor.current() == place).then(|| theme.selected());
        draw_row(state, profile, row, &cells, theme, style, &mut line);
    }
    if state.rows.is_empty() && area.height > 1 {
        Line::new(buffer, area.x, area.y + 1, area.width).put(why_empty(state, profile), theme.quiet());
    }
}

fn why_empty(state: &State, profile: &ProfileContent) -> &'static str {
    match () {
        () if state.picture.processes.is_empty() => {
            "waiting for a process: start one with pikos run --live SCRIPT"
        }
        () if state.shows_diff => "nothing has changed since the mark",
        () if profile.functions.is_empty() => "no function has been called yet",
        () => "no function matches the filters: / and x change them",
    }
}

fn cells(state: &State, profile: &ProfileContent, width: usize) -> Vec<Slot> {
    let meaning = &profile.meaning;
    let known = Column::all(meaning);
    let is_known = |part: &Part| match part {
        // A bar of a difference would be of nothing.
        Part::Bar => !state.shows_diff,
        // Between two files, calls and time may change in opposite ways.
        Part::Column(Column::TotPerCall | Column::CumPerCall) if state.shows_diff && !meaning.is_live => {
            false
        }
        Part::Column(column) => known.contains(column),
        Part::Sparkline => meaning.is_live,
    };
    let names = if width < NARROW { FUNCTION } else { width * 9 / 20 };
    let mut room = width.saturating_sub(names);
    let mut chosen = Vec::new();
    let sorted = Part::Column(state.sort.column);
    let wishes = if meaning.is_live { LIVE.as_slice() } else { FINISHED.as_slice() };
    for part in [sorted].iter().filter(|part| wishes.contains(part)).chain(wishes) {
        let cells = width_of(*part, state.shows_diff) + 1;
        if cells <= room && is_known(part) && !chosen.contains(part) {
            room -= cells;
            chosen.push(*part);
        }
    }
    // What is left over goes to the names, and what they don't need to the pictures.
    let mut names = names + room;
    let mut spare = names.saturating_sub(WIDEST_NAMES);
    let mut widen = |part: Part, most: usize| {
        let more = if chosen.contains(&part) { spare.min(most) } else { 0 };
        spare -= more;
        names -= more;
        more
    };
    let spark = widen(Part::Sparkline, history::LENGTH - SPARKLINE);
    let bar = widen(Part::Bar, WIDEST_BAR - BAR);
    let (function, location) = match width < NARROW {
        true if state.sort.column == Column::Location => (0, names),
        true => (names, 0),
        false => {
            let function = for_function(names);
            (function, names - 1 - function)
        }
    };
    let place = |part: &Part| match part {
        Part::Column(Column::Function) => Some((*part, function)),
        Part::Column(Column::Location) => Some((*part, location)),
        Part::Sparkline if chosen.contains(part) => Some((*part, SPARKLINE + spark)),
        Part::Bar if chosen.contains(part) => Some((*part, BAR + bar)),
        _ => chosen.contains(part).then(|| (*part, width_of(*part, state.shows_diff))),
    };
    ORDER.iter().filter_map(place).filter(|(_, width)| *width > 0).collect()
}

/// A difference has a sign.
fn width_of(part: Part, is_diff: bool) -> usize {
    let sign = usize::from(is_diff);
    match part {
        Part::Bar => BAR,
        Part::Sparkline => SPARKLINE,
        Part::Column(Column::Ncalls) => 9 + sign,
        Part::Column(Column::CallsPerS) => 7,
        Part::Column(Column::Share) => 5 + sign,
        Part::Column(Column::Tottime | Column::Cumtime | Column::GilWait | Column::Cpu) => 9 + sign,
        Part::Column(Column::InFlight) => 9,
        Part::Column(_) => 8,
    }
}

fn is_text(part: Part) -> bool {
    matches!(part, Part::Column(Column::Function | Column::Location) | Part::Bar | Part::Sparkline)
}

fn heading(state: &State, profile: &ProfileContent, cells: &[Slot], theme: Theme, line: &mut Line<'_>) {
    for (part, width) in cells {
        let title = match part {
            Part::Column(column) => column.title(&profile.meaning),
            Part::Bar => "",
            Part::Sparkline => "history",
        };
        let is_sorted = *part == Part::Column(state.sort.column);
        let style = if is_sorted { theme.sorted() } else { theme.heading() };
        let arrow = if state.sort.is_reversed { "\u{25B2}" } else { "\u{25BC}" };
        let title = match is_sorted && title.len() < *width {
            true => format!("{title}{arrow}"),
            false => title.to_owned(),
        };
        match is_text(*part) {
            true => line.left(&title, *width, style),
            false => line.right(&title, *width, style),
        };
        line.put(" ", theme.heading());
    }
    line.fill(theme.heading());
}

fn draw_row(
    state: &State,
    profile: &ProfileContent,
    row: &ShownFunction,
    cells: &[Slot],
    theme: Theme,
    selected: Option<Style>,
    line: &mut Line<'_>,
) {
    let label = profile.label(row.id);
    let scale = Scale::of(state);
    for (part, width) in cells {
        // A built-in has no place, and often a long name.
        let width = match part {
            Part::Column(Column::Function) if label.is_builtin => line.rest(),
            _ => *width,
        };
        let (text, style) = match part {
            Part::Column(column) => cell(state, profile, row, *column, width, scale, theme),
            Part::Bar => (figures::bar(row.figures.share, width), theme.heat(row.figures.share)),
            Part::Sparkline => {
                let past: String = state.history.of(row.id, width).map(figures::height).collect();
                // The present is at the right, as in every row.
                (format!("{past:>width$}"), theme.good())
            }
        };
        let style = selected.unwrap_or(style);
        match is_text(*part) {
            true => line.left(&text, width, style),
            false => line.right(&text, width, style),
        };
        line.put(" ", selected.unwrap_or_default());
    }
}

/// What a row says in a column.
fn cell(
    state: &State,
    profile: &ProfileContent,
    row: &ShownFunction,
    column: Column,
    width: usize,
    scale: Scale,
    theme: Theme,
) -> (String, Style) {
    let label = profile.label(row.id);
    let is_diff = state.shows_diff;
    let figures = &row.figures;
    // A sign takes a cell.
    let room = if is_diff { width - 1 } else { width };
    // A minus is written with the figure, a plus is put before it.
    let time_room = |value: f64| if value < 0.0 { width } else { room };
    let each = |time: f64, calls: i64| match scale.is_seconds() {
        true => figures::duration(per_call(time, calls)),
        false => figures::count(per_call(time, calls), room),
    };
    let (text, value) = match column {
        Column::Ncalls if label.is_elsewhere => return (String::new(), theme.plain()),
        Column::Ncalls => {
            (figures::calls(figures.ncalls, figures.primitive_calls, room), figures.ncalls as f64)
        }
        Column::CallsPerS => {
            return (nonzero(figures.calls_per_s, figures::count(figures.calls_per_s, width)), theme.plain());
        }
        Column::Tottime => (scale.time(figures.tottime, time_room(figures.tottime)), figures.tottime),
        Column::Share if is_diff && state.is_live() => {
            return (figures::percent(figures.share), theme.heat(figures.share));
        }
        Column::Share => {
            let style = if is_diff { theme.change(figures.share) } else { theme.heat(figures.share) };
            return (signed(nonzero(figures.share, figures::percent(figures.share)), is_diff), style);
        }
        Column::TotPerCall => return (each(figures.tottime, figures.ncalls), theme.plain()),
        Column::Cumtime => (scale.time(figures.cumtime, time_room(figures.cumtime)), figures.cumtime),
        Column::GilWait => {
            let waited = figures.gil_wait;
            (nonzero(waited, scale.time(waited, time_room(waited))), waited)
        }
        Column::Cpu => (nonzero(figures.cpu, scale.time(figures.cpu, time_room(figures.cpu))), figures.cpu),
        // Of all calls, also where the rest is what was added since.
        Column::P50 | Column::P99 | Column::Max => {
            let seconds = match column {
                Column::P50 => figures.p50,
                Column::P99 => figures.p99,
                _ => figures.max,
            };
            let is_known = seconds > 0.0;
            let text = if is_known { figures::duration(seconds) } else { String::new() };
            return (text, theme.plain());
        }
        Column::CumPerCall => return (each(figures.cumtime, figures.primitive_calls), theme.plain()),
        Column::InFlight => {
            return (nonzero(figures.in_flight, scale.time(figures.in_flight, width)), theme.good());
        }
        Column::Function => return (label.name.clone(), theme.owned(profile.is_own(row.id))),
        Column::Location => return (location(label, width), theme.quiet()),
    };
    match is_diff {
        true => (signed(text, true), theme.change(value)),
        false => (text, theme.plain()),
    }
}

/// Nothing where nothing is: what happens now stands out.
fn nonzero(value: f64, text: String) -> String {
    if value == 0.0 { String::new() } else { text }
}

/// `file:line`, its first folders cut off; of what was installed, its module or its place in the package.
pub fn location(label: &Label, width: usize) -> String {
    match label.is_builtin {
        true => String::new(),
        false if label.file.is_empty() && label.line == 0 => String::new(),
        false => cut_path(&format!("{}:{}", label.short_file, label.line), width),
    }
}

/// So much of the room for names and places is for the names.
pub fn for_function(room: usize) -> usize {
    room * 11 / 20
}

/// The heading and the rows as text, so many columns wide.
pub fn lines(
    state: &State,
    profile: &ProfileContent,
    width: u16,
    top: usize,
) -> impl Iterator<Item = String> {
    let theme = Theme::new(false);
    let cells = cells(state, profile, usize::from(width));
    let rows = std::iter::once(None).chain(state.rows.iter().take(top).map(Some));
    rows.map(move |row| {
        let buffer = &mut Buffer::empty(Rect { x: 0, y: 0, width, height: 1 });
        let line = &mut Line::new(buffer, 0, 0, width);
        match row {
            None => heading(state, profile, &cells, theme, line),
            Some(row) => draw_row(state, profile, row, &cells, theme, None, line),
        }
        text(buffer)
    })
}
