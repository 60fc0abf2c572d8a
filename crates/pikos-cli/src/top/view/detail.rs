//! One function: its figures, its callers, its callees, its source.

use pikos_views::{FunctionId, ProfileContent, Shown};
use pstats_compat::EdgeDetail;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::figures::{self, Scale};
use super::line::Line;
use super::table::{for_function, location};
use super::theme::Theme;
use crate::top::state::columns::per_call;
use crate::top::state::detail::{Detail, Neighbours, Pane};
use crate::top::state::{State, layout};

pub fn render(
    state: &State,
    profile: &ProfileContent,
    detail: &Detail,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let head = layout::DETAIL_HEAD.min(area.height);
    draw_head(state, profile, detail, theme, Rect { height: head, ..area }, buffer);
    let below = Rect { y: area.y + head, height: area.height - head, ..area };
    if below.height == 0 {
        return;
    }
    match layout::panes(state.size) {
        layout::Panes::Single => draw_pane(state, profile, detail, detail.pane, theme, below, buffer),
        layout::Panes::Together => {
            let upper = layout::pane_height(state.size, state.is_live(), false).min(below.height);
            let left = Rect { height: upper, width: below.width / 2, ..below };
            let right = Rect { x: left.width, width: below.width - left.width, ..left };
            let lower = Rect { y: below.y + upper, height: below.height - upper, ..below };
            draw_pane(state, profile, detail, Pane::Callers, theme, left, buffer);
            draw_pane(state, profile, detail, Pane::Callees, theme, right, buffer);
            draw_pane(state, profile, detail, Pane::Source, theme, lower, buffer);
        }
    }
}

/// The name and the place, then the figures in words.
fn draw_head(
    state: &State,
    profile: &ProfileContent,
    detail: &Detail,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let label = profile.label(detail.function);
    let mut line = Line::new(buffer, area.x, area.y, area.width);
    line.put(&label.name, theme.owned(profile.is_own(detail.function)).patch(theme.title()))
        .put("  ", theme.plain());
    let rest = line.rest();
    line.put(&location(label, rest), theme.quiet());
    if area.height < 2 {
        return;
    }
    let line = &mut Line::new(buffer, area.x, area.y + 1, area.width);
    let rows = if state.shows_diff { state.rows.as_slice() } else { profile.functions.as_slice() };
    let Some(row) = rows.iter().find(|row| row.id == detail.function) else {
        line.put("known only as a caller: it was running before profiling began", theme.quiet());
        return;
    };
    let figures = row.figures;
    let scale = Scale::of(state);
    let mut say = |word: &str, text: String| {
        // A figure without its word says nothing.
        if line.rest() < text.width() + 1 + word.width() {
            return;
        }
        line.put(&text, theme.title())
            .put(" ", theme.plain())
            .put(word, theme.quiet())
            .put("  ", theme.plain());
    };
    if profile.meaning.is_counted {
        let word = match (profile.meaning.is_sampled, figures.ncalls) {
            (true, _) => "samples",
            (false, 1) => "call",
            (false, _) => "calls",
        };
        say(word, figures::calls(figures.ncalls, figures.primitive_calls, 16));
    }
    say("tottime", scale.time(figures.tottime, 12));
    say("cumtime", scale.time(figures.cumtime, 12));
    if profile.meaning.has_gil_waits {
        say("gil wait", scale.time(figures.gil_wait, 12));
    }
    if profile.meaning.has_cpu {
        say("cpu", scale.time(figures.cpu, 12));
    }
    for (word, seconds) in [("p50", figures.p50), ("p99", figures.p99), ("max", figures.max)] {
        if seconds > 0.0 {
            say(word, figures::duration(seconds));
        }
    }
    // In the table, what it called of others is its own.
    let mine = profile.mine.as_ref().filter(|_| state.is_mine && !state.shows_diff);
    if let Some(row) = mine.and_then(|mine| mine.functions.iter().find(|row| row.id == detail.function)) {
        say("with others' code", scale.time(row.figures.tottime, 12));
    }
    if scale.is_seconds() && profile.meaning.is_counted && !profile.meaning.is_sampled {
        say("a call", figures::duration(per_call(figures.cumtime, figures.primitive_calls)));
    }
    if state.is_live() {
        let word = if profile.meaning.is_sampled { "samples/s" } else { "calls/s" };
        say(word, figures::count(figures.calls_per_s, 8));
        say("now%", figures::percent(figures.share));
        if figures.open > 0 {
            say(&format!("in flight, {} open", figures.open), scale.time(figures.in_flight, 10));
        }
    }
}

fn draw_pane(
    state: &State,
    profile: &ProfileContent,
    detail: &Detail,
    pane: Pane,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let is_single = layout::panes(state.size) == layout::Panes::Single;
    let mut title = Line::new(buffer, area.x, area.y, area.width);
    for (other, key) in Pane::ALL.into_iter().zip(1..) {
        if other != pane && !is_single {
            continue;
        }
        let count = match other {
            Pane::Callers => format!(" ({})", detail.callers.rows.len()),
            Pane::Callees => format!(" ({})", detail.callees.rows.len()),
            Pane::Source => String::new(),
        };
        let style = if other == detail.pane { theme.sorted() } else { theme.heading() };
        title.put(&format!(" {key} {}{count} ", name(other)), style).put(" ", theme.heading());
    }
    title.fill(theme.heading());
    let below = Rect { y: area.y + 1, height: area.height - 1, ..area };
    match pane {
        Pane::Callers | Pane::Callees => neighbours(state, profile, detail, pane, theme, below, buffer),
        Pane::Source => source(state, profile, detail, theme, below, buffer),
    }
}

fn name(pane: Pane) -> &'static str {
    match pane {
        Pane::Callers => "callers",
        Pane::Callees => "callees",
        Pane::Source => "source",
    }
}

/// One table of edges: what of the callee's figures belongs to this caller.
fn neighbours(
    state: &State,
    profile: &ProfileContent,
    detail: &Detail,
    pane: Pane,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    if area.height == 0 {
        return;
    }
    let list = if pane == Pane::Callers { &detail.callers } else { &detail.callees };
    let edges = profile.meaning.edges;
    let has_tottime = edges == EdgeDetail::Full;
    let has_cumtime = edges != EdgeDetail::CountsOnly;
    let is_counted = profile.meaning.is_counted;
    let mut heading = Line::new(buffer, area.x, area.y, area.width);
    heading.right("ncalls", 10, theme.quiet());
    if has_tottime {
        heading.right("tottime", 10, theme.quiet());
    }
    if has_cumtime {
        heading.right("cumtime", 10, theme.quiet()).right("%", 6, theme.quiet());
    }
    heading.put("  function", theme.quiet());
    if list.rows.is_empty() && area.height > 1 {
        let words = match (pane, profile.edges_of.cover(detail.function)) {
            (_, false) => "not known yet",
            (Pane::Callers, _) => "nothing that was profiled called it",
            _ => "it called nothing that was profiled",
        };
        Line::new(buffer, area.x, area.y + 1, area.width).put(words, theme.quiet());
    }
    let scale = Scale::of(state);
    let whole = whole(profile, detail.function, pane, list);
    let listed = list.rows.iter().enumerate().skip(list.cursor.offset);
    for ((place, (other, edge)), y) in listed.zip(1..area.height) {
        let chosen = detail.pane == pane && list.cursor.current() == place;
        let style = |style| if chosen { theme.selected() } else { style };
        let figures = edge.figures;
        let part = if whole > 0.0 { figures.cumtime / whole } else { 0.0 };
        let mut line = Line::new(buffer, area.x, area.y + y, area.width);
        let calls = is_counted.then(|| figures::calls(figures.ncalls, figures.primitive_calls, 10));
        line.right(&figures::counted(calls), 10, style(theme.plain()));
        if has_tottime {
            line.right(&scale.time(figures.tottime, 9), 10, style(theme.plain()));
        }
        if has_cumtime {
            line.right(&scale.time(figures.cumtime, 9), 10, style(theme.plain()));
            line.right(&figures::percent(part), 6, style(theme.heat(part)));
        }
        let label = profile.label(*other);
        let names = line.rest().saturating_sub(3);
        let room = if names > 40 && !label.is_builtin { for_function(names) } else { names };
        let name = style(theme.owned(profile.is_own(*other)));
        line.put("  ", style(theme.plain())).left(&label.name, room, name);
        if room < names {
            line.put(" ", style(theme.plain()));
            line.left(&location(label, names - room), names - room, style(theme.quiet()));
        }
    }
}

/// What the parts are parts of: of a callee, all its callers' time; of a caller, its own.
fn whole(profile: &ProfileContent, function: FunctionId, pane: Pane, list: &Neighbours) -> f64 {
    if pane == Pane::Callers {
        return list.rows.iter().map(|(_, edge)| edge.figures.cumtime).sum();
    }
    profile.functions.iter().find(|row| row.id == function).map_or(0.0, |row| row.figures.cumtime)
}

/// Lines with their numbers; where a profiled function begins, its figures stand before it.
fn source(
    state: &State,
    profile: &ProfileContent,
    detail: &Detail,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    if area.height == 0 {
        return;
    }
    let has_gutter = area.width >= 60;
    let mut heading = Line::new(buffer, area.x, area.y, area.width);
    if has_gutter {
        heading.right("ncalls", 8, theme.quiet()).right("cumtime", 10, theme.quiet());
    }
    heading.right("line", 6, theme.quiet());
    let area = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let label = profile.label(detail.function);
    let here = state.source.as_ref().filter(|source| source.path == label.path);
    let words = match here {
        None => Some("not read yet"),
        Some(source) => source.problem.as_deref().or(source.lines.is_empty().then_some("an empty file")),
    };
    if let Some(words) = words.filter(|_| area.height > 0) {
        Line::new(buffer, area.x, area.y, area.width).put(words, theme.quiet());
    }
    let Some(source) = here else { return };
    let is_counted = profile.meaning.is_counted;
    let begins: Vec<(u32, Shown)> = (profile.functions.iter())
        .filter(|row| profile.label(row.id).path == label.path)
        .map(|row| (profile.label(row.id).line, row.figures))
        .collect();
    let scale = Scale::of(state);
    if label.line as usize > source.lines.len() && !source.lines.is_empty() && area.height > 0 {
        let text = format!("the file has no line {}: it has changed since", label.line);
        Line::new(buffer, area.x, area.y, area.width).put(&text, theme.warning());
        return;
    }
    let listed = source.lines.iter().zip(1u32..).skip(detail.source.offset);
    for ((text, number), y) in listed.zip(0..area.height) {
        let mut line = Line::new(buffer, area.x, area.y + y, area.width);
        let is_here = number == label.line;
        if has_gutter {
            let mut sum = None;
            for (_, figures) in begins.iter().filter(|(line, _)| *line == number) {
                sum.get_or_insert_with(Shown::default).add(figures);
            }
            match sum {
                Some(figures) => {
                    let calls = is_counted.then(|| figures::count(figures.ncalls as f64, 8));
                    line.right(&figures::counted(calls), 8, theme.plain());
                    line.right(&scale.time(figures.cumtime, 9), 10, theme.plain());
                }
                None => {
                    line.put(&" ".repeat(18), theme.plain());
                }
            }
        }
        let style = if is_here { theme.selected() } else { theme.quiet() };
        line.right(&number.to_string(), 6, style).put("  ", theme.plain());
        line.put(text, if is_here { theme.title() } else { theme.plain() });
    }
}
