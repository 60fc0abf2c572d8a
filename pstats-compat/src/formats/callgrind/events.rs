//! What the columns of costs are, which of them is read, and which are times.
//!
//! A file names its events in one word each, and says nowhere what they are measured in. Those that have a unit in their
//! name are times (`ns`, `cpu(ms)`, `Time_(10ns)`), and so are the ones whose writer is known for it.

use std::collections::HashMap;

use super::numbers::words;
use super::writer::Writer;
use crate::model::Unit;

/// The events of a file, or of one part of it.
#[derive(Default)]
pub struct Events {
    names: Vec<String>,
    /// `event: ns : Nanoseconds`: a name in words.
    long_names: HashMap<String, String>,
    /// The column that is read.
    column: Option<usize>,
}

/// Why there is nothing to read.
pub enum NoEvent {
    /// `events:` is empty.
    NoneNamed,
    /// What was asked for is not among these.
    NotAmong(String),
}

impl Events {
    /// `event: NAME : LONG NAME`, or with a formula between the two.
    pub fn long_name(&mut self, value: &[u8]) {
        let text = String::from_utf8_lossy(value);
        let mut pieces = text.split([':', '=']).map(str::trim);
        if let (Some(name), Some(long)) = (pieces.next(), pieces.next_back()) {
            self.long_names.insert(name.to_owned(), long.to_owned());
        }
    }

    /// `events: NAME NAME …`; `wanted` is the one to read, else the first.
    pub fn list(&mut self, value: &[u8], wanted: Option<&str>) -> Result<(), NoEvent> {
        self.names = words(value).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        if self.names.is_empty() {
            return Err(NoEvent::NoneNamed);
        }
        let column = match wanted {
            None => Some(0),
            Some(wanted) => {
                let same = self.names.iter().position(|name| name == wanted);
                same.or_else(|| self.names.iter().position(|name| name.eq_ignore_ascii_case(wanted)))
            }
        };
        self.column = column;
        column.map(|_| ()).ok_or_else(|| NoEvent::NotAmong(self.names.join(", ")))
    }

    /// The column that is read, once `events:` was seen.
    pub fn column(&self) -> Option<usize> {
        self.column
    }

    /// The name of the event that is read.
    pub fn name(&self) -> &str {
        self.column.map_or("", |column| &self.names[column])
    }

    /// The events that are not read.
    pub fn others(&self) -> Vec<&str> {
        let all = self.names.iter().enumerate();
        all.filter(|(place, _)| Some(*place) != self.column).map(|(_, name)| name.as_str()).collect()
    }

    /// What the costs are, and how many of that unit one is.
    pub fn unit(&self, writer: Writer) -> (Unit, f64) {
        let name = self.name();
        let long = self.long_names.get(name).map(String::as_str);
        let known = match (writer, name) {
            (Writer::Yappi, "Ticks") | (Writer::Xdebug, "Time") => Some(1e-6),
            _ => seconds(name).or_else(|| long.and_then(whole_word)),
        };
        match known {
            Some(seconds) => (Unit::Seconds, seconds),
            None => (Unit::Other(name.to_owned()), 1.0),
        }
    }
}

/// How many seconds one of an event is, if its name says that it is a time.
fn seconds(name: &str) -> Option<f64> {
    if let Some(seconds) = whole_word(name) {
        return Some(seconds);
    }
    let lower = name.to_lowercase();
    if let Some((what, unit)) = lower.strip_suffix(')').and_then(|inside| inside.rsplit_once('(')) {
        let digits = unit.len() - unit.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let many = if digits == 0 { 1.0 } else { unit[..digits].parse().ok()? };
        let unit = unit[digits..].trim_start_matches('_');
        // `(s)` may be a plural as well, and `(min)` or `(m)` other things.
        let is_plain = matches!(unit, "ns" | "us" | "µs" | "μs" | "ms") || unit.len() > 3;
        let one = whole_word(unit).filter(|_| is_plain || says_time(what));
        return Some(many * one.or_else(|| longer(unit).filter(|_| says_time(what)))?);
    }
    let (what, unit) = lower.rsplit_once(['_', '-'])?;
    whole_word(unit).filter(|_| says_time(what))
}

/// Units of time by their names.
fn whole_word(unit: &str) -> Option<f64> {
    Some(match unit.to_lowercase().as_str() {
        "ns" | "nsec" | "nsecs" | "nanosecond" | "nanoseconds" => 1e-9,
        "us" | "µs" | "μs" | "usec" | "usecs" | "microsecond" | "microseconds" => 1e-6,
        "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" => 1e-3,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        _ => return None,
    })
}

/// Those that Go's pprof scales long times to.
fn longer(unit: &str) -> Option<f64> {
    Some(match unit {
        "min" | "mins" | "minute" | "minutes" => 60.0,
        "hr" | "hrs" | "hour" | "hours" => 3600.0,
        _ => return None,
    })
}

fn says_time(what: &str) -> bool {
    ["time", "cpu", "wall", "delay", "duration", "elapsed", "real", "user", "sys"]
        .iter()
        .any(|word| what.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_known_by_their_names() {
        for (name, expected) in [
            ("ns", 1e-9),
            ("us", 1e-6),
            ("Nanoseconds", 1e-9),
            ("cpu(ms)", 1e-3),
            ("cpu(s)", 1.0),
            ("cpu(mins)", 60.0),
            ("delay(ns)", 1e-9),
            ("Time_(10ns)", 1e-8),
            ("Time_(ns)", 1e-9),
            ("wall(seconds)", 1.0),
            ("wall_time_us", 1e-6),
            ("duration-ms", 1e-3),
        ] {
            let found = seconds(name).unwrap_or_else(|| panic!("{name} is a time"));
            assert!((found / expected - 1.0).abs() < 1e-9, "{name}: {found}");
        }
        for name in [
            "Ir",
            "Ticks",
            "Instructions",
            "call(s)",
            "Memory_(bytes)",
            "alloc_space(MB)",
            "samples",
            "items_s",
            "()",
            "(ms",
            "sysCount",
        ] {
            assert_eq!(seconds(name), None, "{name}");
        }
    }
}
