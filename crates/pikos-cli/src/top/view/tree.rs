//! The tree of full stacks: each function under its caller.

use pikos_views::{ProfileContent, ShownNode, Stacks, Tree};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::figures::{self, Scale};
use super::line::Line;
use super::table::location;
use super::theme::Theme;
use crate::top::state::State;
use crate::top::state::tree::{TreeRow, TreeScreen};

/// A column of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TreeColumn {
    Ncalls,
    CumPercent,
    Bar,
    Cumtime,
    OwnPercent,
    Tottime,
    InFlight,
}

/// Those that are missed most come first.
const WISHES: [TreeColumn; 7] = [
    TreeColumn::Cumtime,
    TreeColumn::CumPercent,
    TreeColumn::Tottime,
    TreeColumn::Ncalls,
    TreeColumn::Bar,
    TreeColumn::InFlight,
    TreeColumn::OwnPercent,
];

/// On the screen they stand in this order.
const ORDER: [TreeColumn; 7] = [
    TreeColumn::Ncalls,
    TreeColumn::Bar,
    TreeColumn::CumPercent,
    TreeColumn::Cumtime,
    TreeColumn::OwnPercent,
    TreeColumn::Tottime,
    TreeColumn::InFlight,
];

/// The least that names are left with.
const NAMES: usize = 28;
/// Narrower screens don't say where functions are.
const WITH_LOCATION: usize = 110;

impl TreeColumn {
    fn width(self, screen: usize) -> usize {
        match self {
            TreeColumn::Ncalls => 9,
            TreeColumn::CumPercent | TreeColumn::OwnPercent => 5,
            TreeColumn::Bar if screen >= WITH_LOCATION => 16,
            TreeColumn::Bar => 6,
            TreeColumn::Cumtime | TreeColumn::Tottime | TreeColumn::InFlight => 9,
        }
    }

    fn title(self) -> &'static str {
        match self {
            TreeColumn::Ncalls => "ncalls",
            TreeColumn::CumPercent => "cum%",
            TreeColumn::Bar => "",
            TreeColumn::Cumtime => "cumtime",
            TreeColumn::OwnPercent => "tot%",
            TreeColumn::Tottime => "tottime",
            TreeColumn::InFlight => "flight",
        }
    }
}

pub fn render(
    state: &State,
    profile: &ProfileContent,
    screen: &TreeScreen,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    if area.height == 0 {
        return;
    }
    let columns = columns(profile, usize::from(area.width));
    heading(&columns, &mut Line::new(buffer, area.x, area.y, area.width), theme);
    let Stacks::Known(tree) = profile.listed_stacks(state.is_mine) else {
        return explain(profile, theme, Rect { y: area.y + 1, height: area.height - 1, ..area }, buffer);
    };
    if screen.rows.is_empty() && area.height > 1 {
        let words = match tree.nodes.is_empty() {
            true => "no function has been called yet",
            false => "no stack matches the filters: / and x change them",
        };
        Line::new(buffer, area.x, area.y + 1, area.width).put(words, theme.quiet());
    }
    let scale = Scale::of(state);
    let listed = screen.rows.iter().enumerate().skip(screen.cursor.offset);
    for ((place, row), y) in listed.zip(1..area.height) {
        let selected = (screen.cursor.current() == place).then(|| theme.selected());
        let node = &tree.nodes[row.place as usize];
        let mut line = Line::new(buffer, area.x, area.y + y, area.width);
        for &(column, width) in &columns {
            let (text, style) = cell(screen, node, column, width, scale, theme);
            let style = selected.unwrap_or(style);
            match column {
                TreeColumn::Bar => line.left(&text, width, style),
                _ => line.right(&text, width, style),
            };
            line.put(" ", selected.unwrap_or_default());
        }
        name(profile, *row, node, theme, selected, &mut line);
    }
}

/// The columns of figures that there is room for, and how wide they are.
fn columns(profile: &ProfileContent, screen: usize) -> Vec<(TreeColumn, usize)> {
    let mut room = screen.saturating_sub(NAMES);
    let mut chosen = Vec::new();
    let meaning = &profile.meaning;
    for column in WISHES {
        let applies = match column {
            TreeColumn::InFlight => meaning.is_live,
            TreeColumn::Ncalls => meaning.is_counted,
            _ => true,
        };
        let width = column.width(screen) + 1;
        if applies && width <= room {
            room -= width;
            chosen.push(column);
        }
    }
    let in_order = ORDER.into_iter().filter(|column| chosen.contains(column));
    in_order.map(|column| (column, column.width(screen))).collect()
}

fn heading(columns: &[(TreeColumn, usize)], line: &mut Line<'_>, theme: Theme) {
    for &(column, width) in columns {
        let (title, style) = match column {
            TreeColumn::Cumtime => ("cumtime\u{25BC}", theme.sorted()),
            _ => (column.title(), theme.heading()),
        };
        line.right(title, width, style).put(" ", theme.heading());
    }
    line.put("function, under its caller", theme.heading()).fill(theme.heading());
}

/// Why there is no tree.
fn explain(profile: &ProfileContent, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let lines: &[&str] = match &profile.stacks {
        Stacks::NotKept => &[
            "No full stacks: the program doesn't keep them. Start it with",
            "    python -m pikos.cprofile --live --tree …",
            "or Profile(live=True, tree=True), pikos.live.start(tree=True).",
        ],
        _ => &["waiting for the stacks"],
    };
    for (words, y) in lines.iter().zip(0..area.height) {
        Line::new(buffer, area.x, area.y + y, area.width).put(words, theme.quiet());
    }
}

fn cell(
    screen: &TreeScreen,
    node: &ShownNode,
    column: TreeColumn,
    width: usize,
    scale: Scale,
    theme: Theme,
) -> (String, Style) {
    let share = |seconds: f64| if screen.whole > 0.0 { seconds / screen.whole } else { 0.0 };
    let (cum, own) = (share(node.cumtime), share(node.own.tottime));
    match column {
        TreeColumn::Ncalls => (figures::count(node.own.ncalls as f64, width), theme.plain()),
        TreeColumn::CumPercent => (figures::percent(cum), theme.heat(cum)),
        TreeColumn::Bar => (bar(cum, own, width), theme.heat(cum)),
        TreeColumn::Cumtime => (scale.time(node.cumtime, width), theme.plain()),
        TreeColumn::OwnPercent => (figures::percent(own), theme.heat(own)),
        TreeColumn::Tottime => (scale.time(node.own.tottime, width), theme.plain()),
        TreeColumn::InFlight if node.own.open == 0 => (String::new(), theme.plain()),
        TreeColumn::InFlight => (scale.time(node.own.in_flight, width), theme.good()),
    }
}

/// Cumulative time as a bar, whose full column is the function's own; something is never nothing.
fn bar(cum: f64, own: f64, width: usize) -> String {
    let cells = |column: f64| (column.clamp(0.0, 1.0) * width as f64).round() as usize;
    let all = cells(cum).max(usize::from(cum > 0.0));
    let full = cells(own).min(all);
    format!("{}{}", "█".repeat(full), "░".repeat(all - full))
}

/// The name at its depth. Where a stack is too deep for the screen, the depth is a number.
fn name(
    profile: &ProfileContent,
    row: TreeRow,
    node: &ShownNode,
    theme: Theme,
    selected: Option<Style>,
    line: &mut Line<'_>,
) {
    let label = profile.label(node.function);
    let quiet = selected.unwrap_or(theme.quiet());
    let room = line.rest();
    let place = if room >= WITH_LOCATION - 50 && !label.is_builtin { room * 4 / 10 } else { 0 };
    let names = room - place;
    let step = if names >= 40 { 2 } else { 1 };
    let depth = row.depth as usize;
    let indent = match depth * step <= names / 2 {
        true => " ".repeat(depth * step),
        false => format!("{:>1$} ", format!("…{depth}"), (names / 2).saturating_sub(1)),
    };
    let fold = match (row.has_more, row.is_open) {
        (false, _) => "  ",
        (true, true) => "▾ ",
        (true, false) => "▸ ",
    };
    let taken = indent.chars().count() + 2;
    line.put(&indent, quiet).put(fold, selected.unwrap_or(theme.plain()));
    line.left(
        &label.name,
        names.saturating_sub(taken),
        selected.unwrap_or(theme.owned(profile.is_own(node.function))),
    );
    if place > 0 {
        line.put(" ", quiet).left(&location(label, place - 1), place - 1, quiet);
    }
}

/// For the header: how much there is, and what the limits have cut.
pub fn amount(screen: &TreeScreen, tree: &Tree, scale: Scale) -> String {
    let mut text = format!("{} stacks, {} listed", tree.nodes.len(), screen.rows.len());
    text += &format!("  {}", scale.time(screen.whole, 11));
    if let Some(note) = &tree.note {
        text += &format!("  {note}");
    }
    if tree.cut.calls > 0 {
        let calls = figures::count(tree.cut.calls as f64, 9);
        text += &format!("  {calls} calls cut by the limits ({})", scale.time(tree.cut.seconds, 11));
    }
    if tree.without > 0 {
        text += &format!("  {} processes without --tree", tree.without);
    }
    text
}
