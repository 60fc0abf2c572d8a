//! Whether a file is whole: what its costs add up to, and what it says that they do.
//!
//! valgrind and Pikos end with `totals:`, xdebug and cachegrind with `summary:`. What others say in the head of a file
//! (`summary:`) is the cost of the whole run, which is more than the costs in the file where some of it was left out, or a
//! function's inclusive cost. So it is an error where the end is missing or wrong, and a note where only the head differs.

use super::writer::Writer;

/// What was added up, and what was said.
#[derive(Default)]
pub struct Totals {
    /// Since the last `totals:`, and in all.
    of_part: i128,
    of_file: i128,
    /// Costs were read since the last `totals:`.
    is_open: bool,
    /// Each rounded cost may be off by one.
    costs: u64,
    summary: Option<i128>,
    has_totals: bool,
}

/// What is not right.
pub enum Fault {
    /// The figures can't be those of the run.
    CutShort(String),
    /// They may be.
    Doubtful(String),
}

impl Totals {
    pub fn add(&mut self, cost: i128) {
        self.of_part = self.of_part.saturating_add(cost);
        self.of_file = self.of_file.saturating_add(cost);
        self.costs += 1;
        self.is_open = true;
    }

    /// A call's cost is part of others, but a file is not whole without what follows it.
    pub fn saw_call(&mut self) {
        self.is_open = true;
    }

    /// `totals:` ends a part. It may count all parts before it as well.
    pub fn totals(&mut self, said: Option<i128>, event: &str) -> Result<(), Fault> {
        if said.is_none_or(|said| said != self.of_part && said != self.of_file) {
            let said = said.map_or("no number".to_owned(), |said| said.to_string());
            let sum = self.of_part;
            return Err(Fault::CutShort(format!(
                "its costs add up to {sum} {event}, and its `totals:` say {said}"
            )));
        }
        self.of_part = 0;
        self.is_open = false;
        self.has_totals = true;
        Ok(())
    }

    /// `summary:` stands in the head of each part, or at the end.
    pub fn summary(&mut self, said: Option<i128>) {
        if let Some(said) = said {
            self.summary = Some(self.summary.unwrap_or(0).saturating_add(said));
        }
    }

    /// At the end of the file.
    pub fn finish(&self, writer: Writer, event: &str, file: &[u8]) -> Result<(), Fault> {
        let sum = self.of_file;
        // Where the run was not counted, 0 is said.
        let summary = self.summary.filter(|&summary| summary != 0);
        let ends_with_totals = matches!(writer, Writer::Callgrind | Writer::Pikos);
        if ends_with_totals && !self.has_totals && summary != Some(sum) || ends_with_totals && self.is_open {
            let whole = summary.map_or(String::new(), |summary| format!(" of {summary}"));
            return Err(Fault::CutShort(format!(
                "it has no `totals:` at its end; its costs add up to {sum}{whole} {event}"
            )));
        }
        if self.has_totals {
            return Ok(());
        }
        let doubt = match summary {
            // Its summary is the longest inclusive time, and its rows may be fewer than the functions that ran.
            _ if writer == Writer::Pyprof2calltree => {
                (!file.ends_with(b"\n\n")).then(|| "its last block has no end".to_owned())
            }
            Some(summary) => {
                let slack = (summary / 100).max(i128::from(self.costs));
                (sum + slack < summary)
                    .then(|| format!("its costs add up to {sum} {event}, and its `summary:` says {summary}"))
            }
            None if writer == Writer::Xdebug => {
                Some("it has no `summary:`, with which xdebug ends one".to_owned())
            }
            // yappi ends no file with a line break.
            None if !file.ends_with(b"\n") && writer != Writer::Yappi => {
                Some("its last line has no end".to_owned())
            }
            None => None,
        };
        doubt.map_or(Ok(()), |doubt| Err(Fault::Doubtful(format!("the file may be cut short: {doubt}"))))
    }
}
