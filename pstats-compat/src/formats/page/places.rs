//! Where source is found, and how a line of it is shown.

use std::path::{Path, PathBuf};

use crate::printable::printable;

/// So many characters of a line are in a page.
const WIDEST: usize = 240;

/// Where a file is: relative paths are those of the folder where the program ran.
pub fn path(file: &str, folder: Option<&Path>) -> PathBuf {
    let file = PathBuf::from(file);
    match folder {
        Some(folder) if file.is_relative() => folder.join(file),
        _ => file,
    }
}

/// A line as it stands in a page.
pub fn shown_line(line: &str) -> String {
    printable(&line.replace('\t', "    ")).chars().take(WIDEST).collect()
}
