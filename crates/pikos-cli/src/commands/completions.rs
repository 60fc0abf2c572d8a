//! `pikos completions`: a script for the shell to source; and what that asks at each Tab: the words that may stand there.
//!
//! The scripts know nothing of commands and options: they ask. So live processes can be offered, and what `pikos run` and
//! `pikos-run` have, which Python knows.

use std::io::Write;

use clap::{Arg, Command, CommandFactory};
use pikos_views::printable;
use pstats_compat::report::SortKey;

use crate::args::{Arguments, CompletionsArgs, Shell};
use crate::error::Error;
use crate::outcome::Outcome;
use crate::top::SortBy;

const BASH: &str = r#"_pikos() {
    local word
    COMPREPLY=()
    while IFS=$'\t' read -r word _; do
        COMPREPLY+=("$word")
    done < <(pikos __complete "${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null)
}
complete -o default -F _pikos pikos pikos-run
"#;

const ZSH: &str = r#"#compdef pikos pikos-run
_pikos() {
    local -a found
    local line
    for line in "${(@f)$(pikos __complete "${(@)words[1,CURRENT]}" 2>/dev/null)}"; do
        [[ -n $line ]] && found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    done
    if (( $#found )); then _describe -V pikos found; else _files; fi
}
compdef _pikos pikos pikos-run
"#;

const FISH: &str = r#"function __pikos_words
    set -l words (commandline -opc) (commandline -ct)
    pikos __complete $words 2>/dev/null
end
complete -k -c pikos -a '(__pikos_words)'
complete -k -c pikos-run -a '(__pikos_words)'
"#;

pub fn run(args: &CompletionsArgs) -> Result<Outcome, Error> {
    let script = match args.shell {
        Shell::Bash => BASH,
        Shell::Zsh => ZSH,
        Shell::Fish => FISH,
    };
    std::io::stdout().write_all(script.as_bytes())?;
    Ok(Outcome::Fine)
}

/// A word that may stand there, and what it means.
type Candidate = (String, String);

/// Prints what may stand in place of the last of these words, which may be empty; the first one is the command's name. Nothing
/// where any file may stand.
pub fn complete(words: &[String]) -> Result<Outcome, Error> {
    let mut out = std::io::stdout().lock();
    for (word, help) in candidates(words) {
        writeln!(out, "{}\t{}", printable(&word), printable(&help))?;
    }
    Ok(Outcome::Fine)
}

fn candidates(words: &[String]) -> Vec<Candidate> {
    let Some((last, before)) = words.split_last().filter(|(_, before)| !before.is_empty()) else {
        return Vec::new();
    };
    let mut command = Arguments::command();
    command.build();
    let mut awaits: Option<Arg> = None;
    for word in &before[1..] {
        if awaits.take().is_some() {
            continue;
        }
        if word.starts_with('-') {
            awaits = option(&command, word).filter(takes_value).cloned();
        } else if let Some(inner) = command.find_subcommand(word) {
            command = inner.clone();
        }
    }
    let mut found = match (&awaits, last.split_once('=')) {
        (Some(option), _) => values(option),
        (None, Some((name, _))) if name.starts_with("--") => {
            let value = |(word, help)| (format!("{name}={word}"), help);
            option(&command, name).map(values).unwrap_or_default().into_iter().map(value).collect()
        }
        (None, _) if last.starts_with('-') => options(&command),
        (None, _) if command.has_subcommands() => subcommands(&command),
        (None, _) => command.get_positionals().last().map(values).unwrap_or_default(),
    };
    found.retain(|(word, _)| word.starts_with(last.as_str()));
    found
}

fn subcommands(command: &Command) -> Vec<Candidate> {
    let shown = command.get_subcommands().filter(|inner| !inner.is_hide_set());
    shown.map(|inner| (inner.get_name().to_owned(), about(inner.get_about()))).collect()
}

fn options(command: &Command) -> Vec<Candidate> {
    let long = |arg: &Arg| Some((format!("--{}", arg.get_long()?), about(arg.get_help())));
    let short = |arg: &Arg| match arg.get_long() {
        Some(_) => None,
        None => Some((format!("-{}", arg.get_short()?), about(arg.get_help()))),
    };
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    shown.filter_map(|arg| long(arg).or_else(|| short(arg))).collect()
}

/// The option that a word names.
fn option<'c>(command: &'c Command, word: &str) -> Option<&'c Arg> {
    let is_meant = |arg: &&Arg| match word.strip_prefix("--") {
        Some(name) => {
            arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|all| all.contains(&name))
        }
        // Of several letters, the last one may have a value.
        None => word.chars().nth(1).is_some() && arg.get_short() == word.chars().last(),
    };
    command.get_arguments().find(is_meant)
}

fn takes_value(arg: &&Arg) -> bool {
    arg.get_action().takes_values()
}

/// What an option or an argument may be; nothing where that is any text, or a file.
fn values(arg: &Arg) -> Vec<Candidate> {
    let possible = arg.get_possible_values();
    if !possible.is_empty() {
        let value =
            |value: &clap::builder::PossibleValue| (value.get_name().to_owned(), about(value.get_help()));
        return possible.iter().map(value).collect();
    }
    let name = arg.get_value_names().and_then(|names| names.first()).map(|name| name.as_str());
    let words =
        |words: Vec<&'static str>| words.into_iter().map(|word| (word.to_owned(), String::new())).collect();
    match name.unwrap_or_default() {
        "KEY" => words(SortKey::words().collect()),
        "COLUMN" => words(SortBy::words()),
        name if name.starts_with("PID") => live_processes(),
        _ => Vec::new(),
    }
}

fn live_processes() -> Vec<Candidate> {
    let found = [pikos_client::profiles(), pikos_client::recorders()];
    let mut processes: Vec<u32> = found.into_iter().flatten().flatten().map(|place| place.pid).collect();
    processes.sort_unstable();
    processes.dedup();
    let named = |pid: u32| (pid.to_string(), pikos_os::process::command(pid).unwrap_or_default());
    processes.into_iter().map(named).collect()
}

/// The first line of a help text.
fn about(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(|text| text.to_string().lines().next().unwrap_or_default().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        let typed: Vec<String> = line.split(' ').map(str::to_owned).collect();
        candidates(&typed).into_iter().map(|(word, _)| word).collect()
    }

    #[test]
    fn what_may_stand_there_is_offered() {
        assert_eq!(words("pikos st"), ["stats", "stacks"]);
        assert!(words("pikos ").contains(&"run".to_owned()));
        assert_eq!(words("pikos ctl pa"), ["pause"]);
        assert_eq!(words("pikos stats --cal"), ["--callers", "--callees"]);
        assert_eq!(words("pikos stats -s cum"), ["cumtime", "cumulative"]);
        assert_eq!(words("pikos stats --sort=cumu"), ["--sort=cumulative"]);
        assert_eq!(words("pikos view --sort in"), ["in-flight"]);
        assert_eq!(words("pikos export a.pikos -f spee"), ["speedscope"]);
        assert_eq!(words("pikos merge --by "), ["process", "thread", "file"]);
        assert_eq!(words("pikos completions f"), ["fish"]);
        // Any file may stand there.
        assert_eq!(words("pikos stats "), [""; 0]);
        assert_eq!(words("pikos export -o "), [""; 0]);
        assert_eq!(words("pikos"), [""; 0]);
    }
}
