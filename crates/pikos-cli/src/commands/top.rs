//! `pikos top`: processes at work on the whole screen.

use std::time::{Duration, Instant};

use pikos_sampler::outside::Observed;
use pikos_views::{Live, Source, Streams};

use crate::args::TopArgs;
use crate::commands::{listen, sample};
use crate::error::Error;
use crate::outcome::Outcome;
use crate::top;
use crate::top::terminal::Signals;

/// How long the first messages may take before the screen is shown without them.
const PATIENCE: Duration = Duration::from_millis(1_500);

pub fn run(args: &TopArgs) -> Result<Outcome, Error> {
    // As long as this lives: who ends looking at them ends sampling them.
    let _sampled = if args.sample { sample_all(args)? } else { Vec::new() };
    let mut streams = Streams::new(listen::to_all(&args.from)?);
    streams.await_first(PATIENCE);
    let mut source = Live::new(streams);
    let shown = args.table.shown.clone();
    if shown.has_patterns() {
        source.hide(Box::new(move |name| shown.hides(name)));
    }
    let options = args.options();
    let is_printed = args.is_printed() || !top::has_screen();
    if is_printed {
        listen_first(&mut source, args)?;
    }
    let is_vain = is_printed && source.is_empty();
    if is_vain {
        eprintln!("pikos: {}", listen::NOBODY);
        if !args.table.json {
            return Ok(Outcome::Failed);
        }
    }
    let scope = source.first_scope();
    top::show("pikos top", &mut source, scope, &options)?;
    Ok(if is_vain { Outcome::Failed } else { Outcome::Fine })
}

/// Takes in what is to be printed: for as long as was asked for; else until there are rates.
fn listen_first(source: &mut Live<Streams>, args: &TopArgs) -> Result<(), Error> {
    let start = Instant::now();
    if !args.is_awaited() {
        // Rates need a second message. Whoever sends less often has none.
        while !source.poll() && start.elapsed() < PATIENCE {
            std::thread::sleep(source.pace());
        }
        return Ok(());
    }
    let signals = Signals::new().map_err(Error::Output)?;
    let is_time = || args.seconds.is_some_and(|seconds| start.elapsed().as_secs_f64() >= seconds);
    while signals.seen().is_none() && !is_time() && !source.is_over() {
        if !source.is_behind() {
            std::thread::sleep(source.pace());
        }
        source.poll();
    }
    Ok(())
}

/// Samples the processes that are named. One that is sampled already, or live by itself, is shown twice.
fn sample_all(args: &TopArgs) -> Result<Vec<Observed>, Error> {
    let options = sample::options(&args.sampling)?;
    let pid = |text: &String| text.parse().map_err(|_| Error::NoProcess(text.clone()));
    let pids = args.from.targets.iter().map(pid).collect::<Result<Vec<u32>, Error>>()?;
    let start = |pid| {
        let observed = sample::start(pid, &options)?;
        match observed.unwatched() {
            Some(problem) => Err(Error::Unwatched { pid, problem: problem.to_string() }),
            None => Ok(observed),
        }
    };
    pids.into_iter().map(start).collect()
}
