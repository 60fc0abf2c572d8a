//! A stream of somebody else's profile: what was gathered elsewhere, told as a live process tells its own.
//!
//! ```text
//!  (name, profile), … ─> a full message: each name is a thread of the stream, and once more for each label set that its profile has
//! ```
//! Nothing is open in it, and each message is a full one: whoever passes profiles on gets them whole, and seldom.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use pikos_wire::{
    Added, EdgeRow, End, Facts, Finished, FunctionRow, Kind, LabelRow, Message, Name, NodeFigures, NodeRow,
    Open, Recorded, ThreadRow, TreePart, VERSION, WireText, name_with_labels,
};
use pstats_compat::{Calls, Function, FunctionId, Profile, Text};

/// Seconds of one tick.
const TICK: f64 = 1e-9;
/// Names that are numbered at most; with more, numbers begin anew.
const MOST: usize = 1_000_000;

/// A part of a stream.
#[derive(Clone, Copy, Debug)]
pub struct Part<'p> {
    /// What it is called: a task, a thread.
    pub name: &'p str,
    /// Its figures so far.
    pub profile: &'p Profile,
}

/// One stream.
pub struct Voice {
    id: String,
    facts: Facts,
    seq: u64,
    epoch: u64,
    began: Instant,
    names: HashMap<(Text, u32, Text), u32>,
    /// Numbers, by names and labels.
    threads: HashMap<(String, Labels), u64>,
}

type Labels = Vec<(Text, Text)>;

impl Voice {
    /// Begins a stream. `id` tells it from all others, on all hosts.
    pub fn new(id: String, facts: Facts) -> Self {
        let (names, threads) = (HashMap::new(), HashMap::new());
        Self { id, facts, seq: 0, epoch: 0, began: Instant::now(), names, threads }
    }

    /// What is told of the process; it may change.
    pub fn facts_mut(&mut self) -> &mut Facts {
        &mut self.facts
    }

    /// The next message: all that is known now. `interval`: from one to the next, about.
    pub fn message(
        &mut self,
        parts: &[Part<'_>],
        interval: Duration,
        time: f64,
        end: Option<End>,
    ) -> Message {
        if self.names.len() + parts.iter().map(|part| part.profile.functions.len()).sum::<usize>() > MOST {
            self.epoch += 1;
            self.names.clear();
        }
        self.seq += 1;
        self.facts.tree = parts.iter().any(|part| part.profile.tree.is_some());
        let mut message = Message {
            v: VERSION,
            kind: Kind::Full,
            id: self.id.clone(),
            seq: self.seq,
            base: self.seq,
            epoch: self.epoch,
            time,
            age: self.began.elapsed().as_secs_f64(),
            tick: TICK,
            interval: interval.as_secs_f64(),
            recorded: Some(recorded(parts)),
            facts: Some(self.facts.clone()),
            end,
            ..Message::default()
        };
        let mut nodes = Vec::new();
        let mut named = HashMap::new();
        for &Part { name, profile } in parts {
            if profile.label_sets.is_empty() {
                let thread = self.thread(name, &[], &mut message);
                self.tell(thread, profile, &mut message, &mut named, &mut nodes);
            }
            // Together they are the whole.
            for set in &profile.label_sets {
                let thread = self.thread(name, &set.labels, &mut message);
                self.tell(thread, &set.profile, &mut message, &mut named, &mut nodes);
            }
        }
        message.functions = named.into_values().collect();
        message.functions.sort_unstable_by_key(|name| name.function);
        message.tree = self.facts.tree.then_some(TreePart { base: self.seq, nodes });
        message
    }

    /// The number of a thread, which is in the message then.
    fn thread(&mut self, name: &str, labels: &[(Text, Text)], message: &mut Message) -> u64 {
        let next = self.threads.len() as u64 + 1;
        let thread = *self.threads.entry((name.to_owned(), labels.to_vec())).or_insert(next);
        let texts: Vec<_> =
            labels.iter().map(|(label, value)| (label.to_str_lossy(), value.to_str_lossy())).collect();
        let pairs = texts.iter().map(|(label, value)| (&**label, &**value));
        let name = WireText::from(name_with_labels(name, pairs).as_str());
        message.threads.push(ThreadRow { thread, name, native_id: 0, is_over: false });
        if !labels.is_empty() {
            let labels = labels.iter().flat_map(|(label, value)| [label, value]);
            let labels = labels.map(|text| WireText::from(text.clone())).collect();
            message.labels.push(LabelRow { thread, labels });
        }
        thread
    }

    fn tell(
        &mut self,
        thread: u64,
        profile: &Profile,
        message: &mut Message,
        named: &mut HashMap<u32, Name>,
        nodes: &mut Vec<NodeRow>,
    ) {
        let numbers: Vec<u32> =
            profile.functions.iter().map(|function| self.number(function, named)).collect();
        let number = |id: FunctionId| numbers[id.index()];
        for (id, function) in profile.rows() {
            let gil_wait = Added(ticks(function.gil_wait));
            let finished = finished(&function.calls);
            let open = Open::default();
            message.rows.push(FunctionRow { thread, function: number(id), finished, open, gil_wait });
        }
        message.edges.extend(profile.edges.iter().map(|edge| EdgeRow {
            thread,
            caller: number(edge.caller),
            callee: number(edge.callee),
            finished: finished(&edge.calls),
            open: Open::default(),
        }));
        let Some(tree) = &profile.tree else { return };
        let figures = |ncalls, tottime| NodeFigures { ncalls, tottime, ..NodeFigures::default() };
        if tree.cut.calls > 0 {
            // Where exactly they were cut isn't known any more: their time is in the stacks that made them.
            let figures = NodeFigures {
                cut_ncalls: tree.cut.calls,
                cut_tottime: ticks(tree.cut.seconds),
                ..NodeFigures::default()
            };
            nodes.push(NodeRow { thread, node: 0, parent: 0, function: None, figures });
        }
        nodes.extend((1..).zip(&tree.added_up().nodes).map(|(place, node)| NodeRow {
            thread,
            node: place,
            parent: node.parent.map_or(0, |parent| parent.0 + 1),
            function: Some(number(node.function)),
            figures: figures(node.ncalls, ticks(node.tottime)),
        }));
    }

    /// A function's number, the same for as long as the epoch lasts.
    fn number(&mut self, function: &Function, named: &mut HashMap<u32, Name>) -> u32 {
        let key = (function.file.clone(), function.line, function.name.clone());
        let next = self.names.len() as u32;
        let number = *self.names.entry(key).or_insert(next);
        named.entry(number).or_insert_with(|| Name {
            function: number,
            file: function.file.clone().into(),
            line: function.line,
            name: function.name.clone().into(),
            qualname: function.qualname.clone().map(WireText::from),
        });
        number
    }
}

fn recorded(parts: &[Part<'_>]) -> Recorded {
    let of = |part: &Part<'_>| {
        let facts = &part.profile.metadata;
        (facts.elapsed().unwrap_or(0.0), facts.cpu().unwrap_or(0.0))
    };
    let longest = |(elapsed, cpu): (f64, f64), next: (f64, f64)| (elapsed.max(next.0), cpu + next.1);
    let (elapsed, cpu) = parts.iter().map(of).fold((0.0, 0.0), longest);
    Recorded { elapsed, cpu, threads: parts.len() as u64, ..Recorded::default() }
}

fn finished(calls: &Calls) -> Finished {
    Finished {
        ncalls: calls.ncalls,
        primitive_calls: calls.primitive_calls,
        tottime: ticks(calls.tottime),
        cumtime: ticks(calls.cumtime),
    }
}

/// Seconds in ticks; what is no time is none.
fn ticks(seconds: f64) -> i64 {
    (seconds / TICK).round() as i64
}

#[cfg(test)]
mod tests {
    use pstats_compat::{CallTree, Edge, LabelSet, Node, NodeId};

    use super::*;

    fn profile(names: &[&str], ncalls: u64) -> Profile {
        let calls =
            Calls { ncalls, primitive_calls: ncalls, tottime: 0.25, cumtime: 0.5, ..Calls::default() };
        let functions =
            names.iter().map(|name| Function::new("a.py".into(), 1, (*name).into(), calls)).collect();
        let edges = vec![Edge { caller: FunctionId(0), callee: FunctionId(1), calls }];
        let node = |parent, function| Node { parent, function, ncalls, tottime: 0.25 };
        let nodes = vec![node(None, FunctionId(0)), node(Some(NodeId(0)), FunctionId(1))];
        Profile { tree: Some(CallTree { nodes, ..CallTree::default() }), ..Profile::new(functions, edges) }
    }

    #[test]
    fn parts_are_threads_and_numbers_stay() {
        let mut voice = Voice::new("id".to_owned(), Facts::default());
        let (inc, add) = (profile(&["f", "g"], 3), profile(&["g", "h"], 4));
        let part = |name, profile| Part { name, profile };
        let first = voice.message(&[part("inc", &inc)], Duration::from_secs(1), 0.0, None);
        let second =
            voice.message(&[part("add", &add), part("inc", &inc)], Duration::from_secs(1), 1.0, None);
        assert_eq!(Message::decode(&second.encode()).expect("sound"), second);
        let number = |message: &Message, name: &str| {
            message.functions.iter().find(|known| known.name.0 == Text::from(name)).map(|name| name.function)
        };
        assert_eq!((number(&first, "g"), number(&first, "h")), (Some(1), None));
        assert_eq!((number(&second, "g"), number(&second, "h")), (Some(1), Some(2)));
        let threads: Vec<_> =
            second.threads.iter().map(|row| (row.thread, row.name.0.to_str_lossy())).collect();
        assert_eq!(threads, [(2, "add".into()), (1, "inc".into())]);
        let calls: u64 =
            second.rows.iter().filter(|row| row.function == 1).map(|row| row.finished.ncalls).sum();
        assert_eq!(calls, 7, "of both parts");
        let tree = second.tree.expect("both have one");
        assert_eq!((tree.base, tree.nodes.len(), tree.nodes[1].parent), (2, 4, 1));
        assert_eq!(tree.nodes[1].figures.tottime, 250_000_000);
    }
    #[test]
    fn a_label_set_is_a_thread_with_labels() {
        let set = |labels: &[(&str, &str)], ncalls| LabelSet {
            labels: labels.iter().map(|&(name, value)| (name.into(), value.into())).collect(),
            profile: profile(&["f", "g"], ncalls),
        };
        let label_sets = vec![set(&[], 3), set(&[("route", "/pay"), ("tenant", "a")], 4)];
        let whole = Profile { label_sets, ..profile(&["f", "g"], 7) };
        let mut voice = Voice::new("id".to_owned(), Facts::default());
        let part = Part { name: "MainThread", profile: &whole };
        let message = voice.message(&[part], Duration::from_secs(1), 0.0, None);
        let names: Vec<_> = message.threads.iter().map(|row| row.name.0.to_str_lossy()).collect();
        assert_eq!(names, ["MainThread", "MainThread [route=/pay, tenant=a]"]);
        let [labels] = &message.labels[..] else { panic!("one row has labels: {:?}", message.labels) };
        assert_eq!((labels.thread, labels.labels.len()), (2, 4));
        let calls: Vec<_> = message.rows.iter().map(|row| (row.thread, row.finished.ncalls)).collect();
        assert_eq!(calls, [(1, 3), (1, 3), (2, 4), (2, 4)]);
        assert_eq!(Message::decode(&message.encode()).expect("sound"), message);
    }
}
