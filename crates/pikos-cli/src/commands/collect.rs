//! `pikos collect`: a thousand processes as one source.

use std::time::Duration;

use pikos_client::ClientError;
use pikos_collect::{Collection, Disk, Keeper, Plan};
use pikos_os::descriptor;
use pikos_views::printable;

use crate::args::CollectArgs;
use crate::error::Error;
use crate::outcome::Outcome;
use crate::top::terminal::Signals;

/// Messages are waited for so long, before it is looked whether anything else is due.
const PACE: Duration = Duration::from_millis(50);

pub fn run(args: &CollectArgs) -> Result<Outcome, Error> {
    let signals = Signals::new().map_err(Error::Output)?;
    // A connection each.
    descriptor::allow_most();
    let disk = args.output.clone().map(|folder| Disk::open(folder, args.keep.0)).transpose()?;
    let collection = Collection::bind(&args.bind).map_err(|problem| match problem {
        ClientError::Endpoint(_) => Error::BadTarget(problem),
        problem => Error::Listen(problem),
    })?;
    say(&format!("collecting at {}", collection.endpoint()));
    let plan = Plan { every: args.every.0, push_every: args.push_every.0 };
    let (mut keeper, news) = Keeper::new(collection, disk, args.push.clone(), plan)?;
    news.iter().for_each(|news| say(news));
    say(&format!(
        "to see it: `pikos top {pid}`, `pikos serve {pid}`; Ctrl-C ends it",
        pid = std::process::id()
    ));
    let mut was_heard = false;
    while signals.seen().is_none() {
        keeper.turn(PACE).map_err(Error::Listen)?.iter().for_each(|news| say(news));
        if !was_heard && keeper.counts().running > 0 {
            was_heard = true;
            say("the first process has told of itself");
        }
    }
    let counts = keeper.counts();
    let left = keeper.finish();
    left.iter().for_each(|problem| say(problem));
    let (who, whom) = if counts.ended == 1 { ("process", "itself") } else { ("processes", "themselves") };
    let were = if counts.running == 1 { "was" } else { "were" };
    let mut told =
        format!("{} {who} told of {whom} to the end, {} {were} still running", counts.ended, counts.running);
    if counts.silent > 0 {
        told += &format!(", {} had been silent for long", counts.silent);
    }
    if counts.lost > 0 {
        told += &format!("; {} of their messages did not come", counts.lost);
    }
    if counts.refused > 0 {
        told += &format!("; {} messages could not be read", counts.refused);
    }
    say(&told);
    Ok(if left.is_empty() { Outcome::Fine } else { Outcome::Failed })
}

fn say(text: &str) {
    eprintln!("pikos: {}", printable(&crate::error::without_numbers(text)));
}
