//! Writes each thread with its stacks.

use std::collections::HashSet;
use std::io::{BufWriter, Write};
use std::ops::Range;

use serde_json::{Value, json};

use crate::error::Result;
use crate::formats::string_table::StringTable;
use crate::model::{CallTree, Function, FunctionId, IdMap, Metadata, Profile, Unit, facts};
use crate::stacks::Stacks;

/// Writes the stacks; approximated ones say so in the name of the product.
pub fn write(profile: &Profile, stacks: &Stacks<'_>, out: &mut dyn Write) -> Result<()> {
    let title = stacks.title(profile);
    let (names, numbers) = (stacks.tree.thread_names(), stacks.tree.thread_numbers());
    let mut processes = HashSet::new();
    let mut threads: Vec<Value> = Vec::new();
    for (place, (known, places)) in stacks.tree.parts().enumerate() {
        let (process, id) = numbers.get(place).copied().unwrap_or_default();
        let own = known.and_then(|thread| Some(thread.name.as_ref()?.to_str_lossy().into_owned()));
        let track = Track {
            name: own.or_else(|| names.get(place).cloned()).unwrap_or_else(|| "profile".to_owned()),
            process,
            id,
            is_first: processes.insert(process),
        };
        threads.push(thread(profile, &stacks.tree, places, track));
    }
    let document = json!({
        "meta": meta(&title, &profile.metadata),
        "libs": [],
        "threads": threads,
        "pages": [],
        "profilerOverhead": [],
        "counters": [],
    });
    let mut out = BufWriter::new(out);
    serde_json::to_writer(&mut out, &document).map_err(std::io::Error::from)?;
    out.flush()?;
    Ok(())
}

fn meta(title: &str, metadata: &Metadata) -> Value {
    let mut meta = json!({
        "version": 24,
        "preprocessedProfileVersion": 55,
        "product": title,
        "processType": 0,
        "interval": 1.0,
        "startTime": metadata.started().map_or(0.0, |seconds| seconds as f64 * 1e3),
        "debug": false,
        "symbolicated": true,
        "usesOnlyOneStackType": true,
        "sourceCodeIsNotOnSearchfox": true,
        "pausedRanges": [],
        "markerSchema": [],
        "sampleUnits": { "time": "ms", "eventDelay": "ms", "threadCPUDelta": "µs" },
        "extensions": { "length": 0, "baseURL": [], "id": [], "name": [] },
        "categories": [
            { "name": "Python", "color": "yellow", "subcategories": ["Other"] },
            { "name": "Built-in", "color": "blue", "subcategories": ["Other"] },
        ],
    });
    for (name, fact) in [("arguments", facts::COMMAND), ("oscpu", facts::SYSTEM)] {
        if let Some(value) = metadata.fact(fact) {
            meta[name] = value.into();
        }
    }
    meta
}

/// What a thread is called.
struct Track {
    name: String,
    process: u64,
    id: u64,
    /// Of its process.
    is_first: bool,
}

/// A thread with the stacks at these places, and with the functions in them.
fn thread(profile: &Profile, tree: &CallTree, places: Range<usize>, track: Track) -> Value {
    let seconds = profile.metadata.unit == Unit::Seconds;
    let nodes = &tree.nodes[places.clone()];
    let mut functions: Vec<&Function> = Vec::new();
    let mut numbers: IdMap<FunctionId, usize> = IdMap::default();
    let mut number = |function: FunctionId| {
        *numbers.entry(function).or_insert_with(|| {
            functions.push(profile.function(function));
            functions.len() - 1
        })
    };
    let frames: Vec<usize> = nodes.iter().map(|node| number(node.function)).collect();
    let below = nodes.iter().map(|node| node.parent.map(|parent| parent.index() - places.start));
    let mut strings = StringTable::default();
    let names: Vec<usize> = functions.iter().map(|f| strings.place(&f.display_name())).collect();
    let files: Vec<Option<usize>> =
        functions.iter().map(|f| (!f.is_builtin()).then(|| strings.place(&f.file.to_str_lossy()))).collect();
    let lines: Vec<Option<u32>> = functions.iter().map(|f| (f.line > 0).then_some(f.line)).collect();
    let spent: Vec<(usize, f64)> = nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| node.tottime > 0.0)
        .map(|(place, node)| (place, if seconds { node.tottime * 1e3 } else { node.tottime }))
        .collect();
    // The time of a sample is the sum of the weights in front of it.
    let deltas: Vec<f64> =
        std::iter::once(0.0).chain(spent.iter().map(|(_, weight)| *weight)).take(spent.len()).collect();
    let everywhere = |value: Value, length: usize| vec![value; length];
    let count = functions.len();
    json!({
        "name": track.name,
        "processType": "default",
        "processName": "Python",
        "processStartupTime": 0.0,
        "processShutdownTime": null,
        "registerTime": 0.0,
        "unregisterTime": null,
        "pausedRanges": [],
        "isMainThread": track.is_first,
        "showMarkersInTimeline": false,
        "pid": track.process.to_string(),
        "tid": track.id.to_string(),
        "samples": {
            "length": spent.len(),
            "weightType": if seconds { "tracing-ms" } else { "samples" },
            "stack": spent.iter().map(|(place, _)| *place).collect::<Vec<_>>(),
            "timeDeltas": deltas,
            "weight": spent.iter().map(|(_, weight)| *weight).collect::<Vec<_>>(),
        },
        "stackTable": {
            "length": nodes.len(),
            "prefix": below.collect::<Vec<_>>(),
            "frame": frames,
        },
        "frameTable": {
            "length": count,
            "func": (0..count).collect::<Vec<_>>(),
            "line": lines,
            "category": functions.iter().map(|f| u8::from(f.is_builtin())).collect::<Vec<_>>(),
            "subcategory": everywhere(json!(0), count),
            "address": everywhere(json!(-1), count),
            "inlineDepth": everywhere(json!(0), count),
            "nativeSymbol": everywhere(Value::Null, count),
            "innerWindowID": everywhere(json!(0), count),
            "column": everywhere(Value::Null, count),
        },
        "funcTable": {
            "length": count,
            "name": names,
            "fileName": files,
            "lineNumber": lines,
            "columnNumber": everywhere(Value::Null, count),
            "isJS": everywhere(json!(false), count),
            "relevantForJS": everywhere(json!(false), count),
            "resource": everywhere(json!(-1), count),
        },
        "stringArray": strings.texts(),
        "resourceTable": { "length": 0, "lib": [], "name": [], "host": [], "type": [] },
        "nativeSymbols": {
            "length": 0, "address": [], "functionSize": [], "libIndex": [], "name": [],
        },
        "markers": {
            "length": 0, "category": [], "data": [], "endTime": [], "name": [], "phase": [],
            "startTime": [],
        },
    })
}
