//! Where it is kept how long each call of a function took; see [`crate::durations`], which writes and reads it.

use crate::cells::{Arena, Cell64, LinkCell};

/// Of an octave.
pub(crate) const PARTS: usize = 16;
/// What is longer than the last octave's end, 2⁵² ticks (seventeen days), is counted there.
pub(crate) const OCTAVES: usize = 52;

/// A function's first call: many functions have no other one.
#[derive(Debug)]
pub(crate) struct FirstCall {
    pub(crate) duration: Cell64,
    pub(crate) ended: Cell64,
    pub(crate) node: Cell64,
}

/// How many calls took about so long: of one octave.
#[derive(Debug, Default)]
pub(crate) struct Octave(pub(crate) [Cell64; PARTS]);

/// How long the calls of a function took. Seven cache lines.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Durations {
    pub(crate) min: Cell64,
    pub(crate) max: Cell64,
    /// When the slowest call ended, and its node, where there is a tree.
    pub(crate) max_ended: Cell64,
    pub(crate) max_node: Cell64,
    /// Those that any call fell into.
    pub(crate) octaves: [LinkCell<Octave>; OCTAVES],
}

/// What all functions of a recorder have.
#[derive(Debug, Default)]
pub(crate) struct DurationTables {
    pub(crate) first: Arena<FirstCall>,
    pub(crate) durations: Arena<Durations>,
    pub(crate) counts: Arena<Octave>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_gap() {
        assert_eq!((size_of::<Durations>(), size_of::<Octave>()), (448, 128));
    }
}
