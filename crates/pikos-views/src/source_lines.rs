//! The source of a function, as far as it can be read here.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use pstats_compat::Text;

use pstats_compat::printable::printable;

/// Nobody reads more than this in a pane; and a profile may name any file.
const LARGEST: u64 = 8 << 20;

/// The lines of a file, safe to print, or why there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLines {
    /// The file, as the profile names it.
    pub path: Text,
    /// Its lines.
    pub lines: Vec<String>,
    /// Why there are none.
    pub problem: Option<String>,
}

impl SourceLines {
    /// Reads a file that a profile names. Tabs become spaces.
    pub fn read(path: &Text) -> Self {
        match lines_of(path) {
            Ok(lines) => Self { path: path.clone(), lines, problem: None },
            Err(problem) => Self { path: path.clone(), lines: Vec::new(), problem: Some(problem) },
        }
    }
}

fn lines_of(path: &Text) -> Result<Vec<String>, String> {
    let name = path.to_str_lossy();
    if path.as_bytes() == b"~" {
        return Err("a built-in has no Python source".to_owned());
    }
    if name.starts_with('<') {
        return Err(printable(&format!("{name}: the code did not come from a file")).into_owned());
    }
    let failed = |problem: &dyn std::fmt::Display| printable(&format!("{name}: {problem}")).into_owned();
    let path = Path::new(name.as_ref());
    // A FIFO would wait for a writer, a device may never end.
    match path.metadata() {
        Err(error) => return Err(failed(&error)),
        Ok(metadata) if !metadata.is_file() => return Err(failed(&"not a file")),
        Ok(metadata) if metadata.len() > LARGEST => return Err(failed(&"too large to show")),
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| failed(&error))?;
    file.take(LARGEST).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().map(|line| printable(&line.replace('\t', "    ")).into_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_source_says_why() {
        let problem = |path: &str| SourceLines::read(&path.into()).problem.expect("no source");
        assert!(problem("~").contains("built-in"));
        assert!(problem("<string>").contains("did not come from a file"));
        assert!(problem("/dev/zero").contains("not a file"));
        assert!(problem("/does/not/exist.py").contains("No such file"));
    }

    #[test]
    fn lines_are_safe_to_print() {
        let path = std::env::temp_dir().join(format!("pikos-source-{}.py", std::process::id()));
        std::fs::write(&path, "def f():\n\tprint('\x1b[2J')\n").expect("written");
        let lines = SourceLines::read(&path.to_str().expect("UTF-8").into());
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(lines.lines, ["def f():", "    print('\u{FFFD}[2J')"]);
    }
}
