//! `pikos check`: is it a sound profile?

use std::io::{self, BufWriter, Write};

use pikos_views::{files, printable};
use pstats_compat::check::{Severity, check};

use crate::args::CheckArgs;
use crate::error::Error;
use crate::outcome::Outcome;
use crate::progress::Progress;

pub fn run(args: &CheckArgs) -> Result<Outcome, Error> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut outcome = Outcome::Fine;
    for path in &args.inputs {
        let progress = Progress::new("checking", 1);
        let profile = files::load(path, &args.input.options())?;
        let findings = check(&profile);
        drop(progress);
        // Names may hold control characters, and this goes to a terminal.
        let name = path.display().to_string();
        let name = printable(&name);
        for finding in &findings {
            writeln!(out, "{name}: {}", printable(&finding.to_string()))?;
        }
        let functions = profile.rows().count();
        let edges = profile.edges.len();
        if findings.iter().any(|finding| finding.severity == Severity::Unsound) {
            outcome = Outcome::Failed;
            writeln!(out, "{name}: not sound")?;
        } else {
            writeln!(out, "{name}: sound, {functions} functions, {edges} edges")?;
        }
        for (name, value) in &profile.metadata.facts {
            writeln!(out, "    {:9} {}", printable(name), printable(value))?;
        }
    }
    out.flush()?;
    Ok(outcome)
}
