//! What the picture shows, and where.

use super::axes::{self, Axis, amount};
use super::labels::{LINE, Labels};
use super::peaks::{Peak, peaks, summit};
use super::records::{Memory, Point, Series};
use super::svg::{Anchor, Style, Svg};
use super::theme::{CURVES, Colour, Theme};
use super::typeface::{Typeface, Weight};

/// As narrow and as low as it may be.
pub const SMALLEST: (u32, u32) = (480, 280);
/// Wider or higher is none: as a PNG it takes 256 MB already while it is made.
pub const GREATEST: u32 = 4000;

/// Around the curves.
const LEFT: f64 = 72.0;
const RIGHT: f64 = 28.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 54.0;
/// Of the rows below them, and of the legend's above.
const ROW: f64 = 19.0;
/// So many rows say where memory grew; fewer in a low picture.
const GREW: usize = 5;
const GREW_IN_A_LOW_ONE: usize = 2;
const LOW: f64 = 400.0;
/// The greatest bar of them.
const BAR: f64 = 140.0;
/// So many peaks have a name, and so many curves.
const PEAKS: usize = 5;
const NAMED: usize = 12;

const TITLE: Style =
    Style { size: 17.0, weight: Weight::SemiBold, colour: Colour::Ink, anchor: Anchor::Start };
const SMALL: Style =
    Style { size: 12.0, weight: Weight::Regular, colour: Colour::Faint, anchor: Anchor::Start };

/// A file's records, and what they are called.
pub struct Curve {
    pub name: String,
    pub series: Series,
}

/// What is drawn.
pub struct Picture<'c> {
    curves: &'c [Curve],
    memory: Memory,
    size: (f64, f64),
    peaks: Vec<(usize, Peak)>,
    growth: Vec<(usize, &'c str, u64)>,
    /// Of all curves: the one with the most, and where.
    most: Option<(usize, Peak)>,
    /// Whether all of them tell the time.
    has_time: bool,
    pub typeface: Typeface,
}

impl<'c> Picture<'c> {
    /// The picture of these curves.
    pub fn of(curves: &'c [Curve], memory: Memory, (width, height): (u32, u32)) -> Self {
        let each = || curves.iter().enumerate();
        let mut peaks: Vec<(usize, Peak)> = each()
            .flat_map(|(number, curve)| peaks(&curve.series).into_iter().map(move |peak| (number, peak)))
            .collect();
        // The highest choose their places first.
        peaks.sort_by_key(|(_, peak)| std::cmp::Reverse(peak.at.bytes));
        peaks.truncate(PEAKS);
        let mut growth: Vec<(usize, &str, u64)> = each()
            .flat_map(|(number, curve)| {
                let growth = curve.series.greatest_growth().into_iter();
                growth.map(move |(name, bytes)| (number, name, bytes))
            })
            .collect();
        growth.sort_by_key(|(_, _, bytes)| std::cmp::Reverse(*bytes));
        let rows = if f64::from(height) < LOW { GREW_IN_A_LOW_ONE } else { GREW };
        growth.truncate(rows);
        let most = each()
            .filter_map(|(number, curve)| Some((number, summit(&curve.series)?)))
            .max_by_key(|(number, top)| (top.at.bytes, std::cmp::Reverse(*number)));
        let texts = peaks.iter().map(|(_, peak)| peak.label.as_str());
        let texts = texts.chain(growth.iter().map(|(_, name, _)| *name));
        let texts = texts.chain(most.iter().map(|(_, top)| top.label.as_str()));
        let typeface = Typeface::of(texts.chain(curves.iter().map(|curve| curve.name.as_str())));
        let has_time = curves.iter().all(|curve| curve.series.has_time());
        let size = (f64::from(width), f64::from(height));
        Self { curves, memory, size, peaks, growth, most, has_time, typeface }
    }

    /// Draws it.
    pub fn svg(&self, theme: Option<Theme>) -> String {
        let mut svg = Svg::new(self.size, theme);
        let legend = self.head(&mut svg);
        let rows = if self.growth.is_empty() { 0.0 } else { 14.0 + (1 + self.growth.len()) as f64 * ROW };
        let frame = Frame {
            left: LEFT,
            top: TOP + legend,
            right: self.size.0 - RIGHT,
            bottom: self.size.1 - BOTTOM - rows,
        };
        let (along, up) = self.axes(&mut svg, frame);
        let room = (frame.right - frame.left).max(1.0);
        let across = |point: Point| {
            let at = if self.has_time { point.time - self.origin() } else { point.index as f64 };
            frame.left + room * (at / along).clamp(0.0, 1.0)
        };
        let height = |bytes: u64| frame.bottom - (frame.bottom - frame.top) * bytes as f64 / up;
        for (number, curve) in self.curves.iter().enumerate() {
            let mut points = steps(&curve.series, across, height);
            if let [(_, alone)] = points[..] {
                points.push((frame.right, alone));
            }
            // Of several, one would hide the others.
            if let (1, [first, .., last]) = (self.curves.len(), points.as_slice()) {
                let below = [(last.0, frame.bottom), (first.0, frame.bottom)];
                let area: Vec<_> = points.iter().copied().chain(below).collect();
                svg.area(&area, Colour::Curve(0), 0.16);
            }
            svg.path(&points, Colour::Curve(number), number >= CURVES);
        }
        svg.line((frame.left, frame.bottom), (frame.right, frame.bottom), Colour::Faint);
        self.name_peaks(&mut svg, frame, across, height);
        self.name_growth(&mut svg, frame.bottom + BOTTOM);
        svg.finish()
    }

    /// The headline, and what the curves are. Returns how much room that takes beyond one line.
    fn head(&self, svg: &mut Svg) -> f64 {
        let room = self.size.0 - LEFT - RIGHT;
        if let Some((number, top)) = &self.most {
            let of = if self.curves.len() > 1 {
                format!(" in {}", self.curves[*number].name)
            } else {
                String::new()
            };
            let text = format!("At most {}, {}{of}", amount(top.at.bytes), top.label);
            svg.text((LEFT, 32.0), TITLE, false, &self.cut(&text, TITLE, room));
        }
        if let [curve] = self.curves {
            let records = axes::count(curve.series.count());
            let text = format!("{} of {}, {records} records", self.memory.name(), curve.name);
            svg.text((LEFT, 53.0), SMALL, false, &self.cut(&text, SMALL, room));
            return 0.0;
        }
        let (mut x, mut y) = (LEFT, 53.0);
        for (number, curve) in self.curves.iter().enumerate().take(NAMED) {
            let text = format!("{}, at most {}", curve.name, amount(curve.series.greatest()));
            let text = self.cut(&text, SMALL, room - 20.0);
            let width = 20.0 + self.typeface.width(&text, SMALL.size, SMALL.weight) * 1.05 + 18.0;
            if x > LEFT && x + width > self.size.0 - RIGHT {
                (x, y) = (LEFT, y + ROW);
            }
            svg.path(&[(x, y - 4.0), (x + 14.0, y - 4.0)], Colour::Curve(number), number >= CURVES);
            svg.text((x + 20.0, y), SMALL, false, &text);
            x += width;
        }
        if self.curves.len() > NAMED {
            let more = format!("and {} more", self.curves.len() - NAMED);
            svg.text((LEFT, y + ROW), SMALL, false, &more);
            y += ROW;
        }
        y - 53.0
    }

    /// Draws both. Returns the greatest values that have room: along, and up.
    fn axes(&self, svg: &mut Svg, frame: Frame) -> (f64, f64) {
        let series = || self.curves.iter().map(|curve| &curve.series);
        let greatest = series().map(Series::greatest).max().unwrap_or(0) as f64;
        let memory = Axis::of_memory(greatest * 1.02, ((frame.bottom - frame.top) / 48.0).max(2.0));
        let height = |bytes: f64| frame.bottom - (frame.bottom - frame.top) * bytes / memory.end;
        let at_left = Style { anchor: Anchor::End, ..SMALL };
        for (place, text) in &memory.marks {
            if *place > 0.0 {
                svg.line((frame.left, height(*place)), (frame.right, height(*place)), Colour::Grid);
            }
            svg.text((frame.left - 10.0, height(*place) + 4.0), at_left, false, text);
        }
        svg.text((frame.left - 10.0, frame.top - 17.0), at_left, false, memory.unit);

        let steps = ((frame.right - frame.left) / 110.0).max(2.0);
        let last = |last: fn(&Series) -> f64| series().map(last).fold(0.0, f64::max);
        let along = if self.has_time {
            Axis::of_time(last(|series| series.last().time) - self.origin(), steps)
        } else {
            Axis::of_records(last(|series| series.last().index as f64), steps)
        };
        let below = Style { anchor: Anchor::Middle, ..SMALL };
        for (place, text) in &along.marks {
            let x = frame.left + (frame.right - frame.left) * place / along.end;
            svg.line((x, frame.bottom), (x, frame.bottom + 4.0), Colour::Faint);
            svg.text((x, frame.bottom + 19.0), below, false, text);
        }
        svg.text((f64::midpoint(frame.left, frame.right), frame.bottom + 38.0), below, false, along.unit);
        if self.curves.len() > 1 {
            // One alone says it below its headline.
            let at_right = Style { anchor: Anchor::End, ..SMALL };
            svg.text((frame.right, frame.bottom + 38.0), at_right, false, self.memory.name());
        }
        (along.end, memory.end)
    }

    /// Dots and labels, the highest first. One that has no room is named in the list.
    fn name_peaks(
        &self,
        svg: &mut Svg,
        frame: Frame,
        across: impl Fn(Point) -> f64,
        height: impl Fn(u64) -> f64,
    ) {
        let mut labels =
            Labels::within((frame.left + 4.0, frame.top - 26.0), (frame.right, frame.bottom - 4.0));
        let place = |peak: &Peak| (across(peak.at), height(peak.at.bytes));
        self.peaks.iter().for_each(|(_, peak)| labels.keep_clear(place(peak)));
        for (number, peak) in &self.peaks {
            let memory = amount(peak.at.bytes);
            let colour = if self.curves.len() > 1 { Colour::Curve(*number) } else { Colour::Peak };
            svg.dot(place(peak), colour, &format!("{}: {memory}", peak.label));
            let name = Style { colour: Colour::Ink, ..SMALL };
            let figure = Style { colour, weight: Weight::SemiBold, ..SMALL };
            let label = self.cut(&peak.label, name, (frame.right - frame.left) / 2.0);
            let width = |text: &str, style: Style| self.typeface.width(text, style.size, style.weight);
            let widest = width(&label, name).max(width(&memory, figure));
            if let Some((at, anchor)) = labels.place(place(peak), widest) {
                svg.text(at, Style { anchor, ..name }, true, &label);
                svg.text((at.0, at.1 + LINE), Style { anchor, ..figure }, true, &memory);
            }
        }
    }

    /// Under which lines memory grew most: a leak has no peak.
    fn name_growth(&self, svg: &mut Svg, top: f64) {
        let Some((_, _, greatest)) = self.growth.first() else {
            return;
        };
        let mut y = top + 14.0;
        svg.text(
            (LEFT, y),
            Style { colour: Colour::Ink, weight: Weight::SemiBold, ..SMALL },
            false,
            "Grew most under",
        );
        for (number, name, bytes) in &self.growth {
            y += ROW;
            let width = BAR * *bytes as f64 / *greatest as f64;
            svg.bar((LEFT, y - 9.0), (width.max(2.0), 9.0), Colour::Curve(*number));
            let at = LEFT + BAR;
            svg.text(
                (at + 84.0, y),
                Style { anchor: Anchor::End, colour: Colour::Ink, ..SMALL },
                false,
                &format!("+{}", amount(*bytes)),
            );
            let of = if self.curves.len() > 1 {
                format!(" in {}", self.curves[*number].name)
            } else {
                String::new()
            };
            let name = self.cut(&format!("{name}{of}"), SMALL, self.size.0 - RIGHT - at - 96.0);
            svg.text((at + 96.0, y), SMALL, false, &name);
        }
    }

    /// When the first of all records was made: children begin later than who started them.
    fn origin(&self) -> f64 {
        self.curves.iter().map(|curve| curve.series.start()).fold(f64::INFINITY, f64::min)
    }

    /// As much of a text as has room.
    fn cut(&self, text: &str, style: Style, room: f64) -> String {
        let width = |text: &str| self.typeface.width(text, style.size, style.weight);
        let whole = width(text);
        if whole <= room {
            return text.to_owned();
        }
        let mut signs: Vec<char> = text.chars().collect();
        // About as many as fit; then as many as do.
        signs.truncate((signs.len() as f64 * room / whole).ceil() as usize);
        loop {
            let short: String = signs.iter().chain(&['…']).collect();
            if signs.is_empty() || width(&short) <= room {
                return short;
            }
            signs.pop();
        }
    }
}

/// Where the curves are.
#[derive(Clone, Copy)]
struct Frame {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

/// The curve: each piece is level or upright.
fn steps(series: &Series, across: impl Fn(Point) -> f64, height: impl Fn(u64) -> f64) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    for (point, _) in series.steps() {
        let (x, y) = (across(point), height(point.bytes));
        if let Some((_, before)) = points.last().copied() {
            points.push((x, before));
        }
        points.push((x, y));
    }
    points
}

#[cfg(test)]
mod tests {
    use super::super::records::csv;
    use super::*;

    const SPIKE: &str = "type,function,RSS,lineNo,time_ns\nreturn,f,50000000,1,0\nreturn,f,90000000,2,1500000000\nreturn,f,50000000,3,4000000000\n";
    const SIZE: (u32, u32) = (1000, 460);

    fn curve(name: &str, records: &str) -> Curve {
        Curve { name: name.to_owned(), series: csv::read(records.as_bytes(), Memory::Rss).unwrap() }
    }

    fn drawn(curves: &[Curve], size: (u32, u32)) -> String {
        Picture::of(curves, Memory::Rss, size).svg(None)
    }

    fn of(records: &str) -> String {
        drawn(&[curve("records.csv", records)], SIZE)
    }

    /// The texts of a drawing.
    fn texts(svg: &str) -> Vec<&str> {
        let parts = svg.split("<text ").skip(1);
        parts.filter_map(|part| Some(part.split_once('>')?.1.split_once("</text>")?.0)).collect()
    }

    #[test]
    fn the_axes_are_seconds_and_mebibytes_from_0() {
        let svg = of(SPIKE);
        let texts = texts(&svg);
        let has = |text: &str| texts.contains(&text);
        assert!(has("seconds") && has("MiB") && has("0") && has("4.0") && !has("record"), "{texts:?}");
        // The greatest, in the headline and at its peak.
        assert!(has("At most 85.8 MiB, f:2") && has("f:2") && has("85.8 MiB"), "{texts:?}");
        assert!(has("resident memory (RSS) of records.csv, 3 records"));
        let area = svg.split("<polygon points=\"").nth(1).and_then(|area| area.split('"').next()).unwrap();
        let floor = area.rsplit_once(',').unwrap().1;
        assert!(area.ends_with(&format!("972.0,{floor} 72.0,{floor}")), "{area}");
    }

    #[test]
    fn records_without_time_say_so() {
        let svg = of("type,function,RSS,lineNo\nreturn,f,5,1\nreturn,f,9,2\nreturn,f,5,3\n");
        assert!(texts(&svg).contains(&"record") && !texts(&svg).contains(&"seconds"));
    }

    #[test]
    fn only_peaks_have_dots() {
        assert!(of(SPIKE).contains("<circle"));
        let rising = of("type,function,RSS,lineNo,time_ns\nreturn,f,5,1,0\nreturn,f,9000000,2,1000\n");
        assert!(!rising.contains("<circle"));
        // What grew has its name.
        assert!(
            texts(&rising).contains(&"Grew most under") && texts(&rising).contains(&"+8.6 MiB"),
            "{rising}"
        );
    }

    #[test]
    fn one_record_can_be_drawn() {
        for records in
            ["type,function,RSS,lineNo,time_ns\nreturn,f,0,1,5\n", "type,function,RSS,lineNo\nreturn,f,7,1\n"]
        {
            let svg = of(records);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn curves_of_several_files_begin_when_they_began() {
        let late = SPIKE.replace(",4000000000", ",9000000000").replace(",0\n", ",2000000000\n");
        let curves = [curve("parent.csv", SPIKE), curve("child.csv", &late)];
        let svg = drawn(&curves, SIZE);
        let starts: Vec<&str> = svg
            .split("<polyline points=\"")
            .skip(1)
            .filter_map(|part| part.split_once(','))
            .map(|(start, _)| start)
            .collect();
        // Two are in the legend.
        assert_eq!(starts[2..], ["72.0", "272.0"]);
        let texts = texts(&svg);
        assert!(
            texts.contains(&"parent.csv, at most 85.8 MiB") && texts.contains(&"child.csv, at most 85.8 MiB")
        );
        assert!(texts.contains(&"At most 85.8 MiB, f:2 in parent.csv"), "{texts:?}");
        assert!(!svg.contains("<polygon"));
    }

    #[test]
    fn any_name_can_be_drawn_at_any_size() {
        let records = SPIKE.replace(",f,", &format!(",{},", "<b>&amp;\u{1}名前\u{202e}".repeat(40)));
        let curves: Vec<Curve> =
            (0..NAMED + 2).map(|number| curve(&format!("{number}{}", "x".repeat(300)), &records)).collect();
        for size in [SMALLEST, SIZE, (GREATEST, GREATEST)] {
            let picture = Picture::of(&curves, Memory::Rss, size);
            assert!(picture.typeface.tree(&picture.svg(None)).is_some());
        }
        let picture = Picture::of(&curves, Memory::Rss, SMALLEST);
        let png = super::super::png(&picture.svg(Some(Theme::Dark)), &picture.typeface);
        assert!(png.is_some_and(|bytes| bytes.starts_with(b"\x89PNG")));
    }
}
