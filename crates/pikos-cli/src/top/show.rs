//! Shows a source: on the screen, or once.

use std::io::{self, BufWriter, IsTerminal, Write};

use pikos_views::{Scope, Source};

use super::options::{Form, Options};
use super::state::filter::Filter;
use super::state::layout::Size;
use super::state::{Event, State};
use super::{print, run};
use crate::error::Error;

/// Until the screen says its own.
const SIZE: Size = Size { width: 80, height: 24 };

/// Shows a source on the terminal, or prints it once where that was asked for or nobody could press
/// a key: `pikos view … | less`.
pub fn show(
    command: &'static str,
    source: &mut dyn Source,
    scope: Scope,
    options: &Options,
) -> Result<(), Error> {
    let sort = options.sort;
    let mut state = State::new(command, scope, sort.of_functions, SIZE);
    state.sort.is_reversed = options.is_reversed;
    (state.memory.sort, state.memory.is_reversed) = (sort.of_records, options.is_reversed);
    state.include = options.include.clone().map(Filter::new);
    state.exclude = options.exclude.clone().map(Filter::new);
    state.memory.set_filters(state.include.as_ref(), state.exclude.as_ref());
    let picture = source.picture(state.query());
    if let Some(column) = sort.missing(&picture) {
        return Err(Error::NoSuchColumn { column });
    }
    let stdout = io::stdout();
    if options.form == Form::Screen && stdout.is_terminal() {
        return run::run(source, state).map_err(Error::Terminal);
    }
    state.update(Event::Data(picture));
    let mut out = BufWriter::new(stdout.lock());
    match options.form {
        Form::Json => print::write_json(&state, options.top, &mut out)?,
        Form::Screen | Form::Table => print::write_table(&state, options.top, &mut out)?,
    }
    out.flush()?;
    Ok(())
}
