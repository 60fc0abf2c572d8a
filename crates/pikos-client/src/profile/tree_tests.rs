use pikos_wire::{Facts, Kind, Message, Name, NodeRow, VERSION};
use proptest::prelude::*;

use super::*;
use crate::applied::Applied;
use crate::profile::Model;

fn node(thread: u64, node: u32, parent: u32, function: u32, ncalls: u64) -> NodeRow {
    let tottime = 10 * ncalls as i64;
    let figures = NodeFigures { ncalls, tottime, ..NodeFigures::default() };
    NodeRow { thread, node, parent, function: Some(function), figures }
}

fn message(seq: u64, base: u64, nodes: Vec<NodeRow>) -> Message {
    let name = |function| Name {
        function,
        file: "a.py".into(),
        line: function,
        name: format!("f{function}").as_str().into(),
        qualname: None,
    };
    Message {
        v: VERSION,
        kind: if seq == 1 { Kind::Full } else { Kind::Delta },
        id: "h:1".into(),
        seq,
        base: 1,
        tick: 1e-9,
        interval: 0.5,
        facts: (seq == 1).then(|| Facts { tree: true, ..Facts::default() }),
        functions: (0..4).map(name).collect(),
        tree: Some(TreePart { base, nodes }),
        ..Message::default()
    }
}

fn known(messages: &[Message]) -> Model {
    let mut model = Model::default();
    for message in messages {
        assert_eq!(model.apply(message.clone()).expect("it is sound"), Applied::Taken);
    }
    model
}

/// Stacks as texts, with their calls.
fn stacks(model: &Model, thread: Option<u64>) -> Vec<(String, u64)> {
    let nodes = model.stacks(thread).expect("they have come");
    let mut texts: Vec<String> = vec![String::new()];
    for node in &nodes[1..] {
        texts.push(format!("{} {}", texts[node.parent as usize], node.function).trim().to_owned());
    }
    let mut counted: Vec<_> =
        texts.into_iter().zip(nodes).skip(1).map(|(text, node)| (text, node.figures.ncalls)).collect();
    counted.sort();
    counted
}

fn stack(text: &str, ncalls: u64) -> (String, u64) {
    (text.to_owned(), ncalls)
}

#[test]
fn equal_stacks_of_threads_add_up() {
    let nodes = vec![
        node(1, 1, 0, 0, 1),
        node(1, 2, 1, 1, 2),
        node(2, 1, 0, 1, 4),
        node(2, 2, 0, 0, 8),
        node(2, 3, 2, 1, 16),
    ];
    let model = known(&[message(1, 1, nodes)]);
    assert_eq!(stacks(&model, None), [stack("0", 9), stack("0 1", 18), stack("1", 4)]);
    assert_eq!(stacks(&model, Some(1)), [stack("0", 1), stack("0 1", 2)]);
    assert!(model.has_all_stacks() && model.has_tree());
    assert_eq!(stacks(&model, Some(9)), []);
}

#[test]
fn a_part_builds_on_the_whole_tree_and_on_no_other() {
    let whole = message(1, 1, vec![node(1, 1, 0, 0, 1)]);
    let more = message(3, 1, vec![node(1, 1, 0, 0, 2), node(1, 2, 1, 1, 5)]);
    let mut model = known(&[whole.clone(), more]);
    assert_eq!(stacks(&model, None), [stack("0", 2), stack("0 1", 5)]);
    model.apply(Message { tree: None, ..message(4, 1, vec![]) }).unwrap();
    assert_eq!(stacks(&model, None).len(), 2, "a message without one leaves it as it is");
    model.apply(message(5, 4, vec![node(1, 1, 0, 0, 9), node(1, 7, 3, 0, 9)])).unwrap();
    assert_eq!((stacks(&model, None)[0].1, model.has_all_stacks()), (2, false), "its base was lost");
    assert_eq!(model.stacks_seq(), 3);
    model.apply(message(6, 6, vec![node(2, 1, 0, 3, 1)])).unwrap();
    assert_eq!((stacks(&model, None), model.has_all_stacks()), (vec![stack("3", 1)], true));
    // A full message without a tree says nothing of it either.
    model.apply(Message { seq: 7, base: 7, tree: None, ..whole }).unwrap();
    assert_eq!(stacks(&model, None), [stack("3", 1)]);
}

#[test]
fn after_a_clear_there_is_no_stack() {
    let mut model = known(&[message(1, 1, vec![node(1, 1, 0, 0, 1)])]);
    model.apply(Message { epoch: 1, tree: None, ..message(2, 1, vec![]) }).unwrap();
    assert!(model.stacks(None).is_none());
    assert!(model.profile(None).tree.is_none());
}

#[test]
fn a_profile_ends_what_is_open_and_tells_what_was_cut() {
    let mut nodes = vec![node(1, 0, 0, 0, 0), node(1, 1, 0, 0, 1), node(1, 2, 1, 9, 0)];
    nodes[0].function = None;
    nodes[0].figures = NodeFigures { tottime: 7, cut_ncalls: 3, cut_tottime: 7, ..NodeFigures::default() };
    (nodes[1].figures.cut_ncalls, nodes[1].figures.cut_tottime) = (2, 5);
    nodes[2].figures.open = Open { calls: 1, tottime: 100, cumtime: 400 };
    let profile = known(&[message(1, 1, nodes)]).profile(None);
    let tree = profile.tree.as_ref().expect("it has come");
    let shown: Vec<_> = (tree.nodes.iter())
        .map(|node| (profile.function(node.function).display_name().into_owned(), node.ncalls, node.tottime))
        .collect();
    assert_eq!(shown, [("f0".to_owned(), 1, 10.0 * 1e-9), ("<unknown>".to_owned(), 1, 100.0 * 1e-9)]);
    assert_eq!((tree.cut.calls, tree.cut.seconds), (5, 5.0 * 1e-9 + 7.0 * 1e-9));
    assert!(tree.is_sound(profile.functions.len()));
}

#[test]
fn contradictions_are_errors_and_change_nothing() {
    let good = message(1, 1, vec![node(1, 1, 0, 0, 1)]);
    let bad = [
        vec![node(1, 3, 1, 0, 1)],
        vec![node(1, 2, 2, 0, 1)],
        vec![node(1, 2, 5, 0, 1)],
        vec![NodeRow { function: None, ..node(1, 2, 1, 0, 1) }],
        // The second thread's numbers begin anew.
        vec![node(1, 2, 1, 0, 1), node(2, 2, 1, 0, 1)],
        vec![node(1, 2, 1, 0, 1), node(2, 1, 0, 0, 1), node(1, 4, 1, 0, 1)],
    ];
    for nodes in bad {
        for base in [1, 2] {
            let mut model = known(std::slice::from_ref(&good));
            let refused = model.apply(message(2, base, nodes.clone()));
            assert!(matches!(refused, Err(WireError::Contradiction(_))), "{nodes:?} on {base}: {refused:?}");
            assert_eq!((stacks(&model, None), model.seq()), (vec![stack("0", 1)], 1));
        }
    }
    let mut model = known(std::slice::from_ref(&good));
    assert!(matches!(model.apply(message(2, 3, vec![])), Err(WireError::Contradiction(_))));
}

proptest! {
    /// A tree that grows, parts of which get lost: as soon as one has come that builds on what is known, all is as it should be.
    #[test]
    fn any_loss_heals(
        steps in prop::collection::vec((0_u64..2, any::<prop::sample::Index>(), 0_u32..3, 1_u64..9), 1..40),
        lost in prop::collection::vec(any::<bool>(), 40),
    ) {
        let mut threads: [Vec<NodeRow>; 2] = Default::default();
        let mut changed = std::collections::BTreeSet::new();
        let (mut model, mut truth) = (Model::default(), Model::default());
        let mut base = 0;
        for (step, (thread, below, function, more)) in steps.into_iter().enumerate() {
            let nodes = &mut threads[thread as usize];
            let parent = below.index(nodes.len() + 1) as u32;
            let same = nodes.iter().position(|row| row.parent == parent && row.function == Some(function));
            let place = same.unwrap_or_else(|| {
                nodes.push(node(thread, nodes.len() as u32 + 1, parent, function, 0));
                nodes.len() - 1
            });
            nodes[place].figures.ncalls += more;
            changed.insert((thread, place));
            let seq = step as u64 + 1;
            let is_whole = step % 5 == 0;
            let rows = match is_whole {
                true => {
                    (base, changed) = (seq, Default::default());
                    threads.concat()
                }
                false => changed.iter().map(|&(thread, place)| threads[thread as usize][place]).collect(),
            };
            let next = message(seq, base, rows);
            truth.apply(next.clone()).unwrap();
            if !lost[step] {
                model.apply(next).unwrap();
                if model.has_all_stacks() {
                    prop_assert_eq!(stacks(&model, None), stacks(&truth, None));
                }
            }
        }
        let sums = |model: &Model, thread| model.stacks(thread).map_or(0, |s| s.iter().map(|node| node.figures.ncalls).sum::<u64>());
        prop_assert_eq!(sums(&truth, None), sums(&truth, Some(0)) + sums(&truth, Some(1)));
    }

    /// Nothing that can be decoded brings a subscriber down.
    #[test]
    fn any_nodes_may_come(rows in prop::collection::vec((0_u64..2, 0_u32..5, 0_u32..5, prop::option::of(any::<u32>()), any::<u64>(), any::<i64>()), 0..12)) {
        let rows = rows.into_iter().map(|(thread, node, parent, function, ncalls, tottime)| NodeRow {
            thread, node, parent, function,
            figures: NodeFigures { ncalls, tottime, open: Open { calls: ncalls, tottime, cumtime: 0 }, cut_ncalls: ncalls, cut_tottime: 0 },
        });
        let mut model = Model::default();
        if model.apply(message(1, 1, rows.collect())).is_ok() {
            for thread in [None, Some(1)] {
                let profile = model.profile(thread);
                prop_assert!(profile.tree.is_some_and(|tree| tree.is_sound(profile.functions.len())));
            }
        }
    }
}
