//! Writes what every CPython from 3.8 on loads with `marshal.load`.
//!
//! Labels and strings are written once and then referred to by number, as marshal does for shared
//! objects: a label stands in the file as often as it is a caller.

use std::borrow::Cow;
use std::io::Write;

use super::marshal::{FLAG_REF, push_figures, push_int, push_reference, push_text};
use crate::error::{Error, Result};
use crate::model::{Calls, Counts, Edge, EdgeDetail, Function, FunctionId, IdMap, Profile, Text};

/// The mark of a profile of a program that still ran: a short ASCII string in marshal's encoding.
pub const UNFINISHED: &[u8] = b"z\x11pikos: unfinished";

/// When so much is waiting, it goes out: memory stays small however large the profile.
const FLUSH_AT: usize = 1 << 16;

/// Writes a profile as pstats. Functions with equal labels are added up.
pub fn write(profile: &Profile, out: &mut dyn Write) -> Result<()> {
    let profile: Cow<'_, Profile> = profile.with_unique_labels();
    let profile = &*profile;
    let by_callee = profile.edges_by_callee();
    let mut writer = PstatsWriter {
        out: Vec::with_capacity(FLUSH_AT * 2),
        counts: profile.metadata.counts,
        next_number: 0,
        labels: vec![None; profile.functions.len()],
        texts: IdMap::default(),
    };
    writer.out.push(b'{');
    for (id, function) in profile.rows() {
        writer.label(profile, id)?;
        writer.row(function)?;
        writer.out.push(b'{');
        for edge in by_callee.of(&profile.edges, id) {
            writer.label(profile, edge.caller)?;
            writer.caller(edge, profile.metadata.edges)?;
        }
        writer.out.push(b'0');
        if writer.out.len() >= FLUSH_AT {
            out.write_all(&writer.out)?;
            writer.out.clear();
        }
    }
    if profile.metadata.counts == Counts::Samples {
        writer.out.extend_from_slice(b"\x29\x01z\x0b__sampled__T");
    }
    writer.out.push(b'0');
    if profile.metadata.unfinished {
        writer.out.extend_from_slice(UNFINISHED);
    }
    out.write_all(&writer.out)?;
    Ok(())
}

struct PstatsWriter<'p> {
    out: Vec<u8>,
    counts: Counts,
    /// The number that the next flagged value gets.
    next_number: u32,
    /// The number of each function's label, once it stands in the file.
    labels: Vec<Option<u32>>,
    texts: IdMap<&'p Text, u32>,
}

impl<'p> PstatsWriter<'p> {
    fn label(&mut self, profile: &'p Profile, id: FunctionId) -> Result<()> {
        if let Some(number) = self.labels[id.index()] {
            push_reference(&mut self.out, number);
            return Ok(());
        }
        // A tuple is numbered before its items.
        self.labels[id.index()] = Some(self.number()?);
        self.out.extend_from_slice(&[b')' | FLAG_REF, 3]);
        let function = profile.function(id);
        self.text(&function.file)?;
        push_int(&mut self.out, function.line.into());
        self.text(&function.name)
    }

    fn text(&mut self, text: &'p Text) -> Result<()> {
        if let Some(&number) = self.texts.get(text) {
            push_reference(&mut self.out, number);
            return Ok(());
        }
        if i32::try_from(text.as_bytes().len()).is_err() || !Text::is_well_formed(text.as_bytes()) {
            return Err(not_representable(format!("the name {text} is not a valid Python string")));
        }
        let number = self.number()?;
        self.texts.insert(text, number);
        push_text(&mut self.out, text.as_bytes());
        Ok(())
    }

    fn row(&mut self, function: &Function) -> Result<()> {
        let Calls { ncalls, primitive_calls, tottime, cumtime, .. } = function.calls;
        let counts = (self.count(primitive_calls)?, self.count(ncalls)?);
        push_figures(&mut self.out, 5, counts, (tottime, cumtime));
        Ok(())
    }

    fn caller(&mut self, edge: &Edge, detail: EdgeDetail) -> Result<()> {
        let Calls { ncalls, primitive_calls, tottime, cumtime, .. } = edge.calls;
        if detail == EdgeDetail::CountsOnly {
            let ncalls = self.count(ncalls)?;
            push_int(&mut self.out, ncalls);
            return Ok(());
        }
        let counts = (self.count(ncalls)?, self.count(primitive_calls)?);
        push_figures(&mut self.out, 4, counts, (tottime, cumtime));
        Ok(())
    }

    /// A count as the file has it.
    fn count(&self, count: u64) -> Result<i64> {
        if self.counts == Counts::Unknown {
            return Ok(-1);
        }
        i64::try_from(count).map_err(|_| not_representable(format!("the count {count} is too large")))
    }

    fn number(&mut self) -> Result<u32> {
        let number = self.next_number;
        if i32::try_from(number).is_err() {
            return Err(not_representable("it has more than 2,147,483,647 names".to_owned()));
        }
        self.next_number += 1;
        Ok(number)
    }
}

fn not_representable(problem: String) -> Error {
    Error::NotRepresentable { format: "pstats", problem }
}
