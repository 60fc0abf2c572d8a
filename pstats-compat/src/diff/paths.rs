//! Which file of the older profile is which of the newer one, wherever each of them lay.
//!
//! One program is run from two checkouts, by two releases of Python, on two systems. So files are paired by, in this order:
//! their whole path; the module, for what belongs to Python or to its packages; the most folders that they have in common at
//! the end; and for a file that was renamed, the functions in it.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::modules::{Origin, installed, parts};

/// A file, and the functions in it that have a name of their own.
pub(super) struct File<'p> {
    pub path: &'p [u8],
    pub names: HashSet<&'p [u8]>,
}

/// So many pairs of files with one name are compared. A profile of more is nobody's program.
const MOST_COMPARED: usize = 4_000_000;
/// A name that so many files have says nothing about which is which.
const MOST_FILES: usize = 50;
/// Modules that moved within the standard library.
const MOVED_MODULES: [(&[u8], &[u8]); 4] = [
    (b"sre_compile", b"re/_compiler"),
    (b"sre_constants", b"re/_constants"),
    (b"sre_parse", b"re/_parser"),
    (b"pathlib/_local", b"pathlib"),
];

/// For each of the older files, its counterpart among the newer ones.
pub(super) fn pair_files(before: &[File<'_>], after: &[File<'_>]) -> Vec<Option<usize>> {
    let mut pairs = Pairs { of_before: vec![None; before.len()], of_after: vec![None; after.len()] };
    pairs.by_key(before, after, |file| Some(Cow::Borrowed(file.path)));
    pairs.by_key(before, after, |file| module(file.path).map(Cow::Owned));
    pairs.by_ending(before, after);
    pairs.by_functions(before, after);
    pairs.of_before
}

/// The first folders of a path.
type Root<'a, 'p> = &'a [&'p [u8]];

struct Pairs {
    of_before: Vec<Option<usize>>,
    of_after: Vec<Option<usize>>,
}

impl Pairs {
    fn put(&mut self, before: usize, after: usize) {
        self.of_before[before] = Some(after);
        self.of_after[after] = Some(before);
    }

    /// Pairs those for which the key says the same, and no third one.
    fn by_key<'p>(
        &mut self,
        before: &'p [File<'p>],
        after: &'p [File<'p>],
        key: impl Fn(&'p File<'p>) -> Option<Cow<'p, [u8]>>,
    ) {
        let mut known: HashMap<Cow<'_, [u8]>, [Vec<usize>; 2]> = HashMap::new();
        for (side, files, paired) in [(0, before, &self.of_before), (1, after, &self.of_after)] {
            for (place, file) in files.iter().enumerate().filter(|(place, _)| paired[*place].is_none()) {
                if let Some(key) = key(file) {
                    known.entry(key).or_default()[side].push(place);
                }
            }
        }
        for sides in known.values() {
            if let ([old], [new]) = (&sides[0][..], &sides[1][..]) {
                self.put(*old, *new);
            }
        }
    }

    /// Pairs those whose paths have the most folders in common at the end. Where several have as many, the way that other files
    /// went from one root to another decides, then the functions in them.
    fn by_ending(&mut self, before: &[File<'_>], after: &[File<'_>]) {
        let (old_parts, new_parts) = (all_parts(before), all_parts(after));
        let mut by_name: HashMap<&[u8], Vec<usize>> = HashMap::new();
        for (place, parts) in
            new_parts.iter().enumerate().filter(|(place, _)| self.of_after[*place].is_none())
        {
            if let Some(name) = parts.last() {
                by_name.entry(*name).or_default().push(place);
            }
        }
        let mut candidates: Vec<(usize, usize, usize)> = Vec::new();
        let mut compared = 0;
        for (old, parts) in old_parts.iter().enumerate().filter(|(place, _)| self.of_before[*place].is_none())
        {
            let Some(same) = parts.last().and_then(|name| by_name.get(name)) else { continue };
            compared += same.len();
            if compared > MOST_COMPARED {
                break;
            }
            candidates.extend(same.iter().map(|&new| (common(parts, &new_parts[new]), old, new)));
        }
        candidates.sort_by(|a, b| b.0.cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let mut roots: HashMap<(Root<'_, '_>, Root<'_, '_>), usize> = HashMap::new();
        for level in candidates.chunk_by(|a, b| a.0 == b.0) {
            let length = level[0].0;
            let root = |(_, old, new): &(usize, usize, usize)| {
                let (old, new) = (&old_parts[*old], &new_parts[*new]);
                (&old[..old.len() - length], &new[..new.len() - length])
            };
            // Those of which there is one on each side come first: they tell where the roots are.
            for round in 0..2 {
                let open: Vec<_> = level
                    .iter()
                    .filter(|(_, old, new)| self.of_before[*old].is_none() && self.of_after[*new].is_none())
                    .collect();
                let mut counts = [HashMap::new(), HashMap::new()];
                for (_, old, new) in &open {
                    *counts[0].entry(*old).or_insert(0) += 1;
                    *counts[1].entry(*new).or_insert(0) += 1;
                }
                let mut ranked: Vec<_> = open
                    .into_iter()
                    .map(|candidate| {
                        let (_, old, new) = candidate;
                        let is_only = counts[0][old] == 1 && counts[1][new] == 1;
                        let votes = roots.get(&root(candidate)).copied().unwrap_or(0);
                        (is_only, votes, shared(&before[*old], &after[*new]), candidate)
                    })
                    .filter(|&(is_only, votes, shared, (_, old, _))| match round {
                        0 => is_only && (shared > 0 || length > 1 || votes > 0 || !is_general(&before[*old])),
                        _ => votes > 0 || shared > 0,
                    })
                    .collect();
                ranked.sort_by_key(|&(_, votes, shared, _)| std::cmp::Reverse((votes, shared)));
                for (_, _, _, candidate) in ranked {
                    let (_, old, new) = *candidate;
                    if self.of_before[old].is_none() && self.of_after[new].is_none() {
                        self.put(old, new);
                        *roots.entry(root(candidate)).or_default() += 1;
                    }
                }
            }
        }
    }

    /// Pairs files that were renamed: each has most of the other one's functions.
    fn by_functions(&mut self, before: &[File<'_>], after: &[File<'_>]) {
        let mut with_name: HashMap<&[u8], Vec<usize>> = HashMap::new();
        for (place, file) in after.iter().enumerate().filter(|(place, _)| self.of_after[*place].is_none()) {
            for &name in &file.names {
                with_name.entry(name).or_default().push(place);
            }
        }
        let mut candidates = Vec::new();
        for (old, file) in before.iter().enumerate().filter(|(place, _)| self.of_before[*place].is_none()) {
            let mut shared: HashMap<usize, usize> = HashMap::new();
            for places in file.names.iter().filter_map(|name| with_name.get(name)) {
                if places.len() <= MOST_FILES {
                    places.iter().for_each(|&new| *shared.entry(new).or_default() += 1);
                }
            }
            candidates.extend(shared.into_iter().filter_map(|(new, shared)| {
                let all = file.names.len() + after[new].names.len() - shared;
                (shared >= 2 && 2 * shared >= all).then_some((shared, old, new))
            }));
        }
        candidates.sort_by(|a, b| b.0.cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        for (_, old, new) in candidates {
            if self.of_before[old].is_none() && self.of_after[new].is_none() {
                self.put(old, new);
            }
        }
    }
}

/// Whether two paths may be one file in two places: a module of Python's by whatever release, else by the file's name.
pub(super) fn are_one(a: &[u8], b: &[u8]) -> bool {
    match (module(a), module(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b || parts(a).last() == parts(b).last(),
    }
}

/// The module, whichever release of Python has it.
fn module(path: &[u8]) -> Option<Vec<u8>> {
    let (origin, parts) = installed(path)?;
    let name = parts.join(&b'/');
    let kind: &[u8] = match origin {
        Origin::Library => b"library ",
        Origin::Package => b"package ",
    };
    let moved = MOVED_MODULES.iter().find(|(old, _)| *old == name);
    Some([kind, moved.map_or(name.as_slice(), |(_, new)| new)].concat())
}

fn shared(a: &File<'_>, b: &File<'_>) -> usize {
    a.names.intersection(&b.names).count()
}

/// Whether every package has a file of this name.
fn is_general(file: &File<'_>) -> bool {
    parts(file.path).last().is_some_and(|name| matches!(name, b"__init__.py" | b"__main__.py"))
}

/// The parts of each path.
fn all_parts<'p>(files: &[File<'p>]) -> Vec<Vec<&'p [u8]>> {
    files.iter().map(|file| parts(file.path).collect()).collect()
}

/// How many parts two paths have in common at the end.
fn common(a: &[&[u8]], b: &[&[u8]]) -> usize {
    a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(before: &[(&str, &[&str])], after: &[(&str, &[&str])]) -> Vec<Option<usize>> {
        let files = |files: &[(&'static str, &'static [&'static str])]| -> Vec<File<'static>> {
            let names = |names: &'static [&'static str]| names.iter().map(|name| name.as_bytes()).collect();
            files.iter().map(|(path, own)| File { path: path.as_bytes(), names: names(own) }).collect()
        };
        // The texts of the tests live for ever; the compiler can't know.
        let leak = |files: &[(&str, &[&str])]| -> Vec<(&'static str, &'static [&'static str])> {
            files
                .iter()
                .map(|(path, names)| {
                    let names: Vec<&'static str> =
                        names.iter().map(|name| &*name.to_string().leak()).collect();
                    (&*path.to_string().leak(), &*names.leak())
                })
                .collect()
        };
        pair_files(&files(&leak(before)), &files(&leak(after)))
    }

    #[test]
    fn checkouts_in_other_folders_are_one_program() {
        let before: &[(&str, &[&str])] = &[
            ("/home/ci/app/util.py", &["f"]),
            ("/home/ci/app/x/util.py", &["g"]),
            ("/home/ci/app/x/__init__.py", &[]),
            ("/home/ci/app/__init__.py", &[]),
            ("/home/ci/app/gone/__init__.py", &["own"]),
        ];
        let after: &[(&str, &[&str])] = &[
            ("/srv/app/__init__.py", &[]),
            ("/srv/app/util.py", &["f"]),
            ("/srv/app/x/__init__.py", &[]),
            ("/srv/app/x/util.py", &["g"]),
            ("/srv/app/new/__init__.py", &["other"]),
        ];
        assert_eq!(pairs(before, after), [Some(1), Some(3), Some(2), Some(0), None]);
    }

    #[test]
    fn a_root_of_another_name_is_learnt_from_other_files() {
        let before: &[(&str, &[&str])] =
            &[("/a/old/core/main.py", &[]), ("/a/old/util.py", &[]), ("/a/old/core/util.py", &[])];
        let after: &[(&str, &[&str])] = &[("C:\\w\\core\\main.py", &[]), ("C:\\w\\util.py", &[])];
        assert_eq!(pairs(before, after), [Some(0), Some(1), None]);
        let reversed: Vec<_> = pairs(after, before);
        assert_eq!(reversed, [Some(0), Some(1)]);
    }

    #[test]
    fn the_standard_library_is_known_by_module() {
        for (a, b) in [
            ("/usr/lib/python3.11/os.py", "/opt/py/lib/python3.13t/os.py"),
            ("/usr/lib/python3.10/re.py", "/usr/lib/python3.13/re/__init__.py"),
            ("/usr/lib/python3.10/sre_parse.py", "C:\\Python313\\Lib\\re\\_parser.py"),
            ("/usr/lib/python3.10/posixpath.py", "<frozen posixpath>"),
            ("/usr/lib/python3.10/importlib/_bootstrap.py", "<frozen importlib._bootstrap>"),
            ("/v/lib/python3.10/site-packages/a/b.py", "/usr/lib/python3/dist-packages/a/b.py"),
            ("/x/python312.zip/json/decoder.py", "/usr/lib64/python3.9/json/decoder.py"),
        ] {
            assert_eq!(module(a.as_bytes()), module(b.as_bytes()), "{a} {b}");
            assert!(module(a.as_bytes()).is_some(), "{a}");
        }
        for path in ["/home/me/lib/app.py", "/home/python3.11/app.py", "app.py", "<string>", "~"] {
            assert_eq!(module(path.as_bytes()), None, "{path}");
        }
    }

    #[test]
    fn a_renamed_file_is_known_by_its_functions() {
        let before: &[(&str, &[&str])] = &[("a/old.py", &["f", "g", "h"]), ("a/same.py", &["x"])];
        let after: &[(&str, &[&str])] = &[("a/new.py", &["f", "g", "k"]), ("a/same.py", &["x"])];
        assert_eq!(pairs(before, after), [Some(0), Some(1)]);
        let other: &[(&str, &[&str])] = &[("a/new.py", &["f", "k", "l"])];
        assert_eq!(pairs(before, other), [None, None]);
    }
}
