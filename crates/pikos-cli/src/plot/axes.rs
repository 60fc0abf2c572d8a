//! The marks of an axis, and how figures are written.

/// What stands along an axis.
#[derive(Debug, PartialEq)]
pub struct Axis {
    /// The greatest value that has room.
    pub end: f64,
    /// Where marks are, and their texts.
    pub marks: Vec<(f64, String)>,
    pub unit: &'static str,
}

const KIBIBYTE: f64 = 1024.0;
const MEBIBYTE: f64 = 1024.0 * KIBIBYTE;
const GIBIBYTE: f64 = 1024.0 * MEBIBYTE;
/// More is told in the next unit.
const GREATEST_IN_MEBIBYTES: f64 = 8.0 * GIBIBYTE;

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;
/// Steps that a clock's face has.
const OF_A_CLOCK: [f64; 18] = [
    1.0,
    2.0,
    5.0,
    10.0,
    15.0,
    30.0,
    MINUTE,
    2.0 * MINUTE,
    5.0 * MINUTE,
    10.0 * MINUTE,
    15.0 * MINUTE,
    30.0 * MINUTE,
    HOUR,
    2.0 * HOUR,
    3.0 * HOUR,
    6.0 * HOUR,
    12.0 * HOUR,
    24.0 * HOUR,
];

impl Axis {
    /// Of memory, from 0 to more than this, in about so many steps.
    pub fn of_memory(greatest: f64, steps: f64) -> Self {
        let (unit, name) = match greatest {
            ..MEBIBYTE => (KIBIBYTE, "KiB"),
            ..GREATEST_IN_MEBIBYTES => (MEBIBYTE, "MiB"),
            _ => (GIBIBYTE, "GiB"),
        };
        let step = round_step(greatest / unit / steps);
        let count = (greatest / unit / step).ceil().max(1.0);
        let marks = (0..=count as u32).map(|mark| f64::from(mark) * step);
        let marks = marks.map(|mark| (mark * unit, number(mark, step))).collect();
        Self { end: count * step * unit, marks, unit: name }
    }

    /// Of time, to the very last moment.
    pub fn of_time(last: f64, steps: f64) -> Self {
        let last = if last > 0.0 { last } else { 1e-6 };
        let decimal = match last {
            ..0.001 => Some((1e-6, "microseconds")),
            ..1.0 => Some((1e-3, "milliseconds")),
            ..120.0 => Some((1.0, "seconds")),
            _ => None,
        };
        if let Some((unit, name)) = decimal {
            let step = round_step(last / unit / steps);
            return Self { end: last, marks: marks(last, step, unit, |mark| number(mark, step)), unit: name };
        }
        let rough = last / steps;
        let days = || (rough / OF_A_CLOCK[OF_A_CLOCK.len() - 1]).ceil() * OF_A_CLOCK[OF_A_CLOCK.len() - 1];
        let step = OF_A_CLOCK.into_iter().find(|step| *step >= rough).unwrap_or_else(days);
        let (part, unit) = if last < 2.0 * HOUR { (MINUTE, "minutes") } else { (HOUR, "hours") };
        let text = |mark: f64| {
            let whole = (mark / part).floor();
            // Seconds of a minute, or minutes of an hour.
            let rest = ((mark - whole * part) / (part / 60.0)).round();
            if step % part == 0.0 { number(whole, 1.0) } else { format!("{whole:.0}:{rest:02.0}") }
        };
        Self { end: last, marks: marks(last, step, 1.0, text), unit }
    }

    /// Of records that tell no time.
    pub fn of_records(last: f64, steps: f64) -> Self {
        let last = last.max(1.0);
        let step = round_step(last / steps).max(1.0);
        Self { end: last, marks: marks(last, step, 1.0, |mark| number(mark, step)), unit: "record" }
    }
}

/// From 0 to the last place that there is, as many as steps fit.
fn marks(last: f64, step: f64, unit: f64, text: impl Fn(f64) -> String) -> Vec<(f64, String)> {
    let count = (last / unit / step * 1.0001).floor() as u32;
    (0..=count).map(|mark| f64::from(mark) * step).map(|mark| (mark * unit, text(mark))).collect()
}

/// The next of 1, 2 or 5 times a power of ten.
fn round_step(rough: f64) -> f64 {
    let rough = rough.max(1e-9);
    let power = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| *step >= rough).unwrap_or(rough)
}

/// A number with as many digits as tell it from the next mark's, and its thousands apart.
fn number(number: f64, step: f64) -> String {
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
pub fn count(records: usize) -> String {
    number(records as f64, 1.0)
}

/// An amount of memory.
pub fn amount(bytes: u64) -> String {
    let bytes = bytes as f64;
    match bytes {
        ..MEBIBYTE => format!("{:.1} KiB", bytes / KIBIBYTE),
        ..GREATEST_IN_MEBIBYTES => format!("{} MiB", number(bytes / MEBIBYTE, 0.1)),
        _ => format!("{:.2} GiB", bytes / GIBIBYTE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis) -> Vec<&str> {
        axis.marks.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn memory_begins_at_0_and_has_round_steps() {
        let axis = Axis::of_memory(488.0 * MEBIBYTE, 5.0);
        assert_eq!(texts(&axis), ["0", "100", "200", "300", "400", "500"]);
        assert_eq!((axis.end, axis.unit), (500.0 * MEBIBYTE, "MiB"));
        let axis = Axis::of_memory(11.5 * GIBIBYTE, 5.0);
        assert_eq!((texts(&axis), axis.unit), (vec!["0", "5", "10", "15"], "GiB"));
        assert_eq!(Axis::of_memory(0.0, 5.0).end.signum(), 1.0);
        assert_eq!(Axis::of_memory(5.0, 5.0).unit, "KiB");
    }

    #[test]
    fn times_have_a_unit_that_fits() {
        let of = |last: f64| Axis::of_time(last, 6.0);
        assert_eq!(of(0.0009).unit, "microseconds");
        assert_eq!((of(0.09).unit, texts(&of(0.09))), ("milliseconds", vec!["0", "20", "40", "60", "80"]));
        assert_eq!((of(4.0).unit, texts(&of(4.0))), ("seconds", vec!["0", "1", "2", "3", "4"]));
        assert_eq!((of(200.0).unit, texts(&of(200.0))), ("minutes", vec!["0", "1", "2", "3"]));
        assert_eq!(texts(&of(150.0)), ["0:00", "0:30", "1:00", "1:30", "2:00", "2:30"]);
        assert_eq!(
            (of(9000.0).unit, texts(&of(9000.0))),
            ("hours", vec!["0:00", "0:30", "1:00", "1:30", "2:00", "2:30"])
        );
        assert_eq!(texts(&of(10.0 * 86400.0)), ["0", "48", "96", "144", "192", "240"]);
    }

    #[test]
    fn numbers_have_their_thousands_apart() {
        assert_eq!(number(1_234_567.0, 1000.0), "1,234,567");
        assert_eq!(number(0.25, 0.05), "0.25");
        assert_eq!(number(100.0, 20.0), "100");
        assert_eq!(amount(90_000_000), "85.8 MiB");
        assert_eq!(amount(9 << 30), "9.00 GiB");
        assert_eq!(amount(512), "0.5 KiB");
    }
}
