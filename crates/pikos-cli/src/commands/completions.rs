//! `pikos completions`: a script for the shell to source.

use std::io::Write;

use clap::CommandFactory;

use crate::args::{Arguments, CompletionsArgs};
use crate::error::Error;
use crate::outcome::Outcome;

pub fn run(args: &CompletionsArgs) -> Result<Outcome, Error> {
    // Into memory first: clap_complete panics where a pipe is closed.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "pikos", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(Outcome::Fine)
}
