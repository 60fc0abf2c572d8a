//! The first word behind `pikos`: a command, or a file to look at.

use std::ffi::OsString;
use std::path::Path;

use clap::CommandFactory;

use crate::args::Arguments;

/// The words with a command in front: `pikos FILE…` is `pikos view FILE…`. Says what to type where that can't be meant.
pub fn with_command(words: Vec<OsString>) -> Result<Vec<OsString>, String> {
    let Some(first) = words.get(1) else { return Ok(words) };
    let text = first.to_string_lossy();
    if text.starts_with('-') || is_command(&text) {
        return Ok(words);
    }
    let path = Path::new(first);
    let ending = path.extension().unwrap_or_default();
    if ending == "py" || ending == "pyz" {
        return Err(format!("{text} is a program, not a profile: to profile it, type `pikos run {text}`"));
    }
    // A word without a dot and a slash is no file that somebody has just typed in vain, but a command that isn't there.
    if !path.exists() && !text.contains(['.', '/', '\\']) {
        return Ok(words);
    }
    let (name, rest) = words.split_at(1);
    Ok([name, &["view".into()], rest].concat())
}

fn is_command(word: &str) -> bool {
    word == "help"
        || Arguments::command()
            .get_subcommands()
            .any(|command| command.get_name() == word || command.get_all_aliases().any(|alias| alias == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_looked_at_and_a_program_is_to_be_run() {
        let meant = |line: &str| {
            let words = line.split(' ').map(OsString::from).collect();
            with_command(words).map(|words| words.join(" ".as_ref()).into_string().expect("text"))
        };
        for (line, expected) in [
            ("pikos", "pikos"),
            ("pikos --version", "pikos --version"),
            ("pikos stats a.pikos", "pikos stats a.pikos"),
            ("pikos help stats", "pikos help stats"),
            ("pikos a.pikos --once", "pikos view a.pikos --once"),
            ("pikos no/such/file", "pikos view no/such/file"),
            ("pikos Cargo.toml", "pikos view Cargo.toml"),
            ("pikos stat", "pikos stat"),
        ] {
            assert_eq!(meant(line).as_deref(), Ok(expected), "{line}");
        }
        let problem = meant("pikos app.py -v").expect_err("a program");
        assert!(problem.ends_with("`pikos run app.py`"), "{problem}");
    }
}
