//! The label of a function.

use std::sync::Arc;

use pstats_compat::{Function, Text, mine};

use pstats_compat::modules::{self, Origin};
use pstats_compat::printable::printable;

/// Where a function is, safe to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The file as the profile has it, to open or to save.
    pub path: Text,
    /// The file.
    pub file: Arc<str>,
    /// The same in few characters: `json.decoder` of the standard library, `numpy/core.py` of a package.
    pub short_file: Arc<str>,
    /// The first line; 0 of a built-in.
    pub line: u32,
    /// The name as cProfile prints it, to save.
    pub plain_name: Text,
    /// The qualified name if it is known.
    pub name: String,
    /// Whether it has no Python source.
    pub is_builtin: bool,
    /// Whether it stands for all that no own function has called: it has time, and no calls.
    pub is_elsewhere: bool,
}

impl Label {
    /// The label of a function.
    pub fn of(function: &Function) -> Self {
        let name = function.display_name();
        let is_builtin = function.is_builtin();
        let name = match is_builtin {
            true => name.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(&name),
            false => &name,
        };
        let file: Arc<str> = printable(&function.file.to_str_lossy()).into();
        Self {
            path: function.file.clone(),
            short_file: short(function.file.as_bytes()).map_or_else(|| Arc::clone(&file), Arc::from),
            file,
            line: function.line,
            plain_name: function.name.clone(),
            name: match is_builtin {
                true => printable(&format!("{{{name}}}")).into_owned(),
                false => printable(name).into_owned(),
            },
            is_builtin,
            is_elsewhere: mine::is_elsewhere(function),
        }
    }

    /// What a filter looks at: `file:line(name)`, or a built-in's `{name}`.
    pub fn searched(&self) -> String {
        match self.is_builtin {
            true => self.name.clone(),
            // Of a function that is in no file only its name is known.
            false if self.file.is_empty() && self.line == 0 => self.name.clone(),
            false => format!("{}:{}({})", self.file, self.line, self.name),
        }
    }
}

/// A file that somebody installed, without the folders that it was installed in.
fn short(path: &[u8]) -> Option<String> {
    let text = match modules::installed(path)? {
        (Origin::Library, parts) => parts.join(&b'.'),
        (Origin::Package, parts) => {
            let all: Vec<&[u8]> = modules::parts(path).collect();
            let package = all.iter().rposition(|part| part.ends_with(b"-packages"))?;
            if parts.is_empty() {
                return None;
            }
            all[package + 1..].join(&b'/')
        }
    };
    Some(printable(&String::from_utf8_lossy(&text)).into_owned())
}

#[cfg(test)]
mod tests {
    use pstats_compat::Calls;

    use super::*;

    #[test]
    fn what_was_installed_is_named_without_its_folders() {
        for (file, expected) in [
            ("/usr/lib/python3.11/json/decoder.py", "json.decoder"),
            (r"C:\Python312\Lib\json\__init__.py", "json"),
            ("<frozen importlib._bootstrap>", "importlib._bootstrap"),
            ("/v/lib/python3.12/site-packages/numpy/core/__init__.py", "numpy/core/__init__.py"),
            ("/v/lib/python3/dist-packages/six.py", "six.py"),
            ("/srv/shop/app.py", "/srv/shop/app.py"),
            ("<string>", "<string>"),
            ("~", "~"),
        ] {
            let label = Label::of(&Function::new(file.into(), 1, "f".into(), Calls::default()));
            assert_eq!(&*label.short_file, expected, "{file}");
        }
    }
}
