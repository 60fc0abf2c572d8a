//! `pikos diff`: what changed between two profiles, for people and for CI.

mod github;
mod json;
mod markdown;
mod scale;
mod selection;
mod table;
mod words;

use std::io::{self, IsTerminal};
use std::path::Path;

use pikos_views::printable;
use pstats_compat::Profile;
use pstats_compat::diff::{Diff, Noise};
use pstats_compat::formats::flamegraph::{self, Difference};
use pstats_compat::formats::page;
use pstats_compat::report::SortKey;

use self::selection::Selection;
use self::table::Look;
use self::words::Words;
use crate::args::{Amount, DiffArgs, DiffFormat, When};
use crate::error::Error;
use crate::files;
use crate::outcome::Outcome;
use crate::progress::Progress;
use crate::shown;

/// So many changes are shown, if nobody says how many.
const ROWS: usize = 40;
/// GitHub shows ten warnings of a step, and as many errors.
const ANNOTATIONS: usize = 10;

pub fn run(args: &DiffArgs) -> Result<Outcome, Error> {
    let format = format(args)?;
    let mut progress = Progress::new("reading", 2);
    let before = load(&args.before, args)?;
    progress.step();
    let after = load(&args.after, args)?;
    drop(progress);
    let diff = Diff::by(&before, &after, noise(args), args.by).map_err(Error::Combine)?;
    for (name, was, is) in before.metadata.other_conditions(&after.metadata) {
        eprintln!("pikos: note: not the same {name}: {} before, {} after", printable(was), printable(is));
    }
    let words = Words::new(&diff);
    let limit_of = |limit: Amount, before: f64| match limit {
        Amount::Part(part) => part * before,
        Amount::Seconds(seconds) => seconds,
    };
    let limit = args.fail_above.map(|limit| limit_of(limit, diff.total_before.tottime));
    let growth = match args.by {
        None => limit.and_then(|limit| diff.growth_above(limit).map(|growth| (growth, limit))),
        Some(_) => args.fail_above.and_then(|limit| {
            let growth = diff.call_growth_above(|before| limit_of(limit, before))?;
            let was = growth.culprit.as_ref().map_or(0.0, |culprit| culprit.change.compared(diff.by).0);
            Some((growth, limit_of(limit, was)))
        }),
    };
    let verdict = growth.as_ref().map(|(growth, limit)| words.verdict(growth, *limit));
    let by = args.by.map(SortKey::Detail);
    let sort = match &by {
        // Unless another order was asked for.
        Some(by) if args.sort == [SortKey::Time] => std::slice::from_ref(by),
        _ => &args.sort,
    };
    let mut selection = Selection {
        sort,
        is_reversed: args.reverse,
        grep: &args.grep,
        exclude: &args.exclude,
        top: args.top.unwrap_or(ROWS),
    };
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    match format {
        DiffFormat::Text if args.summary => table::write_summary(&diff, &words, &mut out)?,
        DiffFormat::Text => table::write(&diff, &words, &selection.of(&diff), look(args), &mut out)?,
        DiffFormat::Json => json::write(&diff, &selection.of(&diff), &mut out)?,
        DiffFormat::Markdown if args.summary => {
            markdown::write_summary(&diff, &words, verdict.as_deref(), &mut out)?;
        }
        DiffFormat::Markdown => {
            markdown::write(&diff, &words, &selection.of(&diff), verdict.as_deref(), &mut out)?;
        }
        DiffFormat::Github => {
            selection.top = args.top.unwrap_or(ANNOTATIONS);
            let growth = growth.as_ref().map(|(growth, limit)| (growth, *limit));
            github::write(&diff, &words, &selection.of(&diff), growth, &mut out)?;
        }
        DiffFormat::Html | DiffFormat::Svg => {
            let title = args.title.clone().unwrap_or_else(|| title(&args.before, &args.after));
            let difference = Difference::of(&diff);
            let write = match format {
                DiffFormat::Html => page::write_difference,
                _ => flamegraph::write_difference,
            };
            write(&difference, &title, &mut out)
                .map_err(|source| Error::Write { path: args.output.clone(), source })?;
            out = files::as_shown(out, &args.output)?;
            notes = difference.notes;
        }
    }
    files::save_bytes(&out, None, &args.output)?;
    notes.iter().for_each(|note| files::say_note(note));
    match (verdict, limit) {
        (Some(verdict), _) => {
            eprintln!("pikos: {verdict}");
            return Ok(Outcome::Failed);
        }
        (None, Some(limit)) if args.by.is_none() => {
            if let Some(note) = words.although_faster(&diff, limit) {
                files::say_note(&note);
            }
        }
        (None, _) => {}
    }
    Ok(Outcome::Fine)
}

/// One of the two, as it can be compared.
fn load(path: &Path, args: &DiffArgs) -> Result<Profile, Error> {
    let mut profile = files::load(path, &args.input)?;
    for (from, to) in &args.map {
        profile.map_folder(from.as_bytes(), to.as_bytes());
    }
    profile = shown::mine(profile, &args.shown);
    if args.strip_dirs {
        profile.strip_dirs();
    }
    profile = shown::matching(profile, &args.shown);
    profile.make_comparable();
    Ok(profile)
}

fn format(args: &DiffArgs) -> Result<DiffFormat, Error> {
    let named = args.format.or(args.json.then_some(DiffFormat::Json));
    let known = named.or_else(|| DiffFormat::of_name(&args.output));
    match known {
        Some(format) => Ok(format),
        None if files::is_pipe(&args.output) => Ok(DiffFormat::Text),
        None => Err(Error::UnknownTarget { path: args.output.clone() }),
    }
}

fn look(args: &DiffArgs) -> Look {
    let is_terminal = files::is_pipe(&args.output) && io::stdout().is_terminal();
    let width = args.width.or_else(|| {
        let size = is_terminal.then(ratatui::crossterm::terminal::size)?;
        size.ok().map(|(columns, _)| usize::from(columns)).filter(|&columns| columns > 0)
    });
    let colours = match args.colour {
        When::Always => true,
        When::Never => false,
        When::Auto => is_terminal && crate::args::allows_colours(),
    };
    Look { width, colours }
}

/// The last of each kind counts.
fn noise(args: &DiffArgs) -> Noise {
    if args.noise.is_empty() {
        // A single call may well take less than a millisecond.
        return Noise { part: 0.05, seconds: if args.by.is_some() { 0.0 } else { 0.001 } };
    }
    let mut noise = Noise { part: 0.0, seconds: 0.0 };
    for amount in &args.noise {
        match *amount {
            Amount::Part(part) => noise.part = part,
            Amount::Seconds(seconds) => noise.seconds = seconds,
        }
    }
    noise
}

fn title(before: &Path, after: &Path) -> String {
    format!("{} → {}", before.display(), after.display())
}
