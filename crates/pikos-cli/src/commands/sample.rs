//! `pikos sample`: looks at a process that nobody has prepared, for a while, and saves what that adds up to.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pikos_client::{Message, Model};
use pikos_sampler::outside::Observed;
use pikos_sampler::record::{Ending, Options, Status, check_budget, check_rate};
use pikos_views::printable;
use pstats_compat::Profile;
use pstats_compat::formats::{self, Format, Output};
use pstats_compat::merge::Merger;
use pstats_compat::summary::{self, Paper};

use crate::args::{SampleArgs, SamplingArgs};
use crate::error::Error;
use crate::files;
use crate::outcome::Outcome;
use crate::top::terminal::Signals;

/// Looks a second, and which part of a processor they may take, where nothing else is asked for.
const RATE: f64 = 100.0;
const BUDGET: f64 = 0.05;
const PACE: Duration = Duration::from_millis(100);
/// So often new children are looked for.
const CHILDREN: Duration = Duration::from_secs(1);
/// Columns of a summary where nothing says how many there are.
const COLUMNS: usize = 100;

pub fn run(args: &SampleArgs) -> Result<Outcome, Error> {
    let options = options(&args.sampling)?;
    let output = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.pikos", args.pid)));
    let format = match args.format {
        Some(format) => format,
        None => files::recorded_format(&output, Format::Pikos)?,
    };
    let signals = Signals::new().map_err(Error::Output)?;
    let first = start(args.pid, &options)?;
    if let Some(problem) = first.unwatched() {
        files::say_note(&format!("nobody can watch meanwhile: {problem}"));
    }
    let until = match args.duration {
        Some(seconds) => format!("for {seconds} s; Ctrl-C ends it earlier and saves"),
        None => "until it ends; Ctrl-C ends it and saves".to_owned(),
    };
    eprintln!("pikos: sampling {} (CPython {}) {until}", args.pid, first.python());
    let mut all = vec![first];
    if args.children {
        add_children(args.pid, &options, &mut all);
    }
    let begin = Instant::now();
    let limit = args.duration.map(Duration::from_secs_f64);
    let mut looked = begin;
    while signals.seen().is_none() && limit.is_none_or(|limit| begin.elapsed() < limit) {
        let left = limit.map_or(PACE, |limit| limit.saturating_sub(begin.elapsed()).min(PACE));
        // The others are asked at once: it waits for one of them only.
        let runs = all.iter().filter(|observed| observed.wait(Duration::ZERO).is_none()).collect::<Vec<_>>();
        let Some(observed) = runs.first() else { break };
        observed.wait(left);
        if args.children && looked.elapsed() > CHILDREN {
            looked = Instant::now();
            add_children(args.pid, &options, &mut all);
        }
    }
    save_all(all, options.budget, &output, format)
}

/// How to sample, as the command line says. Who asks for a rate gets it, whatever that takes, unless a budget is asked for as well.
pub fn options(args: &SamplingArgs) -> Result<Options, Error> {
    let budget = if args.rate.is_some() { 1.0 } else { BUDGET };
    Ok(Options {
        interval: check_rate(args.rate.unwrap_or(RATE))?,
        mode: args.mode.into(),
        budget: check_budget(args.budget.unwrap_or(budget))?,
        ..Options::default()
    })
}

/// Samples a process.
pub fn start(pid: u32, options: &Options) -> Result<Observed, Error> {
    Ok(Observed::start(pid, options, save_dump, env!("CARGO_PKG_VERSION"))?)
}

/// Children that are no Python, or that end before they can be looked at, are nobody's concern.
fn add_children(pid: u32, options: &Options, all: &mut Vec<Observed>) {
    for child in pikos_os::process::descendants(pid) {
        if all.iter().any(|observed| observed.pid() == child) {
            continue;
        }
        if let Ok(observed) = start(child, options) {
            eprintln!("pikos: sampling {child} (CPython {}), which it has started", observed.python());
            all.push(observed);
        }
    }
}

/// What `pikos ctl dump` asks for.
fn save_dump(message: Message, path: &Path) -> Result<(), String> {
    let profile = profile(message).map_err(|error| error.to_string())?;
    let format = Format::of_recorded(path, Format::Pikos);
    let saved = formats::save_file(&Output::new(&profile, format), path);
    saved.map_err(|error| format!("{}: {error}", path.display()))
}

fn profile(message: Message) -> Result<Profile, Error> {
    let mut model = Model::default();
    model.apply(message).map_err(Error::Told)?;
    Ok(model.profile(None))
}

/// Saves what was found: of several processes the sum, and each by itself in a file with its number.
fn save_all(all: Vec<Observed>, budget: f64, output: &Path, format: Format) -> Result<Outcome, Error> {
    let mut outcome = Outcome::Fine;
    say_budget(&all, budget);
    let mut profiles = Vec::new();
    for observed in all {
        let pid = observed.pid();
        let (ending, message) = observed.finish();
        match ending {
            Ending::Over => eprintln!("pikos: process {pid} has ended"),
            Ending::Asked => {
                eprintln!("pikos: process {pid} is sampled no more: somebody has asked for that")
            }
            Ending::Failed(reason) => {
                eprintln!("pikos: process {pid} can't be sampled any more: {}", printable(&reason));
                outcome = Outcome::Failed;
            }
            Ending::Stopped => {}
        }
        profiles.push((pid, profile(message)?));
    }
    let mut others = Vec::new();
    if profiles.len() > 1 {
        for (pid, profile) in &profiles {
            let path = super::files_of_processes::with(output, &pid.to_string());
            files::save(profile, format, &path)?;
            others.push(path);
        }
    }
    let title = match &profiles[..] {
        [(_, first), _, ..] => {
            let count = profiles.len() - 1;
            let processes = if count == 1 { "process" } else { "processes" };
            Some(format!("{}, and {count} {processes} that it has started", first.metadata.shown_title()))
        }
        _ => None,
    };
    let mut sum = Merger::new();
    for (_, profile) in profiles {
        sum.add(profile).map_err(Error::Combine)?;
    }
    for lost in sum.lost() {
        files::say_note(lost);
    }
    let mut sum = sum.finish();
    if let Some(title) = title {
        sum.metadata.title = Some(title.as_str().into());
    }
    files::save(&sum, format, output)?;
    say_summary(&sum, output, &others)?;
    Ok(outcome)
}

/// Where it looked less often than asked because that would have taken too much of a processor.
fn say_budget(all: &[Observed], budget: f64) {
    let slow = all.iter().filter_map(|observed| {
        let Status { sampled, elapsed, .. } = observed.status();
        let is_spent = sampled.cpu > 0.5 * budget * elapsed;
        (is_spent && sampled.missed > sampled.looks / 10).then_some((observed.pid(), 1.0 / sampled.mean))
    });
    let slow: Vec<(u32, f64)> = slow.collect();
    let rates = slow.iter().map(|(_, rate)| *rate);
    let (least, most) = (rates.clone().fold(f64::INFINITY, f64::min), rates.fold(0.0, f64::max));
    let told = match &slow[..] {
        [] => return,
        [(pid, rate)] => format!("process {pid} was looked at {rate:.0} times a second"),
        slow => format!("{} processes were looked at {least:.0} to {most:.0} times a second", slow.len()),
    };
    let percent = 100.0 * budget;
    files::say_note(&format!(
        "{told}: more would have taken more than {percent} % of a processor (`--budget`)"
    ));
}

/// As `pikos run` does: on standard error, with what to type next.
fn say_summary(profile: &Profile, path: &Path, others: &[PathBuf]) -> Result<(), Error> {
    let is_terminal = std::io::stderr().is_terminal();
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let width = columns.or_else(|| {
        ratatui::crossterm::terminal::size().ok().filter(|_| is_terminal).map(|size| size.0.into())
    });
    let paper =
        Paper { width: width.unwrap_or(COLUMNS), colours: is_terminal && crate::args::allows_colours() };
    let mut text = Vec::new();
    summary::write(profile, &paper, &mut text).map_err(Error::Output)?;
    let word = printable(&path.display().to_string()).into_owned();
    eprint!("\n{}", String::from_utf8_lossy(&text));
    eprintln!("\nSaved to {word}\n  look:   pikos view {word}\n  share:  pikos report {word}");
    if !others.is_empty() {
        let others: Vec<_> = others.iter().map(|path| path.display().to_string()).collect();
        eprintln!("Each process by itself: {}", printable(&others.join(", ")));
    }
    Ok(())
}
