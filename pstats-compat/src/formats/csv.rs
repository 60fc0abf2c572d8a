//! CSV: one line for each function, the most expensive first, for spreadsheets and data frames.
//!
//! Fields are quoted as RFC 4180 says. Times are written with every digit they have; `gil_wait` only where one waited. Edges are
//! left out: they are another table; see the JSON format.

use std::io::Write;

use crate::error::Result;
use crate::model::{Counts, Profile};
use crate::report::{SortKey, order};

/// Writes the table of functions.
pub fn write(profile: &Profile, out: &mut dyn Write) -> Result<()> {
    let profile = profile.with_unique_labels();
    let has_gil_waits = profile.has_gil_waits();
    let more = if has_gil_waits { ",gil_wait" } else { "" };
    write!(out, "file,line,name,qualname,ncalls,primitive_calls,tottime,cumtime{more}\r\n")?;
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
        write!(
            out,
            "{},{},{},{},{counts},{},{}{}\r\n",
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
