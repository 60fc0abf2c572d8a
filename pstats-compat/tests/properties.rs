//! What holds for every profile: round trips, and that no bytes make a reader panic.

use std::collections::HashSet;

use proptest::prelude::*;
use pstats_compat::check::check;
use pstats_compat::formats::{Format, callgrind, pstats};
use pstats_compat::merge::Merger;
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
        for name in Format::names() {
            if let Some(read) = name.parse::<Format>().expect(name).reader() {
                let _ = read(&bytes);
            }
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
