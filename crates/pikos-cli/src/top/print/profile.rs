//! The functions of a profile, for scripts and pipes.

use std::io::{self, Write};

use pikos_views::{ProfileContent, ShownFunction};
use serde::Serialize;

use super::process::described;
use crate::top::state::State;
use crate::top::view::{self, Scale};

/// As a table of fixed columns; `top` limits the rows.
pub fn write_table(
    state: &State,
    profile: &ProfileContent,
    top: Option<usize>,
    out: &mut dyn Write,
) -> io::Result<()> {
    for process in state.picture.processes.iter() {
        writeln!(out, "{}", described(process))?;
    }
    let is_live = profile.meaning.is_live;
    let scale = Scale::of(state);
    write!(out, "{:>12} {:>10} {:>10}", "ncalls", "tottime", "cumtime")?;
    if is_live {
        write!(out, " {:>9} {:>6} {:>10}", "calls/s", "now%", "in flight")?;
    }
    writeln!(out, "  function")?;
    for row in state.rows.iter().take(top.unwrap_or(usize::MAX)) {
        let figures = &row.figures;
        let ncalls = match profile.meaning.is_counted {
            true => view::calls(figures.ncalls, figures.primitive_calls, 12),
            false => "-".to_owned(),
        };
        let time = |value| scale.time(value, 10);
        write!(out, "{ncalls:>12} {:>10} {:>10}", time(figures.tottime), time(figures.cumtime))?;
        if is_live {
            let rate = view::count(figures.calls_per_s, 9);
            write!(out, " {rate:>9} {:>6} {:>10}", view::percent(figures.share), time(figures.in_flight))?;
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
        live: profile.meaning.is_live.then_some(LiveJson {
            in_flight: figures.in_flight,
            open: figures.open,
            calls_per_s: figures.calls_per_s,
            share: figures.share,
        }),
    }
}
