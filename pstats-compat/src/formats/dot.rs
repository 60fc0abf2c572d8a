//! DOT: the call graph for Graphviz.
//!
//! A graph of every function is a black square, so what is small is left out, by the thresholds
//! that people know from gprof2dot: functions below 0.5 % and edges below 0.1 % of the whole. The
//! label of the graph says how many.

use std::io::Write;

use crate::error::Result;
use crate::model::{Counts, FunctionId, Profile};

/// A function is drawn from this part of the total on.
const MIN_FUNCTION: f64 = 0.005;
/// An edge is drawn from this part of the total on.
const MIN_EDGE: f64 = 0.001;

/// Writes the call graph.
pub fn write(profile: &Profile, out: &mut dyn Write) -> Result<()> {
    let profile = profile.with_unique_labels();
    let total: f64 = profile.rows().map(|(_, function)| function.calls.tottime).sum();
    let part = |value: f64| if total > 0.0 { value / total } else { 0.0 };
    let is_shown = |id: FunctionId| {
        let function = profile.function(id);
        !function.caller_only && part(function.calls.cumtime) >= MIN_FUNCTION
    };
    writeln!(out, "digraph profile {{")?;
    writeln!(out, "  node [shape=box, style=filled, fontname=\"sans-serif\", fontsize=10];")?;
    writeln!(out, "  edge [fontname=\"sans-serif\", fontsize=9];")?;
    let mut functions_left_out = 0;
    for id in profile.ids() {
        if !is_shown(id) {
            functions_left_out += 1;
            continue;
        }
        let function = profile.function(id);
        let whole = part(function.calls.cumtime).clamp(0.0, 1.0);
        let place = match function.is_builtin() {
            true => String::new(),
            false => format!("\\n{}:{}", quoted(&function.file.to_str_lossy()), function.line),
        };
        writeln!(
            out,
            "  f{} [label=\"{}{place}\\n{:.1} % (own {:.1} %)\\n{}\", fillcolor=\"{}\"];",
            id.0,
            quoted(&function.display_name()),
            100.0 * part(function.calls.cumtime),
            100.0 * part(function.calls.tottime),
            counted(&profile, function.calls.ncalls),
            colour(whole),
        )?;
    }
    let mut edges_left_out = 0;
    for edge in &profile.edges {
        let whole = part(edge.calls.cumtime);
        // Without times on edges, both ends decide.
        let has_time = profile.metadata.edges != crate::model::EdgeDetail::CountsOnly;
        if !is_shown(edge.caller) || !is_shown(edge.callee) || (has_time && whole < MIN_EDGE) {
            edges_left_out += 1;
            continue;
        }
        let share = match has_time {
            true => format!("{:.1} %\\n", 100.0 * whole),
            false => String::new(),
        };
        writeln!(
            out,
            "  f{} -> f{} [label=\"{share}{}\", penwidth={:.2}];",
            edge.caller.0,
            edge.callee.0,
            counted(&profile, edge.calls.ncalls),
            0.5 + 3.5 * whole.clamp(0.0, 1.0),
        )?;
    }
    writeln!(
        out,
        "  label=\"left out: functions below {} % of the time ({functions_left_out}), edges below {} % \
         ({edges_left_out})\";",
        100.0 * MIN_FUNCTION,
        100.0 * MIN_EDGE
    )?;
    writeln!(out, "}}")?;
    Ok(())
}

fn counted(profile: &Profile, ncalls: u64) -> String {
    match profile.metadata.counts {
        Counts::Calls => format!("{ncalls}×"),
        Counts::Samples => format!("{ncalls} samples"),
        Counts::Unknown => String::new(),
    }
}

/// From white to a red on which black text is still legible.
fn colour(part: f64) -> String {
    let faded = (255.0 - 145.0 * part.sqrt()) as u8;
    format!("#ff{faded:02x}{faded:02x}")
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
