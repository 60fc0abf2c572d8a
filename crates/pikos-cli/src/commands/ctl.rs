//! `pikos ctl`: tells profiled processes what to do.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use pikos_client::{Command, Reply, Target, WireText};
use pikos_views::printable;
use pstats_compat::Text;

use crate::args::{Action, CtlArgs};
use crate::error::Error;
use crate::outcome::Outcome;

/// A process answers within its interval, which may be a minute.
const PATIENCE: Duration = Duration::from_secs(65);

pub fn run(args: &CtlArgs) -> Result<Outcome, Error> {
    let (command, targets) = match &args.action {
        Action::Pause(to) => (Command::Pause, to.targets.as_slice()),
        Action::Resume(to) => (Command::Resume, to.targets.as_slice()),
        Action::Clear(to) => (Command::Clear, to.targets.as_slice()),
        Action::Status(to) => (Command::Status, to.targets.as_slice()),
        Action::Stop(to) => (Command::Stop, to.targets.as_slice()),
        Action::Interval { seconds, to } => (Command::Interval { seconds: *seconds }, to.targets.as_slice()),
        Action::Dump { file, target } => (dump(file)?, std::slice::from_ref(target)),
    };
    // All are understood before the first is told.
    let targets = targets.iter().map(|text| text.parse::<Target>());
    let targets = targets.collect::<Result<Vec<_>, _>>().map_err(Error::BadTarget)?;
    let mut outcome = Outcome::Fine;
    for target in &targets {
        for endpoint in pikos_client::controls(target).map_err(Error::Listen)? {
            let reply = pikos_client::request(&endpoint, command.clone(), PATIENCE).map_err(Error::Listen)?;
            if let Some(problem) = reply.error {
                eprintln!("pikos: {}: {}", printable(&endpoint), printable(&problem));
                outcome = Outcome::Failed;
            } else {
                report(&reply)?;
            }
        }
    }
    Ok(outcome)
}

fn report(reply: &Reply) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    if let Some(status) = &reply.status {
        let state = if status.paused { "paused" } else { "running" };
        writeln!(
            out,
            "{} {state}, {:.1} s, {} calls, every {} s, {} listening{}",
            status.pid,
            status.age,
            status.ncalls,
            status.interval,
            status.subscribers,
            if reply.pending { "; pending: its main thread is busy outside Python" } else { "" }
        )?;
    }
    Ok(())
}

/// The process has a working directory of its own.
fn dump(file: &Path) -> Result<Command, Error> {
    let path = std::path::absolute(file).map_err(|source| Error::Open { path: file.to_owned(), source })?;
    Ok(Command::Dump { path: WireText(Text::from_os_bytes(&pikos_os::paths::to_bytes(&path))) })
}
