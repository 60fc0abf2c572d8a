//! What the process is, for those who hear from it.

use std::ffi::OsString;

use pikos_wire::{Facts, WireText};
use pyo3::prelude::*;

/// `parent` is the profiled process that has made this one.
pub fn facts(py: Python<'_>, parent: Option<u32>) -> PyResult<Facts> {
    let sys = py.import("sys")?;
    let version = py.version_info();
    let argv: Vec<OsString> = sys.getattr("argv").and_then(|argv| argv.extract()).unwrap_or_default();
    let host: String = py.import("os")?.call_method0("uname")?.getattr("nodename")?.extract()?;
    Ok(Facts {
        pid: std::process::id(),
        parent,
        host,
        argv: argv
            .iter()
            .map(|word| WireText(pstats_compat::Text::from_os_bytes(word.as_encoded_bytes())))
            .collect(),
        python: format!("CPython {}.{}.{}", version.major, version.minor, version.patch),
        pikos: env!("CARGO_PKG_VERSION").to_owned(),
        clock: lsprof_engine::clock::name().to_owned(),
        ..Facts::default()
    })
}
