//! The plot of memory over time, or over records that don't tell it: steps, with the peaks named by the lines that made them.
//!
//! ```text
//!  records.csv ─ records: steps ─ peaks ─> draw: axes, area, labels ─> svg or png ─ letters
//! ```

mod canvas;
mod labels;
mod letters;
mod peaks;
mod png;
mod records;
mod svg;
mod who;

pub use self::canvas::{Anchor, Canvas, Colour, Theme};
use self::canvas::{HEIGHT, LARGE, SMALL, WIDTH};
use self::labels::Labels;
pub use self::peaks::{Peak, least_fall, peaks, summit};
pub use self::png::Png;
use self::records::Point;
pub use self::records::{Memory, RecordsError, Series};
pub use self::svg::Svg;

const LEFT: f64 = 72.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 76.0;
const BOTTOM: f64 = 52.0;

/// Draws the plot of one kind of memory; `source` is where the records are from.
pub fn draw(canvas: &mut dyn Canvas, series: &Series, memory: Memory, source: &str) {
    let peaks = peaks(series);
    let greatest = series.greatest() as f64;
    let (high, step) = scale(greatest * 1.02, if greatest > MEBIBYTE { MEBIBYTE } else { 1.0 });
    let last = if series.has_time() { series.last().time } else { series.last().index as f64 };
    let last = if last > 0.0 { last } else { 1.0 };
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    let across = |at: f64| LEFT + (right - LEFT) * at / last;
    let along = |point: Point| across(if series.has_time() { point.time } else { point.index as f64 });
    let up = |bytes: f64| bottom - (bottom - TOP) * bytes / high;

    canvas.text((LEFT, 28.0), Anchor::Start, Colour::Ink, LARGE, &headline(series));
    legend(canvas, memory, !peaks.is_empty());
    if let Some((name, bytes)) = series.greatest_growth().first() {
        let grown = format!("grew most under {name}: {} MiB", mebibytes(*bytes as f64, MEBIBYTE / 10.0));
        canvas.text((right, 50.0), Anchor::End, Colour::Faint, SMALL, &cut(&grown));
    }
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
    let most = summit(series).map_or_else(String::new, |top| {
        format!("At most {} MiB, {}", mebibytes(top.at.bytes as f64, MEBIBYTE / 10.0), top.label)
    });
    cut(&most)
}

/// As much of a text as there is room for.
fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(70).collect();
    if short.len() < text.len() {
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
