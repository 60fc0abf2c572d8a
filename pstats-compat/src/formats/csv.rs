//! CSV: one line for each function, the most expensive first, for spreadsheets and data frames.
//!
//! Fields are quoted as RFC 4180 says. Times are written with every digit they have; `gil_wait` only where one waited,
//! and what only some profiles have behind it. Edges are left out: they are another table; see the JSON format.

use std::io::Write;

use crate::details::Detail;
use crate::error::Result;
use crate::model::{Counts, Profile};
use crate::report::{SortKey, order};

/// Writes the table of functions.
pub fn write(profile: &Profile, out: &mut dyn Write) -> Result<()> {
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

fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
