//! `pikos merge`: many profiles into one.

use std::path::Path;

use pikos_views::Error as Problem;
use pstats_compat::formats::Format;
use pstats_compat::merge::{Merger, named};

use crate::args::{MergeArgs, Parts};
use crate::error::Error;
use crate::files;
use crate::outcome::Outcome;

pub fn run(args: &MergeArgs) -> Result<Outcome, Error> {
    let mut merger = if args.lossy { Merger::lossy() } else { Merger::new() };
    let added = match args.by {
        Some(Parts::Thread) => {
            files::add_threads(&mut merger, &args.inputs, &args.input, |path, thread, profile| {
                let file = part(path, Parts::File);
                named(profile, &if args.inputs.len() > 1 { format!("{file}: {thread}") } else { thread })
            })
        }
        by => files::add_all(&mut merger, &args.inputs, &args.input, |path, profile| match by {
            None => profile,
            Some(parts) => named(profile, &part(path, parts)),
        }),
    };
    added.map_err(|error| match error {
        Error::Views(problem @ Problem::Profile { source: pstats_compat::Error::LessDetail { .. }, .. }) => {
            Error::NeedsLossy(problem)
        }
        error => error,
    })?;
    for lost in merger.lost() {
        files::say_note(lost);
    }
    let sum = merger.finish();
    let named = args.format;
    let untold = Format::untold(sum.tree.is_some());
    let format = match named {
        Some(format) => format,
        None => files::recorded_format(&args.output, untold)?,
    };
    files::save(&sum, format, &args.output)?;
    Ok(Outcome::Fine)
}

/// What a file's profile is called where it is kept apart.
fn part(path: &Path, parts: Parts) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    match parts {
        Parts::Process => {
            process(&name).map_or(name.clone().into_owned(), |process| format!("process {process}"))
        }
        Parts::Thread | Parts::File => name.into_owned(),
    }
}

/// The process that a file is of, by its name: `out-4711.pstats`, as `--follow` and `pikos record` write it;
/// `callgrind.out.4711`.
fn process(name: &str) -> Option<&str> {
    let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (stem, _) = name.split_once('.').unwrap_or((name, ""));
    let dashed = stem.rsplit_once('-').map(|(_, number)| number).filter(is_number);
    dashed.or_else(|| name.rsplit('.').next().filter(is_number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_which_process_it_is_of() {
        for (name, expected) in [
            ("out-4711.pstats", "process 4711"),
            ("a-b-12.speedscope.json", "process 12"),
            ("callgrind.out.99", "process 99"),
            ("out.pstats", "out.pstats"),
            ("python-3.11.pstats", "process 3"),
        ] {
            assert_eq!(part(Path::new(name), Parts::Process), expected);
        }
        assert_eq!(part(Path::new("/a/out-4711.pstats"), Parts::File), "out-4711.pstats");
    }
}
