//! Reads the one shape that a pstats file has, and refuses all else at the byte where it stands.
//!
//! Nothing is built that the shape does not call for: no code objects, no nesting deeper than the
//! shape's own, no memory beyond a fixed multiple of the file. References could repeat a large
//! dict of callers without end, so the edges altogether may not outnumber what the bytes could
//! spell out.

use super::marshal::{
    Cursor, FIGURES_LENGTH, FLAG_REF, Figures, Number, REFERENCE_LENGTH, describe, reference,
};
use super::write::UNFINISHED;
use crate::error::{Error, Result};
use crate::model::{Calls, Counts, Edge, EdgeDetail, Function, FunctionId, IdMap, LabelIndex, Profile, Text};

/// The fewest bytes that one caller takes: a reference as its key, a reference as its value.
const SHORTEST_EDGE: usize = 10;

/// The bytes of a caller as nearly all are spelled.
const TYPICAL_EDGE: usize = REFERENCE_LENGTH + FIGURES_LENGTH;

/// Reads a pstats file of CPython 3.8 to 3.15, or of a profiler that writes the same shape.
pub fn read(bytes: &[u8]) -> Result<Profile> {
    if let [0x80, 2..=5, ..] = bytes {
        let found = "a pickle, which can run code when loaded".to_owned();
        return Err(Error::Refused { offset: 0, found, expected: "the dict of a profile" });
    }
    // Most of a large file are callers, six or so for each function. What is too much is never touched, and so costs
    // nothing; what is too little grows.
    let (edges, functions) = (bytes.len() / TYPICAL_EDGE, bytes.len() / TYPICAL_EDGE / 4);
    let mut reader = PstatsReader {
        cursor: Cursor::new(bytes),
        edge_limit: bytes.len() / SHORTEST_EDGE,
        refs: Vec::with_capacity(4 * functions),
        texts: Vec::with_capacity(functions),
        text_ids: IdMap::default(),
        by_label: LabelIndex::default(),
        caller_of: Vec::with_capacity(functions),
        rows: Vec::with_capacity(functions),
        profile: Profile::new(Vec::with_capacity(functions), Vec::with_capacity(edges)),
        counts: None,
        edge_detail: None,
    };
    reader.document()?;
    Ok(reader.profile)
}

/// A string that was seen: its place in [`PstatsReader::texts`].
type TextId = u32;

/// A value that `r` may name.
#[derive(Clone, Copy)]
enum Ref {
    /// Numbered, not finished: only a cycle could name it.
    Pending,
    Scalar(Scalar),
    Label(FunctionId),
    /// The figures of a caller: those of this edge.
    Calls(u32),
    /// A dict of callers: these edges.
    Callers(u32, u32),
}

#[derive(Clone, Copy)]
enum Scalar {
    Text(TextId),
    Int(i64),
    Float(f64),
    Bool,
}

/// A type byte taken apart.
struct Tag {
    offset: usize,
    code: u8,
    /// The number that this value gets.
    number: Option<usize>,
}

struct PstatsReader<'a> {
    cursor: Cursor<'a>,
    edge_limit: usize,
    refs: Vec<Ref>,
    texts: Vec<Text>,
    text_ids: IdMap<Text, TextId>,
    by_label: LabelIndex,
    /// For each function, the last callee (plus one) in whose callers it stood: finds a caller
    /// that is named twice without a set for each dict.
    caller_of: Vec<u32>,
    /// The functions that have a row, in the order of their rows.
    rows: Vec<FunctionId>,
    profile: Profile,
    /// Whether counts were found to be there, once one was seen.
    counts: Option<Counts>,
    edge_detail: Option<EdgeDetail>,
}

impl PstatsReader<'_> {
    fn document(&mut self) -> Result<()> {
        let tag = self.tag("the dict of a profile")?;
        if tag.code != b'{' {
            return Err(match tag.code {
                b'c' | b'[' | b'(' | b')' | b'<' | b'>' => tag.refused("the dict of a profile"),
                // Whatever it is, nobody should have to learn of marshal for it.
                _ => Error::Unread("no profile in a format that Pikos knows".to_owned()),
            });
        }
        let mut sampled = false;
        loop {
            let tag = self.tag("the label of a function")?;
            if tag.code == b'0' {
                break;
            }
            let offset = tag.offset;
            match self.label(tag)? {
                Some(id) => self.row(id, offset)?,
                None => {
                    self.scalar("the value of the sampling mark")?;
                    sampled = true;
                }
            }
        }
        self.profile.metadata.unfinished = self.cursor.ends_with(UNFINISHED);
        if !self.cursor.is_at_end() {
            return Err(Error::BadValue {
                offset: self.cursor.offset(),
                problem: "more data after the end of the profile".to_owned(),
            });
        }
        self.rows_first();
        self.profile.metadata.counts = match (sampled, self.counts) {
            (true, _) => Counts::Samples,
            (false, counts) => counts.unwrap_or_default(),
        };
        self.profile.metadata.edges = self.edge_detail.unwrap_or_default();
        Ok(())
    }

    /// Puts the functions in the order of their rows: reports keep it where nothing else decides.
    /// They were numbered as they were first named, which may have been as a caller.
    fn rows_first(&mut self) {
        let functions = &mut self.profile.functions;
        let mut moved: Vec<FunctionId> = (0u32..).map(FunctionId).take(functions.len()).collect();
        let mere_callers: Vec<FunctionId> =
            moved.iter().copied().filter(|id| functions[id.index()].caller_only).collect();
        for (next, &id) in (0u32..).map(FunctionId).zip(self.rows.iter().chain(&mere_callers)) {
            moved[id.index()] = next;
        }
        for edge in &mut self.profile.edges {
            edge.caller = moved[edge.caller.index()];
            edge.callee = moved[edge.callee.index()];
        }
        // In place: each exchange brings one function to where it belongs.
        for place in 0..functions.len() {
            while moved[place].index() != place {
                let its_place = moved[place].index();
                functions.swap(place, its_place);
                moved.swap(place, its_place);
            }
        }
    }

    /// The totals of one function and its callers.
    fn row(&mut self, id: FunctionId, offset: usize) -> Result<()> {
        if !self.profile.functions[id.index()].caller_only {
            let problem = "the profile already has this function".to_owned();
            return Err(Error::BadValue { offset, problem });
        }
        let calls = match self.usual_figures(5) {
            Some(((primitive_calls, ncalls), (tottime, cumtime))) => {
                Calls { ncalls, primitive_calls, tottime, cumtime, ..Calls::default() }
            }
            None => {
                self.tuple_of(5, "the totals of a function")?;
                let primitive_calls = self.count("a count of primitive calls")?;
                let ncalls = self.count("a count of calls")?;
                let tottime = self.seconds("a time")?;
                let cumtime = self.seconds("a cumulative time")?;
                Calls { ncalls, primitive_calls, tottime, cumtime, ..Calls::default() }
            }
        };
        let function = &mut self.profile.functions[id.index()];
        function.calls = calls;
        function.caller_only = false;
        self.rows.push(id);
        self.callers(id)
    }

    fn callers(&mut self, callee: FunctionId) -> Result<()> {
        const EXPECTED: &str = "the callers of a function";
        let tag = self.tag(EXPECTED)?;
        let first = self.profile.edges.len();
        match tag.code {
            b'{' => while self.caller(callee)? {},
            b'r' => {
                let (start, end) = match self.referred(&tag, EXPECTED)? {
                    Ref::Callers(start, end) => (start as usize, end as usize),
                    _ => return Err(tag.refused(EXPECTED)),
                };
                if first + (end - start) > self.edge_limit {
                    return Err(Error::BadValue {
                        offset: tag.offset,
                        problem: "one dict of callers is repeated so often that it would exhaust \
                                  memory"
                            .to_owned(),
                    });
                }
                for place in start..end {
                    let edge = Edge { callee, ..self.profile.edges[place].clone() };
                    self.profile.edges.push(edge);
                }
            }
            _ => return Err(tag.refused(EXPECTED)),
        }
        let (start, end) = (place_of(first, &tag)?, place_of(self.profile.edges.len(), &tag)?);
        self.finish(&tag, Ref::Callers(start, end));
        Ok(())
    }

    /// One caller, if there is one more.
    fn caller(&mut self, callee: FunctionId) -> Result<bool> {
        let offset = self.cursor.offset();
        let caller = match self.usual_label() {
            Some(caller) => caller,
            None => {
                let key = self.tag("the label of a caller")?;
                if key.code == b'0' {
                    return Ok(false);
                }
                self.label(key)?.ok_or_else(|| Error::BadValue {
                    offset,
                    problem: "the mark of a sampled profile can't be a caller".to_owned(),
                })?
            }
        };
        let stamp = callee.0 + 1;
        if std::mem::replace(&mut self.caller_of[caller.index()], stamp) == stamp {
            let problem = "the function already has this caller".to_owned();
            return Err(Error::BadValue { offset, problem });
        }
        let calls = match self.usual_caller_calls() {
            Some(calls) => calls,
            None => self.caller_calls()?,
        };
        self.profile.edges.push(Edge { caller, callee, calls });
        Ok(true)
    }

    /// A label that was seen before, if that is what stands here. As the other `usual_` functions: what
    /// nearly every caller looks like, taken in one step; for anything else `None`, and nothing is taken.
    fn usual_label(&mut self) -> Option<FunctionId> {
        let number = reference(self.cursor.ahead()?)?;
        match self.refs.get(number as usize) {
            Some(&Ref::Label(id)) => {
                self.cursor.skip(REFERENCE_LENGTH);
                Some(id)
            }
            _ => None,
        }
    }

    fn usual_caller_calls(&mut self) -> Option<Calls> {
        if !matches!(self.edge_detail, None | Some(EdgeDetail::Full)) {
            return None;
        }
        let ((ncalls, primitive_calls), (tottime, cumtime)) = self.usual_figures(4)?;
        self.edge_detail = Some(EdgeDetail::Full);
        Some(Calls { ncalls, primitive_calls, tottime, cumtime, ..Calls::default() })
    }

    /// The two counts and the two times that a tuple of this size begins with.
    fn usual_figures(&mut self, size: u8) -> Option<((u64, u64), (f64, f64))> {
        if !matches!(self.counts, None | Some(Counts::Calls)) {
            return None;
        }
        let figures = Figures::parse(self.cursor.ahead()?, size)?;
        let count = |number: Number| match number {
            Number::Int(value) => u64::try_from(value).ok(),
            Number::Reference(number) => match self.refs.get(number as usize) {
                Some(&Ref::Scalar(Scalar::Int(value))) => u64::try_from(value).ok(),
                _ => None,
            },
        };
        let counts = (count(figures.counts.0)?, count(figures.counts.1)?);
        self.counts = Some(Counts::Calls);
        self.cursor.skip(FIGURES_LENGTH);
        Some((counts, figures.times))
    }

    /// The figures of one caller: a tuple, or a bare count.
    fn caller_calls(&mut self) -> Result<Calls> {
        const EXPECTED: &str = "the figures of a caller";
        let tag = self.tag(EXPECTED)?;
        let offset = tag.offset;
        let bare = |ncalls| Calls { ncalls, ..Calls::default() };
        let (detail, calls) = match tag.code {
            b'(' | b')' => {
                self.tuple_size(&tag, 4, EXPECTED)?;
                let ncalls = self.count("a count of calls")?;
                let primitive_calls = self.count("a count of primitive calls")?;
                let tottime = self.seconds("a time")?;
                let cumtime = self.seconds("a cumulative time")?;
                let place = place_of(self.profile.edges.len(), &tag)?;
                // The caller pushes the edge right after this, to exactly that place.
                self.finish(&tag, Ref::Calls(place));
                (EdgeDetail::Full, Calls { ncalls, primitive_calls, tottime, cumtime, ..Calls::default() })
            }
            b'r' => match self.referred(&tag, EXPECTED)? {
                Ref::Calls(place) => (EdgeDetail::Full, self.profile.edges[place as usize].calls),
                Ref::Scalar(scalar) => {
                    (EdgeDetail::CountsOnly, bare(self.as_count(scalar, offset, EXPECTED)?))
                }
                _ => return Err(tag.refused(EXPECTED)),
            },
            _ => {
                let scalar = self.scalar_of(tag, EXPECTED)?;
                (EdgeDetail::CountsOnly, bare(self.as_count(scalar, offset, EXPECTED)?))
            }
        };
        if *self.edge_detail.get_or_insert(detail) != detail {
            return Err(Error::BadValue {
                offset,
                problem: "some callers have times, others only a count".to_owned(),
            });
        }
        Ok(calls)
    }

    /// A label, or `None` for the key that marks a sampled profile.
    fn label(&mut self, tag: Tag) -> Result<Option<FunctionId>> {
        const EXPECTED: &str = "a label (file, line, name)";
        let size = match tag.code {
            b')' => usize::from(self.cursor.byte(EXPECTED)?),
            b'(' => self.cursor.length(EXPECTED)?,
            b'r' => {
                return match self.referred(&tag, EXPECTED)? {
                    Ref::Label(id) => Ok(Some(id)),
                    _ => Err(tag.refused(EXPECTED)),
                };
            }
            _ => return Err(tag.refused(EXPECTED)),
        };
        if size == 1 {
            let text = self.text("the mark of a sampled profile")?;
            if self.texts[text as usize].as_bytes() == b"__sampled__" {
                return Ok(None);
            }
        }
        if size != 3 {
            let problem = format!("a label of {size} items instead of 3 (file, line, name)");
            return Err(Error::BadValue { offset: tag.offset, problem });
        }
        let file = self.text("a file name")?;
        let line = self.line()?;
        let name = self.text("a function name")?;
        let id = self.function_id(file, line, name, &tag)?;
        self.finish(&tag, Ref::Label(id));
        Ok(Some(id))
    }

    /// The function of a label; a new one is a mere caller until its row is read.
    fn function_id(&mut self, file: TextId, line: u32, name: TextId, tag: &Tag) -> Result<FunctionId> {
        let functions = &mut self.profile.functions;
        let next = FunctionId(place_of(functions.len(), tag)?);
        let (file, name) = (&self.texts[file as usize], &self.texts[name as usize]);
        let id = self.by_label.find_or_insert(functions, (file, line, name), next);
        if id == next {
            let (file, name) = (file.clone(), name.clone());
            functions
                .push(Function { caller_only: true, ..Function::new(file, line, name, Calls::default()) });
            self.caller_of.push(0);
        }
        Ok(id)
    }

    fn line(&mut self) -> Result<u32> {
        let offset = self.cursor.offset();
        match self.scalar("a line number")? {
            Scalar::Int(line) => u32::try_from(line).map_err(|_| Error::BadValue {
                offset,
                problem: format!("the line number {line} is out of range"),
            }),
            other => Err(other.refused(offset, "a line number")),
        }
    }

    fn text(&mut self, expected: &'static str) -> Result<TextId> {
        let offset = self.cursor.offset();
        match self.scalar(expected)? {
            Scalar::Text(id) => Ok(id),
            other => Err(other.refused(offset, expected)),
        }
    }

    /// A count. -1 says that the profiler did not count; then no other row may have a count.
    fn count(&mut self, expected: &'static str) -> Result<u64> {
        let offset = self.cursor.offset();
        let scalar = self.scalar(expected)?;
        self.as_count(scalar, offset, expected)
    }

    fn as_count(&mut self, scalar: Scalar, offset: usize, expected: &'static str) -> Result<u64> {
        let Scalar::Int(value) = scalar else {
            return Err(scalar.refused(offset, expected));
        };
        let (counts, value) = match u64::try_from(value) {
            Ok(value) => (Counts::Calls, value),
            Err(_) => (Counts::Unknown, 0),
        };
        if *self.counts.get_or_insert(counts) != counts {
            return Err(Error::BadValue {
                offset,
                problem: "some counts are known, others negative (not counted)".to_owned(),
            });
        }
        Ok(value)
    }

    /// A time. The `profile` module writes an int where nothing was added yet.
    fn seconds(&mut self, expected: &'static str) -> Result<f64> {
        let offset = self.cursor.offset();
        match self.scalar(expected)? {
            Scalar::Float(value) => Ok(value),
            Scalar::Int(value) => Ok(value as f64),
            other => Err(other.refused(offset, expected)),
        }
    }

    fn scalar(&mut self, expected: &'static str) -> Result<Scalar> {
        let tag = self.tag(expected)?;
        self.scalar_of(tag, expected)
    }

    fn scalar_of(&mut self, tag: Tag, expected: &'static str) -> Result<Scalar> {
        let scalar = match tag.code {
            b'i' => Scalar::Int(self.cursor.int32("an int")?.into()),
            b'l' => Scalar::Int(self.cursor.long()?),
            b'g' => Scalar::Float(f64::from_le_bytes(self.cursor.array("a float")?)),
            b'f' => {
                let length = usize::from(self.cursor.byte("a float")?);
                let decimal = self.cursor.take(length, "a float")?;
                let value = std::str::from_utf8(decimal).ok().and_then(|text| text.parse().ok());
                Scalar::Float(value.ok_or_else(|| Error::BadValue {
                    offset: tag.offset,
                    problem: "a float whose digits are not a number".to_owned(),
                })?)
            }
            b'z' | b'Z' => {
                let length = usize::from(self.cursor.byte("a string")?);
                Scalar::Text(self.string(&tag, length)?)
            }
            b'a' | b'A' | b'u' | b't' => {
                let length = self.cursor.length("a string")?;
                Scalar::Text(self.string(&tag, length)?)
            }
            b'T' | b'F' => return Ok(Scalar::Bool),
            b'r' => match self.referred(&tag, expected)? {
                Ref::Scalar(scalar) => scalar,
                _ => return Err(tag.refused(expected)),
            },
            _ => return Err(tag.refused(expected)),
        };
        self.finish(&tag, Ref::Scalar(scalar));
        Ok(scalar)
    }

    fn string(&mut self, tag: &Tag, length: usize) -> Result<TextId> {
        let bytes = self.cursor.take(length, "a string")?;
        let sound = match tag.code {
            b'u' | b't' => Text::is_well_formed(bytes),
            _ => bytes.is_ascii(),
        };
        if !sound {
            let problem = "a string that is not valid in its encoding".to_owned();
            return Err(Error::BadValue { offset: tag.offset, problem });
        }
        if let Some(&id) = self.text_ids.get(bytes) {
            return Ok(id);
        }
        let id = place_of(self.texts.len(), tag)?;
        let text = Text::from(bytes);
        self.texts.push(text.clone());
        self.text_ids.insert(text, id);
        Ok(id)
    }

    fn tuple_of(&mut self, size: usize, expected: &'static str) -> Result<()> {
        let tag = self.tag(expected)?;
        self.tuple_size(&tag, size, expected)
    }

    fn tuple_size(&mut self, tag: &Tag, size: usize, expected: &'static str) -> Result<()> {
        let found = match tag.code {
            b')' => usize::from(self.cursor.byte(expected)?),
            b'(' => self.cursor.length(expected)?,
            _ => return Err(tag.refused(expected)),
        };
        if found != size {
            let problem = format!("expected {expected} in a tuple of {size} items, found one of {found}");
            return Err(Error::BadValue { offset: tag.offset, problem });
        }
        Ok(())
    }

    fn tag(&mut self, expected: &'static str) -> Result<Tag> {
        let offset = self.cursor.offset();
        let byte = self.cursor.byte(expected)?;
        let code = byte & !FLAG_REF;
        // True and False are not numbered, flagged or not; nor is a reference itself.
        let numbered = byte & FLAG_REF != 0 && !matches!(code, b'T' | b'F' | b'r' | b'0');
        let number = numbered.then(|| {
            self.refs.push(Ref::Pending);
            self.refs.len() - 1
        });
        Ok(Tag { offset, code, number })
    }

    /// The value that the reference at `tag` names.
    fn referred(&mut self, tag: &Tag, expected: &'static str) -> Result<Ref> {
        let number = self.cursor.length(expected)?;
        match self.refs.get(number) {
            Some(Ref::Pending) => Err(Error::BadValue {
                offset: tag.offset,
                problem: format!("a reference to value {number} from inside that value"),
            }),
            Some(&value) => Ok(value),
            None => Err(Error::BadValue {
                offset: tag.offset,
                problem: format!("a reference to value {number}, but only {} came before", self.refs.len()),
            }),
        }
    }

    fn finish(&mut self, tag: &Tag, value: Ref) {
        if let Some(number) = tag.number {
            self.refs[number] = value;
        }
    }
}

impl Tag {
    fn refused(&self, expected: &'static str) -> Error {
        Error::Refused { offset: self.offset, found: describe(self.code), expected }
    }
}

impl Scalar {
    fn refused(self, offset: usize, expected: &'static str) -> Error {
        let found = match self {
            Scalar::Text(_) => "a string",
            Scalar::Int(_) => "an int",
            Scalar::Float(_) => "a float",
            Scalar::Bool => "a bool",
        };
        Error::Refused { offset, found: found.to_owned(), expected }
    }
}

/// A place in a table as the 32 bits that ids have.
fn place_of(place: usize, tag: &Tag) -> Result<u32> {
    u32::try_from(place).map_err(|_| Error::BadValue {
        offset: tag.offset,
        problem: "more than 4,294,967,295 functions, strings or edges".to_owned(),
    })
}
