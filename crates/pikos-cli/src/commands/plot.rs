//! `pikos plot`: memory over time, as a picture, and its peaks as a list.

use std::io::{self, Write};
use std::path::Path;

use pikos_views::printable;

use crate::args::{PlotArgs, PlotFormat};
use crate::error::Error;
use crate::files;
use crate::outcome::Outcome;
use crate::plot::{self, Curve, Peak, Picture, Series, Theme, amount};

pub fn run(args: &PlotArgs) -> Result<Outcome, Error> {
    let format = args
        .format
        .or_else(|| PlotFormat::of_name(&args.output))
        .ok_or_else(|| Error::UnknownPicture { path: args.output.clone() })?;
    let names = names(&args.inputs);
    let read = |(path, name): (&std::path::PathBuf, String)| match plot::read(path, args.memory) {
        Ok(series) => Ok(Curve { name, series }),
        Err(source) => Err(Error::Records { path: path.clone(), source }),
    };
    let curves: Vec<Curve> = args.inputs.iter().zip(names).map(read).collect::<Result<_, _>>()?;
    let picture = Picture::of(&curves, args.memory, args.size);
    let theme = args.dark.then_some(Theme::Dark);
    let bytes = match format {
        PlotFormat::Svg => files::as_shown(picture.svg(theme).into_bytes(), &args.output)?,
        PlotFormat::Png => {
            let svg = picture.svg(theme.or(Some(Theme::Light)));
            plot::png(&svg, &picture.typeface).expect("a drawing of ours, which has a size")
        }
    };
    let binary = (format == PlotFormat::Png).then_some("png");
    files::save_bytes(&bytes, binary, &args.output)?;
    let text: String = curves
        .iter()
        .map(|curve| {
            let name =
                if curves.len() > 1 { format!("{}:\n", printable(&curve.name)) } else { String::new() };
            name + &list(&curve.series)
        })
        .collect();
    // The picture has standard output to itself.
    if files::is_pipe(&args.output) {
        io::stderr().write_all(text.as_bytes())?;
    } else {
        io::stdout().write_all(text.as_bytes())?;
    }
    Ok(Outcome::Fine)
}

/// What the curves are called: the files' names, with their folders where two have one name.
fn names(paths: &[std::path::PathBuf]) -> Vec<String> {
    let short = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = |path: &std::path::PathBuf| match short(path) {
        _ if path == Path::new("-") => "standard input".to_owned(),
        name if paths.iter().filter(|other| short(other) == name).count() > 1 => path.display().to_string(),
        name => name,
    };
    paths.iter().map(name).collect()
}

/// The peaks in words; where there is none, the most.
fn list(series: &Series) -> String {
    let place = |peak: &Peak| {
        let time = peak.at.time - series.start();
        let time = if series.has_time() { format!("{time:.3} s, ") } else { String::new() };
        let (label, memory) = (printable(&peak.label), amount(peak.at.bytes));
        format!("{time}record {}: {memory}, {label}", peak.at.index)
    };
    let grown: String = series
        .greatest_growth()
        .iter()
        .map(|(name, bytes)| format!("grew by {} under {}\n", amount(*bytes), printable(name)))
        .collect();
    let peaks = plot::peaks(series);
    if !peaks.is_empty() {
        return peaks.iter().map(|peak| format!("peak at {}\n", place(peak))).chain([grown]).collect();
    }
    let fall = amount(plot::least_fall(series));
    let most = plot::summit(series).map_or_else(String::new, |top| format!("; the most, at {}", place(&top)));
    format!("no peak: memory never rose and fell again by {fall}{most}\n{grown}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_name_are_told_apart() {
        let names = names(&["a/x.csv", "b/x.csv", "y.csv", "-"].map(Into::into));
        assert_eq!(names, ["a/x.csv", "b/x.csv", "y.csv", "standard input"]);
    }
}
