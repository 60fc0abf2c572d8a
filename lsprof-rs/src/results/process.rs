//! What the process is, for those who hear from it and for the profile. The program sees nothing of that: no module is imported, and no
//! code of Python runs.

use std::ffi::OsString;

use pikos_os::{host, paths};
use pikos_publisher::since_epoch;
use pikos_wire::{Facts, WireText};
use pstats_compat::Text;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use crate::ffi::modules;

/// What there is to know now, as recording begins.
pub fn facts(py: Python<'_>) -> Facts {
    let version = py.version_info();
    let (major, minor, patch) = (version.major, version.minor, version.patch);
    let started = since_epoch();
    let command = words(py, c"orig_argv");
    // It may be gone.
    let folder = std::env::current_dir().map(|folder| paths::to_bytes(&folder));
    Facts {
        pid: std::process::id(),
        host: host::name(),
        started,
        zone: host::zone_at(started),
        argv: with_module(words(py, c"argv"), &command),
        command,
        folder: WireText(Text::from_os_bytes(&folder.unwrap_or_default())),
        system: host::system(),
        cpus: u32::try_from(host::processors()).unwrap_or(0),
        python: format!("CPython {major}.{minor}.{patch}{}", version.suffix.unwrap_or_default()),
        pikos: env!("CARGO_PKG_VERSION").to_owned(),
        clock: lsprof_engine::clock::name().to_owned(),
        ..Facts::default()
    }
}

/// A list of texts in `sys`; the program may have put anything there, and what are no texts are left out.
fn words(py: Python<'_>, name: &std::ffi::CStr) -> Vec<WireText> {
    let list = modules::of_sys(py, name).and_then(|list| list.cast_into::<PyList>().ok());
    let words =
        list.iter().flatten().filter_map(|word| word.cast::<PyString>().ok()?.extract::<OsString>().ok());
    words.map(|word| WireText(Text::from_os_bytes(word.as_encoded_bytes()))).collect()
}

/// The arguments of a module that is run by `-m` begin so until the interpreter has found its file, which comes after recording has
/// begun. Its name is in the command, before the others.
fn with_module(mut arguments: Vec<WireText>, command: &[WireText]) -> Vec<WireText> {
    let text = |word: &WireText| word.0.to_str_lossy().into_owned();
    let begins_so = arguments.first().is_some_and(|first| text(first) == "-m");
    if let Some(module) = command.len().checked_sub(arguments.len()).filter(|_| begins_so) {
        let word = text(&command[module]);
        // `-mmodule`, with other flags before the letter.
        let name =
            word.strip_prefix('-').and_then(|flags| flags.split_once('m')).map_or(&*word, |(_, name)| name);
        arguments[0] = name.into();
    }
    arguments
}
