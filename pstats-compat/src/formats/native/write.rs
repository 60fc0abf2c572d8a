//! Writes one snapshot.

use std::io::Write;

use super::blocks::{
    self, COROUTINES, CPU, CPU_OF_EDGES, DISTRIBUTIONS, DONE, EDGE, FUNC, GIL_WAITS, LABEL_SETS, MAGIC, META,
    OBJECTS, SLOW_STEPS, TEXT, THREADS, TREE, VERSION,
};
use super::columns::{push_differences, push_number, push_numbers, push_times};
use super::{distributions, meta, objects};
use crate::error::Result;
use crate::model::{Calls, Edge, Figures, IdMap, Profile, SlowStep, Tasks, Text, Thread};

/// Writes a file that holds this profile.
pub fn write(profile: &Profile, out: &mut dyn Write) -> Result<()> {
    out.write_all(&MAGIC)?;
    out.write_all(&[VERSION])?;
    write_blocks(profile, out)?;
    if !profile.label_sets.is_empty() {
        blocks::push(LABEL_SETS, &label_sets(profile)?, out)?;
    }
    blocks::push(DONE, &[], out)
}

/// A label set is a snapshot of its own.
fn label_sets(profile: &Profile) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut put = |bytes: &[u8]| {
        push_number(&mut out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    };
    for set in &profile.label_sets {
        let mut labels = Vec::new();
        push_number(&mut labels, set.labels.len() as u64);
        for text in set.labels.iter().flat_map(|(name, value)| [name, value]) {
            push_number(&mut labels, text.as_bytes().len() as u64);
            labels.extend_from_slice(text.as_bytes());
        }
        put(&labels);
        let mut blocks = Vec::new();
        write_blocks(&set.profile, &mut blocks)?;
        put(&blocks);
    }
    Ok(out)
}

fn write_blocks(profile: &Profile, out: &mut dyn Write) -> Result<()> {
    blocks::push(META, &meta::write(&profile.metadata), out)?;
    let mut texts = Texts::default();
    let functions = functions(profile, &mut texts);
    let threads = threads(profile, &mut texts);
    let slow = profile.tasks.as_ref().map(|tasks| slow_steps(profile, tasks, &mut texts));
    let objects = profile.objects.as_ref().map(|objects| objects::write(objects, |text| texts.place(text)));
    blocks::push(TEXT, &texts.content(), out)?;
    if let (Some(tasks), Some(slow)) = (&profile.tasks, slow) {
        blocks::push(COROUTINES, &coroutines(profile, tasks), out)?;
        blocks::push(SLOW_STEPS, &slow, out)?;
    }
    if let Some(objects) = objects {
        blocks::push(OBJECTS, &objects, out)?;
    }
    if profile.has_gil_waits() {
        blocks::push(GIL_WAITS, &gil_waits(profile), out)?;
    }
    if profile.has_cpu() {
        blocks::push(CPU, &cpu(profile, profile.functions.iter().map(|function| &function.calls)), out)?;
    }
    if profile.has_distributions() {
        blocks::push(DISTRIBUTIONS, &distributions::write(profile), out)?;
    }
    blocks::push(FUNC, &functions, out)?;
    let edges = sorted_edges(profile);
    if profile.has_cpu() {
        blocks::push(CPU_OF_EDGES, &cpu(profile, edges.iter().map(|edge| &edge.calls)), out)?;
    }
    blocks::push(EDGE, &self::edges(profile, &edges), out)?;
    if let Some(threads) = threads {
        blocks::push(THREADS, &threads, out)?;
    }
    if let Some(tree) = tree(profile) {
        blocks::push(TREE, &tree, out)?;
    }
    Ok(())
}

/// Each text once, in the order of first use.
#[derive(Default)]
struct Texts<'p> {
    places: IdMap<&'p Text, u64>,
    texts: Vec<&'p Text>,
}

impl<'p> Texts<'p> {
    fn place(&mut self, text: &'p Text) -> u64 {
        let next = self.texts.len() as u64;
        let place = *self.places.entry(text).or_insert(next);
        if place == next {
            self.texts.push(text);
        }
        place
    }

    fn content(&self) -> Vec<u8> {
        let mut out = Vec::new();
        push_number(&mut out, self.texts.len() as u64);
        push_numbers(&mut out, self.texts.iter().map(|text| text.as_bytes().len() as u64));
        for text in &self.texts {
            out.extend_from_slice(text.as_bytes());
        }
        out
    }
}

fn functions<'p>(profile: &'p Profile, texts: &mut Texts<'p>) -> Vec<u8> {
    let functions = &profile.functions;
    let mut out = Vec::new();
    push_number(&mut out, functions.len() as u64);
    push_differences(&mut out, functions.iter().map(|function| texts.place(&function.file)));
    push_differences(&mut out, functions.iter().map(|function| u64::from(function.line)));
    push_differences(&mut out, functions.iter().map(|function| texts.place(&function.name)));
    // None is 0.
    let qualname = |name: &'p Option<Text>| name.as_ref().map_or(0, |name| texts.place(name) + 1);
    push_numbers(&mut out, functions.iter().map(|function| &function.qualname).map(qualname));
    push_numbers(&mut out, functions.iter().map(|function| u64::from(function.caller_only)));
    push_calls(&mut out, profile, functions.iter().map(|function| &function.calls));
    out
}

fn gil_waits(profile: &Profile) -> Vec<u8> {
    let waits: Vec<f64> = profile.functions.iter().map(|function| function.gil_wait).collect();
    let mut out = Vec::new();
    push_number(&mut out, waits.len() as u64);
    push_times(&mut out, profile.metadata.rounded_to, &waits);
    out
}

fn coroutines(profile: &Profile, tasks: &Tasks) -> Vec<u8> {
    let rows = &tasks.coroutines;
    let mut out = Vec::new();
    push_number(&mut out, rows.len() as u64);
    push_differences(&mut out, rows.iter().map(|row| u64::from(row.function.0)));
    // None is 0.
    push_numbers(&mut out, rows.iter().map(|row| row.caller.map_or(0, |caller| u64::from(caller.0) + 1)));
    for count in 0..Figures::default().counts().len() {
        push_numbers(&mut out, rows.iter().map(|row| row.figures.counts()[count]));
    }
    for time in 0..Figures::default().times().len() {
        let times: Vec<f64> = rows.iter().map(|row| row.figures.times()[time]).collect();
        push_times(&mut out, profile.metadata.rounded_to, &times);
    }
    out
}

fn slow_steps<'p>(profile: &Profile, tasks: &'p Tasks, texts: &mut Texts<'p>) -> Vec<u8> {
    let steps = &tasks.slow;
    let mut out = Vec::new();
    push_number(&mut out, tasks.slow_count);
    push_times(&mut out, profile.metadata.rounded_to, &[tasks.slow_from, tasks.slow_seconds]);
    push_number(&mut out, steps.len() as u64);
    for time in [|step: &SlowStep| step.at, |step: &SlowStep| step.seconds] {
        let times: Vec<f64> = steps.iter().map(time).collect();
        push_times(&mut out, profile.metadata.rounded_to, &times);
    }
    // None is 0.
    push_numbers(
        &mut out,
        steps.iter().map(|step| step.task.as_ref().map_or(0, |name| texts.place(name) + 1)),
    );
    push_numbers(&mut out, steps.iter().map(|step| u64::from(step.function.0)));
    push_numbers(&mut out, steps.iter().map(|step| step.path.len() as u64));
    let calls = || steps.iter().flat_map(|step| &step.path);
    push_numbers(&mut out, calls().map(|(function, _)| u64::from(function.0)));
    let times: Vec<f64> = calls().map(|(_, seconds)| *seconds).collect();
    push_times(&mut out, profile.metadata.rounded_to, &times);
    out
}

fn cpu<'p>(profile: &Profile, calls: impl ExactSizeIterator<Item = &'p Calls>) -> Vec<u8> {
    let mut out = Vec::new();
    push_number(&mut out, calls.len() as u64);
    let times: (Vec<f64>, Vec<f64>) = calls.map(|calls| (calls.cpu_tottime, calls.cpu_cumtime)).unzip();
    push_times(&mut out, profile.metadata.rounded_to, &times.0);
    push_times(&mut out, profile.metadata.rounded_to, &times.1);
    out
}

/// Neighbours are alike, and take less room.
fn sorted_edges(profile: &Profile) -> Vec<&Edge> {
    let mut edges: Vec<&Edge> = profile.edges.iter().collect();
    edges.sort_by_key(|edge| (edge.callee, edge.caller));
    edges
}

fn edges(profile: &Profile, edges: &[&Edge]) -> Vec<u8> {
    let mut out = Vec::new();
    push_number(&mut out, edges.len() as u64);
    push_differences(&mut out, edges.iter().map(|edge| u64::from(edge.callee.0)));
    push_differences(&mut out, edges.iter().map(|edge| u64::from(edge.caller.0)));
    push_calls(&mut out, profile, edges.iter().map(|edge| &edge.calls));
    out
}

fn threads<'p>(profile: &'p Profile, texts: &mut Texts<'p>) -> Option<Vec<u8>> {
    let threads = profile.tree.as_ref().map(|tree| &tree.threads).filter(|threads| !threads.is_empty())?;
    let mut out = Vec::new();
    push_number(&mut out, threads.len() as u64);
    push_differences(&mut out, threads.iter().map(|thread| u64::from(thread.first.0)));
    // None is 0.
    let name = |name: &'p Option<Text>| name.as_ref().map_or(0, |name| texts.place(name) + 1);
    push_numbers(&mut out, threads.iter().map(|thread| &thread.name).map(name));
    for number in [|thread: &Thread| thread.process, |thread: &Thread| thread.id] {
        push_numbers(&mut out, threads.iter().map(|thread| u64::from(number(thread).is_some())));
        push_numbers(&mut out, threads.iter().filter_map(number));
    }
    Some(out)
}

fn tree(profile: &Profile) -> Option<Vec<u8>> {
    let tree = profile.tree.as_ref()?;
    let nodes = &tree.nodes;
    let mut out = Vec::new();
    push_number(&mut out, nodes.len() as u64);
    // How far back the parent stands; 0 is none.
    push_numbers(
        &mut out,
        (0_u64..).zip(nodes).map(|(place, node)| node.parent.map_or(0, |parent| place - u64::from(parent.0))),
    );
    push_differences(&mut out, nodes.iter().map(|node| u64::from(node.function.0)));
    push_numbers(&mut out, nodes.iter().map(|node| node.ncalls));
    let times: Vec<f64> = nodes.iter().map(|node| node.tottime).collect();
    push_times(&mut out, profile.metadata.rounded_to, &times);
    push_number(&mut out, tree.cut.calls);
    push_times(&mut out, profile.metadata.rounded_to, &[tree.cut.seconds]);
    Some(out)
}

fn push_calls<'p>(out: &mut Vec<u8>, profile: &Profile, calls: impl Iterator<Item = &'p Calls>) {
    let calls: Vec<&Calls> = calls.collect();
    push_numbers(out, calls.iter().map(|calls| calls.ncalls));
    // Recursive calls: mostly none.
    push_numbers(out, calls.iter().map(|calls| calls.ncalls.wrapping_sub(calls.primitive_calls)));
    for figure in [|calls: &Calls| calls.tottime, |calls: &Calls| calls.cumtime] {
        let times: Vec<f64> = calls.iter().map(|calls| figure(calls)).collect();
        push_times(out, profile.metadata.rounded_to, &times);
    }
}
