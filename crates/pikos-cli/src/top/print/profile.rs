//! The functions of a profile, for scripts and pipes.

use std::io::{self, Write};

use pikos_views::{ProfileContent, ShownFunction};
use serde::Serialize;

use super::process::described;
use crate::top::state::State;
use crate::top::state::columns::{Column, per_call};
use crate::top::view::{self, Scale};

/// As a table; `top` limits the rows. Where the width is limited, it is that of the screen; else names are whole, as a filter sees
/// them.
pub fn write_table(
    state: &State,
    profile: &ProfileContent,
    top: Option<usize>,
    width: Option<u16>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let cut = |line: String| match width.map(usize::from) {
        Some(width) if line.chars().count() > width => {
            line.chars().take(width.saturating_sub(1)).chain(['…']).collect()
        }
        _ => line,
    };
    for process in state.picture.processes.iter() {
        writeln!(out, "{}", cut(described(process)))?;
    }
    let only = if profile.mine.is_some() { "your code only  " } else { "" };
    writeln!(out, "{}", cut(format!("{only}{}", view::totals(state, profile))))?;
    let top = top.unwrap_or(usize::MAX);
    if let Some(width) = width {
        return view::lines(state, profile, width, top).try_for_each(|line| writeln!(out, "{line}"));
    }
    let meaning = &profile.meaning;
    let has_calls = meaning.is_counted && !meaning.is_sampled;
    let scale = Scale::of(state);
    let each = |time: f64, calls: i64| match (has_calls, scale.is_seconds()) {
        (false, _) => "-".to_owned(),
        (true, true) => view::duration(per_call(time, calls)),
        (true, false) => view::count(per_call(time, calls), 8),
    };
    let share = if meaning.is_live { "now%" } else { "tot%" };
    write!(
        out,
        "{:>12} {:>10} {:>8} {share:>6} {:>10} {:>8}",
        Column::Ncalls.title(meaning),
        "tottime",
        "tot/call",
        "cumtime",
        "cum/call"
    )?;
    if meaning.is_live {
        write!(out, " {:>9} {:>10}", Column::CallsPerS.title(meaning), "in flight")?;
    }
    if meaning.has_gil_waits {
        write!(out, " {:>9}", "gil wait")?;
    }
    if meaning.has_cpu {
        write!(out, " {:>9}", "cpu")?;
    }
    if meaning.has_durations {
        write!(out, " {:>8} {:>8} {:>8}", "p50", "p99", "max")?;
    }
    writeln!(out, "  function")?;
    for row in state.rows.iter().take(top) {
        let figures = &row.figures;
        let ncalls = match meaning.is_counted {
            true => view::calls(figures.ncalls, figures.primitive_calls, 12),
            false => "-".to_owned(),
        };
        let time = |value| scale.time(value, 10);
        write!(
            out,
            "{ncalls:>12} {:>10} {:>8} {:>6} {:>10} {:>8}",
            time(figures.tottime),
            each(figures.tottime, figures.ncalls),
            view::percent(figures.share),
            time(figures.cumtime),
            each(figures.cumtime, figures.primitive_calls),
        )?;
        if meaning.is_live {
            write!(out, " {:>9} {:>10}", view::count(figures.calls_per_s, 9), time(figures.in_flight))?;
        }
        if meaning.has_gil_waits {
            write!(out, " {:>9}", scale.time(figures.gil_wait, 9))?;
        }
        if meaning.has_cpu {
            write!(out, " {:>9}", scale.time(figures.cpu, 9))?;
        }
        if meaning.has_durations {
            for seconds in [figures.p50, figures.p99, figures.max] {
                let text = if seconds > 0.0 { view::duration(seconds) } else { String::new() };
                write!(out, " {text:>8}")?;
            }
        }
        writeln!(out, "  {}", profile.label(row.id).searched())?;
    }
    Ok(())
}

/// In JSON.
#[derive(Serialize)]
pub struct FunctionJson<'p> {
    file: &'p str,
    line: u32,
    name: &'p str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ncalls: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    primitive_calls: Option<i64>,
    tottime: f64,
    cumtime: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    gil_wait: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_tottime: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p50: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p99: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    live: Option<LiveJson>,
}

#[derive(Serialize)]
struct LiveJson {
    in_flight: f64,
    open: u32,
    calls_per_s: f64,
    share: f64,
}

/// The same in JSON.
pub fn functions<'p>(
    state: &State,
    profile: &'p ProfileContent,
    top: Option<usize>,
) -> Vec<FunctionJson<'p>> {
    state.rows.iter().take(top.unwrap_or(usize::MAX)).map(|row| function(profile, row)).collect()
}

/// What is kept of how long calls took.
fn known(seconds: f64) -> Option<f64> {
    Some(seconds).filter(|seconds| *seconds > 0.0)
}

fn function<'p>(profile: &'p ProfileContent, row: &ShownFunction) -> FunctionJson<'p> {
    let label = profile.label(row.id);
    let figures = &row.figures;
    let is_counted = profile.meaning.is_counted;
    FunctionJson {
        file: &label.file,
        line: label.line,
        name: &label.name,
        ncalls: is_counted.then_some(figures.ncalls),
        primitive_calls: is_counted.then_some(figures.primitive_calls),
        tottime: figures.tottime,
        cumtime: figures.cumtime,
        gil_wait: profile.meaning.has_gil_waits.then_some(figures.gil_wait),
        cpu_tottime: profile.meaning.has_cpu.then_some(figures.cpu),
        p50: known(figures.p50),
        p99: known(figures.p99),
        max: known(figures.max),
        live: profile.meaning.is_live.then_some(LiveJson {
            in_flight: figures.in_flight,
            open: figures.open,
            calls_per_s: figures.calls_per_s,
            share: figures.share,
        }),
    }
}
