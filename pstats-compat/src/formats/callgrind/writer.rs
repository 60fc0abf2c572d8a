//! Who wrote a file, as far as that says something about its figures.

use super::write::CREATOR;

/// The program that wrote a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Writer {
    /// Ours.
    Pikos,
    /// pyprof2calltree. It does not name itself; `event: ns : Nanoseconds` is its signature.
    Pyprof2calltree,
    /// valgrind's tool.
    Callgrind,
    /// PHP's.
    Xdebug,
    /// yappi.
    Yappi,
    /// Anybody.
    #[default]
    Other,
}

impl Writer {
    /// What `creator:` says.
    pub fn of_creator(value: &[u8]) -> Self {
        match value {
            _ if value == CREATOR.as_bytes() => Self::Pikos,
            _ if value.starts_with(b"callgrind-") => Self::Callgrind,
            _ if value.starts_with(b"xdebug ") => Self::Xdebug,
            b"yappi" => Self::Yappi,
            _ => Self::Other,
        }
    }

    /// Whether every line of a block is the one where its function is defined, so that it tells two functions of one name
    /// apart. Others name the line of a statement.
    pub fn names_definitions(self) -> bool {
        matches!(self, Self::Pikos | Self::Pyprof2calltree)
    }
}
