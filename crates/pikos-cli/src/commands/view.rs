//! `pikos view`: profiles on the whole screen, to sort, filter and drill down.

use pikos_views::{Input, Profiles};

use crate::args::{InputArgs, ViewArgs};
use crate::error::Error;
use crate::progress::Progress;
use crate::{Outcome, files, top};

pub fn run(args: &ViewArgs) -> Result<Outcome, Error> {
    let mut inputs = Vec::with_capacity(args.inputs.len());
    let mut progress = Progress::new("reading", args.inputs.len());
    for path in &args.inputs {
        let profile = files::load(path, &args.input)?;
        inputs.push(Input { path: (path.as_os_str() != "-").then(|| path.clone()), profile });
        progress.step();
    }
    drop(progress);
    let again = InputArgs { from: args.input.from };
    let mut source = Profiles::new(inputs, Box::new(move |path| files::load(path, &again).ok()));
    let scope = source.first_scope();
    top::show("pikos view", &mut source, scope, &args.table)?;
    Ok(Outcome::Fine)
}
