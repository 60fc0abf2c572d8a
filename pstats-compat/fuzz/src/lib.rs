//! What every target does with bytes: they are read or refused, and what is read can be written in every format.

use std::io::sink;

use pstats_compat::Profile;
use pstats_compat::check::check;
use pstats_compat::formats::Format;

/// Any bytes as a file of a format. Returns what was read.
pub fn read(format: Format, bytes: &[u8]) -> Option<Profile> {
    let read = format.reader().expect("there is a target for each format that is read, and for no other");
    let profile = read(bytes).ok()?;
    write(&profile);
    Some(profile)
}

/// Writes what was read in every format, and checks it.
pub fn write(profile: &Profile) {
    for format in Format::all().filter(|format| format.is_written()) {
        // A count may be too large for a format, and then it says so.
        let _ = format.write(profile, &mut sink());
    }
    check(profile);
}
