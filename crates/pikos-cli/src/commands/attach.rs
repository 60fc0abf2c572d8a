//! `pikos attach` and `pikos detach`: what they do is done by a Python, which is not here.

use std::io::{self, Write};

use pikos_views::printable;

use crate::args::{AttachArgs, DetachArgs};
use crate::error::Error;
use crate::outcome::Outcome;

/// What a Python is asked to do with a process.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// The process.
    pub pid: u32,
    /// What to begin; `None` to end it.
    pub start: Option<Start>,
    /// When to give up, in seconds.
    pub timeout: f64,
}

/// The profile that is to begin. Python checks it and knows the defaults of all else.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// Seconds from one message to the next.
    pub interval: f64,
    /// For Python functions only.
    pub fast: bool,
    /// With full stacks.
    pub tree: bool,
}

/// Does what is asked; returns what to tell the user, or why it can't be done.
pub type Attacher<'a> = &'a dyn Fn(Request) -> Result<String, String>;

pub fn attach(args: &AttachArgs, attacher: Attacher<'_>) -> Result<Outcome, Error> {
    let DetachArgs { pid, timeout } = args.to;
    let start = Start { interval: args.interval, fast: args.fast, tree: args.tree };
    ask(Request { pid, start: Some(start), timeout }, attacher)
}

pub fn detach(args: &DetachArgs, attacher: Attacher<'_>) -> Result<Outcome, Error> {
    ask(Request { pid: args.pid, start: None, timeout: args.timeout }, attacher)
}

fn ask(request: Request, attacher: Attacher<'_>) -> Result<Outcome, Error> {
    let done = attacher(request).map_err(Error::Attach)?;
    let mut out = io::stdout().lock();
    for line in done.lines() {
        writeln!(out, "{}", printable(line))?;
    }
    Ok(Outcome::Fine)
}
