//! The browser that the user looks at pages with.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(target_os = "macos")]
const OPENERS: [&[&str]; 1] = [&["open"]];
#[cfg(windows)]
const OPENERS: [&[&str]; 1] = [&["cmd", "/C", "start", ""]];
/// The second one is that of Windows' Linux.
#[cfg(not(any(target_os = "macos", windows)))]
const OPENERS: [&[&str]; 2] = [&["xdg-open"], &["wslview"]];

/// What hasn't failed by then has opened it: some openers run as long as their browser.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens a file in the user's browser.
pub fn open(path: &Path) -> io::Result<()> {
    open_any(path.canonicalize()?.as_os_str())
}

/// Opens an address in the user's browser.
pub fn open_address(address: &str) -> io::Result<()> {
    open_any(OsStr::new(address))
}

fn open_any(what: &OsStr) -> io::Result<()> {
    let mut problem = None;
    for opener in OPENERS {
        match open_with(opener, what) {
            Ok(()) => return Ok(()),
            // The first one tells more: it is the usual one.
            Err(error) => drop(problem.get_or_insert(error)),
        }
    }
    Err(problem.unwrap_or_else(|| io::ErrorKind::Unsupported.into()))
}

fn open_with(opener: &[&str], what: &OsStr) -> io::Result<()> {
    let (program, arguments) = (opener[0], &opener[1..]);
    let mut command = Command::new(program);
    command.args(arguments).arg(what).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let named = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::new(error.kind(), format!("`{program}` is not here")),
        kind => io::Error::new(kind, format!("{program}: {error}")),
    };
    let mut child = command.spawn().map_err(named)?;
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(io::Error::other(format!("{program} failed: {status}"))),
            None => thread::sleep(Duration::from_millis(20)),
        }
    }
    Ok(())
}
