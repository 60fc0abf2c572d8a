//! Which types are asked for.

use regex::{Regex, RegexSet, escape};

/// Patterns with `*`, `?`: of a whole name with its module where there is a dot in them, else of the name in any module.
pub struct Wanted {
    patterns: Option<RegexSet>,
    /// What the program's own module would be called if it were imported.
    main: Option<String>,
}

impl Wanted {
    /// Of these; `None` for all types.
    ///
    /// # Errors
    /// There are too many of them.
    pub fn new(patterns: Option<&[String]>, main: Option<String>) -> Result<Self, String> {
        let patterns =
            patterns.map(|patterns| RegexSet::new(patterns.iter().map(|pattern| regex_of(pattern))));
        let patterns = patterns.transpose().map_err(|error| error.to_string())?;
        Ok(Self { patterns, main })
    }

    /// Whether this type is among them.
    pub fn has(&self, module: &str, name: &str) -> bool {
        let Some(patterns) = &self.patterns else { return true };
        let last = name.rsplit('.').next().unwrap_or(name);
        let is_main = module == "__main__";
        patterns.is_match(&format!("{module}.{name}"))
            || patterns.is_match(name)
            || patterns.is_match(last)
            || is_main && self.main.as_ref().is_some_and(|main| patterns.is_match(&format!("{main}.{name}")))
    }
}

/// The same as a regular expression.
fn regex_of(pattern: &str) -> String {
    let pattern = escape(pattern).replace(r"\*", ".*").replace(r"\?", ".");
    let pattern = format!("(?s)^(?:{pattern})$");
    debug_assert!(Regex::new(&pattern).is_ok());
    pattern
}
