//! Copies of another process' memory: many pieces in one call, any of which may not be there.

use pikos_os::foreign_memory::Span;

/// Where memory is copied from: a process, or a test's bytes.
pub trait Memory {
    /// Copies spans one after another into `into`, until one can't be read; how many bytes were copied.
    ///
    /// # Errors
    /// Nothing can be read from it, at no address.
    fn copy(&self, spans: &[Span], into: &mut [u8]) -> Result<usize, Gone>;
}

/// Nothing can be read any more.
#[derive(Debug)]
pub struct Gone(pub std::io::Error);

/// A call takes so many spans at most, and more are in the next one.
const AT_ONCE: usize = 1024;

/// Which of a batch's pieces: to ask for it when they have been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece(usize);

/// Pieces to be read together, in their order, and what was read. Its memory is used again.
#[derive(Debug, Default)]
pub struct Batch {
    spans: Vec<Span>,
    /// Where each begins in `bytes`, and whether it has been read.
    places: Vec<(usize, bool)>,
    bytes: Vec<u8>,
    length: usize,
}

impl Batch {
    pub fn clear(&mut self) {
        self.spans.clear();
        self.places.clear();
        self.length = 0;
    }

    /// How many bytes are asked for.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Asks for a piece. An empty one is never there.
    pub fn add(&mut self, at: usize, length: usize) -> Piece {
        self.spans.push(Span { at, length });
        self.places.push((self.length, false));
        self.length += length;
        Piece(self.spans.len() - 1)
    }

    /// Reads all pieces. Those that aren't there cost a call each.
    ///
    /// # Errors
    /// As [`Memory::copy`].
    pub fn read(&mut self, memory: &impl Memory) -> Result<(), Gone> {
        if self.bytes.len() < self.length {
            self.bytes.resize(self.length, 0);
        }
        let mut next = 0;
        while next < self.spans.len() {
            let (start, _) = self.places[next];
            let spans = &self.spans[next..(next + AT_ONCE).min(self.spans.len())];
            let mut copied = memory.copy(spans, &mut self.bytes[start..self.length])?;
            let mut whole = 0;
            for span in spans {
                if span.length == 0 || copied < span.length {
                    break;
                }
                copied -= span.length;
                self.places[next + whole].1 = true;
                whole += 1;
            }
            // What ended the copy isn't there, if it wasn't the end of what one call takes.
            next += if whole < spans.len() { whole + 1 } else { whole };
        }
        Ok(())
    }

    /// What was read of a piece. `None`: it wasn't there.
    pub fn get(&self, piece: Piece) -> Option<&[u8]> {
        let (start, is_read) = *self.places.get(piece.0)?;
        is_read.then(|| &self.bytes[start..start + self.spans[piece.0].length])
    }

    /// What was read of the piece that was asked for after so many others.
    pub fn nth(&self, which: usize) -> Option<&[u8]> {
        self.get(Piece(which))
    }

    /// A word that stands alone.
    pub fn word(&self, piece: Piece) -> Option<usize> {
        word(self.get(piece)?, 0)
    }
}

/// A word in what was read.
#[inline]
pub fn word(bytes: &[u8], offset: usize) -> Option<usize> {
    Some(u64::from_le_bytes(*bytes.get(offset..)?.first_chunk()?) as usize)
}

/// Half a word.
#[inline]
pub fn half(bytes: &[u8], offset: usize) -> Option<i32> {
    Some(i32::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}
