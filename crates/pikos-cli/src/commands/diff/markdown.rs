//! The difference as Markdown: for a comment on a pull request, or the summary of a job.

use std::io::{self, Write};

use pstats_compat::diff::Diff;
use pstats_compat::formats::markdown::cell;

use super::selection::Selected;
use super::words::{Words, fate, relative};

/// Totals, and what became of how many functions.
pub fn write_summary(
    diff: &Diff<'_>,
    words: &Words<'_>,
    verdict: Option<&str>,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "**{}**", cell(&words.headline(diff)))?;
    if let Some(verdict) = verdict {
        writeln!(out, "\nToo slow: {}", cell(verdict))?;
    } else if let Some(slowest) = words.slowest(diff) {
        writeln!(out, "\n{}", cell(&slowest))?;
    }
    writeln!(out, "\n{}", words.counts(diff))
}

/// The same, and a table of what changed.
pub fn write(
    diff: &Diff<'_>,
    words: &Words<'_>,
    selected: &Selected<'_, '_>,
    verdict: Option<&str>,
    out: &mut dyn Write,
) -> io::Result<()> {
    write_summary(diff, words, verdict, out)?;
    if selected.changes.is_empty() {
        return Ok(());
    }
    let unit = cell(&words.unit());
    let compared = match diff.by {
        None => format!("own ({unit})"),
        Some(detail) => format!("{} ({})", detail.word(), cell(&words.compared_unit())),
    };
    writeln!(
        out,
        "\n| {compared} | change | | with callees ({unit}) | change | | calls | function | where |"
    )?;
    writeln!(out, "|---:|---:|---:|---:|---:|---:|---:|:---|:---|")?;
    for change in &selected.changes {
        let (was, is) = change.both();
        let function = change.function();
        let place = match function.is_builtin() {
            true => String::new(),
            false => cell(&format!("{}:{}", function.file, function.line)),
        };
        let calls = match (diff.counted, change.ncalls()) {
            (true, calls) if calls != 0 => format!("{calls:+}"),
            _ => String::new(),
        };
        let fate = fate(change).map(|fate| format!(" *({})*", cell(&fate))).unwrap_or_default();
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {calls} | {}{fate} | {place} |",
            words.compared.number(change.compared(diff.by).1, false),
            words.compared.number(change.growth(diff.by), true),
            relative(change.compared(diff.by).0, change.growth(diff.by)),
            words.scale.number(is.cumtime, false),
            words.scale.number(change.cumtime(), true),
            relative(was.cumtime, change.cumtime()),
            cell(&function.display_name()),
        )?;
    }
    if selected.cut > 0 {
        writeln!(out, "\n{} more changed.", selected.cut)?;
    }
    Ok(())
}
