//! `pikos export`: one format into another.

use crate::args::ExportArgs;
use crate::error::Error;
use crate::files;
use crate::outcome::Outcome;

pub fn run(args: &ExportArgs) -> Result<Outcome, Error> {
    let format = files::target_format(args.format, &args.output, None)?;
    let profile = files::load_all(&args.inputs, &args.input)?;
    files::save(&profile, format, &args.output)?;
    Ok(Outcome::Fine)
}
