//! What is known of the profile as a whole: names and texts, so that there is room for more.

use super::blocks::damaged;
use super::columns::{Cursor, push_number};
use crate::error::{Error, Result};
use crate::model::{Counts, EdgeDetail, Metadata, Text, Unit};

const COUNTS: [(Counts, &str); 3] =
    [(Counts::Calls, "calls"), (Counts::Samples, "samples"), (Counts::Unknown, "unknown")];
const EDGES: [(EdgeDetail, &str); 3] = [
    (EdgeDetail::Full, "full"),
    (EdgeDetail::CountsOnly, "counts"),
    (EdgeDetail::CallsAndCumtime, "calls and cumtime"),
];
/// In front of what is known of the run, so that its names and ours can't meet.
const FACT: &str = "run.";

/// The block's content.
pub fn write(metadata: &Metadata) -> Vec<u8> {
    let mut out = Vec::new();
    let mut put = |name: &str, value: &[u8]| {
        for part in [name.as_bytes(), value] {
            push_number(&mut out, part.len() as u64);
            out.extend_from_slice(part);
        }
    };
    if let Some((_, word)) = COUNTS.iter().find(|(counts, _)| *counts == metadata.counts) {
        put("counts", word.as_bytes());
    }
    if let Some((_, word)) = EDGES.iter().find(|(edges, _)| *edges == metadata.edges) {
        put("edges", word.as_bytes());
    }
    match &metadata.unit {
        Unit::Seconds => {}
        Unit::Other(unit) => put("unit", unit.as_bytes()),
    }
    if let Some(title) = &metadata.title {
        put("title", title.as_bytes());
    }
    for (name, is_so) in [("compensated", metadata.compensated), ("unfinished", metadata.unfinished)] {
        if is_so {
            put(name, b"");
        }
    }
    if metadata.rounded_to > 0.0 {
        put("rounded_to", &metadata.rounded_to.to_le_bytes());
    }
    for note in &metadata.notes {
        put("note", note.as_bytes());
    }
    for (name, value) in &metadata.facts {
        put(&format!("{FACT}{name}"), value.as_bytes());
    }
    out
}

/// What the content says. Names that aren't known are left out: a later version's.
pub fn read(content: &[u8]) -> Result<Metadata> {
    let mut metadata = Metadata::default();
    let mut cursor = Cursor::new(content);
    while !cursor.is_at_end() {
        let length = cursor.number()?;
        let name = text(cursor.bytes(length)?)?;
        let length = cursor.number()?;
        let value = cursor.bytes(length)?;
        match &*name {
            "counts" => metadata.counts = word(&COUNTS, value)?,
            "edges" => metadata.edges = word(&EDGES, value)?,
            "unit" => metadata.unit = Unit::Other(text(value)?),
            "title" if Text::is_well_formed(value) => metadata.title = Some(value.into()),
            "compensated" => metadata.compensated = true,
            "unfinished" => metadata.unfinished = true,
            "rounded_to" => {
                let unit = value.try_into().map(f64::from_le_bytes).ok();
                let unit = unit.filter(|unit| unit.is_finite() && *unit >= 0.0);
                metadata.rounded_to = unit.ok_or_else(|| damaged("`rounded_to` is no number"))?;
            }
            "note" => metadata.notes.push(text(value)?),
            name => {
                if let Some(name) = name.strip_prefix(FACT) {
                    metadata.facts.push((name.to_owned(), text(value)?));
                }
            }
        }
    }
    Ok(metadata)
}

fn word<T: Copy>(words: &[(T, &str)], value: &[u8]) -> Result<T> {
    let found = words.iter().find(|(_, word)| word.as_bytes() == value);
    // A later version's: its figures would be taken for something else.
    let unknown = || Error::BadField {
        field: "META".to_owned(),
        problem: format!("`{}` is not known to this version of Pikos", String::from_utf8_lossy(value)),
    };
    found.map(|(value, _)| *value).ok_or_else(unknown)
}

fn text(bytes: &[u8]) -> Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| damaged("a text is no UTF-8"))
}
