//! Figures in few characters.

use crate::top::state::State;

/// How a table writes times: all of them with the same number of decimals, so that they can be
/// compared at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    is_seconds: bool,
    decimals: usize,
}

impl Scale {
    /// For a table whose greatest time is this, in this unit.
    pub fn new(unit: &str, greatest: f64) -> Self {
        let is_seconds = unit == "s";
        Self { is_seconds, decimals: if is_seconds && greatest < 1.0 { 6 } else { 3 } }
    }

    /// For the figures of a screen.
    pub fn of(state: &State) -> Self {
        Self::new(state.profile().map_or("s", |profile| &profile.meaning.unit), state.totals.greatest)
    }

    pub fn is_seconds(self) -> bool {
        self.is_seconds
    }

    /// Seconds, with as many decimals as all others, fewer where they are many; another unit in whole
    /// numbers, without its name.
    pub fn time(self, value: f64, width: usize) -> String {
        if !value.is_finite() {
            return "-".to_owned();
        }
        if !self.is_seconds {
            return count(value, width);
        }
        for decimals in (0..=self.decimals).rev() {
            let text = format!("{value:.decimals$}s");
            if text.len() <= width {
                // What rounds to nothing has no sign.
                return if is_zero(&text) { text.replace('-', "") } else { text };
            }
        }
        count(value, width)
    }
}

fn is_zero(text: &str) -> bool {
    !text.contains(|c: char| ('1'..='9').contains(&c))
}

/// A count in full, or in thousands and so on where it is too wide.
pub fn count(value: f64, width: usize) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    let full = format!("{value:.0}");
    if full.len() <= width {
        return full;
    }
    let mut scaled = value;
    for unit in ["k", "M", "G", "T", "P", "E"] {
        scaled /= 1000.0;
        // What would round to 1000 is 1 of the next unit.
        if scaled.abs() >= 999.5 {
            continue;
        }
        for decimals in [2, 1, 0] {
            let text = format!("{scaled:.decimals$}{unit}");
            if text.len() <= width {
                return text;
            }
        }
    }
    format!("{value:.0e}")
}

/// Bytes, in binary units: `30.5M` are 30.5 MiB.
pub fn bytes(value: i64) -> String {
    let mut scaled = value as f64;
    if scaled.abs() < 1000.0 {
        return format!("{value}B");
    }
    for unit in ["K", "M", "G", "T", "P"] {
        scaled /= 1024.0;
        if scaled.abs() < 999.95 {
            return format!("{scaled:.1}{unit}");
        }
    }
    format!("{:.1}E", scaled / 1024.0)
}

/// Bytes that something grew by.
pub fn signed_bytes(value: i64) -> String {
    match value {
        0 => "0".to_owned(),
        _ => signed(bytes(value), true),
    }
}

/// Nanoseconds, as a duration.
pub fn nanoseconds(value: i64) -> String {
    duration(value as f64 / 1e9)
}

/// Calls, where anybody counted them.
pub fn counted(calls: Option<String>) -> String {
    calls.unwrap_or_else(|| "-".to_owned())
}

/// `ncalls`, and `ncalls/primitive_calls` of what is recursive.
pub fn calls(ncalls: i64, primitive_calls: i64, width: usize) -> String {
    if ncalls == primitive_calls {
        return count(ncalls as f64, width);
    }
    let full = format!("{ncalls}/{primitive_calls}");
    if full.len() <= width {
        return full;
    }
    let half = width.saturating_sub(1) / 2;
    format!("{}/{}", count(ncalls as f64, width - 1 - half), count(primitive_calls as f64, half))
}

/// Three digits and a unit: `1.23ms`.
pub fn duration(seconds: f64) -> String {
    if seconds == 0.0 || !seconds.is_finite() {
        return "0".to_owned();
    }
    let size = seconds.abs();
    // By what three digits round to: 999.6 ns are 1.00 µs.
    let (scale, unit) = match size {
        _ if size < 0.9995e-6 => (1e9, "ns"),
        _ if size < 0.9995e-3 => (1e6, "µs"),
        _ if size < 0.9995 => (1e3, "ms"),
        _ => (1.0, "s"),
    };
    let value = seconds * scale;
    let decimals = match value.abs() {
        _ if unit == "ns" => 0,
        size if size < 9.995 => 2,
        size if size < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}{unit}")
}

/// A part as per cent: 0.123 is `12.3`.
pub fn percent(part: f64) -> String {
    // What rounds to nothing has no sign.
    let percent = if part.abs() < 0.0005 { 0.0 } else { 100.0 * part };
    match percent.abs() {
        size if !size.is_finite() => "-".to_owned(),
        size if size >= 999.5 => count(percent, 5),
        _ => format!("{percent:.1}"),
    }
}

/// A figure of which it matters whether it grew.
pub fn signed(text: String, is_difference: bool) -> String {
    match is_difference && !text.starts_with('-') && !is_zero(&text) {
        true => format!("+{text}"),
        false => text,
    }
}

/// Eighths of a cell, from the bottom up.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Eighths of a cell, from the left.
const WIDTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// A part of 1 as one character; something is never nothing.
pub fn height(part: f32) -> char {
    match part > 0.0 {
        true => HEIGHTS[((part * 8.0).ceil() as usize).clamp(1, 8) - 1],
        false => ' ',
    }
}

/// A part of 1 as a bar; something is never nothing.
pub fn bar(part: f64, width: usize) -> String {
    let eighths = match part > 0.0 {
        true => ((part.min(1.0) * 8.0 * width as f64).round() as usize).max(1),
        false => 0,
    };
    let mut bar = "█".repeat(eighths / 8);
    if eighths % 8 > 0 {
        bar.push(WIDTHS[eighths % 8 - 1]);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_fit_their_columns() {
        assert_eq!(Scale::new("s", 99.0).time(12.3456, 8), "12.346s");
        assert_eq!(Scale::new("s", 1e6).time(123456.789, 9), "123456.8s");
        assert_eq!(Scale::new("s", 0.5).time(0.0000126, 9), "0.000013s");
        assert_eq!(Scale::new("Ir", 0.5).time(1.5e9, 8), "1.50G");
        assert_eq!(Scale::new("s", 1.0).time(f64::NAN, 8), "-");
        assert_eq!(count(1_234_567.0, 7), "1234567");
        assert_eq!(count(12_345_678.0, 7), "12.35M");
        assert_eq!(count(999_999_999.0, 5), "1.00G");
        assert_eq!(calls(800, 6, 9), "800/6");
        assert_eq!(calls(80_000_000, 6, 9), "80M/6");
    }

    #[test]
    fn bytes_have_binary_units() {
        let shown = [0, 999, 1000, 1 << 20, 31_981_568, 1_048_500_000, 1 << 40, i64::MAX, -4096].map(bytes);
        assert_eq!(shown, ["0B", "999B", "1.0K", "1.0M", "30.5M", "999.9M", "1.0T", "8.0E", "-4.0K"]);
        assert_eq!([0, 5_000, -5_000].map(signed_bytes), ["0", "+4.9K", "-4.9K"]);
    }

    #[test]
    fn durations_have_three_digits() {
        let shown = [1.234e-3, 9.999e-7, 5e-9, 42.0, 0.0].map(duration);
        assert_eq!(shown, ["1.23ms", "1.00µs", "5ns", "42.0s", "0"]);
    }

    #[test]
    fn bars_never_hide_what_is_little() {
        assert_eq!(bar(0.0, 4), "");
        assert_eq!(bar(0.0001, 4), "▏");
        assert_eq!(bar(0.5, 4), "██");
        assert_eq!(bar(7.0, 4), "████");
        assert_eq!([0.0, 0.01, 0.5, 1.0, 9.0].map(height), [' ', '▁', '▄', '█', '█']);
    }
}
