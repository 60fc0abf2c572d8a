//! Who a record is put down to: the user's own line that was at work, and what each of them made memory grow by.

use std::collections::HashMap;

use pstats_compat::owners::Owners;

/// A name: a place in the list of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Who(u32);

/// Names that are told apart; beyond, all are one.
const MOST: usize = 100_000;
/// Calls that are followed into each other.
const DEEPEST: usize = 10_000;
/// Of those that made memory grow, so many are named ...
const NAMED: usize = 5;
/// ... that made up for this part of its range, 1/n.
const PART: u64 = 20;

/// Names, and their growth.
#[derive(Debug, Default)]
pub struct Names {
    list: Vec<String>,
    by_name: HashMap<String, Who>,
    growth: Vec<i64>,
    owners: HashMap<Vec<u8>, bool>,
    /// The own functions that are open, where records tell of calls.
    open: Vec<Open>,
    /// The last own line.
    last: Option<Who>,
}

/// A function that is open.
#[derive(Debug)]
struct Open {
    who: Who,
    function: String,
}

/// What a record says of itself.
pub struct Event<'r> {
    /// Of records of functions: what happened.
    pub kind: Option<&'r [u8]>,
    pub function: &'r str,
    pub line: &'r str,
    pub file: Option<&'r [u8]>,
}

impl Names {
    /// Who it is put down to: what a library does, to the own line that called it; and what there is when a function is called, to its
    /// caller.
    pub fn of(&mut self, event: &Event<'_>) -> Who {
        let is_own = event.file.is_none_or(|file| self.is_own(file));
        let caller = self.open.last().map(|open| open.who);
        let blamed = if event.kind.is_some() { caller } else { self.last };
        if !is_own && let Some(who) = blamed {
            return who;
        }
        // A built-in's line is that of the call: what there is at that moment came about in the function that calls it.
        let function = match (event.kind, self.open.last()) {
            (Some(b"c_call"), Some(open)) => &open.function,
            _ => event.function,
        };
        let name = match event.file {
            None => format!("{function}:{}", event.line),
            Some(file) => format!("{function} {}:{}", base(file), event.line),
        };
        let who = self.intern(name);
        if is_own {
            match event.kind {
                None => self.last = Some(who),
                Some(b"call") if self.open.len() < DEEPEST => {
                    self.open.push(Open { who, function: event.function.to_owned() });
                    return caller.unwrap_or(who);
                }
                Some(b"return") => _ = self.open.pop(),
                Some(_) => {}
            }
        }
        who
    }

    /// Memory has grown by so many bytes under it.
    pub fn grew(&mut self, who: Who, bytes: i64) {
        let growth = &mut self.growth[who.0 as usize];
        *growth = growth.saturating_add(bytes);
    }

    /// The name.
    pub fn name(&self, who: Who) -> &str {
        &self.list[who.0 as usize]
    }

    /// Those that made memory grow most, and by how much; of a curve of this range.
    pub fn greatest_growth(&self, range: u64) -> Vec<(&str, u64)> {
        let least = (range / PART).max(1);
        let growth = self.list.iter().zip(&self.growth);
        let mut found: Vec<(&str, u64)> = growth
            .filter_map(|(name, bytes)| Some((name.as_str(), u64::try_from(*bytes).ok()?)))
            .filter(|(_, bytes)| *bytes >= least)
            .collect();
        found.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        found.truncate(NAMED);
        found
    }

    fn intern(&mut self, name: String) -> Who {
        if let Some(who) = self.by_name.get(&name) {
            return *who;
        }
        if self.list.len() >= MOST {
            return Who(MOST as u32 - 1);
        }
        let who = Who(self.list.len() as u32);
        self.list.push(name.clone());
        self.growth.push(0);
        self.by_name.insert(name, who);
        who
    }

    fn is_own(&mut self, file: &[u8]) -> bool {
        if let Some(is_own) = self.owners.get(file) {
            return *is_own;
        }
        if self.owners.len() >= MOST {
            self.owners.clear();
        }
        let is_own = Owners::of_files(std::iter::once(file), "").own().all(|is_own| is_own);
        self.owners.insert(file.to_vec(), is_own);
        is_own
    }
}

/// The file without its folder.
fn base(file: &[u8]) -> String {
    let start = file.iter().rposition(|byte| matches!(byte, b'/' | b'\\')).map_or(0, |place| place + 1);
    String::from_utf8_lossy(&file[start..]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &[u8] = b"/srv/shop/report.py";
    const LIBRARY: &[u8] = b"/usr/lib/python3.12/site-packages/numpy/matrixlib/defmatrix.py";

    fn event<'r>(kind: Option<&'r [u8]>, function: &'r str, line: &'r str, file: &'r [u8]) -> Event<'r> {
        Event { kind, function, line, file: Some(file) }
    }

    #[test]
    fn what_a_library_does_is_put_down_to_the_line_that_called_it() {
        let mut names = Names::default();
        let library = names.of(&event(None, "__new__", "1", LIBRARY));
        assert_eq!(names.name(library), "__new__ defmatrix.py:1", "there is nobody else");
        let own = names.of(&event(None, "legacy", "17", OWN));
        assert_eq!(names.name(own), "legacy report.py:17");
        assert_eq!(names.of(&event(None, "__new__", "1", LIBRARY)), own);
    }

    #[test]
    fn what_there_is_at_a_call_is_the_callers() {
        let mut names = Names::default();
        let mut named = |kind: &'static [u8], function, line| {
            let who = names.of(&event(Some(kind), function, line, OWN));
            names.name(who).to_owned()
        };
        assert_eq!(named(b"call", "main", "1"), "main report.py:1");
        assert_eq!(named(b"call", "burst", "8"), "main report.py:1");
        assert_eq!(named(b"c_call", "sleep", "10"), "burst report.py:10");
        assert_eq!(named(b"c_return", "sleep", "10"), "sleep report.py:10");
        assert_eq!(named(b"return", "burst", "8"), "burst report.py:8");
        assert_eq!(named(b"call", "burst", "8"), "main report.py:1");
    }

    #[test]
    fn of_calls_it_is_the_innermost_own_one_that_is_open() {
        let mut names = Names::default();
        let call = Some(&b"call"[..]);
        let outer = names.of(&event(call, "main", "1", OWN));
        names.of(&event(call, "inner", "9", OWN));
        names.of(&event(Some(b"return"), "inner", "9", OWN));
        assert_eq!(names.of(&event(call, "__new__", "1", LIBRARY)), outer);
        assert_eq!(names.of(&event(Some(b"return"), "__new__", "1", LIBRARY)), outer);
    }

    #[test]
    fn who_made_memory_grow_is_named_if_it_is_worth_it() {
        let mut names = Names::default();
        for (line, bytes) in [("1", 500), ("2", -900), ("3", 20), ("4", 600), ("1", 300)] {
            let who = names.of(&event(None, "f", line, OWN));
            names.grew(who, bytes);
        }
        assert_eq!(names.greatest_growth(1000), [("f report.py:1", 800), ("f report.py:4", 600)]);
    }
}
