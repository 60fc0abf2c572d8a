//! The `pikos` command as a library, so that the wheel can call it.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod error;
mod files;
mod front;
mod outcome;
mod plot;
mod progress;
mod records_file;
mod shown;
mod top;

use std::ffi::OsString;

use clap::Parser;
use pstats_compat::printable::{is_command, printable};

use crate::args::{Arguments, Subcommand};
use crate::error::{Error, without_numbers};
use crate::outcome::{Outcome, exit};

pub use crate::commands::attach::{Action, Attacher, Request};

/// What the scripts of `pikos completions` call.
const COMPLETE: &str = "__complete";

/// Runs one command. The first argument is the program's own name. `attacher` is who can have a process run Python code. Returns
/// the exit code: 0 if all went well, 1 if it failed, 2 if the command line is wrong.
pub fn run(args: impl Iterator<Item = OsString>, attacher: Attacher<'_>) -> i32 {
    let words: Vec<OsString> = args.collect();
    if words.get(1).is_some_and(|word| word == COMPLETE) {
        let words: Vec<String> = words[2..].iter().map(|word| word.to_string_lossy().into_owned()).collect();
        // Whoever completes a line sees nothing of what goes wrong.
        return commands::completions::complete(&words).map_or(exit::FAILURE, |_| exit::SUCCESS);
    }
    let args = match front::with_command(words) {
        Ok(args) => args,
        Err(problem) => {
            eprintln!("pikos: {}", printable(&problem));
            return exit::USAGE;
        }
    };
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(error) => {
            refuse(&error);
            return error.exit_code();
        }
    };
    let outcome = match arguments.command {
        Subcommand::Run(_) | Subcommand::Lines(_) => Err(Error::NeedsPython),
        Subcommand::Report(args) => commands::report::run(&args),
        Subcommand::Export(args) => commands::export::run(&args),
        Subcommand::Merge(args) => commands::merge::run(&args),
        Subcommand::Diff(args) => commands::diff::run(&args),
        Subcommand::Stats(args) => commands::stats::run(&args),
        Subcommand::View(args) => commands::view::run(&args),
        Subcommand::Serve(args) => commands::serve::run(&args),
        Subcommand::Top(args) => commands::top::run(&args),
        Subcommand::Ps(args) => commands::ps::run(&args),
        Subcommand::Record(args) => commands::record::run(&args),
        Subcommand::Collect(args) => commands::collect::run(&args),
        Subcommand::Sample(args) => commands::sample::run(&args),
        Subcommand::Stacks(args) => commands::stacks::run(&args),
        Subcommand::Ctl(args) => commands::ctl::run(&args),
        Subcommand::Attach(args) => commands::attach::attach(&args, attacher),
        Subcommand::Detach(args) => commands::attach::detach(&args, attacher),
        Subcommand::Objects(args) => commands::attach::objects(&args, attacher),
        Subcommand::Plot(args) => commands::plot::run(&args),
        Subcommand::Check(args) => commands::check::run(&args),
        Subcommand::Formats => commands::formats::run(),
        Subcommand::Completions(args) => commands::completions::run(&args),
    };
    match outcome {
        Ok(Outcome::Fine) => exit::SUCCESS,
        Ok(Outcome::Failed) => exit::FAILURE,
        // `pikos stats … | head`: whoever read the output has seen enough.
        Err(error) if error.is_broken_pipe() => exit::SUCCESS,
        Err(error) => {
            // What is wrong may be quoted from a stranger's file, and goes to a terminal.
            eprintln!("pikos: {}", printable(&without_numbers(&error.to_string())));
            if error.is_usage() { exit::USAGE } else { exit::FAILURE }
        }
    }
}

/// Says what is wrong with a command line. `--help` is an "error" too, with code 0.
fn refuse(error: &clap::Error) {
    let text = error.render().to_string();
    let quotes_commands = |line: &str| line.contains(|c| c != '\t' && is_command(c));
    if !text.lines().any(quotes_commands) {
        // If the terminal is gone, nobody can be told.
        let _ = error.print();
        return;
    }
    // A shell passes on whatever a file is called; in one colour, as colours are commands.
    for line in text.lines() {
        eprintln!("{}", printable(line));
    }
}
