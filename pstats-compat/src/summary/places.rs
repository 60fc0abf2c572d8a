//! Where a function is, in few letters: from the folder where the program ran, or from where the interpreter finds it.

use crate::model::{Function, FunctionId, Profile, facts};
use crate::modules;

/// What Python puts into the names of functions that are made in functions.
const LOCALS: &str = ".<locals>";

/// Short names for the files of a profile.
pub struct Places<'p> {
    profile: &'p Profile,
    /// With a slash behind it.
    folder: Option<Vec<u8>>,
}

impl<'p> Places<'p> {
    /// As the profile tells where its program ran.
    pub fn of(profile: &'p Profile) -> Self {
        let folder = profile.metadata.fact(facts::FOLDER).filter(|folder| !folder.is_empty());
        let folder = folder.map(|folder| format!("{}/", folder.trim_end_matches('/')).into_bytes());
        Self { profile, folder }
    }

    /// What the function is called.
    pub fn name(&self, id: FunctionId) -> String {
        name_of(self.profile.function(id))
    }

    /// `file:line`; empty for what has none.
    pub fn place(&self, id: FunctionId) -> String {
        place_of(self.profile.function(id), self.folder.as_deref())
    }
}

/// What a function is called.
pub fn name_of(function: &Function) -> String {
    let name = function.display_name();
    // `outer.<locals>.inner`: that the one is in the other is said by the dot.
    let name = if name.contains(LOCALS) { name.replace(LOCALS, "").into() } else { name };
    if function.is_builtin() {
        return match name.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
            Some(inner) => format!("{{{}}}", plain(inner)),
            None => name.into_owned(),
        };
    }
    name.into_owned()
}

/// `file:line`, without the folder where the program ran (with a slash behind it); empty for what has none.
pub fn place_of(function: &Function, folder: Option<&[u8]>) -> String {
    if function.is_builtin() || function.file.as_bytes().is_empty() {
        return String::new();
    }
    let file = match modules::installed(function.file.as_bytes()) {
        Some((_, parts)) => String::from_utf8_lossy(&parts.join(&b'.')).into_owned(),
        None => match folder {
            Some(folder) => {
                let path = function.file.as_bytes();
                String::from_utf8_lossy(path.strip_prefix(folder).unwrap_or(path)).into_owned()
            }
            None => function.file.to_str_lossy().into_owned(),
        },
    };
    if function.line == 0 { file } else { format!("{file}:{}", function.line) }
}

/// A built-in's name, without words that say nothing: `method 'acquire' of '_thread.lock' objects` is `_thread.lock.acquire`.
fn plain(name: &str) -> String {
    if let Some((method, rest)) = name.strip_prefix("method '").and_then(|rest| rest.split_once("' of '")) {
        if let Some(kind) = rest.strip_suffix("' objects") {
            return format!("{kind}.{method}");
        }
    }
    let short = name.strip_prefix("built-in method ").unwrap_or(name);
    short.strip_prefix("builtins.").unwrap_or(short).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Calls;

    #[test]
    fn names_and_places_are_short() {
        let function =
            |file: &str, line, name: &str| Function::new(file.into(), line, name.into(), Calls::default());
        let functions = vec![
            function("/srv/app/pkg/a.py", 7, "f"),
            function("/srv/other/a.py", 7, "f"),
            function("/usr/lib/python3.11/json/decoder.py", 343, "f"),
            function("~", 0, "<method 'acquire' of '_thread.lock' objects>"),
            function("~", 0, "<built-in method builtins.len>"),
            function("~", 0, "<built-in method time.sleep>"),
        ];
        let mut profile = Profile::new(functions, Vec::new());
        profile.metadata.facts.push((facts::FOLDER.to_owned(), "/srv/app".to_owned()));
        let places = Places::of(&profile);
        let found: Vec<_> = (0..6).map(FunctionId).map(|id| (places.name(id), places.place(id))).collect();
        let expected = [
            ("f", "pkg/a.py:7"),
            ("f", "/srv/other/a.py:7"),
            ("f", "json.decoder:343"),
            ("{_thread.lock.acquire}", ""),
            ("{len}", ""),
            ("{time.sleep}", ""),
        ];
        assert_eq!(found, expected.map(|(name, place)| (name.to_owned(), place.to_owned())));
    }
}
