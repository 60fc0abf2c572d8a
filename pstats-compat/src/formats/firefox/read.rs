//! Reads the stacks of all threads.

use serde::Deserialize;

use super::gecko::{self, Data, Schema, column};
use crate::error::{Error, Result};
use crate::model::{FunctionId, Metadata, NodeId, Profile, Text, Unit};
use crate::stacks::StackCollector;

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

/// What a thread has of its own, or shares with the others. Each table is of columns, or gecko's of rows.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Tables {
    samples: Option<Samples>,
    #[serde(alias = "stringTable")]
    string_array: Option<Vec<String>>,
    stack_table: Option<StackTable>,
    frame_table: Option<FrameTable>,
    func_table: Option<FuncTable>,
    resource_table: Option<ResourceTable>,
    sources: Option<Sources>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Samples {
    stack: Option<Vec<Option<usize>>>,
    weight: Option<Vec<Option<f64>>>,
    weight_type: Option<String>,
    #[serde(default)]
    schema: Schema,
    #[serde(default)]
    data: Data,
}

#[derive(Deserialize)]
struct StackTable {
    prefix: Option<Vec<Option<usize>>>,
    frame: Option<Vec<usize>>,
    #[serde(default)]
    schema: Schema,
    #[serde(default)]
    data: Data,
}

#[derive(Deserialize)]
struct FrameTable {
    func: Option<Vec<usize>>,
    #[serde(default)]
    schema: Schema,
    #[serde(default)]
    data: Data,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FuncTable {
    name: Vec<usize>,
    #[serde(default)]
    file_name: Vec<Option<usize>>,
    #[serde(default)]
    source: Vec<Option<usize>>,
    #[serde(default)]
    line_number: Vec<Option<u32>>,
    #[serde(default)]
    resource: Vec<i64>,
}

#[derive(Deserialize)]
struct ResourceTable {
    name: Vec<usize>,
}

#[derive(Deserialize)]
struct Sources {
    filename: Vec<usize>,
}

/// Reads a profile.
pub fn read(bytes: &[u8]) -> Result<Profile> {
    let document: Document = serde_json::from_slice(bytes).map_err(|error| Error::of_json(&error))?;
    let mut reader = Reader { collector: StackCollector::default(), unit: None, threads: 0 };
    reader.document(&document)?;
    let mut notes = Vec::new();
    if reader.threads > 1 {
        notes.push(format!("{} threads are added up", reader.threads));
    }
    let unit = reader.unit.unwrap_or_else(counted);
    if unit == counted()
        && let Some(interval) = document.meta.interval.filter(|interval| *interval > 0.0)
    {
        notes.push(format!("samples were taken every {} ms", (interval * 1e3).round() / 1e3));
    }
    let title = document.meta.product.as_deref().map(Text::from);
    Ok(reader.collector.finish(Metadata { unit, notes, title, ..Metadata::default() }))
}

fn counted() -> Unit {
    Unit::Other("samples".to_owned())
}

struct Reader {
    collector: StackCollector,
    unit: Option<Unit>,
    threads: usize,
}

/// What a thread's stacks are made of: for each the one below it, if any, and its frame; for each frame its function.
struct Stacks {
    below: Vec<Option<usize>>,
    frames: Vec<usize>,
    functions: Vec<(Text, u32, Text)>,
}

impl Reader {
    fn document(&mut self, document: &Document) -> Result<()> {
        for (index, thread) in document.threads.iter().enumerate() {
            self.thread(thread, &document.shared, &format!("threads[{index}]"))?;
        }
        document.processes.iter().try_for_each(|process| self.document(process))
    }

    fn thread(&mut self, thread: &Tables, shared: &Tables, place: &str) -> Result<()> {
        let Some(samples) = &thread.samples else { return Ok(()) };
        let stacks = stacks(thread, shared, place)?;
        let (tops, weights) = match &samples.stack {
            Some(tops) => (tops.clone(), samples.weight.clone()),
            None => (column(&samples.schema, &samples.data, "stack"), None),
        };
        if weights.as_ref().is_some_and(|weights| weights.len() != tops.len()) {
            return Err(bad(format!("{place}.samples.weight"), "not as many as there are stacks"));
        }
        let (unit, factor) = match samples.weight_type.as_deref() {
            Some("tracing-ms") => (Unit::Seconds, 1e-3),
            Some("bytes") => (Unit::Other("bytes".to_owned()), 1.0),
            _ => (counted(), 1.0),
        };
        if tops.iter().all(Option::is_none) {
            return Ok(());
        }
        self.threads += 1;
        if self.unit.get_or_insert_with(|| unit.clone()) != &unit {
            return Err(bad(
                format!("{place}.samples.weightType"),
                "threads of different units can't be added up",
            ));
        }
        // Stacks of markers are no samples.
        let mut is_used = vec![false; stacks.below.len()];
        for top in tops.iter().flatten() {
            *is_used
                .get_mut(*top)
                .ok_or_else(|| bad(format!("{place}.samples.stack"), "there is no such stack"))? = true;
        }
        for stack in (0..stacks.below.len()).rev() {
            match stacks.below[stack] {
                Some(below) if below >= stack => {
                    return Err(bad(
                        format!("{place}.stackTable.prefix[{stack}]"),
                        "a stack comes before the one below it",
                    ));
                }
                Some(below) if is_used[stack] => is_used[below] = true,
                _ => {}
            }
        }
        let mut functions: Vec<Option<FunctionId>> = vec![None; stacks.functions.len()];
        let mut nodes: Vec<Option<NodeId>> = vec![None; stacks.below.len()];
        for stack in (0..stacks.below.len()).filter(|&stack| is_used[stack]) {
            let frame = stacks.frames[stack];
            let known = functions.get_mut(frame);
            let known = known
                .ok_or_else(|| bad(format!("{place}.stackTable.frame[{stack}]"), "there is no such frame"))?;
            let (file, line, name) = &stacks.functions[frame];
            let function = known.or_else(|| self.collector.function(file.clone(), *line, name.clone()));
            *known = function;
            let below = stacks.below[stack].and_then(|below| nodes[below]);
            let entered = function.and_then(|function| self.collector.enter(below, function));
            nodes[stack] = Some(entered.ok_or_else(|| {
                bad(format!("{place}.stackTable"), "more stacks than a profile can hold, or a deeper one")
            })?);
        }
        for (sample, top) in tops.iter().enumerate() {
            if let Some(node) = top.and_then(|top| nodes[top]) {
                let weight = weights.as_ref().map_or(1.0, |weights| weights[sample].unwrap_or(1.0));
                self.collector.spend(node, weight * factor);
            }
        }
        Ok(())
    }
}

fn stacks(own: &Tables, shared: &Tables, place: &str) -> Result<Stacks> {
    let field = |name: &str| format!("{place}.{name}");
    let missing = |name: &str| bad(field(name), "it is missing");
    let table =
        own.stack_table.as_ref().or(shared.stack_table.as_ref()).ok_or_else(|| missing("stackTable"))?;
    let (below, frames) = match (&table.prefix, &table.frame) {
        (Some(prefix), Some(frame)) => (prefix.clone(), frame.clone()),
        _ => {
            let frames: Option<Vec<usize>> =
                column(&table.schema, &table.data, "frame").into_iter().collect();
            (
                column(&table.schema, &table.data, "prefix"),
                frames.ok_or_else(|| bad(field("stackTable.frame"), "a stack has none"))?,
            )
        }
    };
    if below.len() != frames.len() {
        return Err(bad(field("stackTable"), "its columns are not equally long"));
    }
    let texts =
        own.string_array.as_ref().or(shared.string_array.as_ref()).ok_or_else(|| missing("stringArray"))?;
    let frame_table =
        own.frame_table.as_ref().or(shared.frame_table.as_ref()).ok_or_else(|| missing("frameTable"))?;
    let Some(of_frames) = &frame_table.func else {
        let functions =
            column(&frame_table.schema, &frame_table.data, "location").into_iter().map(|location| {
                location.and_then(|location| texts.get(location)).map(|location| gecko::function(location))
            });
        let functions: Option<Vec<_>> = functions.collect();
        let functions = functions.ok_or_else(|| bad(field("frameTable.location"), "a frame has none"))?;
        return Ok(Stacks { below, frames, functions });
    };
    let table = own.func_table.as_ref().or(shared.func_table.as_ref()).ok_or_else(|| missing("funcTable"))?;
    let resources = own.resource_table.as_ref().or(shared.resource_table.as_ref());
    let sources = own.sources.as_ref().or(shared.sources.as_ref());
    let text = |at: Option<usize>| at.and_then(|at| texts.get(at)).map(String::as_str);
    let function = |func: usize| -> Option<(Text, u32, Text)> {
        let name = text(Some(*table.name.get(func)?))?;
        let at = |column: &[Option<usize>]| column.get(func).copied().flatten();
        let source = || sources?.filename.get(at(&table.source)?).copied();
        let library = || resources?.name.get(usize::try_from(*table.resource.get(func)?).ok()?).copied();
        let file = text(at(&table.file_name).or_else(source).or_else(library));
        let line = table.line_number.get(func).copied().flatten().unwrap_or(0);
        Some((file.unwrap_or("~").into(), line, name.into()))
    };
    let functions: Option<Vec<_>> = of_frames.iter().map(|&func| function(func)).collect();
    let functions =
        functions.ok_or_else(|| bad(field("frameTable.func"), "a frame has no function with a name"))?;
    Ok(Stacks { below, frames, functions })
}

fn bad(field: String, problem: &str) -> Error {
    Error::BadField { field, problem: problem.to_owned() }
}
