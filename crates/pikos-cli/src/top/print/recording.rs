//! A recorder's table for scripts and pipes, and as CSV.

use std::io::{self, Write};
use std::path::Path;

use pikos_views::{Recording, ShownLine, ShownType, ShownTypes};
use pstats_compat::formats;
use serde::Serialize;

use super::process::described;
use crate::top::state::State;
use crate::top::state::memory::MemoryTable;
use crate::top::view;

/// The rows as a table of fixed columns; `top` limits them.
pub fn write_table(
    state: &State,
    memory: &Recording,
    top: Option<usize>,
    out: &mut dyn Write,
) -> io::Result<()> {
    if let Some(process) = state.picture.process() {
        writeln!(out, "{}", described(process))?;
    }
    if let Some(types) = &memory.types {
        return write_types(state, types, top, out);
    }
    if memory.has_memory {
        let Recording { now, most, .. } = memory;
        let bytes = |value: u64| view::bytes(value as i64);
        write!(out, "RSS {}, peak {}", bytes(now.rss), bytes(most.rss))?;
        if let Some(summit) = &memory.summit {
            let label = memory.label(summit.line, false);
            write!(out, " after {} {}:{}", label.function, label.file, label.line)?;
        }
        writeln!(out, "  VMS {}, peak {}", bytes(now.vms), bytes(most.vms))?;
        let spike = if memory.has_spikes { format!("{:>10} ", "spike") } else { String::new() };
        write!(out, "{:>10} {:>10} {spike}{:>10} ", "own", "growth", "peak")?;
    }
    if memory.has_times {
        write!(out, "{:>10} {:>10} ", "time", "own")?;
    }
    writeln!(out, "{:>10}  {}", "hits", if memory.is_of_functions { "function" } else { "line" })?;
    let by_function = state.memory.by_function;
    for row in state.memory.rows.iter().take(top.unwrap_or(usize::MAX)) {
        if memory.has_memory {
            let (own, growth) = (view::signed_bytes(row.own), view::signed_bytes(row.growth));
            write!(out, "{own:>10} {growth:>10} ")?;
            if memory.has_spikes {
                write!(out, "{:>10} ", view::signed_bytes(row.spike as i64))?;
            }
            write!(out, "{:>10} ", view::bytes(row.peak as i64))?;
        }
        if memory.has_times {
            write!(out, "{:>10} {:>10} ", view::nanoseconds(row.growth), view::nanoseconds(row.own))?;
        }
        writeln!(out, "{:>10}  {}", row.hits, memory.label(row.id, by_function).searched().trim_end())?;
    }
    Ok(())
}

/// The types as a table.
fn write_types(state: &State, types: &ShownTypes, top: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", view::objects(state, types))?;
    writeln!(
        out,
        "{:>12} {:>12} {:>12} {:>12} {:>9}  type",
        "created", "destroyed", "alive", "peak", "bytes"
    )?;
    let known = |figure: Option<String>| figure.unwrap_or_else(|| "-".to_owned());
    for row in listed(state, types, top) {
        let ShownType { created, destroyed, alive, peak, bytes, name, .. } = row;
        let destroyed = known(destroyed.map(|count| count.to_string()));
        let (alive, peak) =
            (known(alive.map(|count| count.to_string())), known(peak.map(|count| count.to_string())));
        let bytes = known(bytes.map(|bytes| view::bytes(i64::try_from(bytes).unwrap_or(i64::MAX))));
        writeln!(out, "{created:>12} {destroyed:>12} {alive:>12} {peak:>12} {bytes:>9}  {name}")?;
    }
    Ok(())
}

/// The types that are shown.
fn listed<'p>(
    state: &'p State,
    types: &'p ShownTypes,
    top: Option<usize>,
) -> impl Iterator<Item = &'p ShownType> {
    state.types.rows.iter().take(top.unwrap_or(usize::MAX)).filter_map(|row| types.rows.get(*row))
}

/// A type; what is missing, nobody tells.
#[derive(Serialize)]
struct TypeJson<'p> {
    #[serde(rename = "type")]
    name: &'p str,
    created: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    destroyed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alive: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    created_per_s: f64,
    destroyed_per_s: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    places: Vec<TypePlaceJson<'p>>,
}

#[derive(Serialize)]
struct TypePlaceJson<'p> {
    file: &'p str,
    line: u32,
    function: &'p str,
    created: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    alive: Option<u64>,
}

fn types_document<'p>(state: &'p State, types: &'p ShownTypes, top: Option<usize>) -> Vec<TypeJson<'p>> {
    let rows = state.types.rows.iter().take(top.unwrap_or(usize::MAX));
    let document = |of: &usize| {
        let row = types.rows.get(*of)?;
        let places = types.places_of(*of).into_iter().map(|place| TypePlaceJson {
            file: &place.file,
            line: place.line,
            function: &place.function,
            created: place.created,
            alive: place.alive,
        });
        Some(TypeJson {
            name: &row.name,
            created: row.created,
            destroyed: row.destroyed,
            alive: row.alive,
            peak: row.peak,
            bytes: row.bytes,
            created_per_s: row.made_per_s,
            destroyed_per_s: row.gone_per_s,
            places: places.collect(),
        })
    };
    rows.filter_map(document).collect()
}

/// What JSON has of a recorder beside its process.
#[derive(Serialize)]
pub struct RecordingJson<'p> {
    #[serde(skip_serializing_if = "Option::is_none")]
    types: Option<Vec<TypeJson<'p>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<MemoryJson<'p>>,
    lines: Vec<LineJson<'p>>,
}

#[derive(Serialize)]
struct MemoryJson<'p> {
    rss: u64,
    vms: u64,
    peak_rss: u64,
    peak_vms: u64,
    /// Who was at work when memory rose to its greatest height.
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_at: Option<PlaceJson<'p>>,
}

#[derive(Serialize)]
struct PlaceJson<'p> {
    file: &'p str,
    line: u32,
    function: &'p str,
    #[serde(skip_serializing_if = "str::is_empty")]
    source: &'p str,
}

#[derive(Serialize)]
struct LineJson<'p> {
    #[serde(flatten)]
    place: PlaceJson<'p>,
    hits: u64,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    grown: Option<GrownJson>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    timed: Option<TimedJson>,
}

/// Seconds.
#[derive(Serialize)]
struct TimedJson {
    time: f64,
    own: f64,
}

impl TimedJson {
    fn of(row: &ShownLine) -> Self {
        Self { time: row.growth as f64 / 1e9, own: row.own as f64 / 1e9 }
    }
}

/// Bytes.
#[derive(Serialize)]
struct GrownJson {
    own: i64,
    growth: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    spike: Option<u64>,
    peak: u64,
}

/// The part of the JSON document that only recorders have.
pub fn document<'p>(state: &'p State, memory: &'p Recording, top: Option<usize>) -> RecordingJson<'p> {
    let place = |id, by_function| {
        let label = memory.label(id, by_function);
        PlaceJson { file: &label.file, line: label.line, function: &label.function, source: &label.source }
    };
    let line = |row: &ShownLine| LineJson {
        place: place(row.id, state.memory.by_function),
        hits: row.hits,
        grown: memory.has_memory.then_some(GrownJson {
            own: row.own,
            growth: row.growth,
            spike: memory.has_spikes.then_some(row.spike),
            peak: row.peak,
        }),
        timed: memory.has_times.then(|| TimedJson::of(row)),
    };
    RecordingJson {
        types: memory.types.as_ref().map(|types| types_document(state, types, top)),
        memory: memory.has_memory.then(|| MemoryJson {
            rss: memory.now.rss,
            vms: memory.now.vms,
            peak_rss: memory.most.rss,
            peak_vms: memory.most.vms,
            peak_at: memory.summit.as_ref().map(|summit| place(summit.line, false)),
        }),
        lines: state.memory.rows.iter().take(top.unwrap_or(usize::MAX)).map(line).collect(),
    }
}

/// Writes the listed rows as comma-separated values, in bytes, as a whole or not at all. What a name would do to a spreadsheet
/// is the reader's care.
pub fn save(state: &State, memory: &Recording, path: &Path) -> pstats_compat::Result<()> {
    formats::replace(path, |out| {
        let mut writer = csv::Writer::from_writer(out);
        let written = match &memory.types {
            Some(types) => save_types(state, types, &mut writer),
            None => write(&state.memory, memory, &mut writer),
        };
        written.map_err(io::Error::from)?;
        Ok(writer.flush()?)
    })
}

fn save_types(
    state: &State,
    types: &ShownTypes,
    out: &mut csv::Writer<impl Write>,
) -> Result<(), csv::Error> {
    out.write_record(["type", "created", "destroyed", "alive", "peak", "bytes"])?;
    for row in listed(state, types, None) {
        let figure = |figure: Option<u64>| figure.map_or_else(String::new, |figure| figure.to_string());
        let alive = row.alive.map_or_else(String::new, |alive| alive.to_string());
        let figures =
            [row.created.to_string(), figure(row.destroyed), alive, figure(row.peak), figure(row.bytes)];
        out.write_record([&row.name].into_iter().chain(&figures))?;
    }
    Ok(())
}

fn write(
    table: &MemoryTable,
    memory: &Recording,
    out: &mut csv::Writer<impl Write>,
) -> Result<(), csv::Error> {
    let figures: &[&str] = match (memory.has_memory, memory.has_spikes) {
        (false, _) if memory.has_times => &["time", "own"],
        (false, _) => &[],
        (true, false) => &["own", "growth", "peak"],
        (true, true) => &["own", "growth", "spike", "peak"],
    };
    out.write_record(figures.iter().chain(&["hits", "filename", "lineNo", "function", "line"]))?;
    for row in &table.rows {
        let label = memory.label(row.id, table.by_function);
        if memory.has_memory {
            let spike = memory.has_spikes.then(|| row.spike.to_string());
            let figures = [Some(row.own.to_string()), Some(row.growth.to_string()), spike];
            for figure in figures.into_iter().flatten().chain([row.peak.to_string()]) {
                out.write_field(figure)?;
            }
        }
        if memory.has_times {
            let TimedJson { time, own } = TimedJson::of(row);
            out.write_field(format!("{time:.9}"))?;
            out.write_field(format!("{own:.9}"))?;
        }
        out.write_field(row.hits.to_string())?;
        out.write_field(label.path.as_bytes())?;
        out.write_field(label.line.to_string())?;
        out.write_field(&label.function)?;
        out.write_field(&label.source)?;
        out.write_record(None::<&[u8]>)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::samples::{memory_view, type_keys};

    #[test]
    fn the_table_is_printed_and_saved() {
        let mut state = memory_view(2, 80, 24);
        let memory = state.recorder().expect("a recorder").clone();
        let mut out = Vec::new();
        write_table(&state, &memory, Some(1), &mut out).expect("written");
        let text = String::from_utf8(out).expect("UTF-8");
        assert_eq!(
            text,
            "/srv/shop/report.py --all  pid 4713  1.0 s  running  line_memory  14 records\n\
             RSS 104.8M, peak 134.8M after legacy /srv/shop/report.py:17  VMS 524.1M, peak 673.8M\n\
             \x20      own     growth       peak       hits  line\n\
             \x20   +60.0M     +60.0M     134.8M          2  /srv/shop/report.py:17(legacy) a = np.matrix(numbers)  # a copy\n"
        );
        let json = serde_json::to_value(document(&state, &memory, Some(1))).expect("JSON");
        assert_eq!(json["memory"]["peak_at"]["line"], 17);
        assert_eq!(
            (&json["lines"][0]["growth"], json["lines"].as_array().map(Vec::len)),
            (&(60 << 20).into(), Some(1))
        );
        type_keys(&mut state, "f");
        let mut writer = csv::Writer::from_writer(Vec::new());
        write(&state.memory, &memory, &mut writer).expect("written");
        let saved = String::from_utf8(writer.into_inner().expect("flushed")).expect("UTF-8");
        let mut lines = saved.lines();
        assert_eq!(lines.next(), Some("own,growth,peak,hits,filename,lineNo,function,line"));
        assert_eq!(lines.next(), Some("125960192,188743680,141295616,8,/srv/shop/report.py,15,legacy,"));
    }
}
