//! `pikos view`: profiles on the whole screen, to sort, filter and drill down; or in the browser.

use pikos_views::Profiles;

use crate::args::ViewArgs;
use crate::commands::serve;
use crate::error::Error;
use crate::files;
use crate::outcome::Outcome;
use crate::progress::Progress;
use crate::shown;
use crate::top;

pub fn run(args: &ViewArgs) -> Result<Outcome, Error> {
    if args.web {
        return serve::files(args.inputs.clone(), &args.input);
    }
    let mut progress = Progress::new("reading", args.inputs.len());
    let kept = args.table.shown.clone();
    let prepare = move |profile| shown::matching(profile, &kept);
    let mut source = Profiles::open(&args.inputs, &args.input.options(), prepare, |path, notes| {
        files::tell(path, notes);
        progress.step();
    })?;
    drop(progress);
    let scope = source.first_scope();
    top::show("pikos view", &mut source, scope, &args.table.options())?;
    Ok(Outcome::Fine)
}
