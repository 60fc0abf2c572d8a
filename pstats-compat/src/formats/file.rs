//! A profile into a file: the whole of it, or nothing.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use super::format::Format;
use crate::error::Result;
use crate::model::Profile;

/// Writes beside the target and moves it there: a failure leaves no half file and keeps an old one.
pub fn save(profile: &Profile, format: Format, path: &Path) -> Result<()> {
    // A device or a pipe (`/dev/stdout`, a FIFO) can't be replaced, only written to.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        let mut out = BufWriter::new(File::create(path)?);
        format.write(profile, &mut out)?;
        return Ok(out.flush()?);
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = path.with_file_name(name);
    let written = File::create_new(&beside).map_err(Into::into).and_then(|file| {
        let mut out = BufWriter::new(file);
        format.write(profile, &mut out)?;
        out.flush()?;
        fs::rename(&beside, path)?;
        Ok(())
    });
    if written.is_err() {
        // Whatever went wrong is told; that the rest could not be removed either would hide it.
        let _ = fs::remove_file(&beside);
    }
    written
}
