//! What is known of single lines, to stand beside the source: what `pikos lines --report -o lines.json app.py` has found, or `line_memory`.
//!
//! A profile counts functions. Which line of one took the time, another run has told; so a figure stands only where the file has
//! the very line that it is of.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::functions::rounded;
use super::places::{path, shown_line};
use crate::error::{Error, Result};
use crate::model::{Function, Profile, facts};

#[derive(Deserialize)]
struct Document {
    functions: Vec<Listed>,
}

/// A function of such a file.
#[derive(Deserialize)]
struct Listed {
    function: String,
    filename: String,
    first_line: u32,
    /// None in a summary, and in a file of functions.
    #[serde(default)]
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    line: u32,
    hits: u64,
    source: Option<String>,
    time: Option<f64>,
    own_time: Option<f64>,
    growth: Option<f64>,
    own: Option<f64>,
}

/// Figures of lines.
pub struct LineFigures(Vec<Listed>);

/// Those of the lines of one function, in the order of its source; none of a line that did not run.
#[derive(Debug, PartialEq, Serialize)]
pub struct OfLines {
    /// What `with_calls` and `own` are: `time` in seconds, or `memory` in bytes.
    what: &'static str,
    hits: Vec<Option<u64>>,
    with_calls: Vec<Option<f64>>,
    own: Vec<Option<f64>>,
}

impl LineFigures {
    /// What is in a file.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let found = serde_json::from_slice(bytes);
        let Document { mut functions } = found.map_err(|error| Error::BadJson {
            line: error.line(),
            column: error.column(),
            problem: "this is no report of lines: `pikos lines --report -o lines.json app.py` writes one"
                .to_owned(),
        })?;
        functions.retain(|listed| !listed.lines.is_empty());
        match functions.is_empty() {
            true => Err(Error::Unread(
                "a report that tells of no line: `pikos lines --report -o lines.json app.py` writes one that does".to_owned(),
            )),
            false => Ok(Self(functions)),
        }
    }

    /// Whether any of its functions is in this profile.
    pub fn fits(&self, profile: &Profile) -> bool {
        let folder = profile.metadata.fact(facts::FOLDER).map(PathBuf::from);
        let places = self.places(folder.as_deref());
        profile.functions.iter().any(|function| places.of(function).is_some())
    }

    pub(super) fn places(&self, folder: Option<&Path>) -> Places<'_> {
        let mut known: HashMap<_, Vec<_>> = HashMap::new();
        for listed in &self.0 {
            known.entry((path(&listed.filename, folder), listed.first_line)).or_default().push(listed);
        }
        Places { known, folder: folder.map(Path::to_owned) }
    }
}

/// Functions by their files and first lines.
pub(super) struct Places<'l> {
    known: HashMap<(PathBuf, u32), Vec<&'l Listed>>,
    folder: Option<PathBuf>,
}

impl<'l> Places<'l> {
    fn of(&self, function: &Function) -> Option<&'l Listed> {
        let file = path(&function.file.to_str_lossy(), self.folder.as_deref());
        let there = self.known.get(&(file, function.line))?;
        // One of them is `C.f`, the other perhaps just `f`.
        let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
        let name = last(&function.name.to_str_lossy());
        there.iter().find(|listed| last(&listed.function) == name).copied()
    }

    /// Those of a function whose lines these are.
    pub(super) fn figures(&self, function: &Function, lines: &[String]) -> Option<OfLines> {
        let listed = self.of(function)?;
        let is_memory = listed.lines.iter().any(|line| line.growth.is_some());
        let mut figures = OfLines {
            what: if is_memory { "memory" } else { "time" },
            hits: vec![None; lines.len()],
            with_calls: vec![None; lines.len()],
            own: vec![None; lines.len()],
        };
        for line in listed.lines.iter().filter(|line| line.hits > 0) {
            let Some(place) = line.line.checked_sub(function.line).map(|place| place as usize) else {
                continue;
            };
            // Beyond what is shown of a long function.
            let Some(text) = lines.get(place) else { continue };
            if line.source.as_ref().is_some_and(|source| shown_line(source) != *text) {
                return None;
            }
            let (with_calls, own) =
                if is_memory { (line.growth, line.own) } else { (line.time, line.own_time) };
            figures.hits[place] = Some(line.hits);
            figures.with_calls[place] = with_calls.map(rounded);
            figures.own[place] = own.map(rounded);
        }
        figures.hits.iter().any(Option::is_some).then_some(figures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Calls;

    const TIMES: &str = r#"{"program": "app.py", "functions": [
        {"function": "C.f", "filename": "app.py", "first_line": 3, "kind": "", "lines": [
            {"line": 3, "hits": 0, "time": 0.0, "own_time": 0.0, "source": "    def f(self):"},
            {"line": 4, "hits": 7, "time": 0.5, "own_time": 0.25, "source": "\treturn g()"},
            {"line": 9000, "hits": 1, "time": 1.0, "own_time": 1.0}]}]}"#;

    fn found(text: &str, function: (&str, u32, &str), lines: &[&str]) -> Option<OfLines> {
        let figures = LineFigures::read(text.as_bytes()).expect("a report of lines");
        let (file, line, name) = function;
        let function = Function::new(file.into(), line, name.into(), Calls::default());
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        figures.places(Some(Path::new("/srv"))).figures(&function, &lines)
    }

    #[test]
    fn figures_stand_beside_their_lines() {
        let lines = ["    def f(self):", "    return g()"];
        let told = Some(OfLines {
            what: "time",
            hits: vec![None, Some(7)],
            with_calls: vec![None, Some(0.5)],
            own: vec![None, Some(0.25)],
        });
        assert_eq!(found(TIMES, ("app.py", 3, "C.f"), &lines), told);
        assert_eq!(found(TIMES, ("/srv/app.py", 3, "f"), &lines), told);
    }

    #[test]
    fn a_line_that_is_another_one_now_has_none() {
        for (function, second) in [
            (("app.py", 3, "f"), "    return h()"),
            (("app.py", 4, "f"), "    return g()"),
            (("other.py", 3, "f"), "    return g()"),
            (("app.py", 3, "<lambda>"), "    return g()"),
        ] {
            assert_eq!(found(TIMES, function, &["    def f(self):", second]), None, "{function:?}");
        }
    }

    #[test]
    fn memory_is_told_by_what_the_process_grew() {
        let text = r#"{"functions": [{"function": "f", "filename": "app.py", "first_line": 1, "lines": [
            {"line": 1, "hits": 2, "own": 4096, "growth": 8192, "peak": 1e9}]}]}"#;
        let told = found(text, ("app.py", 1, "f"), &["def f(): pass"]).expect("figures");
        assert_eq!(
            (told.what, told.with_calls, told.own),
            ("memory", vec![Some(8192.0)], vec![Some(4096.0)])
        );
    }

    #[test]
    fn what_tells_of_no_line_is_refused() {
        for text in [
            "",
            "{}",
            "[1]",
            r#"{"functions": []}"#,
            r#"{"functions": [{"function": "f", "filename": "a", "first_line": 1, "hits": 3}]}"#,
        ] {
            let problem = LineFigures::read(text.as_bytes()).err().map(|error| error.to_string());
            assert!(
                problem.as_ref().is_some_and(|problem| problem.contains("pikos lines --report -o")),
                "{text}: {problem:?}"
            );
        }
    }
}
