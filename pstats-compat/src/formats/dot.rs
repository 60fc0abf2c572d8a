//! DOT: the call graph for Graphviz.
//!
//! A graph of every function is a black square, so what is small is left out, by the thresholds
//! that people know from gprof2dot: functions below 0.5 % and edges below 0.1 % of the whole. The
//! label of the graph says how many. What is left has short lines, for a graph is as wide as its labels: the module where
//! the table has a path, which a tooltip still shows.

use std::io::Write;

use crate::error::Result;
use crate::model::{Counts, EdgeDetail, Function, FunctionId, Profile};
use crate::modules::Modules;

/// A function is drawn from this part of the total on.
const MIN_FUNCTION: f64 = 0.005;
/// An edge is drawn from this part of what a function is drawn from.
const MIN_EDGE: f64 = 0.2;
/// Graphviz knows how wide its letters are, also where no fonts are installed.
const FONT: &str = "Arial";
/// Longer names go on in another line.
const LINE: usize = 24;

/// Writes the call graph.
pub fn write(profile: &Profile, out: &mut dyn Write) -> Result<()> {
    write_above(profile, MIN_FUNCTION, out)
}

/// The same, of functions that have at least this part of the total.
pub fn write_above(profile: &Profile, min_function: f64, out: &mut dyn Write) -> Result<()> {
    let profile = profile.with_unique_labels();
    let modules = Modules::of(&profile);
    let min_edge = MIN_EDGE * min_function;
    let total = profile.tottime();
    let part = |value: f64| if total > 0.0 { value / total } else { 0.0 };
    let is_shown = |id: FunctionId| {
        let function = profile.function(id);
        !function.caller_only && part(function.calls.cumtime) >= min_function
    };
    writeln!(out, "digraph profile {{")?;
    writeln!(out, "  graph [fontname=\"{FONT}\", fontsize=10, ranksep=0.25, nodesep=0.125];")?;
    writeln!(
        out,
        "  node [shape=box, style=filled, fontname=\"{FONT}\", fontsize=10, width=0, height=0, \
         margin=\"0.08,0.04\", color=white];"
    )?;
    writeln!(out, "  edge [fontname=\"{FONT}\", fontsize=9];")?;
    let mut functions_left_out = 0;
    for id in profile.ids() {
        if !is_shown(id) {
            functions_left_out += 1;
            continue;
        }
        let function = profile.function(id);
        let whole = part(function.calls.cumtime).clamp(0.0, 1.0);
        let mut lines = name_lines(function);
        lines.extend(place(function, &modules).iter().flat_map(|place| wrapped(place)));
        lines.push(format!("{:.1} %", 100.0 * part(function.calls.cumtime)));
        lines.push(format!("({:.1} %)", 100.0 * part(function.calls.tottime)));
        lines.extend(counted(&profile, function.calls.ncalls));
        let tooltip = match function.is_builtin() {
            true => function.name.to_str_lossy().into_owned(),
            false => format!("{} ({}:{})", function.display_name(), function.file, function.line),
        };
        let (colour, text) = colours(whole);
        writeln!(
            out,
            "  f{} [label=\"{}\", tooltip=\"{}\", fillcolor=\"{colour}\", fontcolor={text}];",
            id.0,
            lines.iter().map(|line| quoted(line)).collect::<Vec<_>>().join("\\n"),
            quoted(&tooltip),
        )?;
    }
    let mut edges_left_out = 0;
    for edge in &profile.edges {
        let whole = part(edge.calls.cumtime);
        // Without times on edges, both ends decide.
        let has_time = profile.metadata.edges != EdgeDetail::CountsOnly;
        if !is_shown(edge.caller) || !is_shown(edge.callee) || (has_time && whole < min_edge) {
            edges_left_out += 1;
            continue;
        }
        let mut lines: Vec<String> =
            has_time.then(|| format!("{:.1} %", 100.0 * whole)).into_iter().collect();
        lines.extend(counted(&profile, edge.calls.ncalls));
        writeln!(
            out,
            "  f{} -> f{} [label=\"{}\", color=\"{}\", penwidth={:.2}, arrowsize={:.2}];",
            edge.caller.0,
            edge.callee.0,
            lines.iter().map(|line| quoted(line)).collect::<Vec<_>>().join("\\n"),
            edge_colour(whole.clamp(0.0, 1.0)),
            0.5 + 3.5 * whole.clamp(0.0, 1.0),
            0.4 + 0.4 * whole.clamp(0.0, 1.0),
        )?;
    }
    writeln!(
        out,
        "  label=\"time with callees (own time), calls\\nleft out: functions below {} % of the time \
         ({functions_left_out}), edges below {} % ({edges_left_out})\";",
        percent(min_function),
        percent(min_edge),
    )?;
    writeln!(out, "}}")?;
    Ok(())
}

/// No more digits than it has.
fn percent(part: f64) -> f64 {
    (part * 1e6).round() / 1e4
}

fn counted(profile: &Profile, ncalls: u64) -> Option<String> {
    match profile.metadata.counts {
        Counts::Calls => Some(format!("{ncalls}×")),
        Counts::Samples => Some(format!("{ncalls} samples")),
        Counts::Unknown => None,
    }
}

/// The name, over several lines if it is long. A built-in's without the words around it.
fn name_lines(function: &Function) -> Vec<String> {
    let name = function.display_name();
    let short = match function.is_builtin() {
        true => builtin(&name).unwrap_or_else(|| name.clone().into_owned()),
        false => name.into_owned(),
    };
    wrapped(&short)
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for part in text.split_inclusive(['.', '_', ' ']) {
        let line = lines.last_mut().expect("there is one always");
        if !line.is_empty() && line.chars().count() + part.chars().count() > LINE {
            lines.push(part.to_owned());
        } else {
            line.push_str(part);
        }
    }
    lines
}

/// `len` of `<built-in method builtins.len>`, `list.append` of `<method 'append' of 'list' objects>`.
fn builtin(name: &str) -> Option<String> {
    let inner = name.strip_prefix('<')?.strip_suffix('>')?;
    if let Some(name) = inner.strip_prefix("built-in method ") {
        return Some(name.strip_prefix("builtins.").unwrap_or(name).to_owned());
    }
    let (method, class) = inner.strip_prefix("method '")?.split_once("' of '")?;
    Some(format!("{}.{method}", class.strip_suffix("' objects")?))
}

/// Module and line: a path is another on each machine, and too wide.
fn place(function: &Function, modules: &Modules<'_>) -> Option<String> {
    if function.is_builtin() {
        return None;
    }
    let file = || function.file.to_str_lossy().into_owned();
    let place = modules.name(function).unwrap_or_else(file);
    (!place.is_empty()).then(|| format!("{place}:{}", function.line))
}

/// From a cold blue over green and yellow to a hot red, as on a map of temperatures; and in what text is legible on it.
fn colours(part: f64) -> (String, &'static str) {
    let heat = part.sqrt();
    let hue = (1.0 - heat) * 0.62;
    let (saturation, value) = (0.25 + 0.55 * heat, 0.98 - 0.13 * heat);
    (format!("{hue:.3} {saturation:.3} {value:.3}"), if heat > 0.85 { "white" } else { "black" })
}

/// Of the same hues, dark enough for a line on white.
fn edge_colour(part: f64) -> String {
    let heat = part.sqrt();
    format!("{:.3} {:.3} {:.3}", (1.0 - heat) * 0.62, 0.4 + 0.4 * heat, 0.75)
}

/// The inside of a quoted DOT string.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if character.is_control() => quoted.push(' '),
            _ => quoted.push(character),
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Calls;

    #[test]
    fn names_are_short_and_whole() {
        let lines = |file: &str, line, name: &str| {
            name_lines(&Function::new(file.into(), line, name.into(), Calls::default()))
        };
        assert_eq!(lines("~", 0, "<built-in method builtins.len>"), ["len"]);
        assert_eq!(lines("~", 0, "<built-in method posix.stat>"), ["posix.stat"]);
        assert_eq!(lines("~", 0, "<method 'append' of 'list' objects>"), ["list.append"]);
        assert_eq!(lines("~", 0, "<weakref; to 'R'>"), ["<weakref; to 'R'>"]);
        assert_eq!(lines("a.py", 1, "<module>"), ["<module>"]);
        let long = "_find_and_load_unlocked_from_everywhere";
        assert_eq!(lines("a.py", 1, long), ["_find_and_load_unlocked_", "from_everywhere"]);
    }
}
