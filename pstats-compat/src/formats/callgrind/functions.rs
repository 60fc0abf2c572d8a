//! Which function a name means.
//!
//! A function is known by its object, its file and its name, and the last two need not stand beside the name: what is not
//! said is as it was last. After code of another file (`fi=`) that is not reliable, for old valgrinds go back to the
//! function's own file without a word. Where such a name has a number, the number tells: valgrind gives one to each function.

use std::collections::HashMap;

use super::names::Mention;
use super::writer::Writer;
use crate::model::{Calls, Function, FunctionId, IdMap, Text};

/// So many are taken in: what a file may make of memory has an end.
const MOST_FUNCTIONS: usize = 10_000_000;

/// Where a name stands: the object and the file that count for it.
#[derive(Clone, Default)]
pub struct Place {
    pub object: Text,
    pub file: Text,
    /// Whether the file was named for a function, not for code that was put into one.
    pub is_certain: bool,
}

/// All functions that had a cost or a call.
#[derive(Default)]
pub struct Functions {
    pub list: Vec<Function>,
    objects: Vec<Text>,
    /// Whose line was named by a call: it is the first, a cost's may be any.
    is_line_known: Vec<bool>,
    by_label: HashMap<(Text, Text, Text, u32), FunctionId>,
    /// The function that a number meant last, and whether its file was certain.
    by_number: IdMap<u64, (FunctionId, bool)>,
}

impl Functions {
    /// The function of a name, new or known. `line` counts as a part of the name where a writer always has the line of the
    /// definition. `None` if there are too many.
    pub fn find(&mut self, mention: &Mention, place: &Place, line: Option<u32>) -> Option<FunctionId> {
        if mention.is_renumbered {
            mention.number.and_then(|number| self.by_number.remove(&number));
        }
        let known = mention.number.and_then(|number| self.by_number.get(&number).copied());
        match known {
            Some((known, _)) if !place.is_certain => return Some(known),
            // Nearly all names are this: nothing has to be looked up.
            Some((known, true)) if self.is_there(known, place, line) => return Some(known),
            Some((known, false)) => {
                self.move_to(known, place);
                self.remember(mention, known, true);
                return Some(known);
            }
            _ => {}
        }
        if self.list.len() == MOST_FUNCTIONS {
            return None;
        }
        let next = FunctionId(self.list.len() as u32);
        let label = (place.object.clone(), place.file.clone(), mention.text.clone(), line.unwrap_or(0));
        let id = *self.by_label.entry(label).or_insert(next);
        if id == next {
            let (file, name) = (place.file.clone(), mention.text.clone());
            self.list.push(Function::new(file, line.unwrap_or(0), name, Calls::default()));
            self.objects.push(place.object.clone());
            self.is_line_known.push(line.is_some());
        }
        self.remember(mention, id, place.is_certain);
        Some(id)
    }

    fn is_there(&self, id: FunctionId, place: &Place, line: Option<u32>) -> bool {
        let function = &self.list[id.index()];
        function.file == place.file
            && self.objects[id.index()] == place.object
            && line.is_none_or(|line| function.line == line)
    }

    fn remember(&mut self, mention: &Mention, id: FunctionId, is_certain: bool) {
        if let Some(number) = mention.number {
            self.by_number.insert(number, (id, is_certain));
        }
    }

    /// Takes a function to the file where it is now known to be, unless there is one of that name already.
    fn move_to(&mut self, id: FunctionId, place: &Place) {
        let function = &mut self.list[id.index()];
        if function.file == place.file {
            return;
        }
        let label = (self.objects[id.index()].clone(), place.file.clone(), function.name.clone(), 0);
        self.by_label.entry(label).or_insert_with(|| {
            function.file = place.file.clone();
            id
        });
    }

    /// A cost of a function at a line of its own file.
    pub fn has_code_at(&mut self, id: FunctionId, file: &Text, line: u32) {
        let function = &mut self.list[id.index()];
        if function.line == 0 && function.file == *file {
            function.line = line;
        }
    }

    /// A call that leads to a line.
    pub fn begins_at(&mut self, id: FunctionId, line: u32) {
        if line > 0 && !std::mem::replace(&mut self.is_line_known[id.index()], true) {
            self.list[id.index()].line = line;
        }
    }

    /// The functions with the names that their writers meant. Objects are named where nothing else tells two apart.
    pub fn finish(mut self, writer: Writer) -> Vec<Function> {
        if !self.objects.iter().all(|object| *object == self.objects[0]) {
            self.name_objects();
        }
        for function in &mut self.list {
            match writer {
                _ if writer.names_definitions() => strip_line(function),
                Writer::Yappi | Writer::Other => strip_module(function),
                _ => {}
            }
        }
        self.list
    }

    fn name_objects(&mut self) {
        let mut by_name: HashMap<(&Text, &Text), Vec<usize>> = HashMap::new();
        for (place, function) in self.list.iter().enumerate() {
            by_name.entry((&function.file, &function.name)).or_default().push(place);
        }
        let mut renamed: IdMap<u32, Text> = IdMap::default();
        for same in by_name.values().filter(|same| same.len() > 1) {
            let short = |&place: &usize| last_part(self.objects[place].as_bytes(), b'/');
            let are_short_enough = same
                .iter()
                .enumerate()
                .all(|(at, one)| same[..at].iter().all(|other| short(other) != short(one)));
            for place in same {
                let object = match are_short_enough {
                    true => short(place),
                    false => self.objects[*place].as_bytes(),
                };
                if !object.is_empty() {
                    let name = self.list[*place].name.as_bytes();
                    renamed.insert(*place as u32, [name, b" [", object, b"]"].concat().into());
                }
            }
        }
        for (place, name) in renamed {
            self.list[place as usize].name = name;
        }
    }
}

/// Takes the line off a name to which the writer had added it: both pyprof2calltree and we write
/// `name:line` where a file has two functions of one name.
fn strip_line(function: &mut Function) {
    let suffix = format!(":{}", function.line);
    if let Some(name) = function.name.as_bytes().strip_suffix(suffix.as_bytes()) {
        function.name = name.to_vec().into();
    }
}

/// Takes ` module:line` off a name: lsprofcalltree and its kin, and yappi, write it behind each, though file and line say so.
fn strip_module(function: &mut Function) {
    let name = || {
        let whole = function.name.as_bytes();
        let suffix = format!(":{}", function.line);
        let rest = whole.strip_suffix(suffix.as_bytes())?;
        let file = function.file.as_bytes();
        if let Some(name) = rest.strip_suffix(file).and_then(|name| name.strip_suffix(b" ")) {
            return Some(name);
        }
        let space = rest.iter().rposition(|&byte| byte == b' ')?;
        let module = last_part(&rest[space + 1..], b'.');
        let mut parts = file.rsplit(|&byte| byte == b'/' || byte == b'\\');
        let stem = parts.next()?.strip_suffix(b".py")?;
        // A package is named as its folder is.
        let is_of_file = stem == module || (stem == b"__init__" && parts.next() == Some(module));
        is_of_file.then_some(&rest[..space])
    };
    if function.line > 0
        && let Some(name) = name().filter(|name| !name.is_empty())
    {
        function.name = name.to_vec().into();
    }
}

fn last_part(text: &[u8], separator: u8) -> &[u8] {
    text.rsplit(|&byte| byte == separator).next().unwrap_or_default()
}
