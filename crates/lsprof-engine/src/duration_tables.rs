//! Where it is kept how long each call of a function took; see [`crate::durations`], which writes and reads it.

use crate::cells::{Arena, Cell64, LinkCell};

/// Of an octave.
pub(crate) const PARTS: usize = 16;
/// What is longer than the last octave's end, 2⁵¹ ticks (nine days), is counted there.
pub(crate) const OCTAVES: usize = 48;

/// How many calls took about so long: of one octave.
#[derive(Debug, Default)]
pub(crate) struct Octave(pub(crate) [Cell64; PARTS]);

/// Those of a function that there are.
#[derive(Debug)]
pub(crate) struct Octaves(pub(crate) [LinkCell<Octave>; OCTAVES]);

/// How long the calls of a function took.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Durations {
    pub(crate) min: Cell64,
    pub(crate) max: Cell64,
    /// When the slowest call ended, and its node, where there is a tree.
    pub(crate) max_ended: Cell64,
    pub(crate) max_node: Cell64,
    pub(crate) octaves: LinkCell<Octaves>,
}

/// What all functions of a recorder have.
#[derive(Debug, Default)]
pub(crate) struct DurationTables {
    pub(crate) durations: Arena<Durations>,
    pub(crate) octaves: Arena<Octaves>,
    pub(crate) counts: Arena<Octave>,
}
