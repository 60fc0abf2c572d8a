use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pikos_views::{Forest, FunctionId, Label, Paths, ShownFunction};
use proptest::prelude::*;
use pstats_compat::{Calls, Function};
use serde_json::Value;

use super::*;

const NOW: Moment = Moment { tick: 1, time: 2.0, age: Some(3.0) };

/// What a viewer does with events: docs/serve.md.
#[derive(Default)]
struct Client {
    names: BTreeMap<u64, String>,
    groups: usize,
    rows: BTreeMap<u64, Vec<Value>>,
    nodes: Vec<(i64, u64)>,
    figures: Vec<Vec<Value>>,
    state: String,
}

const ROW: [&str; 9] =
    ["calls", "primitive", "own", "cumulative", "gil_wait", "in_flight", "open", "calls_per_s", "share"];
const NODE: [&str; 4] = ["calls", "own", "in_flight", "open"];

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("{name} in {value}"))
}

impl Client {
    fn full(text: &str) -> Self {
        let full: Value = serde_json::from_str(text).expect("JSON");
        let mut client = Self { groups: list(&full, "groups").len(), ..Self::default() };
        client.take_labels(&full["labels"]);
        client.take_rows(&full["functions"]);
        if !full["stacks"].is_null() {
            client.take_nodes(&full["stacks"]);
            for at in 0..client.nodes.len() {
                client.figures.push(NODE.map(|name| list(&full["stacks"], name)[at].clone()).to_vec());
            }
        }
        client
    }

    fn delta(&mut self, text: &str) {
        let delta: Value = serde_json::from_str(text).expect("JSON");
        if let Some(groups) = delta.get("groups") {
            assert_eq!(groups["from"], self.groups);
            self.groups += list(groups, "items").len();
        }
        if let Some(labels) = delta.get("labels") {
            self.take_labels(labels);
        }
        self.take_rows(&delta["functions"]);
        if !delta["stacks"].is_null() {
            let stacks = &delta["stacks"];
            assert_eq!(stacks["from"], self.nodes.len());
            self.take_nodes(stacks);
            self.figures.resize(self.nodes.len(), Vec::new());
            let changed = &stacks["changed"];
            for (at, node) in list(changed, "node").iter().enumerate() {
                let figures = NODE.map(|name| list(changed, name)[at].clone()).to_vec();
                self.figures[node.as_u64().expect("a number") as usize] = figures;
            }
        }
    }

    fn take_labels(&mut self, labels: &Value) {
        for (id, name) in list(labels, "id").iter().zip(list(labels, "name")) {
            let name = name.as_str().expect("text").to_owned();
            let before = self.names.insert(id.as_u64().expect("a number"), name);
            assert_eq!(before, None, "each is sent once");
        }
        for group in list(labels, "group") {
            assert!((group.as_u64().expect("a number") as usize) < self.groups);
        }
    }

    fn take_rows(&mut self, rows: &Value) {
        for (at, id) in list(rows, "id").iter().enumerate() {
            let row = ROW.map(|name| list(rows, name)[at].clone()).to_vec();
            self.rows.insert(id.as_u64().expect("a number"), row);
        }
    }

    fn take_nodes(&mut self, stacks: &Value) {
        self.state = stacks["state"].as_str().expect("text").to_owned();
        for (parent, function) in list(stacks, "parent").iter().zip(list(stacks, "function")) {
            let parent = parent.as_i64().expect("a number");
            assert!(parent < self.nodes.len() as i64, "parents have smaller numbers");
            self.nodes.push((parent, function.as_u64().expect("a number")));
        }
    }

    /// Figures by whole stacks: numbers may differ.
    fn stacks(&self) -> BTreeMap<Vec<u64>, Vec<Value>> {
        let path = |mut at: i64| {
            let mut path = Vec::new();
            while at >= 0 {
                let (parent, function) = self.nodes[at as usize];
                path.push(function);
                at = parent;
            }
            path
        };
        (0..self.nodes.len()).map(|at| (path(at as i64), self.figures[at].clone())).collect()
    }
}

/// A program of which pictures are taken: functions, and the trees of two processes.
#[derive(Default)]
struct World {
    labels: Vec<Arc<Label>>,
    functions: BTreeMap<u32, Shown>,
    trees: [Vec<(Option<u32>, u32, ShownStack)>; 2],
    paths: Paths,
}

#[derive(Clone, Debug)]
enum Step {
    Call { function: u32, seconds: f64 },
    Stack { tree: bool, below: usize, function: u32, seconds: f64 },
    Quiet,
}

fn step() -> impl Strategy<Value = Step> {
    let seconds = || 0.0f64..100.0;
    prop_oneof![
        (0u32..30, seconds()).prop_map(|(function, seconds)| Step::Call { function, seconds }),
        (any::<bool>(), 0usize..40, 0u32..30, seconds())
            .prop_map(|(tree, below, function, seconds)| Step::Stack { tree, below, function, seconds }),
        Just(Step::Quiet),
    ]
}

impl World {
    fn take(&mut self, step: &Step) {
        match *step {
            Step::Call { function, seconds } => {
                self.name(function);
                let figures = self.functions.entry(function).or_default();
                figures.ncalls += 1;
                figures.tottime += seconds;
                figures.gil_wait += seconds / 7.0;
                figures.in_flight = seconds / 3.0;
            }
            Step::Stack { tree, below, function, seconds } => {
                self.name(function);
                let nodes = &mut self.trees[usize::from(tree)];
                let own = ShownStack { ncalls: 1, tottime: seconds, ..ShownStack::default() };
                let parent = (below < nodes.len()).then_some(below as u32);
                match nodes.iter_mut().find(|node| (node.0, node.1) == (parent, function)) {
                    Some(node) => node.2.add(&own),
                    None => nodes.push((parent, function, own)),
                }
            }
            Step::Quiet => {}
        }
    }

    fn name(&mut self, function: u32) {
        for line in self.labels.len() as u32..=function {
            let file = format!("/app/m{}.py", line % 3);
            let function = Function::new(
                file.as_str().into(),
                line + 1,
                format!("f{line}").as_str().into(),
                Calls::default(),
            );
            self.labels.push(Arc::new(Label::of(&function)));
        }
    }

    fn content(&mut self) -> ProfileContent {
        let mut forest = Forest::new(&mut self.paths);
        for nodes in &self.trees {
            let mut places: Vec<u32> = Vec::new();
            for (parent, function, own) in nodes {
                let below = parent.map(|parent| places[parent as usize]);
                places.push(forest.add(below, FunctionId(*function), *own));
            }
        }
        let row = |(id, figures): (&u32, &Shown)| ShownFunction { id: FunctionId(*id), figures: *figures };
        ProfileContent {
            labels: Arc::new(self.labels.clone()),
            functions: Arc::new(self.functions.iter().map(row).collect()),
            stacks: Stacks::Known(Arc::new(forest.finish())),
            ..ProfileContent::default()
        }
    }
}

proptest! {
    #[test]
    fn who_applies_deltas_knows_what_a_picture_taken_now_says(
        steps in prop::collection::vec(prop::collection::vec(step(), 0..6), 1..20),
        joins in 0usize..20,
    ) {
        let (mut world, mut labels, mut sent) = (World::default(), Labels::default(), Sent::default());
        let mut client: Option<Client> = None;
        for (at, steps) in steps.iter().enumerate() {
            steps.iter().for_each(|step| world.take(step));
            let content = world.content();
            labels.follow(&content.labels, "/app", "");
            let delta = sent.follow(NOW, &content, &labels).expect("nothing has gone");
            match &mut client {
                Some(client) => client.delta(&delta),
                None if at >= joins => client = Some(Client::full(&sent.full(NOW, &labels))),
                None => {}
            }
            if let Some(client) = &client {
                let mut fresh = Sent::default();
                fresh.follow(NOW, &content, &labels).expect("nothing has gone");
                let direct = Client::full(&fresh.full(NOW, &labels));
                prop_assert_eq!(&client.names, &direct.names);
                let shown: BTreeSet<u64> =
                    client.rows.keys().copied().chain(client.nodes.iter().map(|node| node.1)).collect();
                prop_assert!(shown.iter().eq(client.names.keys()), "those that are shown, and no others");
                prop_assert_eq!(&client.rows, &direct.rows);
                prop_assert_eq!(client.stacks(), direct.stacks());
            }
        }
    }
}

#[test]
fn a_delta_holds_only_what_has_changed() {
    let mut world = World::default();
    for function in 0..20 {
        world.take(&Step::Call { function, seconds: 1.0 });
        world.take(&Step::Stack { tree: false, below: 99, function, seconds: 1.0 });
    }
    let (mut labels, mut sent) = (Labels::default(), Sent::default());
    let content = world.content();
    labels.follow(&content.labels, "/app", "");
    sent.follow(NOW, &content, &labels).expect("the first");
    world.take(&Step::Call { function: 7, seconds: 1.0 });
    world.take(&Step::Stack { tree: false, below: 99, function: 3, seconds: 1.0 });
    let delta = sent.follow(NOW, &world.content(), &labels).expect("nothing has gone");
    let delta: Value = serde_json::from_str(&delta).expect("JSON");
    assert_eq!(delta["functions"]["id"], serde_json::json!([7]));
    assert_eq!(delta["stacks"]["changed"]["node"], serde_json::json!([3]));
    assert_eq!(delta["stacks"]["parent"], serde_json::json!([]));
    assert!(delta.get("labels").is_none() && delta.get("groups").is_none());
}

#[test]
fn where_something_has_gone_all_is_void() {
    let (mut world, mut labels, mut sent) = (World::default(), Labels::default(), Sent::default());
    for function in 0..6 {
        world.take(&Step::Call { function, seconds: 1.0 });
    }
    labels.follow(&world.content().labels, "/app", "");
    assert!(sent.follow(NOW, &world.content(), &labels).is_some());
    assert!(sent.follow(NOW, &world.content(), &labels).is_some(), "nothing is new");
    world.functions.remove(&1);
    world.take(&Step::Call { function: 7, seconds: 1.0 });
    labels.follow(&world.content().labels, "/app", "");
    assert!(sent.follow(NOW, &world.content(), &labels).is_none(), "one has gone and another has come");
}
