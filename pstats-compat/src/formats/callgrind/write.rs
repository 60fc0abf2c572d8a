//! Writes one block for each function, its line the line of its definition.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::Write;

use crate::error::Result;
use crate::model::{Function, FunctionId, Profile, Text, Unit, facts};

/// Who we say wrote the file; a reader that sees it knows that one function has one line.
pub const CREATOR: &str = "pikos";

/// When so much is waiting, it goes out.
const FLUSH_AT: usize = 1 << 16;

/// Writes a profile as callgrind. Functions with equal labels are added up.
pub fn write(profile: &Profile, out: &mut dyn Write) -> Result<()> {
    let profile = profile.with_unique_labels();
    let profile = &*profile;
    let by_caller = profile.edges_by_caller();
    let scale = Scale::of(profile);
    let mut writer = CallgrindWriter {
        out: Vec::with_capacity(FLUSH_AT * 2),
        files: Files::of(profile),
        functions: vec![None; profile.functions.len()],
        next_function: 1,
        ambiguous: ambiguous(profile),
    };
    writer.header(profile, &scale);
    let mut total: u128 = 0;
    for id in profile.ids() {
        let function = profile.function(id);
        let own = if function.caller_only { 0 } else { scale.units(function.calls.tottime) };
        total += u128::from(own);
        writer.name_of(b"fl", b"fn", profile, id);
        writer.pair(function.line.into(), own);
        for edge in by_caller.of(&profile.edges, id) {
            writer.name_of(b"cfi", b"cfn", profile, edge.callee);
            writer.push(b"calls=");
            writer.pair(edge.calls.ncalls, profile.function(edge.callee).line.into());
            writer.pair(function.line.into(), scale.units(edge.calls.cumtime));
        }
        writer.push(b"\n");
        if writer.out.len() >= FLUSH_AT {
            out.write_all(&writer.out)?;
            writer.out.clear();
        }
    }
    writer.push(b"totals: ");
    // The sum of what fits may not fit.
    writer.push(total.to_string().as_bytes());
    writer.push(b"\n");
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
            Unit::Seconds => Self { event: "ns".to_owned(), factor: 1e9 },
            // An event's name is one word.
            Unit::Other(name) => Self {
                event: name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect(),
                factor: 1.0,
            },
        }
    }

    fn units(&self, value: f64) -> u64 {
        // `as` takes a negative value and NaN to 0, which is all that the format could say.
        (value * self.factor).round() as u64
    }
}

struct CallgrindWriter {
    out: Vec<u8>,
    files: Files,
    /// The number of each function, once its name stands in the file.
    functions: Vec<Option<u64>>,
    next_function: u64,
    ambiguous: Vec<bool>,
}

/// Files are numbered before anything is written: an edge then costs a look into a table, not a hash
/// of a path.
struct Files {
    /// The number of each function's file.
    of_function: Vec<u64>,
    /// Whether a number's name stands in the file.
    is_named: Vec<bool>,
}

impl Files {
    fn of(profile: &Profile) -> Self {
        let mut numbers = HashMap::new();
        let number = |function: &Function| {
            let next = numbers.len() as u64 + 1;
            *numbers.entry(function.file.clone()).or_insert(next)
        };
        let of_function = profile.functions.iter().map(number).collect();
        Self { of_function, is_named: vec![false; numbers.len() + 1] }
    }
}

impl CallgrindWriter {
    fn header(&mut self, profile: &Profile, scale: &Scale) {
        self.push(b"# callgrind format\nversion: 1\ncreator: ");
        self.push(CREATOR.as_bytes());
        let metadata = &profile.metadata;
        let title = metadata.title.as_ref().map(Text::as_bytes);
        if let Some(title) = title.or_else(|| metadata.fact(facts::COMMAND).map(str::as_bytes)) {
            self.push(b"\ncmd: ");
            push_on_one_line(&mut self.out, title);
        }
        for (name, value) in metadata.facts.iter().filter(|(name, _)| name != facts::COMMAND) {
            self.push(b"\ndesc: ");
            push_on_one_line(&mut self.out, format!("{name}: {value}").as_bytes());
        }
        self.push(b"\npositions: line\n");
        if profile.metadata.unit == Unit::Seconds {
            self.push(b"event: ns : Nanoseconds\n");
        }
        self.push(b"events: ");
        self.push(scale.event.as_bytes());
        self.push(b"\n\n");
    }

    /// `fl=` and `fn=`, or `cfi=` and `cfn=`.
    fn name_of(&mut self, file_key: &[u8], name_key: &[u8], profile: &Profile, id: FunctionId) {
        let function = profile.function(id);
        let file = self.files.of_function[id.index()];
        self.push(file_key);
        self.push(b"=(");
        self.number(file);
        self.push(b")");
        if !std::mem::replace(&mut self.files.is_named[file as usize], true) {
            self.push(b" ");
            push_on_one_line(&mut self.out, function.file.as_bytes());
        }
        self.push(b"\n");
        self.push(name_key);
        self.push(b"=(");
        match self.functions[id.index()] {
            Some(number) => {
                self.number(number);
                self.push(b")");
            }
            None => {
                let number = self.next_function;
                self.next_function += 1;
                self.functions[id.index()] = Some(number);
                self.number(number);
                self.push(b") ");
                push_on_one_line(&mut self.out, name(function).as_bytes());
                if self.ambiguous[id.index()] {
                    self.push(b":");
                    self.number(function.line.into());
                }
            }
        }
        self.push(b"\n");
    }

    /// A line of two numbers.
    fn pair(&mut self, first: u64, second: u64) {
        self.number(first);
        self.push(b" ");
        self.number(second);
        self.push(b"\n");
    }

    /// Digits without the machinery of `format!`: most of the file is numbers.
    fn number(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut start = digits.len();
        loop {
            start -= 1;
            digits[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.push(&digits[start..]);
    }

    fn push(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
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
