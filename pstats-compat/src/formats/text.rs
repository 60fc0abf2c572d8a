//! The text report of `pstats.Stats`, sorted by cumulative time. See [`crate::report`] for other
//! orders, callers and callees.

use std::io::{BufWriter, Write};

use crate::error::Result;
use crate::model::Profile;
use crate::report::{Report, SortKey};

/// Writes the report.
pub fn write(profile: &Profile, out: &mut dyn Write) -> Result<()> {
    let profile = profile.with_unique_labels();
    let mut out = BufWriter::new(out);
    Report::new(&profile, &[SortKey::Cumulative]).write_stats(&[], &mut out)?;
    out.flush()?;
    Ok(())
}
