//! What is written on boxes and beside them.

use crate::model::{Function, Unit};
use crate::stacks::Stacks;

/// What a reader must know of these stacks.
pub fn told_of(stacks: &Stacks<'_>) -> Vec<String> {
    let mut notes: Vec<String> = stacks.note().into_iter().collect();
    let cut = stacks.tree.cut.calls;
    if cut > 0 {
        notes.push(match stacks.exact() {
            true => format!("{} calls were too deep or too many to record", grouped(cut as f64)),
            false => format!(
                "{} small branches are drawn where their function stands with another caller",
                grouped(cut as f64)
            ),
        });
    }
    notes
}

/// The file and line, or nothing for a built-in.
pub fn place(function: &Function) -> String {
    if function.is_builtin() || (function.file.as_bytes().is_empty() && function.line == 0) {
        return String::new();
    }
    format!("{}:{}", function.file, function.line)
}

/// A time with a unit that suits its size.
pub fn amount(unit: &Unit, value: f64) -> String {
    let size = value.abs();
    match unit {
        Unit::Other(unit) => format!("{} {unit}", grouped(value)),
        Unit::Seconds if size >= 1.0 => format!("{value:.3} s"),
        Unit::Seconds if size >= 1e-3 => format!("{:.3} ms", value * 1e3),
        Unit::Seconds => format!("{:.3} µs", value * 1e6),
    }
}

/// A number with commas between thousands, and no more digits than it has.
pub fn grouped(value: f64) -> String {
    let text = format!("{value}");
    let (sign, rest) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let mut grouped = String::from(sign);
    for (at, digit) in rest.char_indices() {
        if at > 0 && at < digits && (digits - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A hue that a file always has, so that a package is seen at a glance: from red to yellow for
/// Python, blue for built-ins.
pub fn hue(function: &Function) -> u32 {
    if function.is_builtin() {
        return 210;
    }
    // FNV-1a: the same on every machine and in every run, unlike std's hasher.
    let hash = function
        .file
        .as_bytes()
        .iter()
        .fold(0x811c_9dc5_u32, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash % 56
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped() {
        for (value, expected) in [
            (0.0, "0"),
            (999.0, "999"),
            (1000.0, "1,000"),
            (-10_858_060.5, "-10,858,060.5"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(grouped(value), expected);
        }
    }
}
