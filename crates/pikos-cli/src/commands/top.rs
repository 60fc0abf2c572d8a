//! `pikos top`: processes at work on the whole screen.

use std::time::{Duration, Instant};

use pikos_views::{Live, Source, Streams};

use crate::args::TopArgs;
use crate::commands::listen;
use crate::error::Error;
use crate::outcome::Outcome;
use crate::top;

/// How long the first messages may take before the screen is shown without them.
const PATIENCE: Duration = Duration::from_millis(1_500);

pub fn run(args: &TopArgs) -> Result<Outcome, Error> {
    let mut streams = Streams::new(listen::to_all(&args.from)?);
    streams.await_first(PATIENCE);
    let mut source = Live::new(streams);
    let shown = args.table.shown.clone();
    if shown.has_patterns() {
        source.hide(Box::new(move |name| shown.hides(name)));
    }
    // Rates need a second message. Whoever sends less often has none.
    let start = Instant::now();
    let is_printed = args.table.once || args.table.json || !top::has_screen();
    while is_printed && !source.poll() && start.elapsed() < PATIENCE {
        std::thread::sleep(source.pace());
    }
    let is_vain = is_printed && source.is_empty();
    if is_vain {
        eprintln!("pikos: {}", listen::NOBODY);
        if !args.table.json {
            return Ok(Outcome::Failed);
        }
    }
    let scope = source.first_scope();
    top::show("pikos top", &mut source, scope, &args.table.options())?;
    Ok(if is_vain { Outcome::Failed } else { Outcome::Fine })
}
