//! Writes one block for each function, its line the line of its definition.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::Write;

use super::CREATOR;
use crate::error::Result;
use crate::index::EdgeIndex;
use crate::model::{Function, FunctionId, Profile, Unit};

/// When so much is waiting, it goes out.
const FLUSH_AT: usize = 1 << 16;

/// Writes a profile as callgrind. Functions with equal labels are added up.
pub fn write(profile: &Profile, out: &mut dyn Write) -> Result<()> {
    let profile = profile.with_unique_labels();
    let profile = &*profile;
    let by_caller = EdgeIndex::by_caller(profile);
    let scale = Scale::of(profile);
    let mut writer = Writer {
        out: Vec::with_capacity(FLUSH_AT * 2),
        files: Names::default(),
        functions: vec![None; profile.functions.len()],
        next_function: 1,
        ambiguous: ambiguous(profile),
    };
    writer.header(profile, &scale);
    let mut total: u64 = 0;
    for id in profile.ids() {
        let function = profile.function(id);
        let own = if function.caller_only {
            0
        } else {
            scale.units(function.calls.tottime)
        };
        total = total.saturating_add(own);
        writer.name_of("fl", "fn", profile, id);
        writer.pair(function.line.into(), own);
        for edge in by_caller.of(profile, id) {
            writer.name_of("cfi", "cfn", profile, edge.callee);
            let callee = profile.function(edge.callee);
            writer.line(format_args!("calls={} {}", edge.calls.ncalls, callee.line));
            writer.pair(function.line.into(), scale.units(edge.calls.cumtime));
        }
        writer.line(format_args!(""));
        if writer.out.len() >= FLUSH_AT {
            out.write_all(&writer.out)?;
            writer.out.clear();
        }
    }
    writer.line(format_args!("totals: {total}"));
    out.write_all(&writer.out)?;
    Ok(())
}

/// Seconds become whole nanoseconds; other units are written as they are.
struct Scale {
    event: String,
    factor: f64,
}

impl Scale {
    fn of(profile: &Profile) -> Self {
        match &profile.metadata.unit {
            Unit::Seconds => Self {
                event: "ns".to_owned(),
                factor: 1e9,
            },
            // An event's name is one word.
            Unit::Other(name) => Self {
                event: name
                    .chars()
                    .map(|c| if c.is_alphanumeric() { c } else { '_' })
                    .collect(),
                factor: 1.0,
            },
        }
    }

    fn units(&self, value: f64) -> u64 {
        // `as` takes a negative value and NaN to 0, which is all that the format could say.
        (value * self.factor).round() as u64
    }
}

struct Writer {
    out: Vec<u8>,
    files: Names,
    /// The number of each function, once its name stands in the file.
    functions: Vec<Option<u32>>,
    next_function: u32,
    ambiguous: Vec<bool>,
}

#[derive(Default)]
struct Names {
    numbers: HashMap<Vec<u8>, usize>,
}

impl Writer {
    fn header(&mut self, profile: &Profile, scale: &Scale) {
        self.line(format_args!("# callgrind format"));
        self.line(format_args!("version: 1"));
        self.line(format_args!("creator: {CREATOR}"));
        if let Some(title) = &profile.metadata.title {
            self.out.extend_from_slice(b"cmd: ");
            push_on_one_line(&mut self.out, title.as_bytes());
            self.out.push(b'\n');
        }
        self.line(format_args!("positions: line"));
        if profile.metadata.unit == Unit::Seconds {
            self.line(format_args!("event: ns : Nanoseconds"));
        }
        self.line(format_args!("events: {}", scale.event));
        self.line(format_args!(""));
    }

    /// `fl=` and `fn=`, or `cfi=` and `cfn=`.
    fn name_of(&mut self, file_key: &str, name_key: &str, profile: &Profile, id: FunctionId) {
        let function = profile.function(id);
        let mut file = Vec::new();
        push_on_one_line(&mut file, function.file.as_bytes());
        let next = self.files.numbers.len() + 1;
        match self.files.numbers.entry(file) {
            Entry::Occupied(known) => {
                let number = *known.get();
                self.line(format_args!("{file_key}=({number})"));
            }
            Entry::Vacant(new) => {
                self.out
                    .extend_from_slice(format!("{file_key}=({next}) ").as_bytes());
                self.out.extend_from_slice(new.key());
                self.out.push(b'\n');
                new.insert(next);
            }
        }
        match self.functions[id.index()] {
            Some(number) => self.line(format_args!("{name_key}=({number})")),
            None => {
                let number = self.next_function;
                self.next_function += 1;
                self.functions[id.index()] = Some(number);
                self.out
                    .extend_from_slice(format!("{name_key}=({number}) ").as_bytes());
                push_on_one_line(&mut self.out, name(function).as_bytes());
                if self.ambiguous[id.index()] {
                    self.out
                        .extend_from_slice(format!(":{}", function.line).as_bytes());
                }
                self.out.push(b'\n');
            }
        }
    }

    fn pair(&mut self, line: u64, cost: u64) {
        self.line(format_args!("{line} {cost}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.out, "{line}").expect("a Vec takes every byte");
    }
}

fn name(function: &Function) -> &crate::model::Text {
    function.qualname.as_ref().unwrap_or(&function.name)
}

/// Which names would be taken for another's: viewers know a function by file and name alone, so
/// every method `__init__` of a file would be one. Those get their line as a suffix, and so does
/// a name that already looks as if it had one.
fn ambiguous(profile: &Profile) -> Vec<bool> {
    let mut seen = HashMap::with_capacity(profile.functions.len());
    let mut ambiguous = vec![false; profile.functions.len()];
    for (place, function) in profile.functions.iter().enumerate() {
        let suffix = format!(":{}", function.line);
        if name(function).as_bytes().ends_with(suffix.as_bytes()) {
            ambiguous[place] = true;
        }
        match seen.entry((&function.file, name(function))) {
            Entry::Vacant(entry) => {
                entry.insert(place);
            }
            Entry::Occupied(first) => {
                ambiguous[*first.get()] = true;
                ambiguous[place] = true;
            }
        }
    }
    ambiguous
}

/// A name may hold anything, a line of the file may not hold a line break.
fn push_on_one_line(out: &mut Vec<u8>, name: &[u8]) {
    if name.is_empty() {
        // A number without a name would refer to an earlier one.
        out.extend_from_slice(b"???");
    }
    // Blanks at the ends would be taken for the line's own.
    let start = name.len() - name.trim_ascii_start().len();
    let inside = start..start + name.trim_ascii().len();
    for (place, &byte) in name.iter().enumerate() {
        match byte {
            b' ' if !inside.contains(&place) => out.extend_from_slice(b"\\x20"),
            0..0x20 | 0x7F => out.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
            _ => out.push(byte),
        }
    }
}
