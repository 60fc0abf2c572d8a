//! `pikos export`: one format into another, whole or in part.

use std::path::{Path, PathBuf};

use jiff::Zoned;
use pstats_compat::formats::{Format, dot};
use pstats_compat::model::facts;
use pstats_compat::report::stdname;

use crate::args::{Amount, ExportArgs};
use crate::error::Error;
use crate::files;
use crate::outcome::Outcome;
use crate::shown;

pub fn run(args: &ExportArgs) -> Result<Outcome, Error> {
    let format = files::target_format(args.format, &args.output)?;
    let mut profile = match &args.thread {
        Some(thread) => files::load_thread(&args.inputs, thread, &args.input)?,
        None => files::load_all(&args.inputs, &args.input)?,
    };
    profile = shown::mine(profile, &args.shown);
    if args.strip_dirs {
        profile.strip_dirs();
    }
    let least = args.min.map(|min| match min {
        Amount::Part(part) => part * profile.tottime(),
        Amount::Seconds(seconds) => seconds,
    });
    // A graph leaves out what is small without adding it to what is drawn.
    let least = least.filter(|_| format != Format::Dot);
    if least.is_some() || args.shown.has_patterns() {
        profile = shown::without(&profile, |function| {
            let is_small = least.is_some_and(|least| !function.caller_only && function.calls.cumtime < least);
            is_small || args.shown.hides(&stdname(function))
        });
    }
    if args.collapse_recursion {
        // Approximated stacks have none: no function is entered twice.
        profile.tree = profile.tree.map(|tree| tree.collapse_recursion());
    }
    match &args.title {
        Some(title) => profile.metadata.title = Some(title.as_str().into()),
        // Where the command is known, that and the date are the title.
        None if profile.metadata.title.is_none()
            && profile.metadata.fact(facts::COMMAND).is_none()
            && has_heading(format) =>
        {
            profile.metadata.title = Some(title(&args.inputs).as_str().into());
        }
        None => {}
    }
    match args.min {
        Some(min) if format == Format::Dot => {
            let total = profile.tottime();
            let part = match min {
                Amount::Part(part) => part,
                Amount::Seconds(seconds) if total > 0.0 => seconds / total,
                Amount::Seconds(_) => 0.0,
            };
            files::save_as(format, &args.output, |out| dot::write_above(&profile, part, out))?;
        }
        _ => files::save(&profile, format, &args.output)?,
    }
    Ok(Outcome::Fine)
}

/// Whether a reader sees the title.
fn has_heading(format: Format) -> bool {
    matches!(format, Format::Html | Format::Svg | Format::Speedscope | Format::Firefox)
}

/// What the profile is of, and from when: the name of the first file and when it was written.
pub fn title(inputs: &[PathBuf]) -> String {
    let Some((first, rest)) = inputs.split_first() else { return "profile".to_owned() };
    let mut title = match files::is_pipe(first) {
        true => "profile".to_owned(),
        false => first.file_name().unwrap_or(first.as_os_str()).to_string_lossy().into_owned(),
    };
    if !rest.is_empty() {
        title.push_str(&format!(" and {} more", rest.len()));
    }
    match written(first) {
        Some(time) => format!("{title}, {}", time.strftime("%Y-%m-%d %H:%M")),
        None => title,
    }
}

fn written(path: &Path) -> Option<Zoned> {
    let time = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()?;
    Zoned::try_from(time).ok()
}
