//! `pikos ctl`: tells profiled processes what to do.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use pikos_client::{ClientError, Command, Reply, Target, WireText};
use pikos_sampler::record::check_rate;
use pikos_views::printable;
use pstats_compat::Text;

use crate::args::{Action, CtlArgs};
use crate::error::Error;
use crate::outcome::Outcome;

/// So long a process may take to say how it is: it does so by itself, whatever its program is at.
const STATUS: Duration = Duration::from_secs(5);
/// A file may take as long as it is large.
const DUMP: Duration = Duration::from_secs(60);

pub fn run(args: &CtlArgs) -> Result<Outcome, Error> {
    let (command, targets) = match &args.action {
        Action::Pause(to) => (Command::Pause, to.targets.as_slice()),
        Action::Resume(to) => (Command::Resume, to.targets.as_slice()),
        Action::Clear(to) => (Command::Clear, to.targets.as_slice()),
        Action::Status(to) => (Command::Status, to.targets.as_slice()),
        Action::Stop(to) => (Command::Stop, to.targets.as_slice()),
        Action::Interval { seconds, to } => (Command::Interval { seconds: *seconds }, to.targets.as_slice()),
        Action::Rate { hz, to } => {
            check_rate(*hz)?;
            (Command::Rate { hz: *hz }, to.targets.as_slice())
        }
        Action::Dump { file, target } => (dump(file)?, std::slice::from_ref(target)),
    };
    // All are understood before the first is told.
    let targets = targets.iter().map(|text| text.parse::<Target>());
    let targets = targets.collect::<Result<Vec<_>, _>>().map_err(Error::BadTarget)?;
    let mut outcome = Outcome::Fine;
    // Whoever can't be reached doesn't keep the others from being told.
    let mut fail = |problem: &str| {
        eprintln!("pikos: {}", printable(problem));
        outcome = Outcome::Failed;
    };
    for target in &targets {
        let endpoints = match pikos_client::controls(target) {
            Ok(endpoints) => endpoints,
            Err(problem) => {
                fail(&problem.to_string());
                continue;
            }
        };
        for endpoint in endpoints {
            match ask(&endpoint, &command) {
                Err(problem) => fail(&problem.to_string()),
                Ok(Reply { error: Some(problem), .. }) => fail(&match target {
                    Target::Process(pid) => format!("process {pid}: {problem}"),
                    Target::Endpoint(endpoint) => format!("{endpoint}: {problem}"),
                }),
                Ok(reply) => report(&reply)?,
            }
        }
    }
    Ok(outcome)
}

/// Asks how a process is before it is told anything: one that is stopped would do it later, when nobody expects it.
fn ask(endpoint: &str, command: &Command) -> Result<Reply, ClientError> {
    let known = pikos_client::request(endpoint, Command::Status, STATUS)?;
    let patience = match (command, &known.status) {
        (Command::Status, _) | (_, None) => return Ok(known),
        (Command::Dump { .. }, _) => DUMP,
        // The main thread has an interval's time, which may be a minute.
        (_, Some(status)) => STATUS + Duration::from_secs_f64(status.interval.clamp(0.0, 60.0)),
    };
    pikos_client::request(endpoint, command.clone(), patience)
}

fn report(reply: &Reply) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    if let Some(status) = &reply.status {
        let state = if status.paused { "paused" } else { "running" };
        writeln!(
            out,
            "{} {state}, {:.1} s, {} {}, every {} s, {} listening{}",
            status.pid,
            status.age,
            status.ncalls,
            if status.counts.is_empty() { "calls" } else { &status.counts },
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
