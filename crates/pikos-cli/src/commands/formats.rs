//! `pikos formats`: what is read and written.

use std::io::{self, BufWriter, Write};

use pstats_compat::formats::Format;

use crate::error::Error;
use crate::outcome::Outcome;

pub fn run() -> Result<Outcome, Error> {
    let endings = |format: Format| format.endings().join(" ");
    let width = Format::all().map(|format| endings(format).len()).max().unwrap_or(0);
    let mut out = BufWriter::new(io::stdout().lock());
    writeln!(out, "{:<12} {:width$}  read  written  stacks", "format", "endings")?;
    for format in Format::all() {
        let yes = |is: bool| if is { "yes" } else { "" };
        let (read, written) = (yes(format.reader().is_some()), yes(format.is_written()));
        let stacks = match format {
            Format::Pikos => "full, if recorded",
            format if format.needs_stacks() || !format.is_written() => "full",
            _ => "",
        };
        let line =
            format!("{:<12} {:width$}  {read:<4}  {written:<7}  {stacks}", format.name(), endings(format));
        writeln!(out, "{}", line.trim_end())?;
    }
    writeln!(
        out,
        "\nAny file that is read may be packed with gzip. What each format can't hold: docs/use/formats.md"
    )?;
    out.flush()?;
    Ok(Outcome::Fine)
}
