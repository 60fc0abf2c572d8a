//! The plot of memory over records: steps, with the peaks named by the lines that made them.
//!
//! ```text
//!  records.csv ─ records: steps, peaks ─> draw: axes, path, labels ─> svg or png
//! ```

mod png;
mod records;
mod svg;

pub use self::png::Png;
pub use self::records::{Memory, RecordsError, Series};
pub use self::svg::Svg;

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 460.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 70.0;
const BOTTOM: f64 = 50.0;

const INK: Colour = Colour(0x33, 0x33, 0x33);
const GRID: Colour = Colour(0xdd, 0xdd, 0xdd);
const CURVE: Colour = Colour(0x1f, 0x5f, 0xa8);
const PEAK: Colour = Colour(0xc2, 0x3b, 0x22);

/// Red, green, blue.
#[derive(Clone, Copy)]
pub struct Colour(pub u8, pub u8, pub u8);

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
    fn dot(&mut self, at: (f64, f64), colour: Colour);
    /// `at` is on the base line.
    fn text(&mut self, at: (f64, f64), anchor: Anchor, colour: Colour, text: &str);
}

/// Draws the plot: `title` above it.
pub fn draw(canvas: &mut dyn Canvas, series: &Series, title: &str) {
    let unit = if series.greatest() > MEBIBYTE { MEBIBYTE as f64 } else { 1.0 };
    let (low, high, step) = scale(series.least() as f64, series.greatest() as f64, unit);
    let last = series.count().saturating_sub(1).max(1) as f64;
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    let across = |index: f64| LEFT + (right - LEFT) * index / last;
    let up = |bytes: f64| bottom - (bottom - TOP) * (bytes - low) / (high - low);

    canvas.text((LEFT, 24.0), Anchor::Start, INK, title);
    let mut tick = low;
    while tick <= high + step / 2.0 {
        canvas.line((LEFT, up(tick)), (right, up(tick)), GRID);
        canvas.text((LEFT - 8.0, up(tick) + 4.0), Anchor::End, INK, &mebibytes(tick, step));
        tick += step;
    }
    canvas.text((LEFT - 8.0, TOP - 22.0), Anchor::End, INK, "MiB");
    let (_, _, step) = scale(0.0, last, 1.0);
    let mut tick = 0.0;
    while tick <= last {
        canvas.line((across(tick), bottom), (across(tick), bottom + 4.0), INK);
        canvas.text((across(tick), bottom + 18.0), Anchor::Middle, INK, &format!("{tick:.0}"));
        tick += step;
    }
    canvas.text(((LEFT + right) / 2.0, bottom + 38.0), Anchor::Middle, INK, "record");
    canvas.line((LEFT, bottom), (right, bottom), INK);

    let mut points = Vec::new();
    let mut height = None;
    for (index, bytes) in series.steps() {
        let (x, y) = (across(index as f64), up(bytes as f64));
        if let Some(before) = height.replace(y) {
            points.push((x, before));
        }
        points.push((x, y));
    }
    if let Some(y) = height {
        points.push((right, y));
    }
    canvas.path(&points, CURVE);
    for (place, peak) in series.peaks().iter().enumerate() {
        let (x, y) = (across(peak.index as f64), up(peak.bytes as f64));
        canvas.dot((x, y), PEAK);
        let anchor = if x > (LEFT + right) / 2.0 { Anchor::End } else { Anchor::Start };
        // Labels of neighbours stand at different heights.
        let above = (y - 10.0 - 14.0 * (place % 2) as f64).max(TOP - 24.0 + 14.0 * (place % 2) as f64);
        canvas.text((x, above), anchor, PEAK, &peak.label);
    }
}

/// The ends of an axis around these values, and the distance of its marks: 1, 2 or 5 times a power of ten units, at least a
/// thousandth of what is shown, and for bytes one of them.
fn scale(least: f64, greatest: f64, unit: f64) -> (f64, f64, f64) {
    let (least, greatest) = (least / unit, greatest / unit);
    let finest = if unit > 1.0 { 0.01 } else { 1.0 };
    let rough = ((greatest - least) / 6.0).max(greatest * 1e-3).max(finest);
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    let low = (least / step).floor() * step;
    let high = (greatest / step).ceil().max(low / step + 1.0) * step;
    (low * unit, high * unit, step * unit)
}

const MEBIBYTE: u64 = 1 << 20;

fn mebibytes(bytes: f64, step: f64) -> String {
    let digits = (-(step / MEBIBYTE as f64).log10().floor()).max(0.0) as usize;
    format!("{:.*}", digits.min(3), bytes / MEBIBYTE as f64)
}
