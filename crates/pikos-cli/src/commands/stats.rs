//! `pikos stats`: the table of functions, who called them and whom they called.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use jiff::Zoned;
use pstats_compat::details::Detail;
use pstats_compat::printable::{Escaped, printable};
use pstats_compat::report::{Report, Restriction, Surface};
use pstats_compat::summary::{self, Paper};
use pstats_compat::{Counts, LabelSet, Profile};
use serde::Serialize;

use crate::args::{StatsArgs, StatsBy, When};
use crate::error::Error;
use crate::files;
use crate::outcome::Outcome;
use crate::shown;

pub fn run(args: &StatsArgs) -> Result<Outcome, Error> {
    if args.by == Some(StatsBy::Label) {
        return by_label(args);
    }
    let mut profile = shown::mine(files::load_all(&args.inputs, &args.input)?, &args.shown);
    if args.strip_dirs {
        profile.strip_dirs();
    } else {
        profile.merge_labels();
    }
    profile = shown::matching(profile, &args.shown);
    let mut restrictions: Vec<Restriction> = args.grep.iter().cloned().map(Restriction::Pattern).collect();
    restrictions.extend(args.exclude.iter().cloned().map(Restriction::Without));
    restrictions.extend(args.top.map(Restriction::Rows));
    let mut report = Report::new(&profile, &args.sort);
    if args.reverse {
        report = report.reversed();
    }
    let stdout = io::stdout();
    report = report.restricted(&restrictions).on(surface(args.colour, stdout.is_terminal()));
    if report.rows().is_empty() && !args.grep.is_empty() && profile.rows().next().is_some() {
        let patterns: Vec<String> = args.grep.iter().map(|pattern| format!("`{pattern}`")).collect();
        eprintln!("pikos: no function matches {}", printable(&patterns.join(" and ")));
    }
    let mut out = BufWriter::new(stdout.lock());
    if args.json {
        write_json(&profile, &report, &mut out)?;
    } else if args.callers {
        report.write_callers(&mut out)?;
    } else if args.callees {
        report.write_callees(&mut out)?;
    } else {
        let files = args.inputs.iter().map(|path| heading(path));
        let headings: Vec<String> = files.chain(profile.metadata.run()).collect();
        if !profile.has_objects_alone() {
            report.write_stats(&headings, &mut out)?;
        }
        let paper = Paper { width: usize::MAX, colours: false };
        summary::write_objects(&profile, args.top.unwrap_or(usize::MAX), &paper, &mut out)?;
    }
    out.flush()?;
    Ok(Outcome::Fine)
}

/// One row for each label set, the one that took most first.
fn by_label(args: &StatsArgs) -> Result<Outcome, Error> {
    let profile = files::load_all(&args.inputs, &args.input)?;
    if profile.label_sets.is_empty() {
        return Err(Error::NoLabels { path: args.inputs[0].clone() });
    }
    let mut rows: Vec<LabelRow<'_>> = profile.label_sets.iter().map(LabelRow::of).collect();
    rows.sort_by(|a, b| b.tottime.total_cmp(&a.tottime));
    if args.reverse {
        rows.reverse();
    }
    rows.truncate(args.top.unwrap_or(usize::MAX));
    let mut out = BufWriter::new(io::stdout().lock());
    if args.json {
        serde_json::to_writer(Escaped(&mut out), &rows).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        let total = profile.tottime();
        writeln!(out, "{:>12} {:>12} {:>7}  label set", "ncalls", "seconds", "share")?;
        for row in rows {
            let share = if total > 0.0 { 100.0 * row.tottime / total } else { 0.0 };
            let name = printable(&row.set.to_string()).into_owned();
            writeln!(out, "{:>12} {:>12.3} {share:>5.1} %  {name}", row.ncalls, row.tottime)?;
        }
    }
    out.flush()?;
    Ok(Outcome::Fine)
}

#[derive(Serialize)]
struct LabelRow<'p> {
    labels: BTreeMap<Cow<'p, str>, Cow<'p, str>>,
    ncalls: u64,
    tottime: f64,
    #[serde(skip)]
    set: &'p LabelSet,
}

impl<'p> LabelRow<'p> {
    fn of(set: &'p LabelSet) -> Self {
        let labels = set.labels.iter().map(|(name, value)| (name.to_str_lossy(), value.to_str_lossy()));
        let ncalls = set.profile.rows().map(|(_, function)| function.calls.ncalls).sum();
        Self { labels: labels.collect(), ncalls, tottime: set.profile.tottime(), set }
    }
}

fn surface(colour: When, is_terminal: bool) -> Surface {
    let colours = match colour {
        When::Always => true,
        When::Never => false,
        When::Auto => is_terminal && crate::args::allows_colours(),
    };
    match colours || is_terminal {
        true => Surface::Terminal { colours },
        false => Surface::Plain,
    }
}

/// When the file was written and its name, as pstats says it.
fn heading(path: &Path) -> String {
    let written = std::fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .ok()
        .and_then(|time| Zoned::try_from(time).ok());
    match written {
        Some(time) => format!("{}    {}", time.strftime("%a %b %e %H:%M:%S %Y"), path.display()),
        None => path.display().to_string(),
    }
}

#[derive(Serialize)]
struct StatsJson<'p> {
    file: Cow<'p, str>,
    line: u32,
    name: Cow<'p, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    qualname: Option<Cow<'p, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ncalls: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    primitive_calls: Option<u64>,
    tottime: f64,
    cumtime: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    gil_wait: Option<f64>,
    /// The standard error of `tottime`.
    #[serde(skip_serializing_if = "Option::is_none")]
    tottime_error: Option<f64>,
    /// What only some profiles have.
    #[serde(flatten)]
    details: BTreeMap<&'static str, Option<f64>>,
}

fn write_json(profile: &Profile, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let counted = profile.metadata.counts != Counts::Unknown;
    let has_gil_waits = profile.has_gil_waits();
    let details = Detail::of_profile(profile);
    out.write_all(b"[")?;
    for (place, &id) in report.rows().iter().enumerate() {
        let function = profile.function(id);
        let row = StatsJson {
            file: function.file.to_str_lossy(),
            line: function.line,
            name: function.name.to_str_lossy(),
            qualname: function.qualname.as_ref().map(|name| name.to_str_lossy()),
            ncalls: counted.then_some(function.calls.ncalls),
            primitive_calls: counted.then_some(function.calls.primitive_calls),
            tottime: function.calls.tottime,
            cumtime: function.calls.cumtime,
            gil_wait: has_gil_waits.then_some(function.gil_wait),
            tottime_error: profile.metadata.error_of(function.calls.tottime),
            details: details.iter().map(|detail| (detail.field(), detail.of(function))).collect(),
        };
        out.write_all(if place == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(Escaped(&mut *out), &row)?;
    }
    out.write_all(b"\n]\n")
}
