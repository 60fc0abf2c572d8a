//! The objects that a program made.
//!
//! ```text
//! number: so many types; differences: module; differences: name; numbers: created
//! three times, of those gone, of the most at once, and of bytes: numbers: 1 where it is known, else 0; numbers: those known
//! number: so many lines; differences: type; differences: file; differences: line; differences: function; numbers: created;
//! numbers: 1 where it is known how many are still there, else 0; numbers: those known
//! number: types of which nothing is told
//! number: so many moments; times: when; numbers: objects; numbers: their bytes; numbers: how many types are told of;
//! numbers: the types, of one moment behind the other's; numbers: how many of each; numbers: their bytes
//! ```

use super::blocks::damaged;
use super::columns::{Cursor, push_differences, push_number, push_numbers, push_times};
use crate::error::Result;
use crate::model::{ObjectPlace, ObjectType, Objects, ObjectsThen, Text};

/// The block's content. `place` gives a text its number.
pub fn write<'p>(objects: &'p Objects, mut place: impl FnMut(&'p Text) -> u64) -> Vec<u8> {
    let Objects { types, places, unlisted, past } = objects;
    let mut out = Vec::new();
    push_number(&mut out, types.len() as u64);
    push_differences(&mut out, types.iter().map(|row| place(&row.module)));
    push_differences(&mut out, types.iter().map(|row| place(&row.name)));
    push_numbers(&mut out, types.iter().map(|row| row.created));
    for figure in
        [|row: &ObjectType| row.destroyed, |row: &ObjectType| row.peak, |row: &ObjectType| row.bytes]
    {
        push_known(&mut out, types.iter().map(figure));
    }
    push_number(&mut out, places.len() as u64);
    push_differences(&mut out, places.iter().map(|row| u64::from(row.of)));
    push_differences(&mut out, places.iter().map(|row| place(&row.file)));
    push_differences(&mut out, places.iter().map(|row| u64::from(row.line)));
    push_differences(&mut out, places.iter().map(|row| place(&row.function)));
    push_numbers(&mut out, places.iter().map(|row| row.created));
    push_known(&mut out, places.iter().map(|row| row.alive));
    push_number(&mut out, *unlisted);
    push_number(&mut out, past.len() as u64);
    let times: Vec<f64> = past.iter().map(|then| then.at).collect();
    push_times(&mut out, 0.0, &times);
    push_numbers(&mut out, past.iter().map(|then| then.alive));
    push_numbers(&mut out, past.iter().map(|then| then.bytes));
    push_numbers(&mut out, past.iter().map(|then| then.top.len() as u64));
    let top = || past.iter().flat_map(|then| &then.top);
    push_numbers(&mut out, top().map(|row| u64::from(row.0)));
    push_numbers(&mut out, top().map(|row| row.1));
    push_numbers(&mut out, top().map(|row| row.2));
    out
}

fn push_known(out: &mut Vec<u8>, numbers: impl Iterator<Item = Option<u64>> + Clone) {
    push_numbers(out, numbers.clone().map(|number| u64::from(number.is_some())));
    push_numbers(out, numbers.flatten());
}

/// What the content says. `text` finds a text by its number.
pub fn read(content: &[u8], text: impl Fn(u64) -> Result<Text>) -> Result<Objects> {
    let mut cursor = Cursor::new(content);
    let count = cursor.count()?;
    let (modules, names) = (cursor.differences(count)?, cursor.differences(count)?);
    let created = cursor.numbers(count)?;
    let destroyed = cursor.known_numbers(count)?;
    let (peaks, bytes) = (cursor.known_numbers(count)?, cursor.known_numbers(count)?);
    let kind = |place: usize| {
        Ok(ObjectType {
            module: text(modules[place])?,
            name: text(names[place])?,
            created: created[place],
            destroyed: destroyed[place],
            peak: peaks[place],
            bytes: bytes[place],
        })
    };
    let types = (0..count).map(kind).collect::<Result<_>>()?;
    let places = places(&mut cursor, text)?;
    let unlisted = cursor.number()?;
    let objects = Objects { types, places, unlisted, past: past(&mut cursor, content.len())? };
    if objects.is_sound() { Ok(objects) } else { Err(damaged("a type of objects is missing")) }
}

fn places(cursor: &mut Cursor<'_>, text: impl Fn(u64) -> Result<Text>) -> Result<Vec<ObjectPlace>> {
    let count = cursor.count()?;
    let (of, files) = (cursor.differences(count)?, cursor.differences(count)?);
    let (lines, functions) = (cursor.differences(count)?, cursor.differences(count)?);
    let (created, alive) = (cursor.numbers(count)?, cursor.known_numbers(count)?);
    let place = |row: usize| {
        Ok(ObjectPlace {
            of: small(of[row])?,
            file: text(files[row])?,
            line: small(lines[row])?,
            function: text(functions[row])?,
            created: created[row],
            alive: alive[row],
        })
    };
    (0..count).map(place).collect()
}

fn past(cursor: &mut Cursor<'_>, most: usize) -> Result<Vec<ObjectsThen>> {
    let count = cursor.count()?;
    let times = cursor.times(count)?;
    let (alive, bytes) = (cursor.numbers(count)?, cursor.numbers(count)?);
    let lengths = cursor.numbers(count)?;
    let all = lengths.iter().fold(0_u64, |sum, length| sum.saturating_add(*length));
    // Each takes a byte at least.
    let all = usize::try_from(all).ok().filter(|&all| all <= most);
    let all = all.ok_or_else(|| damaged("a table says that it has more rows than it has room for"))?;
    let of = cursor.numbers(all)?.into_iter().map(small).collect::<Result<Vec<_>>>()?;
    let figures = cursor.numbers(all)?.into_iter().zip(cursor.numbers(all)?);
    let mut top = of.into_iter().zip(figures).map(|(of, (alive, bytes))| (of, alive, bytes));
    let moment = |row: usize| ObjectsThen {
        at: times[row],
        alive: alive[row],
        bytes: bytes[row],
        top: top.by_ref().take(lengths[row] as usize).collect(),
    };
    Ok((0..count).map(moment).collect())
}

fn small(number: u64) -> Result<u32> {
    u32::try_from(number).map_err(|_| damaged("a type or a line has no such number"))
}
