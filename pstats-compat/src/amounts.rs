//! Amounts as people read them.

use crate::model::Unit;

/// An amount with three digits, in at most nine characters for times.
pub fn short(unit: &Unit, value: f64) -> String {
    let (value, unit) = match unit {
        Unit::Other(unit) => return format!("{} {unit}", grouped(value.round().max(0.0) as u64)),
        Unit::Seconds if value >= 99_999.5 => return format!("{} s", grouped(value.round() as u64)),
        Unit::Seconds if value >= 0.9995 => (value, "s"),
        Unit::Seconds if value >= 0.9995e-3 => (value * 1e3, "ms"),
        Unit::Seconds => (value * 1e6, "µs"),
    };
    let decimals = match value {
        _ if value >= 99.95 => 0,
        _ if value >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$} {unit}")
}

/// A count with commas between thousands.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Bytes, as people read them: `812 B`, `15.66 MB` (of 1,048,576 bytes).
pub fn size(bytes: u64) -> String {
    let units = ["KB", "MB", "GB", "TB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let (mut count, mut unit) = (bytes as f64 / 1024.0, 0);
    while count >= 1024.0 && unit + 1 < units.len() {
        count /= 1024.0;
        unit += 1;
    }
    format!("{count:.2} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_three_digits_and_a_unit() {
        for (seconds, expected) in [
            (0.0, "0.00 µs"),
            (0.000_012_345, "12.3 µs"),
            (0.000_999_9, "1.00 ms"),
            (0.0456, "45.6 ms"),
            (0.999_9, "1.00 s"),
            (1.318, "1.32 s"),
            (12.34, "12.3 s"),
            (4321.0, "4321 s"),
            (123_456.0, "123,456 s"),
        ] {
            assert_eq!(short(&Unit::Seconds, seconds), expected);
        }
        assert_eq!(short(&Unit::Other("samples".to_owned()), 12_345.0), "12,345 samples");
    }

    #[test]
    fn bytes_have_a_unit_that_fits() {
        for (bytes, expected) in
            [(812, "812 B"), (1024, "1.00 KB"), (16_420_700, "15.66 MB"), (u64::MAX, "16777216.00 TB")]
        {
            assert_eq!(size(bytes), expected);
        }
    }
}
