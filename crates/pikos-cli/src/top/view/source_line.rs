//! A line of a recorder in its source, with what is known of the lines around it.

use std::collections::HashMap;

use pikos_views::{Recording, ShownLine};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::figures;
use super::line::Line;
use super::theme::Theme;
use crate::top::state::line::LineDetail;
use crate::top::state::{State, layout};

/// Narrower screens show the source alone.
const NARROW: u16 = 60;

pub fn render(
    state: &State,
    memory: &Recording,
    detail: &LineDetail,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let head = layout::DETAIL_HEAD.min(area.height);
    draw_head(memory, detail, theme, Rect { height: head, ..area }, buffer);
    let below = Rect { y: area.y + head, height: area.height - head, ..area };
    if below.height > 0 {
        source(state, memory, detail, theme, below, buffer);
    }
}

/// The name and the place, then the figures in words.
fn draw_head(memory: &Recording, detail: &LineDetail, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let label = memory.label(detail.line, detail.by_function);
    let mut line = Line::new(buffer, area.x, area.y, area.width);
    line.put(&label.function, theme.function().patch(theme.title())).put("  ", theme.plain());
    let rest = line.rest();
    let place = format!("{}:{}", label.file, label.line);
    line.put(&super::line::cut_path(&place, rest), theme.quiet());
    if area.height < 2 {
        return;
    }
    let line = &mut Line::new(buffer, area.x, area.y + 1, area.width);
    let row = match detail.by_function {
        true => memory.function_rows()[detail.line.index()],
        false => memory.rows[detail.line.index()],
    };
    let mut say = |word: &str, text: String| {
        line.put(&text, theme.title())
            .put(" ", theme.plain())
            .put(word, theme.quiet())
            .put("  ", theme.plain());
    };
    if memory.has_memory {
        say("own", figures::signed_bytes(row.own));
        say("growth", figures::signed_bytes(row.growth));
        say("peak", figures::bytes(row.peak as i64));
    }
    if memory.has_times {
        say("time", figures::nanoseconds(row.growth));
        say("own", figures::nanoseconds(row.own));
    }
    say(if row.hits == 1 { "hit" } else { "hits" }, figures::count(row.hits as f64, 12));
}

fn source(
    state: &State,
    memory: &Recording,
    detail: &LineDetail,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let mut heading = Line::new(buffer, area.x, area.y, area.width);
    if area.width >= NARROW {
        heading.right("hits", 8, theme.quiet()).right(
            if memory.has_memory || memory.has_times { "own" } else { "" },
            9,
            theme.quiet(),
        );
    }
    heading.right("line", 6, theme.quiet());
    let area = Rect { y: area.y + 1, height: area.height - 1, ..area };
    if area.height == 0 {
        return;
    }
    let label = memory.label(detail.line, detail.by_function);
    let here = state.source.as_ref().filter(|source| source.path == label.path);
    let words = match here {
        None => Some("not read yet"),
        Some(source) => source.problem.as_deref().or(source.lines.is_empty().then_some("an empty file")),
    };
    if let Some(words) = words {
        Line::new(buffer, area.x, area.y, area.width).put(words, theme.quiet());
        // What the recorder has told of it is better than nothing.
        if area.height > 1 && !label.source.is_empty() {
            let mut line = Line::new(buffer, area.x, area.y + 1, area.width);
            line.right(&label.line.to_string(), 6, theme.selected()).put("  ", theme.plain());
            line.put(&label.source, theme.title());
        }
    }
    let Some(source) = here else { return };
    if label.line as usize > source.lines.len() && !source.lines.is_empty() {
        let text = format!("the file has no line {}: it has changed since", label.line);
        Line::new(buffer, area.x, area.y, area.width).put(&text, theme.warning());
        return;
    }
    let known = figures_of(memory, label.path.as_bytes(), detail, area.height);
    let listed = source.lines.iter().zip(1u32..).skip(detail.source.offset);
    for ((text, number), y) in listed.zip(0..area.height) {
        let mut line = Line::new(buffer, area.x, area.y + y, area.width);
        let is_here = number == label.line;
        if area.width >= NARROW {
            match known.get(&number) {
                Some(row) => {
                    line.right(&figures::count(row.hits as f64, 8), 8, theme.plain());
                    let (own, style) = match () {
                        () if memory.has_memory => {
                            (figures::signed_bytes(row.own), theme.change(row.own as f64))
                        }
                        () if memory.has_times => (figures::nanoseconds(row.own), theme.plain()),
                        () => (String::new(), theme.plain()),
                    };
                    line.right(&own, 9, style);
                }
                None => {
                    line.put(&" ".repeat(17), theme.plain());
                }
            }
        }
        let style = if is_here { theme.selected() } else { theme.quiet() };
        line.right(&number.to_string(), 6, style).put("  ", theme.plain());
        line.put(text, if is_here { theme.title() } else { theme.plain() });
    }
}

/// The rows of the lines of a file that are on screen. Several functions may have a part of one line.
fn figures_of(memory: &Recording, path: &[u8], detail: &LineDetail, height: u16) -> HashMap<u32, ShownLine> {
    let first = detail.source.offset as u32 + 1;
    let shown = first..first + u32::from(height);
    let mut known: HashMap<u32, ShownLine> = HashMap::new();
    for row in memory.rows.iter() {
        let label = &memory.lines[row.id.index()];
        if shown.contains(&label.line) && label.path.as_bytes() == path {
            let sum = known.entry(label.line).or_insert(ShownLine { hits: 0, own: 0, ..*row });
            sum.hits = sum.hits.saturating_add(row.hits);
            sum.own = sum.own.wrapping_add(row.own);
        }
    }
    known
}
