//! The `pikos` command as a library, so that the wheel can call it.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod error;
mod files;
mod plot;
mod progress;
mod top;

use std::ffi::OsString;

use clap::Parser;

use crate::args::{Arguments, Command};

pub use crate::commands::attach::{Attacher, Request};

/// What the process ends with.
mod exit {
    pub const SUCCESS: i32 = 0;
    /// Something could not be done, or a check failed.
    pub const FAILURE: i32 = 1;
    /// The command line is wrong; clap's own code, too.
    pub const USAGE: i32 = 2;
}

/// How a command that did its work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Fine,
    /// It found what it was asked to watch for: a profile that is not sound, a run that is slower.
    Failed,
}

/// Runs one command. The first argument is the program's own name. `attacher` is who can have a process run Python code. Returns
/// the exit code: 0 if all went well, 1 if it failed, 2 if the command line is wrong.
pub fn run(args: impl Iterator<Item = OsString>, attacher: Attacher<'_>) -> i32 {
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(error) => {
            // `--help` is an "error" too, with code 0. If the terminal is gone, nobody can be told.
            let _ = error.print();
            return error.exit_code();
        }
    };
    let outcome = match arguments.command {
        Command::Export(args) => commands::export::run(&args),
        Command::Merge(args) => commands::merge::run(&args),
        Command::Diff(args) => commands::diff::run(&args),
        Command::Stats(args) => commands::stats::run(&args),
        Command::View(args) => commands::view::run(&args),
        Command::Top(args) => commands::top::run(&args),
        Command::Ps(args) => commands::ps::run(&args),
        Command::Record(args) => commands::record::run(&args),
        Command::Ctl(args) => commands::ctl::run(&args),
        Command::Attach(args) => commands::attach::attach(&args, attacher),
        Command::Detach(args) => commands::attach::detach(&args, attacher),
        Command::Plot(args) => commands::plot::run(&args),
        Command::Check(args) => commands::check::run(&args),
        Command::Completions(args) => commands::completions::run(&args),
    };
    match outcome {
        Ok(Outcome::Fine) => exit::SUCCESS,
        Ok(Outcome::Failed) => exit::FAILURE,
        // `pikos stats … | head`: whoever read the output has seen enough.
        Err(error) if error.is_broken_pipe() => exit::SUCCESS,
        Err(error) => {
            // What is wrong may be quoted from a stranger's file, and goes to a terminal.
            eprintln!("pikos: {}", pikos_views::printable(&error.to_string()));
            if error.is_usage() { exit::USAGE } else { exit::FAILURE }
        }
    }
}
