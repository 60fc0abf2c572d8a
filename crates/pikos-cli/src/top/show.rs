//! Shows a source: on the screen, or once.

use std::io::{self, IsTerminal, Write};

use pikos_views::{Scope, Source};
use ratatui::crossterm::terminal;

use super::options::{Form, Options};
use super::state::filter::Filter;
use super::state::layout::Size;
use super::state::{Event, State};
use super::{print, run, view};
use crate::error::Error;
use crate::shown;

/// Until the screen says its own.
const SIZE: Size = Size { width: 80, height: 24 };

/// Whether standard output is a terminal that can show a screen.
pub fn has_screen() -> bool {
    io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

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
    state.is_mine = options.is_mine;
    (state.memory.sort, state.memory.is_reversed) = (sort.of_records, options.is_reversed);
    state.include = options.include.clone().map(Filter::new);
    state.exclude = options.exclude.clone().map(Filter::new);
    state.memory.set_filters(state.include.as_ref(), state.exclude.as_ref());
    let picture = source.picture(state.query());
    if let Some(column) = sort.missing(&picture) {
        return Err(Error::NoSuchColumn { column });
    }
    let is_on_screen = options.form == Form::Screen && has_screen();
    if options.is_mine
        && !is_on_screen
        && picture.profile().is_some_and(|profile| profile.own.is_empty() && !profile.functions.is_empty())
    {
        shown::say_none();
    }
    state.update(Event::Data(picture));
    if is_on_screen {
        if state.is_live() && scope == Scope::All && state.picture.processes.len() > 1 {
            // The sum of programs that have nothing to do with each other says little.
            state.open_scopes();
        }
        return run::run(source, state).map_err(Error::Terminal);
    }
    let stdout = io::stdout();
    let width = || terminal::size().ok().map(|(columns, _)| columns).filter(|&columns| columns > 0);
    let mut text = Vec::new();
    match options.form {
        Form::Json => print::write_json(&state, options.top, &mut text)?,
        Form::Screen | Form::Table => {
            let width = if stdout.is_terminal() { width() } else { None };
            print::write_table(&state, options.top, width, &mut text)?;
            if view::is_ascii() {
                text = view::ascii(&String::from_utf8_lossy(&text)).into_bytes();
            }
        }
    }
    let mut out = stdout.lock();
    out.write_all(&text)?;
    out.flush()?;
    Ok(())
}
