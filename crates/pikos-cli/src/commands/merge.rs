//! `pikos merge`: many profiles into one.

use pstats_compat::formats::Format;

use crate::args::MergeArgs;
use crate::error::Error;
use crate::files;
use crate::outcome::Outcome;

pub fn run(args: &MergeArgs) -> Result<Outcome, Error> {
    let format = files::target_format(args.format, &args.output, Some(Format::Pstats))?;
    let profile = files::load_all(&args.inputs, &args.input)?;
    files::save(&profile, format, &args.output)?;
    Ok(Outcome::Fine)
}
