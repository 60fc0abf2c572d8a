//! Annotations of GitHub's actions: commands on standard output, which GitHub shows beside the lines of the pull request.
//!
//! ```text
//! ::warning file=app/main.py,line=10,title=12.5 ms slower::main (app/main.py:10): ...
//! ```

use std::io::{self, Write};
use std::path::Path;

use pstats_compat::Function;
use pstats_compat::diff::{Change, Diff, Growth};
use pstats_compat::printable::printable;

use super::selection::Selected;
use super::words::{Words, name, relative};

/// A notice of the totals; an error for what is beyond the limit; a warning for each function whose own time grew.
pub fn write(
    diff: &Diff<'_>,
    words: &Words<'_>,
    selected: &Selected<'_, '_>,
    growth: Option<(&Growth<'_>, f64)>,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "::notice title=Profile::{}", message(&words.headline(diff)))?;
    let mut told = None;
    if let Some((growth, limit)) = growth {
        let culprit = growth.culprit.as_ref();
        let place = culprit.and_then(|culprit| place(culprit.change.function(), culprit.caller));
        let title = format!("{} slower", words.amount(growth.amount));
        let verdict = words.verdict(growth, limit);
        writeln!(
            out,
            "::error {}title={}::{}",
            place.unwrap_or_default(),
            property(&title),
            message(&verdict)
        )?;
        told = culprit.map(|culprit| culprit.change.ids);
    }
    let slower =
        selected.changes.iter().filter(|change| change.growth(diff.by) > 0.0 && Some(change.ids) != told);
    for change in slower {
        write_warning(diff, words, change, out)?;
    }
    Ok(())
}

fn write_warning(
    diff: &Diff<'_>,
    words: &Words<'_>,
    change: &Change<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let function = change.function();
    let caller = diff.culprit(change).caller;
    let own = change.growth(diff.by);
    let part = relative(change.compared(diff.by).0, own);
    let part = if part.is_empty() { part } else { format!(" ({part})") };
    let called = caller.map(|caller| format!(", called by {}", name(caller))).unwrap_or_default();
    let text = format!("{}: {}{part}{called}", name(function), words.grown(change));
    let title = format!("{} slower", words.amount(own));
    let place = place(function, caller).unwrap_or_default();
    writeln!(out, "::warning {place}title={}::{}", property(&title), message(&text))
}

/// Where to show it: a built-in is shown at its caller. Paths are from the root of the repository on; what lies elsewhere has
/// no line there.
fn place(function: &Function, caller: Option<&Function>) -> Option<String> {
    let shown = Some(function).filter(|function| !function.is_builtin()).or(caller)?;
    let path = shown.file.to_str_lossy();
    let root = std::env::var_os("GITHUB_WORKSPACE").or_else(|| Some(std::env::current_dir().ok()?.into()));
    let path = Path::new(&*path);
    let path = match root {
        Some(root) if path.is_absolute() => path.strip_prefix(root).ok()?,
        _ => path,
    };
    let path = path.to_str().filter(|path| !path.starts_with('<') && !path.is_empty())?;
    Some(format!("file={},line={},", property(path), shown.line.max(1)))
}

/// Text in which nothing ends the command, and which a log shows as it is.
fn message(text: &str) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    printable(&text).into_owned()
}

/// The same for a value, after which others come.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use pstats_compat::Calls;

    #[test]
    fn no_name_is_a_command() {
        assert_eq!(message("a\n::error::50%"), "a%0A::error::50%25");
        assert_eq!(property("a\x1b[2J\u{202e}.py"), "a\u{FFFD}[2J\u{FFFD}.py");
        assert_eq!(property("a,line=3::x"), "a%2Cline=3%3A%3Ax");
        let function = Function::new("a,b.py".into(), 3, "f".into(), Calls::default());
        assert_eq!(place(&function, None).as_deref(), Some("file=a%2Cb.py,line=3,"));
        let builtin = Function::new("~".into(), 0, "<built-in method sleep>".into(), Calls::default());
        assert_eq!(place(&builtin, Some(&function)).as_deref(), Some("file=a%2Cb.py,line=3,"));
        assert_eq!(place(&builtin, None), None);
        let elsewhere = Function::new("/nowhere/x.py".into(), 3, "f".into(), Calls::default());
        assert_eq!(place(&elsewhere, None), None);
    }
}
