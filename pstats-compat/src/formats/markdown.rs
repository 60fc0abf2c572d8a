//! Markdown: the most expensive functions as a table, for an issue or a pull request.

use std::io::Write;

use crate::error::Result;
use crate::model::{Calls, Counts, Profile, Unit};
use crate::printable::is_command;
use crate::report::{SortKey, order};

/// As many rows as a reader of an issue will look at; the rest is counted below the table.
const ROWS: usize = 50;

/// Writes the table.
pub fn write(profile: &Profile, out: &mut dyn Write) -> Result<()> {
    let profile = profile.with_unique_labels();
    let rows = order(&profile, &[SortKey::Cumulative]);
    let unit = match &profile.metadata.unit {
        Unit::Seconds => "s".to_owned(),
        Unit::Other(unit) => cell(unit),
    };
    writeln!(out, "| calls | own ({unit}) | with callees ({unit}) | function | where |")?;
    writeln!(out, "|---:|---:|---:|:---|:---|")?;
    for &id in rows.iter().take(ROWS) {
        let function = profile.function(id);
        let Calls { ncalls, primitive_calls, tottime, cumtime, .. } = function.calls;
        let calls = match profile.metadata.counts {
            Counts::Unknown => String::new(),
            _ if ncalls == primitive_calls => ncalls.to_string(),
            _ => format!("{ncalls}/{primitive_calls}"),
        };
        let place = match function.is_builtin() {
            true => String::new(),
            false => cell(&format!("{}:{}", function.file, function.line)),
        };
        let name = cell(&function.display_name());
        writeln!(out, "| {calls} | {tottime:.3} | {cumtime:.3} | {name} | {place} |")?;
    }
    if rows.len() > ROWS {
        writeln!(out, "\n{} more functions not shown.", rows.len() - ROWS)?;
    }
    Ok(())
}

/// Text that no Markdown reader takes for markup, and no terminal for a command.
pub fn cell(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' => escaped.extend(['\\', character]),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            _ if character.is_whitespace() && is_command(character) => escaped.push(' '),
            _ if is_command(character) => escaped.push('\u{FFFD}'),
            _ => escaped.push(character),
        }
    }
    escaped
}
