//! The label of a function.

use std::sync::Arc;

use pstats_compat::{Function, Text};

use pstats_compat::printable::printable;

/// Where a function is, safe to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The file as the profile has it, to open or to save.
    pub path: Text,
    /// The file.
    pub file: Arc<str>,
    /// The first line; 0 of a built-in.
    pub line: u32,
    /// The name as cProfile prints it, to save.
    pub plain_name: Text,
    /// The qualified name if it is known.
    pub name: String,
    /// Whether it has no Python source.
    pub is_builtin: bool,
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
        Self {
            path: function.file.clone(),
            file: printable(&function.file.to_str_lossy()).into(),
            line: function.line,
            plain_name: function.name.clone(),
            name: match is_builtin {
                true => printable(&format!("{{{name}}}")).into_owned(),
                false => printable(name).into_owned(),
            },
            is_builtin,
        }
    }

    /// What a filter looks at: `file:line(name)`, or a built-in's `{name}`.
    pub fn searched(&self) -> String {
        match self.is_builtin {
            true => self.name.clone(),
            false => format!("{}:{}({})", self.file, self.line, self.name),
        }
    }
}
