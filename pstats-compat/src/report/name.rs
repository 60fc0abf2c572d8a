//! The name under which pstats prints a function: what tables show, patterns search and rows are
//! sorted by.

use crate::model::Function;

/// A function as pstats prints it: `file:line(name)`, and `{name}` for a built-in.
pub fn stdname(function: &Function) -> String {
    let name = function.name.to_str_lossy();
    if function.is_builtin() {
        return match name.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
            Some(inner) => format!("{{{inner}}}"),
            None => name.into_owned(),
        };
    }
    format!("{}:{}({name})", function.file.to_str_lossy(), function.line)
}
