//! What a recorder of the toolkit sends: pieces of a table of records, each complete in itself.

use serde::{Deserialize, Serialize};

use crate::message::{MAX_BYTES, WireError, check_version};
use crate::text::WireText;

/// The value of [`Records::kind`].
pub const RECORDS: &str = "records";

/// One message: some records, by columns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Records {
    /// [`VERSION`](crate::VERSION).
    pub v: u32,
    /// [`RECORDS`].
    pub kind: String,
    /// Tells one run of one recorder apart from all others, on all hosts.
    pub id: String,
    /// Counts the messages of this run, from 1.
    pub seq: u64,
    /// The process.
    pub pid: u32,
    /// The host's name.
    pub host: String,
    /// `sys.argv`.
    pub argv: Vec<WireText>,
    /// When it was sent, in seconds since 1970.
    pub time: f64,
    /// Records that nobody could be sent, so far.
    #[serde(default)]
    pub dropped: u64,
    /// Whether it is the last message.
    #[serde(default)]
    pub end: bool,
    /// Grows when the recorder is cleared: all older records are void.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub epoch: u64,
    /// Whether nothing is recorded now.
    #[serde(default, skip_serializing_if = "is_false")]
    pub paused: bool,
    /// Seconds from one message to the next, at most; 0 if the sender doesn't say.
    #[serde(default)]
    pub interval: f64,
    /// The endpoint for requests; empty if there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub control: String,
    /// What the columns are: the names of the record's fields.
    pub fields: Vec<String>,
    /// The texts that the records refer to.
    pub texts: Vec<String>,
    /// A column for each field, all of the same length. Numbers; for fields that are texts, places in `texts`.
    pub columns: Vec<Vec<u64>>,
    /// The thread of each record, a number of the sender's; empty if it doesn't say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub threads: Vec<u64>,
    /// The activations that begin and end between records of lines; `None` if the sender doesn't say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activations: Option<Activations>,
    /// How many objects of which type were made and are gone, where the sender counts them: all that it knows by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<Types>,
}

/// Types of objects, by columns of one length. Absolute figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Types {
    /// `__qualname__`: places in [`Records::texts`].
    pub name: Vec<u64>,
    /// `__module__`, likewise.
    pub module: Vec<u64>,
    /// Objects made since counting began.
    pub created: Vec<u64>,
    /// Objects gone since then, those that were there before included; empty if the sender isn't told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub destroyed: Vec<u64>,
    /// The most that there were at once beyond those that were there before; empty likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peak: Vec<u64>,
    /// Bytes of one object without what it points at.
    pub size: Vec<u64>,
    /// Types that have no row here.
    #[serde(default)]
    pub unlisted: u64,
    /// The lines that made them, if these are counted.
    #[serde(default)]
    pub places: TypePlaces,
}

/// Lines that make objects, a row for each and each type, by columns of one length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypePlaces {
    /// The type: its place in the columns of [`Types`].
    #[serde(rename = "type")]
    pub of: Vec<u64>,
    /// `co_qualname`: places in [`Records::texts`].
    pub function: Vec<u64>,
    /// The file, likewise.
    pub filename: Vec<u64>,
    /// The line.
    pub line: Vec<u64>,
    /// Objects that it made.
    pub created: Vec<u64>,
    /// About how many of them are still there; empty if the sender isn't told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alive: Vec<u64>,
}

impl Types {
    fn check(&self, texts: usize) -> Result<(), WireError> {
        let length = self.name.len();
        let is_short = |column: &Vec<u64>| column.len() != length;
        let is_told_short = |column: &Vec<u64>| !column.is_empty() && is_short(column);
        if [&self.module, &self.created, &self.size].into_iter().any(is_short)
            || [&self.destroyed, &self.peak].into_iter().any(is_told_short)
        {
            return Err(WireError::Contradiction("columns of one length"));
        }
        let TypePlaces { of, function, filename, line, created, alive } = &self.places;
        let is_short = |column: &Vec<u64>| column.len() != of.len();
        if [function, filename, line, created].into_iter().any(is_short)
            || !alive.is_empty() && is_short(alive)
        {
            return Err(WireError::Contradiction("columns of one length"));
        }
        if of.iter().any(|of| *of >= length as u64) {
            return Err(WireError::Contradiction("a type that isn't there"));
        }
        if self
            .name
            .iter()
            .chain(&self.module)
            .chain(function)
            .chain(filename)
            .any(|place| *place >= texts as u64)
        {
            return Err(WireError::Contradiction("a text that isn't there"));
        }
        Ok(())
    }
}

/// Beginnings and ends of activations in their order, by columns of one length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activations {
    /// The record of the message that it comes before; the number of records for what comes after the last.
    pub at: Vec<u64>,
    /// 0 where one begins (a call, a generator that goes on), 1 where it ends (a return, a yield, an exception).
    pub ended: Vec<u64>,
    /// The thread, as in [`Records::threads`].
    pub thread: Vec<u64>,
    /// The function's name: a place in [`Records::texts`].
    pub function: Vec<u64>,
    /// Its file, likewise.
    pub filename: Vec<u64>,
    /// When that was, in nanoseconds, on the clock of the records' `time`. Empty if the sender doesn't say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub time: Vec<u64>,
    /// Resident memory just then, in bytes; 0 where records don't tell it.
    #[serde(rename = "RSS")]
    pub rss: Vec<u64>,
    /// 0; or of what was under way when a subscriber came, which is told from the outermost on, the line that it was at. Empty if the
    /// sender doesn't say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub line: Vec<u64>,
    /// The most that was resident since the activation or the record before, in bytes. Empty if the sender doesn't say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peak: Vec<u64>,
}

impl Activations {
    /// How many beginnings and ends there are.
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    /// How many from this one on are of what was under way in one thread.
    pub fn under_way_from(&self, start: usize) -> usize {
        let is_one = |at: &usize| self.line[*at] > 0 && self.thread[*at] == self.thread[start];
        (start..self.line.len()).take_while(is_one).count()
    }

    fn check(&self, records: usize, texts: usize) -> Result<(), WireError> {
        let Self { at, ended, thread, function, filename, time, rss, line, peak } = self;
        let is_short = |column: &Vec<u64>| column.len() != at.len();
        if [ended, thread, function, filename, rss].into_iter().any(is_short)
            || [time, line, peak].into_iter().any(|column| !column.is_empty() && is_short(column))
        {
            return Err(WireError::Contradiction("columns of one length"));
        }
        if !at.is_sorted() || at.last().is_some_and(|last| *last > records as u64) {
            return Err(WireError::Contradiction("activations stand in the order of the records"));
        }
        if function.iter().chain(filename).any(|place| *place >= texts as u64) {
            return Err(WireError::Contradiction("a text that isn't there"));
        }
        Ok(())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Records {
    /// The fields whose numbers are places in `texts`.
    pub const TEXT_FIELDS: [&str; 7] =
        ["type", "function", "line", "filename", "task", "qualname", "exception"];

    /// The message's bytes.
    pub fn encode(&self) -> Result<Vec<u8>, rmp_serde::encode::Error> {
        rmp_serde::to_vec_named(self)
    }

    /// Reads a message, and checks it.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.len() > MAX_BYTES {
            return Err(WireError::TooLarge(bytes.len()));
        }
        check_version(bytes)?;
        let message: Self = rmp_serde::from_slice(bytes)?;
        if message.kind != RECORDS {
            return Err(WireError::Contradiction("it is no message of records"));
        }
        if message.columns.len() != message.fields.len() {
            return Err(WireError::Contradiction("a column for each field"));
        }
        let length = message.columns.first().map_or(0, Vec::len);
        for (field, column) in message.fields.iter().zip(&message.columns) {
            if column.len() != length {
                return Err(WireError::Contradiction("columns of one length"));
            }
            let is_text = Self::TEXT_FIELDS.contains(&field.as_str());
            if is_text && column.iter().any(|place| *place >= message.texts.len() as u64) {
                return Err(WireError::Contradiction("a text that isn't there"));
            }
        }
        if !message.interval.is_finite() || message.interval < 0.0 {
            return Err(WireError::Contradiction("an interval is not negative"));
        }
        if !message.threads.is_empty() && message.threads.len() != length {
            return Err(WireError::Contradiction("a thread for each record"));
        }
        if let Some(activations) = &message.activations {
            activations.check(length, message.texts.len())?;
        }
        if let Some(types) = &message.types {
            types.check(message.texts.len())?;
        }
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Records {
        Records {
            v: 1,
            kind: RECORDS.into(),
            id: "x".into(),
            seq: 1,
            pid: 7,
            fields: ["index", "function", "RSS"].map(String::from).to_vec(),
            texts: vec!["f".into()],
            columns: vec![vec![0, 1], vec![0, 0], vec![4096, 1 << 40]],
            threads: vec![5, 5],
            epoch: 3,
            paused: true,
            interval: 0.05,
            control: "ipc:///x.rctl".into(),
            activations: Some(Activations {
                at: vec![0, 2],
                ended: vec![0, 1],
                thread: vec![5, 5],
                function: vec![0, 0],
                filename: vec![0, 0],
                time: vec![1000, 2000],
                rss: vec![4096, 8192],
                line: vec![7, 0],
                peak: vec![4096, 9000],
            }),
            types: Some(Types {
                name: vec![0],
                module: vec![0],
                created: vec![9],
                destroyed: vec![4],
                peak: vec![5],
                size: vec![48],
                unlisted: 1,
                places: TypePlaces {
                    of: vec![0],
                    function: vec![0],
                    filename: vec![0],
                    line: vec![3],
                    created: vec![9],
                    alive: vec![5],
                },
            }),
            ..Records::default()
        }
    }

    #[test]
    fn there_and_back() {
        let message = message();
        assert_eq!(Records::decode(&message.encode().unwrap()).unwrap(), message);
        let plain = Records {
            threads: Vec::new(),
            activations: None,
            types: None,
            epoch: 0,
            paused: false,
            control: String::new(),
            ..message
        };
        assert_eq!(Records::decode(&plain.encode().unwrap()).unwrap(), plain, "an older sender's");
    }

    #[test]
    fn contradictions_are_refused() {
        let refused = |change: fn(&mut Records)| {
            let mut message = message();
            change(&mut message);
            Records::decode(&message.encode().unwrap()).unwrap_err().to_string()
        };
        assert!(refused(|message| message.v = 2).contains("version 2"));
        assert!(refused(|message| message.kind = "full".into()).contains("no message of records"));
        assert!(refused(|message| _ = message.columns.pop()).contains("a column for each field"));
        assert!(refused(|message| _ = message.columns[2].pop()).contains("one length"));
        assert!(refused(|message| message.columns[1][0] = 1).contains("isn't there"));
        assert!(refused(|message| message.interval = -1.0).contains("interval"));
        assert!(refused(|message| message.interval = f64::NAN).contains("interval"));
        assert!(refused(|message| _ = message.threads.pop()).contains("a thread for each record"));
        let activations = |change: fn(&mut Activations)| {
            let mut message = message();
            message.activations.as_mut().map(change);
            Records::decode(&message.encode().unwrap()).unwrap_err().to_string()
        };
        assert!(activations(|them| _ = them.rss.pop()).contains("one length"));
        assert!(activations(|them| _ = them.time.pop()).contains("one length"));
        assert!(activations(|them| _ = them.peak.pop()).contains("one length"));
        assert!(activations(|them| them.at[1] = 3).contains("in the order"));
        assert!(activations(|them| them.at.swap(0, 1)).contains("in the order"));
        assert!(activations(|them| them.function[1] = 1).contains("isn't there"));
        let types = |change: fn(&mut Types)| {
            let mut message = message();
            message.types.as_mut().map(change);
            Records::decode(&message.encode().unwrap()).unwrap_err().to_string()
        };
        assert!(types(|them| _ = them.size.pop()).contains("one length"));
        assert!(types(|them| them.peak.push(1)).contains("one length"));
        assert!(types(|them| _ = them.places.line.pop()).contains("one length"));
        assert!(types(|them| them.places.of[0] = 1).contains("type that isn't there"));
        assert!(types(|them| them.module[0] = 1).contains("text that isn't there"));
        assert!(Records::decode(b"\xc1").is_err());
    }
}
