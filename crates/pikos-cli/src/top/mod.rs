//! The table of functions on the whole screen: of processes at work, or of files.
//!
//! `source` says where pictures come from, `model` what a picture is; `state` takes keys and
//! pictures, and `view` draws a state. Only `terminal` touches the terminal, and `run` brings them
//! together.

use std::io::{self, BufWriter, IsTerminal, Write};

use crate::args::TableArgs;
use crate::error::Error;
use model::Scope;
use source::Source;
use state::filter::Filter;
use state::layout::Size;
use state::{Event, State};

mod print;
mod print_records;
mod run;
#[cfg(test)]
mod samples;
pub mod state;
pub mod terminal;
mod view;

/// Until the screen says its own.
const SIZE: Size = Size { width: 80, height: 24 };

/// Shows a source on the terminal, or prints it once where that was asked for or nobody could press
/// a key: `pikos view … | less`.
pub fn show(
    command: &'static str,
    source: &mut dyn Source,
    scope: Scope,
    args: &TableArgs,
) -> Result<(), Error> {
    let sort = args.sort.unwrap_or_default();
    let mut state = State::new(command, scope, sort.of_functions, SIZE);
    state.sort.is_reversed = args.reverse;
    (state.memory.sort, state.memory.is_reversed) = (sort.of_records, args.reverse);
    state.include = args.grep.clone().map(Filter::new);
    state.exclude = args.exclude.clone().map(Filter::new);
    state.memory.set_filters(state.include.as_ref(), state.exclude.as_ref());
    let picture = source.picture(state.query());
    if let Some(column) = sort.missing(&picture) {
        return Err(Error::NoSuchColumn { column });
    }
    let stdout = io::stdout();
    if !args.once && !args.json && stdout.is_terminal() {
        return run::run(source, state).map_err(Error::Terminal);
    }
    state.update(Event::Data(picture));
    let mut out = BufWriter::new(stdout.lock());
    match args.json {
        true => print::write_json(&state, args.top, &mut out)?,
        false => print::write_table(&state, args.top, &mut out)?,
    }
    out.flush()?;
    Ok(())
}
