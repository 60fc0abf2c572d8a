//! `pikos diff`: what changed between two profiles, for people and for CI.

use std::io::{self, BufWriter, Write};

use pikos_views::{EscapedJson, printable};
use pstats_compat::Unit;
use pstats_compat::diff::{Change, Diff, Noise};
use pstats_compat::report::stdname;
use serde::Serialize;

use crate::args::{Amount, DiffArgs};
use crate::error::Error;
use crate::files;
use crate::outcome::Outcome;
use crate::progress::Progress;

pub fn run(args: &DiffArgs) -> Result<Outcome, Error> {
    let mut progress = Progress::new("reading", 2);
    let mut before = files::load(&args.before, &args.input)?;
    progress.step();
    let mut after = files::load(&args.after, &args.input)?;
    drop(progress);
    before.make_comparable();
    after.make_comparable();
    let diff = Diff::new(&before, &after, noise(&args.noise)).map_err(Error::Combine)?;
    let mut out = BufWriter::new(io::stdout().lock());
    if args.json {
        write_json(&diff, args.top, &mut out)?;
    } else {
        write_table(&diff, &before.metadata.unit, args.top, &mut out)?;
    }
    out.flush()?;
    let Some(limit) = args.fail_above else {
        return Ok(Outcome::Fine);
    };
    let allowed = match limit {
        Amount::Part(part) => part * diff.total_before.tottime,
        Amount::Seconds(seconds) => seconds,
    };
    let unit = &before.metadata.unit;
    let growth = diff.greatest_growth();
    // Written this way round, a time that is no number fails too.
    if growth <= allowed {
        return Ok(Outcome::Fine);
    }
    eprintln!("pikos: slower by {}; the limit is {}", amount(growth, unit), amount(allowed, unit));
    Ok(Outcome::Failed)
}

/// The last of each kind counts.
fn noise(amounts: &[Amount]) -> Noise {
    let mut noise = Noise { part: 0.0, seconds: 0.0 };
    for amount in amounts {
        match *amount {
            Amount::Part(part) => noise.part = part,
            Amount::Seconds(seconds) => noise.seconds = seconds,
        }
    }
    noise
}

fn write_table(diff: &Diff<'_>, unit: &Unit, top: usize, out: &mut dyn Write) -> io::Result<()> {
    let (before, after) = (diff.total_before, diff.total_after);
    let time = after.tottime - before.tottime;
    let percent = match before.tottime > 0.0 {
        true => format!(" ({:+.1} %)", 100.0 * time / before.tottime),
        false => String::new(),
    };
    let sign = if time < 0.0 { "-" } else { "+" };
    let (was, is) = (amount(before.tottime, unit), amount(after.tottime, unit));
    writeln!(out, "{was} -> {is}: {sign}{}{percent}", amount(time.abs(), unit))?;
    if diff.counted {
        writeln!(out, "{} calls -> {} calls", before.ncalls, after.ncalls)?;
    }
    writeln!(out)?;
    if !diff.changes.is_empty() {
        writeln!(out, "   tottime          change   cumtime          change  ncalls change")?;
    }
    for change in diff.changes.iter().take(top) {
        let (was, is) = change.both();
        let calls = match diff.counted {
            true => format!("{:+}", change.ncalls()),
            false => "-".to_owned(),
        };
        // A name may hold control characters, and this goes to a terminal.
        let name = stdname(change.function());
        let name = printable(&name);
        writeln!(
            out,
            "{:>10.3} {:>+9.3} {:>5} {:>9.3} {:>+9.3} {:>5} {calls:>14}  {}{name}",
            is.tottime,
            change.tottime(),
            relative(was.tottime, change.tottime()),
            is.cumtime,
            change.cumtime(),
            relative(was.cumtime, change.cumtime()),
            status(change).map(|status| format!("[{status}] ")).unwrap_or_default(),
        )?;
    }
    writeln!(out)?;
    if diff.changes.len() > top {
        writeln!(out, "{} more changed", diff.changes.len() - top)?;
    }
    writeln!(out, "{} did not change beyond noise", diff.unchanged)
}

/// A time in the unit in which it has digits.
fn amount(value: f64, unit: &Unit) -> String {
    match unit {
        Unit::Other(unit) => format!("{value} {}", printable(unit)),
        Unit::Seconds if value > 0.0 && value < 1e-3 => format!("{:.1} µs", value * 1e6),
        Unit::Seconds if value > 0.0 && value < 1.0 => format!("{:.3} ms", value * 1e3),
        Unit::Seconds => format!("{value:.3} s"),
    }
}

fn relative(before: f64, change: f64) -> String {
    let percent = 100.0 * change / before;
    if percent.is_finite() && percent.abs() < 999.5 { format!("{percent:+.0}%") } else { String::new() }
}

fn status(change: &Change<'_>) -> Option<&'static str> {
    match (change.before, change.after) {
        (None, _) => Some("new"),
        (_, None) => Some("gone"),
        (Some(before), Some(after)) if before.line != after.line => Some("moved"),
        _ => None,
    }
}

#[derive(Serialize)]
struct DiffJson<'p> {
    total_before: f64,
    total_after: f64,
    unchanged: usize,
    not_shown: usize,
    changes: Vec<ChangeJson<'p>>,
}

#[derive(Serialize)]
struct ChangeJson<'p> {
    file: std::borrow::Cow<'p, str>,
    line: u32,
    name: std::borrow::Cow<'p, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    before: Option<FiguresJson>,
    after: Option<FiguresJson>,
}

#[derive(Serialize)]
struct FiguresJson {
    ncalls: Option<u64>,
    tottime: f64,
    cumtime: f64,
}

fn write_json(diff: &Diff<'_>, top: usize, out: &mut dyn Write) -> io::Result<()> {
    let figures = |function: &pstats_compat::Function| FiguresJson {
        ncalls: diff.counted.then_some(function.calls.ncalls),
        tottime: function.calls.tottime,
        cumtime: function.calls.cumtime,
    };
    let changes = diff.changes.iter().take(top).map(|change| {
        let function = change.function();
        ChangeJson {
            file: function.file.to_str_lossy(),
            line: function.line,
            name: function.name.to_str_lossy(),
            status: status(change),
            before: change.before.map(figures),
            after: change.after.map(figures),
        }
    });
    let document = DiffJson {
        total_before: diff.total_before.tottime,
        total_after: diff.total_after.tottime,
        unchanged: diff.unchanged,
        not_shown: diff.changes.len().saturating_sub(top),
        changes: changes.collect(),
    };
    serde_json::to_writer_pretty(EscapedJson(&mut *out), &document)?;
    writeln!(out)
}
