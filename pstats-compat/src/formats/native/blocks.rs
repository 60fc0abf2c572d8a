//! The frame of the file: blocks, each with its kind, its length and a checksum, packed where that makes it smaller.

use std::io::{Read, Write};

use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use super::super::limits::MOST_BYTES;
use crate::error::{Error, Result};

/// A byte that is no text, then the name, then what a transfer of text would change.
pub const MAGIC: [u8; 8] = *b"\x89PIKOS\r\n";
/// The layout's version, the byte behind the magic. A reader refuses greater ones.
pub const VERSION: u8 = 1;

/// What a block holds: four letters. A small first letter says that a reader who doesn't know it may leave it out.
pub type Kind = [u8; 4];
pub const META: Kind = *b"META";
pub const TEXT: Kind = *b"TEXT";
pub const FUNC: Kind = *b"FUNC";
pub const EDGE: Kind = *b"EDGE";
/// Which thread each stack is of; in front of the stacks, so that these are never there without it.
pub const THREADS: Kind = *b"thrd";
pub const TREE: Kind = *b"TREE";
/// What functions waited for the GIL; only where one did, in front of the functions, so that these are never there without it.
pub const GIL_WAITS: Kind = *b"wait";
/// Coroutines, and steps that kept a loop too long; only where these were followed, in front of the functions like what they waited.
pub const COROUTINES: Kind = *b"coro";
pub const SLOW_STEPS: Kind = *b"slow";
/// How long processors were at work on the calls of functions, and on those through each caller; likewise in front of what they are of.
pub const CPU: Kind = *b"cpuf";
pub const CPU_OF_EDGES: Kind = *b"cpue";
/// How long each call took; likewise.
pub const DISTRIBUTIONS: Kind = *b"dist";
/// Objects by type; only where they were counted, in front of the functions, too.
pub const OBJECTS: Kind = *b"objs";
/// The figures of each label set; only where there are such, and behind all others of the whole.
pub const LABEL_SETS: Kind = *b"labl";
/// The end of a snapshot.
pub const DONE: Kind = *b"DONE";

/// Kind, length in the file, length unpacked, checksum.
const HEAD: usize = 16;
/// Half as long again to write, and a tenth smaller than the quickest.
const EFFORT: u32 = 4;

/// Writes one block.
pub fn push(kind: Kind, content: &[u8], out: &mut dyn Write) -> Result<()> {
    let mut packer = DeflateEncoder::new(Vec::new(), Compression::new(EFFORT));
    packer.write_all(content)?;
    let packed = packer.finish()?;
    let stored = if packed.len() < content.len() { &packed } else { content };
    let length = |bytes: &[u8]| {
        u32::try_from(bytes.len()).map(u32::to_le_bytes).map_err(|_| Error::NotRepresentable {
            format: "pikos",
            problem: "one of its tables takes more than 4 GiB".to_owned(),
        })
    };
    let lengths = [length(stored)?, length(content)?].concat();
    out.write_all(&kind)?;
    out.write_all(&lengths)?;
    out.write_all(&checksum(&kind, &lengths, stored).to_le_bytes())?;
    out.write_all(stored)?;
    Ok(())
}

fn checksum(kind: &[u8], lengths: &[u8], stored: &[u8]) -> u32 {
    let mut sum = Crc::new();
    for part in [kind, lengths, stored] {
        sum.update(part);
    }
    sum.sum()
}

/// The blocks of a file, one after the other.
pub struct Blocks<'b> {
    rest: &'b [u8],
    /// So much may still be unpacked.
    room: usize,
}

impl<'b> Blocks<'b> {
    /// Of what follows the magic and the version.
    pub fn new(rest: &'b [u8]) -> Self {
        Self::within(rest, MOST_BYTES)
    }

    /// The same, of which no more than so much may be unpacked.
    pub fn within(rest: &'b [u8], room: usize) -> Self {
        Self { rest, room }
    }

    /// How much may still be unpacked.
    pub fn room(&self) -> usize {
        self.room
    }

    /// The next block as it is stored, or None at the end of the file, and where it is cut short or damaged.
    pub fn next(&mut self) -> Option<Stored<'b>> {
        let (head, rest) = self.rest.split_at_checked(HEAD)?;
        let number = |at: usize| head[at..at + 4].try_into().map(u32::from_le_bytes).ok();
        let (stored, rest) = rest.split_at_checked(number(4)? as usize)?;
        // A fuzzer would hardly find one that is right.
        if !cfg!(fuzzing) && checksum(&head[..4], &head[4..12], stored) != number(12)? {
            return None;
        }
        self.rest = rest;
        Some(Stored { kind: head[..4].try_into().ok()?, length: number(8)? as usize, bytes: stored })
    }

    /// Whether nothing follows.
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// What a block holds.
    pub fn unpack(&mut self, block: &Stored<'b>) -> Result<Vec<u8>> {
        if block.length > self.room {
            return Err(Error::TooLarge { limit: MOST_BYTES });
        }
        self.room -= block.length;
        if block.bytes.len() == block.length {
            return Ok(block.bytes.to_vec());
        }
        let mut content = Vec::new();
        let limit = block.length as u64 + 1;
        let unpacked = DeflateDecoder::new(block.bytes).take(limit).read_to_end(&mut content);
        match unpacked {
            Ok(length) if length == block.length => Ok(content),
            _ => Err(damaged("a block does not unpack to its length")),
        }
    }
}

/// A block that is whole.
pub struct Stored<'b> {
    pub kind: Kind,
    /// Its length when it is unpacked.
    length: usize,
    bytes: &'b [u8],
}

/// What no writer writes.
pub fn damaged(problem: &str) -> Error {
    Error::Incomplete { problem: problem.to_owned() }
}
