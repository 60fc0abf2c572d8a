//! A profile file of a program that goes on: calls that are open count as if they returned now, as they would if the
//! profile were disabled.

use std::collections::BTreeMap;
use std::path::Path;

use pikos_wire::{EdgeRow, FunctionRow, ThreadRow};
use pstats_compat::formats::{self, Format};
use pstats_compat::{Calls, Edge, Function, FunctionId, Profile};

use super::source::{Rate, State};
use super::stream::{Rows, Stream, tick};

/// Writes what is known now, as pstats; the file is replaced as a whole or not at all.
pub fn save(stream: &mut Stream, path: &Path) -> Result<(), String> {
    let (state, threads) = stream.look();
    formats::save(&profile(&state, &threads), Format::Pstats, path)
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// Calls and ticks.
#[derive(Clone, Copy, Default)]
struct Sum {
    ncalls: u64,
    primitive_calls: u64,
    tottime: i64,
    cumtime: i64,
}

impl Sum {
    fn add(&mut self, row: &FunctionRow) {
        self.ncalls += row.ncalls + row.open;
        self.primitive_calls += row.primitive_calls + u64::from(row.open > 0);
        self.tottime = self.tottime.wrapping_add(row.tottime).wrapping_add(row.open_tottime);
        self.cumtime = self.cumtime.wrapping_add(row.cumtime).wrapping_add(row.open_cumtime);
    }

    fn calls(&self, rate: Rate) -> Calls {
        let seconds = |ticks: i64| match rate {
            // A custom timer may run backwards, and says so.
            Rate::Timer(_) => ticks as f64 * tick(rate),
            _ => ticks.max(0) as f64 * tick(rate),
        };
        Calls {
            ncalls: self.ncalls,
            primitive_calls: self.primitive_calls,
            tottime: seconds(self.tottime),
            cumtime: seconds(self.cumtime),
        }
    }
}

fn profile(state: &State, threads: &[(ThreadRow, Rows)]) -> Profile {
    let rate = match state.rate {
        Rate::Clock => Rate::Fixed(tick(Rate::Clock)),
        fixed => fixed,
    };
    let mut sums = vec![Sum::default(); state.names.len()];
    let mut edges: BTreeMap<(u32, u32), Sum> = BTreeMap::new();
    for (_, rows) in threads {
        for row in &rows.functions {
            sums[row.function as usize].add(row);
        }
        for row in &rows.edges {
            edges.entry((row.caller, row.callee)).or_default().add(&as_function(row));
        }
    }
    let mut numbers = vec![None; sums.len()];
    let mut functions = Vec::new();
    for ((name, sum), number) in state.names.iter().zip(&sums).zip(&mut numbers) {
        if sum.ncalls > 0 {
            *number = Some(FunctionId(functions.len() as u32));
            let mut function =
                Function::new(name.file.0.clone(), name.line, name.name.0.clone(), sum.calls(rate));
            function.qualname = name.qualname.as_ref().map(|name| name.0.clone());
            functions.push(function);
        }
    }
    let edges = edges.iter().filter(|(_, sum)| sum.ncalls > 0).filter_map(|((caller, callee), sum)| {
        let (caller, callee) = (numbers[*caller as usize]?, numbers[*callee as usize]?);
        Some(Edge { caller, callee, calls: sum.calls(rate) })
    });
    let edges = edges.collect();
    let mut profile = Profile::new(functions, edges);
    profile.metadata.compensated = state.facts.compensated;
    profile
}

/// The callee's numbers.
fn as_function(row: &EdgeRow) -> FunctionRow {
    FunctionRow {
        thread: row.thread,
        function: row.callee,
        ncalls: row.ncalls,
        primitive_calls: row.primitive_calls,
        tottime: row.tottime,
        cumtime: row.cumtime,
        open: row.open,
        open_tottime: row.open_tottime,
        open_cumtime: row.open_cumtime,
    }
}
