//! Writes one sample for each stack.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::super::string_table::StringTable;
use super::message::THREAD;
use crate::error::Result;
use crate::model::{Counts, Profile, Text, Unit};
use crate::modules::Modules;
use crate::stacks::{Stacks, whole_numbers};

/// Writes the stacks with their counts and times.
pub fn write(profile: &Profile, stacks: &Stacks<'_>, out: &mut dyn Write) -> Result<()> {
    let modules = Modules::of(profile);
    let mut strings = StringTable::default();
    // By pprof's rule the first string is the empty one, which stands for none.
    strings.place("");
    let mut place = |text: &str| strings.place(text) as u64;
    let mut message = Vec::new();
    let counted = profile.metadata.counts != Counts::Unknown;
    let (factor, kind, unit) = match &profile.metadata.unit {
        Unit::Seconds => (1e9, "time", "nanoseconds"),
        Unit::Other(unit) => (1.0, unit.as_str(), "count"),
    };
    let (calls_type, calls_unit) = (place("calls"), place("count"));
    let (time_type, time_unit) = (place(kind), place(unit));
    if counted {
        push_message(&mut message, 1, |m| value_type(m, calls_type, calls_unit));
    }
    push_message(&mut message, 1, |m| value_type(m, time_type, time_unit));

    // (name, value) of each thread's label, or of each label set's.
    let labels: Vec<Vec<(u64, u64)>> = match profile.label_sets.is_empty() {
        true => {
            let names = stacks.tree.thread_names();
            names.iter().map(|name| vec![(place(THREAD), place(name))]).collect()
        }
        false => {
            let text = |text: &Text| text.to_str_lossy().into_owned();
            let sets = profile.label_sets.iter().map(|set| &set.labels);
            let sets = sets.map(|labels| labels.iter().map(|(name, value)| (text(name), text(value))));
            sets.map(|labels| labels.map(|(name, value)| (place(&name), place(&value))).collect()).collect()
        }
    };
    let mut locations = Vec::new();
    let mut encoder = GzEncoder::new(out, Compression::fast());
    let mut times = whole_numbers(&stacks.tree, factor).into_iter();
    let mut labels = labels.into_iter();
    for (_, places) in stacks.tree.parts() {
        let labels = labels.next().unwrap_or_default();
        for (node, time) in stacks.tree.nodes[places].iter().zip(&mut times) {
            locations.clear();
            let mut next = Some(node);
            while let Some(node) = next {
                locations.push(u64::from(node.function.0) + 1);
                next = node.parent.map(|parent| &stacks.tree.nodes[parent.index()]);
            }
            push_message(&mut message, 2, |m| {
                push_packed(m, 1, &locations);
                if counted {
                    push_packed(m, 2, &[node.ncalls, time as u64]);
                } else {
                    push_packed(m, 2, &[time as u64]);
                }
                for &(name, value) in &labels {
                    push_message(m, 3, |m| {
                        push_number(m, 1, name);
                        push_number(m, 2, value);
                    });
                }
            });
            if message.len() > 1 << 16 {
                encoder.write_all(&message)?;
                message.clear();
            }
        }
    }
    for id in profile.ids() {
        let function = profile.function(id);
        let number = u64::from(id.0) + 1;
        let line = u64::from(function.line);
        push_message(&mut message, 4, |m| {
            push_number(m, 1, number);
            push_message(m, 4, |m| {
                push_number(m, 1, number);
                push_number(m, 2, line);
            });
        });
        // Its module stands before it: pprof's tables know functions by their names alone, and each file has a `<module>`.
        let plain = function.display_name();
        let full = match modules.name(function) {
            Some(module) => format!("{module}.{plain}"),
            None => plain.to_string(),
        };
        let name = place(&full);
        // Only where it is another one: pprof takes two equal names for C++ that is not demangled, and cuts off what stands
        // in angle brackets, which is all of `<module>` and of every built-in.
        let known = function.name.to_str_lossy();
        let system_name = if known == full { 0 } else { place(&known) };
        let file = place(&function.file.to_str_lossy());
        push_message(&mut message, 5, |m| {
            push_number(m, 1, number);
            push_number(m, 2, name);
            push_number(m, 3, system_name);
            push_number(m, 4, file);
            push_number(m, 5, line);
        });
    }
    let metadata = &profile.metadata;
    if let Some(nanoseconds) =
        metadata.started().and_then(|began| u64::try_from(began).ok()?.checked_mul(1_000_000_000))
    {
        push_number(&mut message, 9, nanoseconds);
    }
    if let Some(elapsed) = metadata.elapsed() {
        push_number(&mut message, 10, (elapsed * 1e9) as u64);
    }
    let facts = metadata.facts.iter().map(|(name, value)| format!("{name}: {value}"));
    for comment in stacks.note().into_iter().chain(facts) {
        let comment = place(&comment);
        push_number(&mut message, 13, comment);
    }
    push_number(&mut message, 14, time_type);
    for text in strings.texts() {
        push_text(&mut message, 6, text);
    }
    encoder.write_all(&message)?;
    encoder.finish()?;
    Ok(())
}

fn value_type(message: &mut Vec<u8>, kind: u64, unit: u64) {
    push_number(message, 1, kind);
    push_number(message, 2, unit);
}

/// Protobuf's variable-length number: 7 bits a byte, the high bit says that more follow.
fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A field that is a number (wire type 0); 0 is the default and is not written.
fn push_number(out: &mut Vec<u8>, field: u64, value: u64) {
    if value != 0 {
        push_varint(out, field << 3);
        push_varint(out, value);
    }
}

fn push_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    push_varint(out, field << 3 | 2);
    push_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn push_text(out: &mut Vec<u8>, field: u64, text: &str) {
    push_bytes(out, field, text.as_bytes());
}

fn push_packed(out: &mut Vec<u8>, field: u64, values: &[u64]) {
    let mut packed = Vec::with_capacity(values.len() * 2);
    for &value in values {
        push_varint(&mut packed, value);
    }
    push_bytes(out, field, &packed);
}

fn push_message(out: &mut Vec<u8>, field: u64, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut message = Vec::new();
    fill(&mut message);
    push_bytes(out, field, &message);
}
