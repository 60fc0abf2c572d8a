//! What holds for every profile: round trips, and that no bytes make a reader panic.

use std::collections::HashSet;

use proptest::prelude::*;
use pstats_compat::check::check;
use pstats_compat::formats::{Format, callgrind, collapsed, pstats};
use pstats_compat::merge::Merger;
use pstats_compat::stacks::Stacks;
use pstats_compat::{Calls, Edge, Function, FunctionId, Profile, Text};

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![
        "[a-z<>_.]{1,12}".prop_map(|text| Text::from(text.as_str())),
        "\\PC{0,8}".prop_map(|text| Text::from(text.as_str())),
        proptest::collection::vec(any::<u8>(), 0..6).prop_map(|bytes| Text::from_os_bytes(&bytes)),
    ]
}

fn calls() -> impl Strategy<Value = Calls> {
    let count = prop_oneof![0..100u64, 0..=i64::MAX as u64];
    let time = prop_oneof![0.0..10.0f64, any::<f64>().prop_filter("a number", |t| t.is_finite())];
    (count.clone(), count, time.clone(), time).prop_map(|(ncalls, primitive_calls, tottime, cumtime)| Calls {
        ncalls,
        primitive_calls,
        tottime,
        cumtime,
        ..Calls::default()
    })
}

/// Any profile with unique labels and edges, edges in the order in which pstats files have them.
fn profile() -> impl Strategy<Value = Profile> {
    let functions = proptest::collection::vec((text(), any::<u32>(), text(), calls()), 1..20);
    let edges = proptest::collection::vec((any::<u32>(), any::<u32>(), calls()), 0..40);
    (functions, edges).prop_map(|(functions, edges)| {
        let mut labels = HashSet::new();
        let functions: Vec<Function> = functions
            .into_iter()
            .filter(|(file, line, name, _)| labels.insert((file.clone(), *line, name.clone())))
            .map(|(file, line, name, calls)| Function::new(file, line, name, calls))
            .collect();
        let count = functions.len() as u32;
        let mut ends = HashSet::new();
        let mut edges: Vec<Edge> = edges
            .into_iter()
            .map(|(caller, callee, calls)| Edge {
                caller: FunctionId(caller % count),
                callee: FunctionId(callee % count),
                calls,
            })
            .filter(|edge| ends.insert((edge.caller, edge.callee)))
            .collect();
        edges.sort_by_key(|edge| edge.callee);
        Profile::new(functions, edges)
    })
}

fn written(format: Format, profile: &Profile) -> Vec<u8> {
    let mut bytes = Vec::new();
    format.write(profile, &mut bytes).expect("a Vec takes every byte");
    bytes
}

proptest! {
    #[test]
    fn pstats_keeps_everything(profile in profile()) {
        let bytes = written(Format::Pstats, &profile);
        prop_assert_eq!(pstats::read(&bytes).expect("our own file"), profile);
    }

    #[test]
    fn no_profile_makes_a_writer_panic(profile in profile()) {
        for name in Format::names() {
            let bytes = written(name.parse().expect(name), &profile);
            if let Some(read) = name.parse::<Format>().expect(name).reader() {
                // Times beyond 584 years don't fit into nanoseconds: an error is an answer, too.
                let _ = read(&bytes);
            }
        }
        check(&profile);
    }

    #[test]
    fn callgrind_keeps_functions_and_edges(profile in profile()) {
        let back = callgrind::read(&written(Format::Callgrind, &profile)).expect("our own file");
        prop_assert_eq!(back.edges.len(), profile.edges.len());
        prop_assert_eq!(back.functions.len(), profile.functions.len());
    }

    #[test]
    fn a_profile_merged_with_itself_doubles(profile in profile()) {
        let mut merger = Merger::new();
        merger.add(profile.clone()).expect("the first");
        merger.add(profile.clone()).expect("the same again");
        let sum = merger.finish();
        prop_assert_eq!(sum.functions.len(), profile.functions.len());
        prop_assert_eq!(sum.edges.len(), profile.edges.len());
        for (sum, one) in sum.functions.iter().zip(&profile.functions) {
            prop_assert_eq!(sum.calls.ncalls, one.calls.ncalls * 2);
            prop_assert_eq!(sum.calls.tottime, one.calls.tottime * 2.0);
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for read in Format::all().filter_map(Format::reader) {
            let _ = read(&bytes);
        }
    }

    #[test]
    fn no_damage_makes_a_reader_panic(
        profile in profile(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        for name in Format::names() {
            let format: Format = name.parse().expect(name);
            if let Some(read) = format.reader() {
                let mut bytes = written(format, &profile);
                for (place, byte) in &damage {
                    let place = place.index(bytes.len().max(1));
                    if let Some(slot) = bytes.get_mut(place) {
                        *slot = *byte;
                    }
                }
                let _ = read(&bytes);
            }
        }
    }
}

/// Any calls among few functions, with times as a program has them.
fn tables() -> impl Strategy<Value = Profile> {
    let function = (0.0..2.0f64, 0.0..8.0f64, 1..50u64, 0..50u64);
    let edge = (any::<u32>(), any::<u32>(), 1..30u64, 0.0..1.0f64, 0.0..4.0f64);
    let edges = proptest::collection::vec(edge, 0..60);
    (proptest::collection::vec(function, 1..15), edges).prop_map(|(functions, edges)| {
        let count = functions.len() as u32;
        let functions = functions.into_iter().enumerate().map(|(place, (tottime, rest, primitive, more))| {
            let calls = Calls {
                ncalls: primitive + more,
                primitive_calls: primitive,
                tottime,
                cumtime: tottime + rest,
                ..Calls::default()
            };
            Function::new("a.py".into(), place as u32 + 1, "f".into(), calls)
        });
        let mut ends = HashSet::new();
        let edges = edges.into_iter().filter_map(|(caller, callee, ncalls, tottime, rest)| {
            let (caller, callee) = (FunctionId(caller % count), FunctionId(callee % count));
            let calls = Calls {
                ncalls,
                primitive_calls: ncalls,
                tottime,
                cumtime: tottime + rest,
                ..Calls::default()
            };
            ends.insert((caller, callee)).then_some(Edge { caller, callee, calls })
        });
        Profile::new(functions.collect(), edges.collect())
    })
}

/// Stacks of functions that call only those of a greater number, with how long each was on top.
fn stacks_without_cycles() -> impl Strategy<Value = String> {
    let stack = (proptest::collection::btree_set(0..12u32, 1..7), 1..1000u32);
    proptest::collection::vec(stack, 1..40).prop_map(|stacks| {
        let line = |(functions, time): (std::collections::BTreeSet<u32>, u32)| {
            let names: Vec<String> = functions.iter().map(|function| format!("f{function}")).collect();
            format!("{} {time}\n", names.join(";"))
        };
        stacks.into_iter().map(line).collect()
    })
}

proptest! {
    #[test]
    fn stacks_from_edges_keep_own_times_and_invent_no_recursion(profile in tables()) {
        let stacks = Stacks::of(&profile);
        prop_assert!(stacks.tree.is_sound(profile.functions.len()));
        let mut own = vec![0.0; profile.functions.len()];
        for (place, node) in stacks.tree.nodes.iter().enumerate() {
            own[node.function.index()] += node.tottime;
            prop_assert!(node.tottime >= 0.0);
            let calls = &profile.function(node.function).calls;
            let mut below = stacks.tree.nodes[place].parent;
            while let Some(id) = below {
                let node_below = &stacks.tree.nodes[id.index()];
                prop_assert!(node_below.function != node.function || calls.ncalls > calls.primitive_calls);
                below = node_below.parent;
            }
        }
        for (own, function) in own.iter().zip(&profile.functions) {
            prop_assert!((own - function.calls.tottime).abs() < 1e-9, "{} {}", own, function.calls.tottime);
        }
    }

    #[test]
    fn stacks_from_edges_keep_every_edge_that_is_in_no_cycle(text in stacks_without_cycles()) {
        let recorded = collapsed::read(text.as_bytes()).expect("stacks");
        let profile = Profile { tree: None, ..recorded };
        let stacks = Stacks::of(&profile);
        let tree = &stacks.tree;
        let mut edges = std::collections::HashMap::new();
        for (node, time) in tree.nodes.iter().zip(tree.cumtimes()) {
            if let Some(parent) = node.parent {
                *edges.entry((tree.nodes[parent.index()].function, node.function)).or_insert(0.0) += time;
            }
        }
        let whole: f64 = profile.functions.iter().map(|function| function.calls.tottime).sum();
        for edge in &profile.edges {
            let found = edges.get(&(edge.caller, edge.callee)).copied().unwrap_or(0.0);
            prop_assert!((found - edge.calls.cumtime).abs() < whole * 1e-4, "{} {}", found, edge.calls.cumtime);
        }
    }

    #[test]
    fn whole_numbers_of_a_written_file_add_up(profile in tables()) {
        let text = String::from_utf8(written(Format::Collapsed, &profile)).expect("text");
        let sum: u64 = text
            .lines()
            .map(|line| line.rsplit(' ').next().and_then(|number| number.parse::<u64>().ok()).expect("a number"))
            .sum();
        let whole: f64 = profile.functions.iter().map(|function| function.calls.tottime).sum();
        prop_assert!((sum as f64 - whole * 1e9).abs() <= 1.0, "{} {}", sum, whole);
    }
}

#[test]
fn dense_cycles_end_soon_and_in_bounded_memory() {
    let count = 1000u32;
    let calls =
        |ncalls| Calls { ncalls, primitive_calls: 1, tottime: 1.0, cumtime: 900.0, ..Calls::default() };
    let functions = (0..count).map(|line| Function::new("a.py".into(), line + 1, "f".into(), calls(5000)));
    let edge = |caller: u32, callee: u32| {
        let calls = Calls { cumtime: f64::from(1 + (caller * 7 + callee * 13) % 800), ..calls(3) };
        Edge { caller: FunctionId(caller), callee: FunctionId(callee), calls }
    };
    let edges = (0..count).flat_map(|a| (0..300).map(move |b| edge(a, (a * 31 + b * 17) % count)));
    let profile = Profile::new(functions.collect(), edges.collect());
    let stacks = Stacks::of(&profile);
    assert!(stacks.tree.nodes.len() <= 150_000, "{}", stacks.tree.nodes.len());
    let own: f64 = stacks.tree.nodes.iter().map(|node| node.tottime).sum();
    assert!((own - 1000.0).abs() < 1e-6, "{own}");
}
