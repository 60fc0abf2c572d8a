//! Code objects that have been seen, with their names.
//!
//! A code object may be freed, and another one be made at its address. So an address is known only together with what stands there:
//! words that no two code objects have in common, asked for again at each look. From 3.12 on `co_version` is among them, a number that is
//! used once; on 3.11 the hash of the name stands for it.

use std::collections::HashMap;

use super::layout::{self, Layout};
use super::look::{Code, CodeId};
use super::memory::{Batch, Gone, Memory, Piece, half, word};
use super::opcodes::Places;
use super::text::{HASH, Text};

/// More functions than this are not told apart: names take memory.
const FUNCTIONS: usize = 1 << 18;
/// Addresses that are known at once; when there are more, all are asked for anew.
const ADDRESSES: usize = 1 << 16;
/// Bytes of a line table, code units of a function: what is larger isn't read.
const TABLE: usize = 1 << 20;
const UNITS: usize = 1 << 20;
/// Bytes of all names and line tables: as many functions are told apart as these are.
const BYTES: usize = 256 << 20;
/// So many are read at once.
const AT_ONCE: usize = 32;

/// What tells a code object apart from all others that may stand at its address.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    words: Box<[u8]>,
    /// On 3.11, that of the name.
    hash: usize,
}

/// A code object at an address.
#[derive(Clone, Debug)]
pub struct Known {
    pub id: CodeId,
    /// A frame of it takes so many bytes on the data stack.
    pub frame_size: usize,
    /// How many local variables stand before its value stack.
    pub locals: usize,
    /// Where its instructions begin, and how many bytes they are.
    pub length: usize,
    /// Instructions before this one, in bytes, prepare a frame that Python doesn't show yet.
    pub first_traceable: usize,
    /// What its instructions are.
    pub places: Places,
    mark: Mark,
    name: usize,
}

/// Pieces that check a code object.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    words: Piece,
    hash: Option<Piece>,
}

/// A function with its line table.
#[derive(Debug)]
struct Function {
    code: Code,
    lines: Box<[u8]>,
}

/// All code objects that have been seen.
#[derive(Debug, Default)]
pub struct Codes {
    functions: Vec<Function>,
    /// By name and line table, so that code which is made again and again is one function.
    ids: HashMap<(Code, Box<[u8]>), CodeId>,
    known: HashMap<usize, Known>,
    /// What names and line tables take.
    bytes: usize,
    /// Where the type of all code objects is.
    pub of_type: usize,
    batch: Batch,
}

impl Codes {
    pub fn known(&self, at: usize) -> Option<&Known> {
        self.known.get(&at)
    }

    pub fn code(&self, id: CodeId) -> Option<&Code> {
        Some(&self.functions.get(id.0 as usize)?.code)
    }

    pub fn line(&self, id: CodeId, instruction: usize) -> Option<u32> {
        let function = self.functions.get(id.0 as usize)?;
        super::lines::line(&function.lines, function.code.first_line, instruction)
    }

    /// Asks, in a batch, for what stands at an address.
    pub fn check(&self, layout: &Layout, at: usize, batch: &mut Batch) -> Check {
        let start = layout.code.first_line;
        let words = batch.add(at.wrapping_add(start), layout.code.lines + 8 - start);
        let name = self.known.get(&at).filter(|_| layout.minor == 11).map(|known| known.name);
        Check { words, hash: name.map(|name| batch.add(name.wrapping_add(HASH), 8)) }
    }

    /// Whether the code object that is known there stood there when the batch was read. One that doesn't is forgotten.
    pub fn is_same(&mut self, at: usize, check: Check, batch: &Batch) -> bool {
        let Some(known) = self.known.get(&at) else { return false };
        let same = batch.get(check.words).is_some_and(|words| *words == *known.mark.words)
            && check.hash.is_none_or(|hash| batch.word(hash) == Some(known.mark.hash));
        if !same {
            self.known.remove(&at);
        }
        same
    }

    /// Reads what stands at addresses, that of code objects as far as it can be told. They are known then, but a stack that was copied
    /// before may have had others in their place.
    ///
    /// # Errors
    /// As [`Memory::copy`].
    pub fn learn(&mut self, layout: &Layout, addresses: &[usize], memory: &impl Memory) -> Result<(), Gone> {
        if self.known.len() + addresses.len() > ADDRESSES {
            self.known.clear();
        }
        let mut batch = std::mem::take(&mut self.batch);
        let mut parts = addresses.chunks(AT_ONCE);
        let result = parts.try_for_each(|part| self.learn_by(layout, part, memory, &mut batch));
        self.batch = batch;
        result
    }

    fn learn_by(
        &mut self,
        layout: &Layout,
        addresses: &[usize],
        memory: &impl Memory,
        batch: &mut Batch,
    ) -> Result<(), Gone> {
        batch.clear();
        let heads: Vec<_> = addresses.iter().map(|at| batch.add(*at, layout.code_head())).collect();
        batch.read(memory)?;
        let mut found: Vec<Found> = addresses
            .iter()
            .zip(heads)
            .filter_map(|(at, piece)| Found::new(layout, *at, self.of_type, batch.get(piece)?))
            .collect();

        batch.clear();
        let text_head = layout.unicode.compact.max(layout.unicode.state + 4);
        let heads: Vec<_> = found
            .iter()
            .map(|found| {
                let texts = found.texts.map(|at| batch.add(at, text_head));
                (texts, batch.add(found.lines, layout.bytes))
            })
            .collect();
        batch.read(memory)?;
        let sizes: Vec<_> = heads
            .into_iter()
            .map(|(texts, lines)| {
                let texts = texts.map(|text| Text::new(layout, batch.get(text)?));
                let lines = batch.get(lines).and_then(|head| word(head, layout::SIZE));
                Some(([texts[0]?, texts[1]?, texts[2]?], lines.filter(|size| *size <= TABLE)?))
            })
            .collect();
        let mut sizes = sizes.into_iter();
        found.retain_mut(|found| {
            let Some((texts, lines)) = sizes.next().flatten() else { return false };
            found.sizes = Some((texts, lines));
            true
        });

        batch.clear();
        let pieces: Vec<_> = found
            .iter()
            .map(|found| {
                let (texts, lines) = found.sizes.expect("those without were let go");
                let mut which = 0;
                let texts = texts.map(|text| {
                    which += 1;
                    batch.add(found.texts[which - 1] + text.offset, text.bytes())
                });
                let lines = batch.add(found.lines + layout.bytes, lines);
                let units = batch.add(found.at + layout.code.instructions, found.length);
                // Last: all that was read before belongs together if it is still there.
                (texts, lines, units, batch.add(found.at, layout.code_head()))
            })
            .collect();
        batch.read(memory)?;
        for (found, (texts, lines, units, head)) in found.into_iter().zip(pieces) {
            let (sizes, line_bytes) = found.sizes.expect("those without were let go");
            let same = batch.get(head).and_then(|head| Found::new(layout, found.at, self.of_type, head));
            if same.is_none_or(|same| same.words != found.words) {
                continue;
            }
            let text = |which: usize| sizes[which].decode(batch.get(texts[which]).unwrap_or_default());
            let whole =
                texts.iter().zip(sizes).all(|(piece, size)| size.length == 0 || batch.get(*piece).is_some());
            let table = if line_bytes == 0 { Some(&[][..]) } else { batch.get(lines) };
            let (true, Some(table), Some(units)) = (whole, table, batch.get(units)) else { continue };
            let code = Code { file: text(0), name: text(1), qualname: text(2), first_line: found.first_line };
            let places = Places::new(layout.minor, units);
            let id = self.id(code, table);
            let mark = Mark { words: found.words, hash: sizes[1].hash };
            self.known.insert(
                found.at,
                Known {
                    id,
                    frame_size: found.frame_size,
                    locals: found.locals,
                    length: found.length,
                    first_traceable: found.first_traceable,
                    places,
                    mark,
                    name: found.texts[1],
                },
            );
        }
        Ok(())
    }

    fn id(&mut self, mut code: Code, mut lines: &[u8]) -> CodeId {
        if self.functions.len() >= FUNCTIONS || self.bytes > BYTES {
            let name = "<more functions than are told apart>".to_owned();
            code = Code { file: String::new(), qualname: name.clone(), name, first_line: 0 };
            lines = &[];
        }
        let key = (code, Box::from(lines));
        if let Some(id) = self.ids.get(&key) {
            return *id;
        }
        let id = CodeId(self.functions.len() as u32);
        self.bytes += key.0.file.len() + key.0.name.len() + key.0.qualname.len() + key.1.len();
        self.functions.push(Function { code: key.0.clone(), lines: key.1.clone() });
        self.ids.insert(key, id);
        id
    }
}

/// A code object whose head has been read.
struct Found {
    at: usize,
    words: Box<[u8]>,
    /// File, name, qualified name.
    texts: [usize; 3],
    lines: usize,
    first_line: u32,
    length: usize,
    frame_size: usize,
    locals: usize,
    first_traceable: usize,
    sizes: Option<([Text; 3], usize)>,
}

impl Found {
    fn new(layout: &Layout, at: usize, of_type: usize, head: &[u8]) -> Option<Self> {
        let code = &layout.code;
        if word(head, layout::TYPE)? != of_type {
            return None;
        }
        let units = word(head, layout::SIZE).filter(|units| (1..=UNITS).contains(units))?;
        let count = |offset| usize::try_from(half(head, offset)?).ok().filter(|count| *count <= 1 << 20);
        let locals = count(code.locals)?;
        let words = match code.frame_size {
            Some(offset) => count(offset)?,
            None => locals + count(code.stack_size)? + layout.frame.length / 8,
        };
        Some(Self {
            at,
            words: Box::from(head.get(code.first_line..code.lines + 8)?),
            texts: [word(head, code.file)?, word(head, code.name)?, word(head, code.qualname)?],
            lines: word(head, code.lines)?,
            first_line: u32::try_from(half(head, code.first_line)?).unwrap_or(0),
            length: 2 * units,
            frame_size: 8 * words,
            locals,
            first_traceable: 2 * count(code.first_traceable)?,
            sizes: None,
        })
        .filter(|found| {
            let pointers = found.texts.into_iter().chain([found.lines, found.at]);
            pointers.into_iter().all(|at| at % 8 == 0 && at < 1 << 47)
        })
    }
}
