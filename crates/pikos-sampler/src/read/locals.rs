//! The local variables of open calls.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::codes::Codes;
use super::look::{Frame, Locals};
use super::memory::{Gone, Memory, word};
use super::objects::{Objects, Unread, optional};

/// So many variables of a call are read.
const MOST: usize = 256;
/// Characters of a name.
const NAME: usize = 200;
/// Kinds of variables: one that a comprehension has for itself; those that cells hold.
const HIDDEN: u8 = 0x10;
const CELLS: u8 = 0x40 | 0x80;

/// What is known of a function: where each variable stands, what it is called, and whether a cell holds it.
type Names = Vec<(usize, String, bool)>;

/// Reads the variables of these calls, each at its place. A call that is over, or has gone on, is `None`.
pub fn locals<M: Memory>(
    objects: &mut Objects<'_, M>,
    codes: &Codes,
    frames: &[Frame],
    places: &[usize],
) -> Result<Vec<Option<Locals>>, Gone> {
    let mut names = HashMap::new();
    frames
        .iter()
        .zip(places)
        .map(|(frame, at)| optional(of_call(objects, codes, *frame, *at, &mut names)))
        .collect()
}

fn of_call<M: Memory>(
    objects: &mut Objects<'_, M>,
    codes: &Codes,
    frame: Frame,
    at: usize,
    names: &mut HashMap<usize, Names>,
) -> Result<Locals, Unread> {
    let of = objects.layout.frame;
    let code_of = |objects: &mut Objects<'_, M>| Ok::<_, Unread>(objects.word(at + of.code)? & !7);
    let code = code_of(objects)?;
    let known = codes.known(code).filter(|known| known.id == frame.code).ok_or(Unread::Nonsense)?;
    let count = known.locals.min(MOST);
    let names = match names.entry(code) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(unknown) => unknown.insert(names_of(objects, code, count)?),
    };
    let values = objects.words(at + of.length, count)?;
    let mut locals = Locals { values: Vec::new(), more: known.locals - count };
    let mut read = Vec::new();
    for (place, name, in_cell) in names.iter() {
        let value = values.get(*place).copied().unwrap_or(0);
        // From 3.14 on, who owns a value stands in its lowest bits.
        let value = if objects.layout.minor >= 14 { value & !3 } else { value };
        if value == 0 {
            continue;
        }
        let text = optional(value_of(objects, value, *in_cell))?;
        if let Some(Some(text)) = text {
            read.push((*place, name.clone(), Some(text)));
        } else if text.is_none() {
            read.push((*place, name.clone(), None));
        }
    }
    // What is there still has been there all the time.
    let after = objects.words(at + of.length, count)?;
    if code_of(objects)? != code {
        return Err(Unread::Nonsense);
    }
    for (place, name, text) in read {
        let same = values.get(place) == after.get(place);
        locals.values.push((name, text.filter(|_| same)));
    }
    Ok(locals)
}

/// What a variable holds; nothing if it has no value.
fn value_of<M: Memory>(
    objects: &mut Objects<'_, M>,
    value: usize,
    in_cell: bool,
) -> Result<Option<String>, Unread> {
    let value = if in_cell { objects.in_cell(value)? } else { value };
    if value == 0 {
        return Ok(None);
    }
    objects.short(value).map(Some)
}

fn names_of<M: Memory>(objects: &mut Objects<'_, M>, code: usize, count: usize) -> Result<Names, Unread> {
    let of = objects.layout.code;
    let head = objects.copy(code, of.local_names.max(of.local_kinds) + 8)?;
    let field = |offset| word(head, offset).ok_or(Unread::Nonsense);
    let (names, kinds) = (field(of.local_names)?, field(of.local_kinds)?);
    let names = objects.tuple(names, count)?;
    if !objects.type_of(kinds)?.is("bytes") {
        return Err(Unread::Nonsense);
    }
    let start = kinds + objects.layout.bytes;
    let kinds = if count == 0 { Vec::new() } else { objects.copy(start, count)?.to_vec() };
    let mut found = Vec::new();
    for (place, (name, kind)) in names.into_iter().zip(kinds).enumerate() {
        let (name, _) = objects.string(name, NAME)?;
        // What the compiler has named begins with a dot.
        if kind & HIDDEN == 0 && !name.starts_with('.') {
            found.push((place, name, kind & CELLS != 0));
        }
    }
    Ok(found)
}
