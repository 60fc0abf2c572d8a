//! CSV: one line for each function, the most expensive first, for spreadsheets and data frames.
//!
//! Fields are quoted as RFC 4180 says. Times are written with every digit they have; `gil_wait` only where one waited,
//! and what only some profiles have behind it. Edges are left out: they are another table; see the JSON format. So are
//! objects, unless there is nothing else: then the table is that of their types.

use std::io::Write;

use crate::details::Detail;
use crate::error::Result;
use crate::model::{Counts, Objects, Profile};
use crate::report::{SortKey, order};

/// Writes the table of functions.
pub fn write(profile: &Profile, out: &mut dyn Write) -> Result<()> {
    if let Some(objects) = profile.objects.as_ref().filter(|_| profile.has_objects_alone()) {
        return write_types(objects, out);
    }
    let profile = profile.with_unique_labels();
    let has_gil_waits = profile.has_gil_waits();
    let details = Detail::of_profile(&profile);
    let more = if has_gil_waits { ",gil_wait" } else { "" };
    let detailed: String = details.iter().map(|detail| format!(",{}", detail.field())).collect();
    write!(out, "file,line,name,qualname,ncalls,primitive_calls,tottime,cumtime{more}{detailed}\r\n")?;
    for id in order(&profile, &[SortKey::Cumulative]) {
        let function = profile.function(id);
        let calls = function.calls;
        let qualname = function.qualname.as_ref().map(|name| name.to_str_lossy());
        let counts = match profile.metadata.counts {
            Counts::Unknown => ",".to_owned(),
            Counts::Calls | Counts::Samples => {
                format!("{},{}", calls.ncalls, calls.primitive_calls)
            }
        };
        let detailed = details.iter().map(|detail| {
            let seconds = detail.of(function).map(|seconds| seconds.to_string());
            format!(",{}", seconds.unwrap_or_default())
        });
        let detailed: String = detailed.collect();
        write!(
            out,
            "{},{},{},{},{counts},{},{}{}{detailed}\r\n",
            field(&function.file.to_str_lossy()),
            function.line,
            field(&function.name.to_str_lossy()),
            field(&qualname.unwrap_or_default()),
            calls.tottime,
            calls.cumtime,
            if has_gil_waits { format!(",{}", function.gil_wait) } else { String::new() },
        )?;
    }
    Ok(())
}

/// A line for each type, those with the most bytes first.
fn write_types(objects: &Objects, out: &mut dyn Write) -> Result<()> {
    write!(out, "type,module,created,destroyed,alive,peak,bytes\r\n")?;
    for place in objects.order() {
        let row = &objects.types[place];
        let known = |count: Option<u64>| count.map(|count| count.to_string()).unwrap_or_default();
        write!(
            out,
            "{},{},{},{},{},{},{}\r\n",
            field(&row.name.to_str_lossy()),
            field(&row.module.to_str_lossy()),
            row.created,
            known(row.destroyed),
            row.alive().map(|alive| alive.to_string()).unwrap_or_default(),
            known(row.peak),
            known(row.bytes),
        )?;
    }
    Ok(())
}

fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
