//! `pikos plot`: memory over time, as a picture, and its peaks as a list.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use pikos_views::printable;

use crate::args::{PlotArgs, PlotFormat};
use crate::error::Error;
use crate::files;
use crate::outcome::Outcome;
use crate::plot::{self, Peak, Png, Series, Svg, Theme};

pub fn run(args: &PlotArgs) -> Result<Outcome, Error> {
    let picture = args
        .format
        .or_else(|| PlotFormat::of_name(&args.output))
        .ok_or_else(|| Error::UnknownPicture { path: args.output.clone() })?;
    let input: Box<dyn Read> = if args.input == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let file =
            File::open(&args.input).map_err(|source| Error::Open { path: args.input.clone(), source })?;
        Box::new(BufReader::with_capacity(1 << 20, file))
    };
    let series = Series::read(input, args.memory)
        .map_err(|source| Error::Records { path: args.input.clone(), source })?;
    let name = args.input.file_name().unwrap_or_default().to_string_lossy();
    let source = format!("{name}, {} records", plot::with_thousands_apart(series.count()));
    let theme = args.dark.then_some(Theme::Dark);
    let bytes = match picture {
        PlotFormat::Svg => {
            let mut svg = Svg::new(theme);
            plot::draw(&mut svg, &series, args.memory, &source);
            svg.finish()
        }
        PlotFormat::Png => {
            let mut png = Png::new(theme.unwrap_or(Theme::Light));
            plot::draw(&mut png, &series, args.memory, &source);
            png.finish().map_err(io::Error::other)?
        }
    };
    let binary = (picture == PlotFormat::Png).then_some("png");
    let bytes = if binary.is_none() { files::as_shown(bytes, &args.output)? } else { bytes };
    files::save_bytes(&bytes, binary, &args.output)?;
    let text = list(&series);
    // The picture has standard output to itself.
    if files::is_pipe(&args.output) {
        io::stderr().write_all(text.as_bytes())?;
    } else {
        io::stdout().write_all(text.as_bytes())?;
    }
    Ok(Outcome::Fine)
}

/// The peaks in words; where there is none, the most.
fn list(series: &Series) -> String {
    let place = |peak: &Peak| {
        let time = if series.has_time() { format!("{:.3} s, ", peak.at.time) } else { String::new() };
        let (label, mebibytes) = (printable(&peak.label), mebibytes(peak.at.bytes));
        format!("{time}record {}: {mebibytes}, {label}", peak.at.index)
    };
    let grown: String = series
        .greatest_growth()
        .iter()
        .map(|(name, bytes)| format!("grew by {} under {}\n", mebibytes(*bytes), printable(name)))
        .collect();
    let peaks = plot::peaks(series);
    if !peaks.is_empty() {
        return peaks.iter().map(|peak| format!("peak at {}\n", place(peak))).chain([grown]).collect();
    }
    let fall = mebibytes(plot::least_fall(series));
    let most = plot::summit(series).map_or_else(String::new, |top| format!("; the most, at {}", place(&top)));
    format!("no peak: memory never rose and fell again by {fall}{most}\n{grown}")
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
