//! Modules by the paths of their files: a path says in which folder somebody installed something, a module's name what it is.

use std::collections::HashSet;

use crate::model::{Function, Profile};

/// Who installed a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is of the standard library.
    Library,
    /// It is a package's, in `site-packages`.
    Package,
}

/// The names of a profile's modules.
pub struct Modules<'p> {
    /// Folders of packages, as far as their `__init__.py` ran.
    packages: HashSet<&'p [u8]>,
}

impl<'p> Modules<'p> {
    /// What the files of a profile tell.
    pub fn of(profile: &'p Profile) -> Self {
        let folders = profile.functions.iter().filter_map(|function| {
            let path = function.file.as_bytes();
            path.strip_suffix(b"__init__.py").and_then(|folder| folder.strip_suffix(b"/"))
        });
        Self { packages: folders.collect() }
    }

    /// `json.decoder`; nothing for what is in no file.
    pub fn name(&self, function: &Function) -> Option<String> {
        let path = function.file.as_bytes();
        if let Some((_, parts)) = installed(path) {
            return Some(dotted(&parts));
        }
        if function.is_builtin() || path.is_empty() || path.starts_with(b"<") {
            return None;
        }
        let all: Vec<&[u8]> = parts(path).collect();
        // Packages around it: those whose own file ran as well.
        let mut folder = path;
        let mut from = all.len().saturating_sub(1);
        while let Some(slash) = folder.iter().rposition(|&byte| byte == b'/') {
            folder = &folder[..slash];
            if from == 0 || !self.packages.contains(folder) {
                break;
            }
            from -= 1;
        }
        let is_init = all.last().is_some_and(|name| *name == b"__init__.py");
        if is_init && from + 1 == all.len() {
            from = from.saturating_sub(1);
        }
        Some(dotted(&bare(all[from..].to_vec())))
    }
}

fn dotted(parts: &[&[u8]]) -> String {
    String::from_utf8_lossy(&parts.join(&b'.')).into_owned()
}

/// Folders and the name. What was written on Windows is taken apart anywhere.
pub fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let both = is_windows(path);
    path.split(move |&byte| byte == b'/' || (both && byte == b'\\'))
        .filter(|part| !matches!(*part, b"" | b"."))
}

/// Whether backslashes separate folders in this path: `C:\a`, `\\server\a`, or `a\b` without a slash.
fn is_windows(path: &[u8]) -> bool {
    path.get(1) == Some(&b':') || path.starts_with(b"\\\\") || !path.contains(&b'/')
}

/// The parts of the name of a module of the standard library, or of a package that is installed beside it; whichever release
/// of Python has it.
pub fn installed(path: &[u8]) -> Option<(Origin, Vec<&[u8]>)> {
    if let Some(frozen) = path.strip_prefix(b"<frozen ").and_then(|rest| rest.strip_suffix(b">")) {
        return Some((Origin::Library, frozen.split(|&byte| byte == b'.').collect()));
    }
    let parts: Vec<&[u8]> = parts(path).collect();
    if let Some(place) = parts.iter().rposition(|part| matches!(*part, b"site-packages" | b"dist-packages")) {
        return Some((Origin::Package, bare(parts[place + 1..].to_vec())));
    }
    let is_library = |place: usize| {
        let part = parts[place];
        let beside = |step: usize| place.checked_sub(step).map(|place| parts[place]);
        let is_lib = |part: &[u8]| part.eq_ignore_ascii_case(b"lib") || part == b"lib64";
        (is_release(part) && beside(1).is_some_and(is_lib))
            || (is_lib(part) && beside(1).is_some_and(is_release))
            || part.strip_suffix(b".zip").is_some_and(is_release)
    };
    let place = (0..parts.len().saturating_sub(1)).rev().find(|&place| is_library(place))?;
    Some((Origin::Library, bare(parts[place + 1..].to_vec())))
}

/// The folder that an interpreter or an environment was installed in, of a path below its `lib`.
pub fn home(path: &[u8]) -> Option<Vec<&[u8]>> {
    let mut parts: Vec<&[u8]> = parts(path).collect();
    let is_inner = |part: &[u8]| is_release(part) || matches!(part, b"site-packages" | b"dist-packages");
    let is_lib = |part: &[u8]| part.eq_ignore_ascii_case(b"lib") || part == b"lib64";
    let place = parts.windows(2).rposition(|pair| is_lib(pair[0]) && is_inner(pair[1]))?;
    parts.truncate(place);
    Some(parts)
}

/// `re.py` and `re/__init__.py` are one module.
fn bare(mut parts: Vec<&[u8]>) -> Vec<&[u8]> {
    if let Some(last) = parts.last_mut() {
        *last = last.strip_suffix(b".py").unwrap_or(last);
    }
    if parts.last() == Some(&&b"__init__"[..]) && parts.len() > 1 {
        parts.pop();
    }
    parts
}

/// `python3.12`, `python3.13t`, `Python312`, `pypy3.10`.
fn is_release(part: &[u8]) -> bool {
    let part = part.to_ascii_lowercase();
    let number = part.strip_prefix(b"python").or_else(|| part.strip_prefix(b"pypy"));
    number.is_some_and(|number| {
        number.first().is_some_and(u8::is_ascii_digit)
            && number.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b't' | b'-'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Calls;

    #[test]
    fn modules_have_their_packages_where_the_profile_tells() {
        let function = |file: &str| Function::new(file.into(), 1, "f".into(), Calls::default());
        let files = [
            ("/ci/app/pkg/__init__.py", Some("pkg")),
            ("/ci/app/pkg/part/__init__.py", Some("pkg.part")),
            ("/ci/app/pkg/part/core.py", Some("pkg.part.core")),
            ("/ci/app/main.py", Some("main")),
            ("main.py", Some("main")),
            ("/usr/lib/python3.11/json/decoder.py", Some("json.decoder")),
            ("/v/lib/python3.12/site-packages/a/__init__.py", Some("a")),
            ("<frozen importlib._bootstrap>", Some("importlib._bootstrap")),
            ("<string>", None),
            ("~", None),
            ("", None),
        ];
        let mut functions: Vec<Function> = files.iter().map(|(file, _)| function(file)).collect();
        functions[9].line = 0;
        let profile = Profile::new(functions, vec![]);
        let modules = Modules::of(&profile);
        for (function, (file, expected)) in profile.functions.iter().zip(files) {
            assert_eq!(modules.name(function).as_deref(), expected, "{file}");
        }
    }
}
