//! `pikos attach` and `pikos detach`: what they do is done by a Python, which is not here.

use std::io::{self, Write};

use crate::args::{AttachArgs, DetachArgs};
use crate::error::Error;
use crate::outcome::Outcome;

/// What a Python is asked to do with a process.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// The process.
    pub pid: u32,
    /// With which interval, in seconds, whether for Python functions only, and whether with full stacks; `None` to end it.
    pub start: Option<(f64, bool, bool)>,
    /// When to give up, in seconds.
    pub timeout: f64,
}

/// Does what is asked; returns what to tell the user, or why it can't be done.
pub type Attacher<'a> = &'a dyn Fn(Request) -> Result<String, String>;

pub fn attach(args: &AttachArgs, attacher: Attacher<'_>) -> Result<Outcome, Error> {
    let DetachArgs { pid, timeout } = args.to;
    ask(Request { pid, start: Some((args.interval, args.fast, args.tree)), timeout }, attacher)
}

pub fn detach(args: &DetachArgs, attacher: Attacher<'_>) -> Result<Outcome, Error> {
    ask(Request { pid: args.pid, start: None, timeout: args.timeout }, attacher)
}

fn ask(request: Request, attacher: Attacher<'_>) -> Result<Outcome, Error> {
    let done = attacher(request).map_err(Error::Attach)?;
    writeln!(io::stdout().lock(), "{done}")?;
    Ok(Outcome::Fine)
}
