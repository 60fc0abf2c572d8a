//! The source of the functions that matter, as their files are now.
//!
//! A profile is a stranger's, and a page is passed on: what goes into it must be source code of Python's, and nothing that the
//! profile merely names. So a file's name ends as Python's do, and its line must begin what the profile says is there.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::Serialize;

use super::functions::{Chosen, Listed};
use super::lines::{LineFigures, OfLines};
use super::places::{path, shown_line};
use crate::model::{Function, Metadata, facts};
use crate::owners::Owner;

/// So many functions have theirs in a page.
const MOST: usize = 150;
/// With so many lines each.
const LONGEST: usize = 200;
/// A larger file isn't read.
const LARGEST: u64 = 8 << 20;
/// A function that takes a smaller part of the time does without.
const LEAST: f64 = 0.0005;
/// Decorators stand above the line that names a function, and are its first line.
const DECORATORS: usize = 12;

/// The lines of one function.
#[derive(Serialize)]
pub struct Source {
    /// Its number in the page.
    function: u32,
    first: u32,
    lines: Vec<String>,
    /// Whether it has more of them.
    more: bool,
    /// Whether the file was written after the recording began.
    changed: bool,
    /// What is known of each line.
    #[serde(skip_serializing_if = "Option::is_none")]
    figures: Option<OfLines>,
}

/// Reads them, each with what is known of its lines.
pub fn read(
    listed: &Listed<'_>,
    chosen: &Chosen,
    metadata: &Metadata,
    known: Option<&LineFigures>,
) -> Vec<Source> {
    let total: f64 = listed.figures.iter().map(|calls| calls.tottime).sum();
    let weight = |place: usize| {
        let own = listed.figures[place].tottime;
        // One's own code is what is looked at: for it, what it calls counts as well.
        if listed.owner(place) == Owner::User { own.max(listed.figures[place].cumtime) } else { own }
    };
    let mut order: Vec<usize> = chosen.places().to_vec();
    order.retain(|&place| weight(place) >= LEAST * total && has_source(listed.functions[place]));
    order.sort_by(|&a, &b| weight(b).total_cmp(&weight(a)).then(a.cmp(&b)));
    order.truncate(MOST);
    let folder = metadata.fact(facts::FOLDER).map(PathBuf::from);
    let known = known.map(|known| known.places(folder.as_deref()));
    let began = metadata.started();
    let mut files: HashMap<PathBuf, Option<Text>> = HashMap::new();
    let source = |place: usize| {
        let function = listed.functions[place];
        let path = path_of(function, folder.as_deref());
        let text = files.entry(path.clone()).or_insert_with(|| Text::read(&path)).as_ref()?;
        let (lines, more) = text.lines_of(function)?;
        let changed = began.is_some_and(|began| text.written.is_some_and(|written| written > began));
        let figures = known.as_ref().and_then(|known| known.figures(function, &lines));
        Some(Source { function: chosen.number(place), first: function.line, lines, more, changed, figures })
    };
    order.into_iter().filter_map(source).collect()
}

/// The lines of one function where a program ran in this folder, from this second since 1970 on.
pub fn lines_of(function: &Function, folder: Option<&Path>, began: Option<i64>) -> Option<Lines> {
    if !has_source(function) {
        return None;
    }
    let text = Text::read(&path_of(function, folder))?;
    let (lines, more) = text.lines_of(function)?;
    let changed = began.is_some_and(|began| text.written.is_some_and(|written| written > began));
    Some(Lines { first: function.line, lines, more, changed })
}

/// The lines of one function.
#[derive(Debug, Serialize)]
pub struct Lines {
    /// The first one's number.
    pub first: u32,
    /// What stands in them, safe to print.
    pub lines: Vec<String>,
    /// Whether it has more of them.
    pub more: bool,
    /// Whether the file was written after the recording began.
    pub changed: bool,
}

fn has_source(function: &Function) -> bool {
    let file = function.file.to_str_lossy();
    function.line > 0 && [".py", ".pyw"].iter().any(|ending| file.ends_with(ending))
}

fn path_of(function: &Function, folder: Option<&Path>) -> PathBuf {
    path(&function.file.to_str_lossy(), folder)
}

/// A file of Python code.
struct Text {
    lines: Vec<String>,
    /// Seconds since 1970.
    written: Option<i64>,
}

impl Text {
    fn read(path: &Path) -> Option<Self> {
        // A FIFO would wait for a writer, a device may never end.
        let metadata = path.metadata().ok().filter(|found| found.is_file() && found.len() <= LARGEST)?;
        let mut bytes = Vec::new();
        File::open(path).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let written = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Some(Self {
            lines: text.lines().map(|line| line.replace('\t', "    ")).collect(),
            written: written.map(|since| since.as_secs() as i64),
        })
    }

    /// The lines of a function, and whether it has more; none if another thing stands there.
    fn lines_of(&self, function: &Function) -> Option<(Vec<String>, bool)> {
        let name = function.name.to_str_lossy();
        let first = function.line as usize - 1;
        let rest = self.lines.get(first..)?;
        let end = match &*name {
            "<module>" => rest.len(),
            _ if begins(rest, &name) => end_of(rest),
            _ => return None,
        };
        Some((rest[..end.min(LONGEST)].iter().map(|line| shown_line(line)).collect(), end > LONGEST))
    }
}

/// Whether these lines begin the function of this name.
fn begins(lines: &[String], name: &str) -> bool {
    let Some(first) = lines.first().map(|line| line.trim_start()) else { return false };
    let inner = match name {
        "<lambda>" => Some("lambda"),
        "<listcomp>" | "<setcomp>" | "<dictcomp>" | "<genexpr>" => Some("for "),
        _ => None,
    };
    if let Some(word) = inner {
        return lines.iter().take(DECORATORS).any(|line| line.contains(word));
    }
    let is_named = |line: &str| {
        let words = ["def ", "async def ", "class "];
        let rest = words.iter().find_map(|word| line.strip_prefix(word));
        rest.and_then(|rest| rest.trim_start().strip_prefix(name))
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    is_named(first)
        || (first.starts_with('@') && lines.iter().take(DECORATORS).any(|line| is_named(line.trim_start())))
}

/// How many lines it has: up to the next one that is not deeper, after its head.
fn end_of(lines: &[String]) -> usize {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let outer = depth(&lines[0]);
    let mut end = 1;
    let mut is_in_body = false;
    for (at, line) in lines.iter().enumerate().skip(1) {
        let text = line.trim_start();
        if text.is_empty() {
            continue;
        }
        let is_head = !is_in_body && depth(line) <= outer;
        // Until the body begins: decorators, the `def` below them, the rest of a list of parameters.
        if is_head
            && !matches!(text.as_bytes()[0], b')' | b']' | b'@' | b'#')
            && !text.contains("def ")
            && !text.starts_with("class ")
        {
            break;
        }
        if depth(line) > outer {
            is_in_body = true;
        } else if is_in_body && !matches!(text.as_bytes()[0], b')' | b']' | b'}' | b'#') {
            break;
        }
        end = at + 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Calls;

    fn lines_of(text: &str, line: u32, name: &str) -> Option<(Vec<String>, bool)> {
        let lines = text.lines().map(str::to_owned).collect();
        let function = Function::new("a.py".into(), line, name.into(), Calls::default());
        Text { lines, written: None }.lines_of(&function)
    }

    #[test]
    fn a_function_ends_where_the_next_thing_begins() {
        let text = "\
@cache
def f(
    a,
):
    return [
    1,
]

# not of it

    # but this is

    x = 1

class C:
    def g(self): return 1
    h = lambda x: x
";
        let found = |line, name| lines_of(text, line, name).map(|(lines, _)| lines.len());
        assert_eq!(found(1, "f"), Some(13));
        assert_eq!(found(2, "f"), Some(12));
        assert_eq!(found(16, "g"), Some(1));
        assert_eq!(found(17, "<lambda>"), Some(1));
        assert_eq!(found(1, "<module>"), Some(17));
        assert_eq!(found(15, "C"), Some(3));
    }

    #[test]
    fn what_is_not_the_function_stays_out() {
        for (text, line, name) in [
            ("KEY = 'secret'\n", 1, "f"),
            ("def fg(): 'secret'\n", 1, "f"),
            ("-----BEGIN KEY-----\n", 1, "f"),
            ("def f(): pass\n", 2, "f"),
            ("def f(): pass\n", 7, "f"),
            ("", 1, "<module>"),
        ] {
            assert_eq!(lines_of(text, line, name).filter(|(lines, _)| !lines.is_empty()), None, "{text}");
        }
        let long = format!("def f():\n{}", "    x = 1\n".repeat(1000));
        assert_eq!(lines_of(&long, 1, "f").map(|(lines, more)| (lines.len(), more)), Some((LONGEST, true)));
    }
}
