//! What the system tells of a process, as far as it does: what a process tells of itself where it records.

use std::ffi::OsStr;

use pikos_os::{host, paths, process};
use pikos_publisher::since_epoch;
use pikos_wire::{Facts, WireText};

use crate::record::Options;

/// What stands in the place of a hook.
pub const HOOK: &str = "outside sampler";

/// What there is to know now.
pub fn facts(pid: u32, python: &str, pikos: &str, options: &Options) -> Facts {
    let command: Vec<WireText> = process::words(pid).iter().map(|word| text(word)).collect();
    let started = since_epoch();
    Facts {
        pid,
        host: host::name(),
        started,
        zone: host::zone_at(started),
        // What Python had of it for itself isn't known for sure: options stay.
        argv: command.iter().skip(1).cloned().collect(),
        command,
        folder: process::folder(pid).map_or_else(WireText::default, |folder| text(folder.as_os_str())),
        system: host::system(),
        cpus: u32::try_from(host::processors()).unwrap_or(0),
        python: format!("CPython {python}"),
        pikos: pikos.to_owned(),
        hook: HOOK.to_owned(),
        options: told(options),
        ..Facts::default()
    }
}

/// The options that differ from the default.
fn told(options: &Options) -> String {
    let default = Options::default();
    let rate = || format!("rate={}", (1.0 / options.interval.as_secs_f64() * 1e3).round() / 1e3);
    let parts = [
        (options.interval != default.interval).then(rate),
        (options.mode != default.mode).then(|| format!("mode='{}'", options.mode)),
        (options.budget != default.budget).then(|| format!("budget={}", options.budget)),
        (options.tree != default.tree).then(|| "tree=False".to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn text(word: &OsStr) -> WireText {
    WireText::from_os_bytes(&paths::to_bytes(word.as_ref()))
}
