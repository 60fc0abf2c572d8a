//! The plot of memory over time, or over records that don't tell it: steps, with the peaks named by the lines that made them.
//!
//! ```text
//!  records.csv ─ records: steps ─ peaks ─> draw: axes, area, labels ─> svg or png ─ letters
//! ```

mod labels;
mod letters;
mod peaks;
mod png;
mod records;
mod svg;

use self::labels::Labels;
pub use self::peaks::{Peak, least_fall, peaks};
pub use self::png::Png;
pub use self::records::{Memory, RecordsError, Series};
pub use self::svg::Svg;

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 460.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 76.0;
const BOTTOM: f64 = 52.0;

/// Sizes of letters.
const LARGE: f64 = 16.0;
const SMALL: f64 = 12.0;

/// Whether the picture is light or dark.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    Light,
    Dark,
}

/// What a colour is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Paper,
    Ink,
    Faint,
    Grid,
    Curve,
    Peak,
}

impl Colour {
    const ALL: [Self; 6] = [Self::Paper, Self::Ink, Self::Faint, Self::Grid, Self::Curve, Self::Peak];

    fn name(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::Ink => "ink",
            Self::Faint => "faint",
            Self::Grid => "grid",
            Self::Curve => "curve",
            Self::Peak => "peak",
        }
    }

    /// Red, green, blue.
    fn of(self, theme: Theme) -> (u8, u8, u8) {
        match (self, theme) {
            (Self::Paper, Theme::Light) => (0xff, 0xff, 0xff),
            (Self::Paper, Theme::Dark) => (0x16, 0x1b, 0x22),
            (Self::Ink, Theme::Light) => (0x1f, 0x23, 0x28),
            (Self::Ink, Theme::Dark) => (0xe6, 0xed, 0xf3),
            (Self::Faint, Theme::Light) => (0x65, 0x6d, 0x76),
            (Self::Faint, Theme::Dark) => (0x8d, 0x96, 0xa0),
            (Self::Grid, Theme::Light) => (0xe4, 0xe7, 0xeb),
            (Self::Grid, Theme::Dark) => (0x2d, 0x33, 0x3b),
            (Self::Curve, Theme::Light) => (0x1f, 0x6f, 0xc4),
            (Self::Curve, Theme::Dark) => (0x58, 0xa6, 0xff),
            (Self::Peak, Theme::Light) => (0xc2, 0x3b, 0x22),
            (Self::Peak, Theme::Dark) => (0xff, 0x8a, 0x6b),
        }
    }
}

/// Which point of a text is given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// What can be drawn on. Units are points, from the upper left corner.
pub trait Canvas {
    fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: Colour);
    fn path(&mut self, points: &[(f64, f64)], colour: Colour);
    /// Closed, and filled.
    fn area(&mut self, points: &[(f64, f64)], colour: Colour, opacity: f64);
    fn dot(&mut self, at: (f64, f64), colour: Colour);
    /// `at` is on the base line.
    fn text(&mut self, at: (f64, f64), anchor: Anchor, colour: Colour, size: f64, text: &str);
}

/// Draws the plot of one kind of memory; `source` is where the records are from.
pub fn draw(canvas: &mut dyn Canvas, series: &Series, memory: Memory, source: &str) {
    let peaks = peaks(series);
    let greatest = series.greatest() as f64;
    let (high, step) = scale(greatest * 1.1, if greatest > MEBIBYTE { MEBIBYTE } else { 1.0 });
    let last = if series.has_time() { series.last().time } else { series.last().index as f64 };
    let last = if last > 0.0 { last } else { 1.0 };
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    let across = |at: f64| LEFT + (right - LEFT) * at / last;
    let along = |point: records::Point| across(if series.has_time() { point.time } else { point.index as f64 });
    let up = |bytes: f64| bottom - (bottom - TOP) * bytes / high;

    canvas.text((LEFT, 28.0), Anchor::Start, Colour::Ink, LARGE, &headline(series));
    legend(canvas, memory, !peaks.is_empty());
    canvas.text((right, 28.0), Anchor::End, Colour::Faint, SMALL, source);

    canvas.text((LEFT - 10.0, TOP - 16.0), Anchor::End, Colour::Faint, SMALL, "MiB");
    let marks = (high / step).round() as u32;
    for tick in (0..=marks).map(|mark| f64::from(mark) * step) {
        canvas.line((LEFT, up(tick)), (right, up(tick)), Colour::Grid);
        let text = mebibytes(tick, step);
        canvas.text((LEFT - 10.0, up(tick) + 4.0), Anchor::End, Colour::Faint, SMALL, &text);
    }
    let (divisor, unit) = match (series.has_time(), last) {
        (false, _) => (1.0, "record"),
        (true, ..0.001) => (1e-6, "microseconds"),
        (true, ..1.0) => (1e-3, "milliseconds"),
        (true, ..600.0) => (1.0, "seconds"),
        (true, _) => (60.0, "minutes"),
    };
    let (_, step) = scale(last / divisor, 1.0);
    let step = if series.has_time() { step } else { step.max(1.0) };
    let mut mark = 0.0;
    while mark * step * divisor <= last * 1.0001 {
        let x = across(mark * step * divisor);
        canvas.line((x, bottom), (x, bottom + 4.0), Colour::Faint);
        canvas.text((x, bottom + 18.0), Anchor::Middle, Colour::Faint, SMALL, &short(mark * step, step));
        mark += 1.0;
    }
    canvas.text(((LEFT + right) / 2.0, bottom + 38.0), Anchor::Middle, Colour::Faint, SMALL, unit);

    let mut points = Vec::new();
    let mut height = None;
    for (point, _) in series.steps() {
        let (x, y) = (along(point), up(point.bytes as f64));
        if let Some(before) = height.replace(y) {
            points.push((x, before));
        }
        points.push((x, y));
    }
    if let Some(y) = height {
        points.push((right, y));
    }
    let mut area = points.clone();
    area.extend([(right, bottom), (LEFT, bottom)]);
    canvas.area(&area, Colour::Curve, 0.18);
    canvas.path(&points, Colour::Curve);
    canvas.line((LEFT, bottom), (right, bottom), Colour::Faint);

    let mut labels = Labels::within((LEFT, TOP - 30.0), (right, bottom));
    let places: Vec<_> = peaks.iter().map(|peak| (along(peak.at), up(peak.at.bytes as f64))).collect();
    places.iter().for_each(|at| labels.keep_clear(*at));
    // The highest choose first.
    let mut order: Vec<usize> = (0..peaks.len()).collect();
    order.sort_by_key(|place| std::cmp::Reverse(peaks[*place].at.bytes));
    for place in order {
        let (peak, at) = (&peaks[place], places[place]);
        canvas.dot(at, Colour::Peak);
        let height = format!("{} MiB", mebibytes(peak.at.bytes as f64, MEBIBYTE / 10.0));
        // One that has no room is named in the list.
        if let Some((corner, anchor)) = labels.place(at, &[&peak.label, &height]) {
            let width = letters::width(&peak.label, SMALL).max(letters::width(&height, SMALL));
            let left = corner.0
                - match anchor {
                    Anchor::Start => 0.0,
                    Anchor::Middle => width / 2.0,
                    Anchor::End => width,
                };
            let (top, right) = (corner.1 - labels::LINE + 3.0, left + width);
            let ground = [(left, top), (right, top), (right, top + 28.0), (left, top + 28.0)];
            canvas.area(&ground, Colour::Paper, 0.8);
            canvas.text(corner, anchor, Colour::Ink, SMALL, &peak.label);
            let below = (corner.0, corner.1 + labels::LINE);
            canvas.text(below, anchor, Colour::Peak, SMALL, &height);
        }
    }
}

/// What the picture says in one line.
fn headline(series: &Series) -> String {
    let most = series.summit().map_or_else(String::new, |summit| {
        format!("At most {} MiB, {}", mebibytes(summit.at.bytes as f64, MEBIBYTE / 10.0), summit.label)
    });
    let mut short: String = most.chars().take(70).collect();
    if short.len() < most.len() {
        short.push('…');
    }
    short
}

/// What the signs mean.
fn legend(canvas: &mut dyn Canvas, memory: Memory, has_peaks: bool) {
    let (x, y) = (LEFT, 50.0);
    canvas.area(&[(x, y - 9.0), (x + 14.0, y - 9.0), (x + 14.0, y), (x, y)], Colour::Curve, 0.18);
    canvas.path(&[(x, y - 9.0), (x + 14.0, y - 9.0)], Colour::Curve);
    canvas.text((x + 20.0, y), Anchor::Start, Colour::Faint, SMALL, memory.name());
    if has_peaks {
        let x = x + 44.0 + letters::width(memory.name(), SMALL);
        canvas.dot((x, y - 4.0), Colour::Peak);
        canvas.text((x + 10.0, y), Anchor::Start, Colour::Faint, SMALL, "peak, and the line that made it");
    }
}

/// The end of an axis from 0 to at least this, and the distance of its marks: 1, 2 or 5 times a power of ten units.
fn scale(greatest: f64, unit: f64) -> (f64, f64) {
    let rough = (greatest / unit / 6.0).max(1e-9);
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| *step >= rough);
    let step = step.unwrap_or(rough) * unit;
    ((greatest / step).ceil().max(1.0) * step, step)
}

const MEBIBYTE: f64 = (1 << 20) as f64;

fn mebibytes(bytes: f64, step: f64) -> String {
    short(bytes / MEBIBYTE, step / MEBIBYTE)
}

/// A mark's number, with as many digits as tell it from the next one, and its thousands apart.
fn short(number: f64, step: f64) -> String {
    let digits = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
    let text = format!("{number:.digits$}");
    let whole = text.find('.').unwrap_or(text.len());
    let mut apart = String::new();
    for (place, sign) in text.chars().enumerate() {
        if place > 0 && place < whole && (whole - place) % 3 == 0 {
            apart.push(',');
        }
        apart.push(sign);
    }
    apart
}

/// A count as a person writes it.
pub fn with_thousands_apart(count: usize) -> String {
    short(count as f64, 1.0)
}

#[cfg(test)]
mod tests;
