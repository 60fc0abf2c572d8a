//! The text report of `pstats.Stats`, sorted by cumulative time. See [`crate::report`] for other
//! orders, callers and callees. Objects, where they were counted, stand below it.

use std::io::{BufWriter, Write};

use crate::error::Result;
use crate::model::Profile;
use crate::report::{Report, SortKey};
use crate::summary::{self, Paper};

/// Writes the report.
pub fn write(profile: &Profile, out: &mut dyn Write) -> Result<()> {
    let profile = profile.with_unique_labels();
    let mut out = BufWriter::new(out);
    if !profile.has_objects_alone() {
        Report::new(&profile, &[SortKey::Cumulative]).write_stats(&[], &mut out)?;
    }
    summary::write_objects(&profile, usize::MAX, &Paper { width: usize::MAX, colours: false }, &mut out)?;
    out.flush()?;
    Ok(())
}
