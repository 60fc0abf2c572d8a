//! `pikos attach`, `pikos detach` and `pikos objects`: what they do is done by a Python, which is not here.

use std::io::{self, Write};

use pikos_views::printable;

use crate::args::{AttachArgs, DetachArgs, ObjectsArgs};
use crate::error::Error;
use crate::outcome::Outcome;

/// What a Python is asked to do with a process.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// The process.
    pub pid: u32,
    /// What is to be done with it.
    pub action: Action,
    /// When to give up, in seconds.
    pub timeout: f64,
}

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// Begin a live profile.
    Attach(Start),
    /// End it.
    Detach,
    /// Count all objects.
    Objects {
        /// So many rows.
        rows: usize,
        /// By the module of their types.
        by_module: bool,
    },
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
    ask(Request { pid, action: Action::Attach(start), timeout }, attacher)
}

pub fn detach(args: &DetachArgs, attacher: Attacher<'_>) -> Result<Outcome, Error> {
    ask(Request { pid: args.pid, action: Action::Detach, timeout: args.timeout }, attacher)
}

pub fn objects(args: &ObjectsArgs, attacher: Attacher<'_>) -> Result<Outcome, Error> {
    let DetachArgs { pid, timeout } = args.of;
    let action = Action::Objects { rows: args.rows, by_module: args.modules };
    ask(Request { pid, action, timeout }, attacher)
}

fn ask(request: Request, attacher: Attacher<'_>) -> Result<Outcome, Error> {
    let done = attacher(request).map_err(Error::Attach)?;
    let mut out = io::stdout().lock();
    for line in done.lines() {
        writeln!(out, "{}", printable(line))?;
    }
    Ok(Outcome::Fine)
}
