//! `pikos report`: one page that tells all of a profile, or of what changed between two.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use pikos_views::printable;
use pstats_compat::Profile;
use pstats_compat::diff::{Diff, Noise};
use pstats_compat::formats::flamegraph::Difference;
use pstats_compat::formats::page::{self, LineFigures};
use pstats_compat::formats::{self, Format, MOST_BYTES, Output};
use pstats_compat::model::facts;

use super::export;
use crate::args::{InputArgs, ReportArgs};
use crate::error::Error;
use crate::files;
use crate::outcome::Outcome;

/// By so many bytes a page of ours is known.
const HEAD: u64 = 1 << 14;

pub fn run(args: &ReportArgs) -> Result<Outcome, Error> {
    if args.diff && args.inputs.len() != 2 {
        return Err(Error::NotTwo);
    }
    // Before the work: nobody wants to hear it afterwards.
    let path = match &args.output {
        Some(path) => path.clone(),
        None => free(name(args), &args.inputs)?,
    };
    if args.diff {
        write_difference(args, &path)?
    } else {
        write(args, &path)?
    }
    if files::is_pipe(&path) {
        return Ok(Outcome::Fine);
    }
    let shown = path.display().to_string();
    let shown = printable(&shown);
    let mut out = io::stdout().lock();
    match args.open {
        true => {
            writeln!(out, "{shown}")?;
            pikos_os::browser::open(&path).map_err(|source| Error::NoBrowser { path, source })?;
        }
        false => writeln!(out, "{shown}: open it in a browser, or add --open")?,
    }
    Ok(Outcome::Fine)
}

fn write(args: &ReportArgs, path: &Path) -> Result<(), Error> {
    let mut profile = files::load_all(&args.inputs, &args.input)?;
    match &args.title {
        Some(title) => profile.metadata.title = Some(title.as_str().into()),
        None if profile.metadata.title.is_none() && profile.metadata.fact(facts::COMMAND).is_none() => {
            profile.metadata.title = Some(export::title(&args.inputs).as_str().into());
        }
        None => {}
    }
    let lines = args.lines.as_deref().map(|path| lines(path, &profile)).transpose()?;
    // What stacks leave open stands on the page itself.
    let output = Output::new(&profile, Format::Html);
    files::save_as(Format::Html, path, |out| match args.no_source {
        true => output.write(out),
        false => output.write_page_with_source(lines.as_ref(), out),
    })
}

/// What is known of single lines.
fn lines(path: &Path, profile: &Profile) -> Result<LineFigures, Error> {
    let unread = |source| Error::Open { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(unread)?.take(MOST_BYTES as u64).read_to_end(&mut bytes).map_err(unread)?;
    let lines = LineFigures::read(&bytes).map_err(|source| Error::Lines { path: path.to_owned(), source })?;
    match lines.fits(profile) {
        true => Ok(lines),
        false => Err(Error::OtherLines { path: path.to_owned() }),
    }
}

fn write_difference(args: &ReportArgs, path: &Path) -> Result<(), Error> {
    let (before, after) =
        (comparable(&args.inputs[0], &args.input)?, comparable(&args.inputs[1], &args.input)?);
    let nothing = Noise { part: 0.0, seconds: 0.0 };
    let diff = Diff::new(&before, &after, nothing).map_err(Error::Combine)?;
    let title = args.title.clone().unwrap_or_else(|| {
        let name =
            |path: &PathBuf| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        format!("{} → {}", name(&args.inputs[0]), name(&args.inputs[1]))
    });
    let difference = Difference::of(&diff);
    files::save_as(Format::Html, path, |out| page::write_difference(&difference, &title, out))
}

fn comparable(path: &Path, args: &InputArgs) -> Result<Profile, Error> {
    let mut profile = files::load(path, args)?;
    profile.make_comparable();
    Ok(profile)
}

/// What a page is called: as its profile, or both.
fn name(args: &ReportArgs) -> String {
    match &args.inputs[..] {
        [before, after] if args.diff => format!("{}-{}-diff", stem(before), stem(after)),
        inputs => stem(&inputs[0]),
    }
}

/// A profile's name without its ending.
fn stem(path: &Path) -> String {
    if files::is_pipe(path) {
        return "profile".to_owned();
    }
    let name = path.file_name().map_or("profile".into(), |name| name.to_string_lossy());
    let name = name.trim_start_matches('@');
    let known = Format::from_path(path).map(Format::endings).unwrap_or_default();
    let fits = |ending: &&&str| name.len() > ending.len() && name.to_lowercase().ends_with(**ending);
    let ending = known.iter().filter(fits).map(|ending| ending.len()).max().unwrap_or(0);
    name.get(..name.len() - ending).unwrap_or(name).to_owned()
}

/// A file of this name that may be written: a new one, or an older page, but none of those that are read.
fn free(stem: String, inputs: &[PathBuf]) -> Result<PathBuf, Error> {
    let mut path = PathBuf::from(format!("{stem}.html"));
    let is_same = |input: &PathBuf| {
        let whole = |path: &Path| path.canonicalize().ok();
        whole(input).is_some_and(|input| whole(&path) == Some(input))
    };
    if inputs.iter().any(is_same) {
        path = PathBuf::from(format!("{stem}-report.html"));
    }
    match path.try_exists() {
        Ok(true) if !is_our_page(&path) => Err(Error::NotOurs { path }),
        _ => Ok(path),
    }
}

fn is_our_page(path: &Path) -> bool {
    let mut start = Vec::new();
    let found = File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut start));
    found.is_ok() && formats::is_our_page(&start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_called_like_its_profile() {
        for (path, expected) in [
            ("a.pikos", "a"),
            ("runs/app-20261129-153903.pikos", "app-20261129-153903"),
            ("b.SPEEDSCOPE.json", "b"),
            ("x.pb.gz", "x"),
            (".pikos", ".pikos"),
            ("callgrind.out.12", "callgrind.out.12"),
            ("-", "profile"),
            ("@list", "list"),
            ("runs/", "runs"),
        ] {
            assert_eq!(stem(Path::new(path)), expected);
        }
    }
}
