//! `pikos check`: is it a sound profile?

use std::io::{self, BufWriter, Write};

use pikos_views::{files, printable};
use pstats_compat::check::{Severity, check};

use crate::args::CheckArgs;
use crate::error::{Error, without_numbers};
use crate::outcome::Outcome;
use crate::progress::Progress;

pub fn run(args: &CheckArgs) -> Result<Outcome, Error> {
    let mut out = BufWriter::new(io::stdout().lock());
    let (mut unsound, mut unreadable) = (0, 0);
    for path in &args.inputs {
        let progress = Progress::new("checking", 1);
        let loaded = files::load(path, &args.input.options());
        drop(progress);
        // Names may hold control characters, and this goes to a terminal.
        let name = path.display().to_string();
        let name = printable(&name);
        let profile = match loaded {
            Ok(profile) => profile,
            // The others are to be checked all the same.
            Err(error) if args.inputs.len() > 1 => {
                unreadable += 1;
                writeln!(out, "{}", printable(&without_numbers(&error.to_string())))?;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let findings = check(&profile);
        for finding in &findings {
            writeln!(out, "{name}: {}", printable(&finding.to_string()))?;
        }
        let functions = profile.rows().count();
        let edges = profile.edges.len();
        if findings.iter().any(|finding| finding.severity == Severity::Unsound) {
            unsound += 1;
            writeln!(out, "{name}: not sound")?;
        } else {
            writeln!(out, "{name}: sound, {functions} functions, {edges} edges")?;
        }
        for (name, value) in &profile.metadata.facts {
            writeln!(out, "    {:9} {}", printable(name), printable(value))?;
        }
    }
    let count = args.inputs.len();
    if count > 1 {
        let sound = count - unsound - unreadable;
        writeln!(out, "{count} files: {sound} sound, {unsound} not sound, {unreadable} unreadable")?;
    }
    out.flush()?;
    Ok(if unsound + unreadable > 0 { Outcome::Failed } else { Outcome::Fine })
}
