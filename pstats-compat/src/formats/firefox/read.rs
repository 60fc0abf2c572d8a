//! Reads the stacks of all threads: from the samples down, each stack once in a thread.

use serde::Deserialize;

use super::columns::{Columns, Tables};
use super::table::bad;
use crate::error::{Error, Result};
use crate::model::{FunctionId, Metadata, NodeId, Profile, Text, Unit};
use crate::stacks::StackCollector;

/// Threads that share stacks may have other tables of their own: then each reads those stacks anew, and no more of them than
/// this.
const MOST_AGAIN: usize = 10_000_000;

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    meta: Meta,
    #[serde(default)]
    threads: Vec<Tables>,
    #[serde(default)]
    shared: Tables,
    /// Of gecko's: each is a profile of its own.
    #[serde(default)]
    processes: Vec<Document>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Meta {
    interval: Option<f64>,
    product: Option<String>,
}

/// Reads a profile.
pub fn read(bytes: &[u8]) -> Result<Profile> {
    let document: Document = serde_json::from_slice(bytes).map_err(|error| Error::of_json(&error))?;
    let mut reader = Reader::new(MOST_AGAIN, true);
    if reader.document(&document, "").is_err() {
        // Too many stacks, if each thread has its own of those that it shares with others; or there is some other reason.
        reader = Reader::new(MOST_AGAIN, false);
        reader.document(&document, "")?;
    }
    let mut notes = Vec::new();
    if reader.threads > 1 && !reader.are_apart {
        notes.push(format!("{} threads are added up: apart they have too many stacks", reader.threads));
    }
    let unit = reader.unit.unwrap_or_else(counted);
    if unit == counted()
        && let Some(interval) = document.meta.interval.filter(|interval| *interval > 0.0)
    {
        notes.push(format!("samples were taken every {} ms", (interval * 1e3).round() / 1e3));
    }
    let title = document.meta.product.as_deref().map(Text::from);
    let is_one = reader.threads == 1;
    let mut profile = reader.collector.finish(Metadata { unit, notes, title, ..Metadata::default() });
    // A name has to be in each thread. One that is of no process is not the system's.
    if let Some(tree) = profile.tree.as_mut().filter(|_| is_one) {
        tree.threads.retain(|thread| thread.process.is_some() || thread.id.is_some());
    }
    Ok(profile)
}

fn counted() -> Unit {
    Unit::Other("samples".to_owned())
}

struct Reader {
    collector: StackCollector,
    unit: Option<Unit>,
    threads: usize,
    /// Whether each thread has stacks of its own.
    are_apart: bool,
    /// So many stacks are still entered: those that tables hold, and some of them again.
    room: usize,
}

/// What rows of the same tables were found to be.
#[derive(Default)]
struct Known {
    /// By frame.
    functions: Memory<FunctionId>,
    /// By stack; none while what is below it is not known.
    nodes: Memory<Option<NodeId>>,
}

impl Known {
    fn forget(&mut self) {
        self.functions.forget();
        self.nodes.forget();
    }
}

/// What is known of some rows. To forget it takes no longer than it took to learn, however long the table is.
struct Memory<T> {
    values: Vec<Option<T>>,
    rows: Vec<usize>,
}

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self { values: Vec::new(), rows: Vec::new() }
    }
}

impl<T: Copy> Memory<T> {
    fn get(&self, row: usize) -> Option<T> {
        self.values.get(row).copied().flatten()
    }

    fn set(&mut self, row: usize, value: T) {
        if row >= self.values.len() {
            self.values.resize(row + 1, None);
        }
        if self.values[row].replace(value).is_none() {
            self.rows.push(row);
        }
    }

    fn forget(&mut self) {
        for row in self.rows.drain(..) {
            self.values[row] = None;
        }
    }
}

impl Reader {
    fn new(room: usize, are_apart: bool) -> Self {
        Self { collector: StackCollector::default(), unit: None, threads: 0, are_apart, room }
    }

    /// Reads all threads. `place` stands in front of the names of fields.
    fn document(&mut self, document: &Document, place: &str) -> Result<()> {
        let shared = (&document.shared, format!("{place}shared"));
        self.room += document.shared.count_stacks();
        let (mut of_shared, mut of_own) = (Known::default(), Known::default());
        for (index, thread) in document.threads.iter().enumerate() {
            let own = (thread, format!("{place}threads[{index}]"));
            self.room += thread.count_stacks();
            let columns = || Columns::of((own.0, &own.1), (shared.0, &shared.1));
            match thread.has_any() {
                true => self.thread(thread, &own.1, columns, &mut of_own)?,
                false => self.thread(thread, &own.1, columns, &mut of_shared)?,
            }
            of_own.forget();
        }
        for (index, process) in document.processes.iter().enumerate() {
            self.document(process, &format!("{place}processes[{index}]."))?;
        }
        Ok(())
    }

    fn thread<'d>(
        &mut self,
        thread: &Tables,
        place: &str,
        columns: impl FnOnce() -> Result<Columns<'d>>,
        known: &mut Known,
    ) -> Result<()> {
        let Some(samples) = &thread.samples else { return Ok(()) };
        let column = |name| samples.column(place, "samples", name);
        let Some(tops) = column("stack") else { return Ok(()) };
        let weights = column("weight");
        if weights.is_some_and(|weights| weights.rows() != tops.rows()) {
            return Err(bad(format!("{place}.samples.weight"), "not as many as there are stacks"));
        }
        let (unit, factor) = match samples.weight_type.as_deref() {
            Some("tracing-ms") => (Unit::Seconds, 1e-3),
            Some("bytes") => (Unit::Other("bytes".to_owned()), 1.0),
            _ => (counted(), 1.0),
        };
        if tops.is_blank() {
            return Ok(());
        }
        self.threads += 1;
        if self.unit.get_or_insert_with(|| unit.clone()) != &unit {
            return Err(bad(
                format!("{place}.samples.weightType"),
                "threads of different units can't be added up",
            ));
        }
        let columns = columns()?;
        if self.are_apart {
            self.collector.add_thread(thread.thread());
            known.nodes.forget();
        }
        for sample in 0..tops.rows() {
            let Some(top) = tops.index(sample, columns.stacks(), "stack")? else { continue };
            let node = self.enter(&columns, known, top)?;
            let weight = weights.map_or(Ok(None), |weights| weights.number(sample))?;
            self.collector.spend(node, weight.unwrap_or(1.0) * factor);
        }
        Ok(())
    }

    /// The node of a stack, which is entered with all that is below it if it is new.
    fn enter(&mut self, columns: &Columns<'_>, known: &mut Known, top: usize) -> Result<NodeId> {
        let mut below: Option<NodeId> = None;
        // A stack of its own: the input decides how deep one is.
        let mut new: Vec<usize> = Vec::new();
        let mut next = Some(top);
        while let Some(stack) = next {
            match known.nodes.get(stack) {
                Some(None) => return Err(columns.bad(stack, "this stack stands above itself")),
                Some(Some(node)) => {
                    below = Some(node);
                    break;
                }
                None => {
                    known.nodes.set(stack, None);
                    new.push(stack);
                    next = columns.below(stack)?;
                }
            }
        }
        for &stack in new.iter().rev() {
            let too_many = || columns.bad(stack, "more stacks than a profile can hold, or a deeper one");
            self.room = self.room.checked_sub(1).ok_or_else(too_many)?;
            let frame = columns.frame(stack)?;
            let function = match known.functions.get(frame) {
                Some(function) => function,
                None => {
                    let (file, line, name) = columns.function(frame)?;
                    let function = self.collector.function(file, line, name).ok_or_else(too_many)?;
                    known.functions.set(frame, function);
                    function
                }
            };
            let node = self.collector.enter(below, function).ok_or_else(too_many)?;
            known.nodes.set(stack, Some(node));
            below = Some(node);
        }
        Ok(below.expect("the top one is known, or new"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stacks in a row, each above the one before, and threads with a sample of the topmost and one of another.
    fn shared(stacks: usize, threads: usize, own: &str) -> Document {
        let prefix: Vec<String> = (0..stacks)
            .map(|stack| stack.checked_sub(1).map_or("null".to_owned(), |below| below.to_string()))
            .collect();
        let thread = |number: usize| {
            format!(r#"{{"samples": {{"stack": [{}, {}]}}{own}}}"#, stacks - 1, number % stacks)
        };
        let threads: Vec<String> = (0..threads).map(thread).collect();
        let json = format!(
            r#"{{"shared": {{"stringArray": ["f"], "funcTable": {{"name": [0]}}, "frameTable": {{"func": [0]}},
               "stackTable": {{"prefix": [{}], "frame": [{}]}}}}, "threads": [{}]}}"#,
            prefix.join(","),
            vec!["0"; stacks].join(","),
            threads.join(",")
        );
        serde_json::from_str(&json).expect("a document")
    }

    #[test]
    fn shared_stacks_are_entered_once_however_many_threads_there_are() {
        let document = shared(20_000, 10_000, "");
        let mut reader = Reader::new(0, false);
        reader.document(&document, "").expect("room for each stack once");
        assert_eq!(reader.room, 0);
        assert_eq!(reader.threads, 10_000);
        let profile = reader.collector.finish(Metadata::default());
        assert_eq!(profile.functions[0].calls.tottime, 20_000.0);
        assert_eq!(profile.tree.expect("stacks").nodes.len(), 20_000);
    }

    #[test]
    fn threads_have_their_own_of_shared_stacks() {
        let document = shared(100, 50, "");
        let mut reader = Reader::new(50 * 100 - 100, true);
        reader.document(&document, "").expect("just enough room");
        assert_eq!(reader.room, 0);
        let tree = reader.collector.finish(Metadata::default()).tree.expect("stacks");
        assert_eq!((tree.nodes.len(), tree.threads.len()), (50 * 100, 50));
        assert!(Reader::new(50 * 100 - 101, true).document(&document, "").is_err());
    }

    #[test]
    fn threads_that_read_shared_stacks_anew_have_an_end() {
        let document = shared(100, 50, r#", "stringArray": ["g"]"#);
        let mut reader = Reader::new(50 * 100 - 100, false);
        reader.document(&document, "").expect("just enough room");
        assert_eq!(reader.room, 0);
        let error = Reader::new(50 * 100 - 101, false).document(&document, "").unwrap_err().to_string();
        assert!(error.starts_with("shared.stackTable.prefix[99]: more stacks"), "{error}");
    }
}
