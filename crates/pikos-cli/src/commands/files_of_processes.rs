//! The files that several processes are written to: their names.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The files that this run has written: a stream never takes another one's.
pub type Files = HashSet<PathBuf>;

/// The stream's file: processes of several hosts may have one number, and a process several profiles.
pub fn file_of(path: &Path, several: bool, pid: u32, files: &mut Files) -> PathBuf {
    let alone = (!several).then(|| path.to_owned());
    let numbered = (2..).map(|number| with(path, &format!("{pid}-{number}")));
    let names = alone.into_iter().chain([with(path, &pid.to_string())]).chain(numbered);
    let free = names.into_iter().find(|name| files.insert(name.clone()));
    free.expect("there are more numbers than files")
}

/// `out.pstats` of process 7 is `out-7.pstats`.
pub fn with(path: &Path, which: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (stem, rest) = name.find('.').filter(|&dot| dot > 0).map_or((&*name, ""), |dot| name.split_at(dot));
    path.with_file_name(format!("{stem}-{which}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_has_a_file() {
        let named = |path: &str| with(Path::new(path), "7").display().to_string();
        assert_eq!(named("out.pstats"), "out-7.pstats");
        assert_eq!(named("/tmp/x.speedscope.json"), "/tmp/x-7.speedscope.json");
        assert_eq!(named("out"), "out-7");
        assert_eq!(named(".hidden"), ".hidden-7");
    }

    #[test]
    fn no_stream_takes_anothers_file() {
        let mut files = Files::new();
        let mut next =
            |several, pid| file_of(Path::new("o.prof"), several, pid, &mut files).display().to_string();
        assert_eq!(
            (next(true, 7), next(true, 8), next(true, 7)),
            ("o-7.prof".into(), "o-8.prof".into(), "o-7-2.prof".into())
        );
        assert_eq!(
            (next(false, 7), next(false, 9), next(false, 7)),
            ("o.prof".into(), "o-9.prof".into(), "o-7-3.prof".into())
        );
    }
}
