//! Memory over time as a curve of dots, eight to a character, with its axes; the highest place is named.

use pikos_views::{Recording, Summit};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::figures;
use super::line::{Line, cut_end};
use super::theme::Theme;

/// Cells for the figures of the vertical axis, and its line.
const GUTTER: u16 = 9;

/// A character has so many dots.
const ACROSS: usize = 2;
const DOWN: usize = 4;

/// Bits of the dots of a character, by column and row, from U+2800 on.
const DOTS: [[u8; DOWN]; ACROSS] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// Which part of the curve an area shows: all of the time, and the memory from `low` to `high`.
struct Axes {
    seconds: f64,
    low: f64,
    high: f64,
    /// From one figure of the axis to the next, in bytes.
    step: f64,
}

impl Axes {
    fn new(memory: &Recording, lines: u16) -> Option<Self> {
        let least = memory.curve.iter().map(|piece| piece.least).min()? as f64;
        let greatest = memory.curve.iter().map(|piece| piece.greatest).max()? as f64;
        // A flat curve is drawn flat: 64 KiB are a few pages.
        let range = (greatest - least).max(f64::from(1 << 16));
        let step = nice(range / f64::from((lines / 2).clamp(1, 6)));
        let low = (least / step).floor() * step;
        // Above the highest place stands its name.
        let room = (range + (least - low)) / f64::from(lines.saturating_sub(1).max(1));
        let high = greatest.max(least + range) + room;
        let seconds = memory.curve.last().map_or(0.0, |piece| piece.time).max(memory.age).max(0.05);
        Some(Self { seconds, low, high, step })
    }

    /// The column of dots at a time.
    fn across(&self, time: f64, dots: usize) -> usize {
        let place = (time / self.seconds).clamp(0.0, 1.0) * (dots - 1) as f64;
        (place.round() as usize).min(dots - 1)
    }

    /// The row of dots at a height, from the top.
    fn down(&self, bytes: f64, dots: usize) -> usize {
        let part = ((bytes - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        dots - 1 - ((part * (dots - 1) as f64).round() as usize).min(dots - 1)
    }
}

/// The next of 1, 2, 4, 8 … that is no less, in bytes; of steps from 10 units on, tens look better than powers.
fn nice(step: f64) -> f64 {
    let mut unit = 1024.0;
    while step >= 1000.0 * unit {
        unit *= 1024.0;
    }
    let mut ten = 1.0;
    loop {
        for factor in [1.0, 2.0, 5.0] {
            if factor * ten * unit >= step {
                return factor * ten * unit;
            }
        }
        ten *= 10.0;
    }
}

/// Draws the chart. An area that is too small stays empty.
pub fn render(memory: &Recording, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.height < 4 || area.width < GUTTER + 12 {
        return;
    }
    let plot = Rect { x: area.x + GUTTER, width: area.width - GUTTER, height: area.height - 1, ..area };
    let Some(axes) = Axes::new(memory, plot.height) else {
        Line::new(buffer, area.x, area.y, area.width).put("no records yet", theme.quiet());
        return;
    };
    draw_axes(&axes, theme, area, plot, buffer);
    curve(memory, &axes, theme, plot, buffer);
    if let Some(summit) = &memory.summit {
        name_summit(memory, summit, &axes, theme, plot, buffer);
    }
}

fn draw_axes(axes: &Axes, theme: Theme, area: Rect, plot: Rect, buffer: &mut Buffer) {
    let gutter = usize::from(GUTTER) - 1;
    for y in 0..plot.height {
        let mut line = Line::new(buffer, area.x, plot.y + y, GUTTER);
        line.put(&" ".repeat(gutter), theme.plain()).put("│", theme.quiet());
    }
    let rows = usize::from(plot.height);
    let mut value = axes.low;
    let mut highest = rows;
    // Every second line has a figure at most.
    let step = (1..).map(|times| f64::from(times) * axes.step);
    let is_apart = |step: &f64| step * rows as f64 >= 2.0 * (axes.high - axes.low);
    let step = step.take(100).find(is_apart).unwrap_or(f64::INFINITY);
    while value < axes.high {
        highest = axes.down(value, rows * DOWN) / DOWN;
        let mut line = Line::new(buffer, area.x, plot.y + highest as u16, GUTTER);
        line.right(&figures::bytes(value as i64), gutter, theme.quiet()).put("┤", theme.quiet());
        value += step;
    }
    if highest > 0 {
        Line::new(buffer, area.x, plot.y, GUTTER).right("RSS", gutter, theme.title());
    }
    let below = plot.y + plot.height;
    let mut line = Line::new(buffer, plot.x - 1, below, plot.width + 1);
    line.put("└", theme.quiet());
    let end = seconds(axes.seconds);
    let middle = seconds(axes.seconds / 2.0);
    let width = line.rest();
    let mut text = "0 s".to_owned();
    let place = (width / 2).saturating_sub(middle.chars().count() / 2);
    text += &" ".repeat(place.saturating_sub(text.chars().count()));
    text += &middle;
    text += &" ".repeat(width.saturating_sub(text.chars().count() + end.chars().count()));
    text += &end;
    line.put(&text, theme.quiet());
}

/// A time that people read off an axis.
fn seconds(time: f64) -> String {
    match time {
        _ if time < 100.0 => format!("{time:.1} s"),
        _ if time < 3600.0 => format!("{:.0}:{:02.0} min", (time / 60.0).floor(), (time % 60.0).floor()),
        _ => format!("{:.0}:{:02.0} h", (time / 3600.0).floor(), (time % 3600.0 / 60.0).floor()),
    }
}

fn curve(memory: &Recording, axes: &Axes, theme: Theme, plot: Rect, buffer: &mut Buffer) {
    let (width, height) = (usize::from(plot.width), usize::from(plot.height));
    let mut cells = vec![0u8; width * height];
    let mut set = |x: usize, y: usize| {
        cells[y / DOWN * width + x / ACROSS] |= DOTS[x % ACROSS][y % DOWN];
    };
    let across = |time: f64| axes.across(time, width * ACROSS);
    let down = |bytes: u64| axes.down(bytes as f64, height * DOWN);
    let mut before: Option<(usize, usize)> = None;
    for piece in memory.curve.iter() {
        let x = across(piece.time);
        let (mut from, mut to) = (down(piece.greatest), down(piece.least));
        if let Some((old_x, old_y)) = before {
            // Until then, memory was what it was.
            (old_x..=x).for_each(|x| set(x, old_y));
            let first = down(piece.first);
            (from, to) = (from.min(old_y.min(first)), to.max(old_y.max(first)));
        }
        (from..=to).for_each(|y| set(x, y));
        before = Some((x, down(piece.last)));
    }
    if let Some((old_x, y)) = before {
        (old_x..width * ACROSS).for_each(|x| set(x, y));
    }
    for (place, dots) in cells.into_iter().enumerate().filter(|(_, dots)| *dots > 0) {
        let sign = char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' ');
        let (x, y) = (plot.x + (place % width) as u16, plot.y + (place / width) as u16);
        buffer[(x, y)].set_char(sign).set_style(theme.good());
    }
}

/// A mark above the highest place, and beside it who was at work.
fn name_summit(
    memory: &Recording,
    summit: &Summit,
    axes: &Axes,
    theme: Theme,
    plot: Rect,
    buffer: &mut Buffer,
) {
    let (width, height) = (usize::from(plot.width), usize::from(plot.height));
    let x = axes.across(summit.time, width * ACROSS) / ACROSS;
    let y = (axes.down(summit.rss as f64, height * DOWN) / DOWN).saturating_sub(1);
    let label = memory.label(summit.line, false);
    let text = format!("{}:{}", label.function, label.line);
    let (left, right) = (x.saturating_sub(1), width - x - 1);
    let row = plot.y + y as u16;
    buffer[(plot.x + x as u16, row)].set_char('▼').set_style(theme.warning());
    let room = left.max(right.saturating_sub(1));
    let text = cut_end(&text, room);
    let cells = unicode_width::UnicodeWidthStr::width(text.as_str());
    let start = if cells < right { x + 2 } else { left.saturating_sub(cells) };
    Line::new(buffer, plot.x + start as u16, row, plot.width - start as u16).put(&text, theme.warning());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_an_axis_are_round() {
        let mib = f64::from(1 << 20);
        assert_eq!(nice(0.3 * mib), 500.0 * 1024.0);
        assert_eq!(nice(3.0 * mib), 5.0 * mib);
        assert_eq!(nice(12.0 * mib), 20.0 * mib);
        assert_eq!(nice(999.5 * mib), 1000.0 * mib);
        assert_eq!(nice(1100.0 * mib), 2.0 * 1024.0 * mib);
        assert_eq!(nice(1.0), 1024.0);
    }

    #[test]
    fn times_are_short() {
        assert_eq!(
            [0.0, 12.34, 99.9, 125.0, 7_380.0].map(seconds),
            ["0.0 s", "12.3 s", "99.9 s", "2:05 min", "2:03 h"]
        );
    }
}
