//! `pikos plot`: memory over records, as a picture.

use std::io::{self, BufReader, Read};
use std::path::Path;

use pikos_views::printable;

use crate::args::{PlotArgs, PlotFormat};
use crate::error::Error;
use crate::files;
use crate::outcome::Outcome;
use crate::plot::{self, Png, Series, Svg};

pub fn run(args: &PlotArgs) -> Result<Outcome, Error> {
    let picture = args
        .format
        .or_else(|| PlotFormat::of_name(&args.output))
        .ok_or_else(|| Error::UnknownPicture { path: args.output.clone() })?;
    let input: Box<dyn Read> = if args.input == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let file = std::fs::File::open(&args.input)
            .map_err(|source| Error::Open { path: args.input.clone(), source })?;
        Box::new(BufReader::with_capacity(1 << 20, file))
    };
    let series = Series::read(input, args.memory)
        .map_err(|source| Error::Records { path: args.input.clone(), source })?;
    let name = args.input.file_name().unwrap_or_default().to_string_lossy();
    let title = format!("{} of {name}, {} records", args.memory.column(), series.count());
    let bytes = match picture {
        PlotFormat::Svg => {
            let mut svg = Svg::new();
            plot::draw(&mut svg, &series, &title);
            svg.finish()
        }
        PlotFormat::Png => {
            let mut png = Png::new();
            plot::draw(&mut png, &series, &title);
            png.finish().map_err(io::Error::other)?
        }
    };
    let binary = (picture == PlotFormat::Png).then_some("png");
    let bytes = if binary.is_none() { files::as_shown(bytes, &args.output)? } else { bytes };
    files::save_bytes(&bytes, binary, &args.output)?;
    for peak in series.peaks() {
        eprintln!(
            "peak at record {}: {:.1} MiB, {}",
            peak.index,
            peak.bytes as f64 / f64::from(1 << 20),
            printable(&peak.label)
        );
    }
    Ok(Outcome::Fine)
}
