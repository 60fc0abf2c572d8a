//! `pikos view`: profiles on the whole screen, to sort, filter and drill down.

use std::io::{self, BufWriter, IsTerminal, Write};

use crate::args::{InputArgs, ViewArgs};
use crate::error::Error;
use crate::progress::Progress;
use crate::top::profiles::{Input, Profiles};
use crate::top::source::Source;
use crate::top::state::filter::Filter;
use crate::top::state::layout::Size;
use crate::top::state::{Event, State};
use crate::top::{print, run};
use crate::{Outcome, files};

/// Until the screen says its own; a table that is printed has any length.
const SIZE: Size = Size { width: 80, height: 24 };

pub fn run(args: &ViewArgs) -> Result<Outcome, Error> {
    let mut inputs = Vec::with_capacity(args.inputs.len());
    let mut progress = Progress::new("read", args.inputs.len());
    for path in &args.inputs {
        let profile = files::load(path, &args.input)?;
        inputs.push(Input { path: (path.as_os_str() != "-").then(|| path.clone()), profile });
        progress.step();
    }
    drop(progress);
    let again = InputArgs { from: args.input.from };
    let mut source = Profiles::new(inputs, Box::new(move |path| files::load(path, &again).ok()));
    let mut state = State::new("pikos view", source.first_scope(), args.table.sort, SIZE);
    state.sort.is_reversed = args.table.reverse;
    state.include = args.table.grep.clone().map(Filter::new);
    state.exclude = args.table.exclude.clone().map(Filter::new);
    let stdout = io::stdout();
    // Nobody could press a key for what goes into a pipe.
    if args.table.once || args.table.json || !stdout.is_terminal() {
        let query = state.query();
        state.update(Event::Data(source.picture(query)));
        let mut out = BufWriter::new(stdout.lock());
        match args.table.json {
            true => print::write_json(&state, args.table.top, &mut out)?,
            false => print::write_table(&state, args.table.top, &mut out)?,
        }
        out.flush()?;
        return Ok(Outcome::Fine);
    }
    run::run(&mut source, state).map_err(Error::Terminal)?;
    Ok(Outcome::Fine)
}
