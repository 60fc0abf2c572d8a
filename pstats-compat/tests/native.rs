//! Pikos' own file: everything comes back; cut anywhere, it gives what was whole before and says so.

use proptest::prelude::*;
use pstats_compat::formats::{Format, ReadOptions, native, pstats, read_from};
use pstats_compat::{
    CallTree, Calls, Counts, Cut, Distribution, Edge, EdgeDetail, Error, Function, FunctionId, Metadata,
    Node, NodeId, ObjectPlace, ObjectType, Objects, ObjectsThen, Profile, Slowest, Text, Thread, Unit,
};

const TICK: f64 = 1.0 / 2_994_375_281.0;

fn written(profile: &Profile) -> Vec<u8> {
    let mut bytes = Vec::new();
    native::write(profile, &mut bytes).expect("a Vec takes every byte");
    bytes
}

/// The page lists the facts that the code has, in their order.
#[test]
fn the_list_of_facts_is_that_of_the_page() {
    let page = include_str!("../../docs/file.md");
    let (_, table) = page.split_once("\n| name | fact |\n").expect("a table");
    let rows = table.lines().skip(1).take_while(|line| line.starts_with("| `"));
    let names: Vec<&str> = rows.map(|row| row.split('`').nth(1).expect("a name")).collect();
    assert_eq!(names, pstats_compat::model::facts::ALL);
}

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![
        "[a-z/<>_.]{1,12}".prop_map(|text| Text::from(text.as_str())),
        proptest::collection::vec(any::<u8>(), 0..6).prop_map(|bytes| Text::from_os_bytes(&bytes)),
    ]
}

fn calls() -> impl Strategy<Value = Calls> {
    let time = prop_oneof![
        (0..1u64 << 40).prop_map(|ticks| ticks as f64 * TICK),
        any::<f64>().prop_filter("equal to itself", |time| !time.is_nan())
    ];
    (any::<u64>(), any::<u64>(), time.clone(), time).prop_map(
        |(ncalls, primitive_calls, tottime, cumtime)| Calls {
            ncalls,
            primitive_calls,
            tottime,
            cumtime,
            ..Calls::default()
        },
    )
}

fn metadata() -> impl Strategy<Value = Metadata> {
    (
        any::<[bool; 3]>(),
        0..3_usize,
        0..3_usize,
        proptest::option::of(text()),
        proptest::collection::vec("\\PC{0,9}", 0..3),
    )
        .prop_map(|([seconds, compensated, unfinished], counts, edges, title, words)| Metadata {
            counts: [Counts::Calls, Counts::Samples, Counts::Unknown][counts],
            edges: [EdgeDetail::Full, EdgeDetail::CountsOnly, EdgeDetail::CallsAndCumtime][edges],
            unit: if seconds { Unit::Seconds } else { Unit::Other("Ir".to_owned()) },
            title,
            compensated,
            unfinished,
            rounded_to: TICK,
            facts: words.iter().map(|word| (word.clone(), "value".to_owned())).collect(),
            notes: words,
        })
}

fn objects() -> impl Strategy<Value = Objects> {
    let known = || proptest::option::of(any::<u64>());
    let types = proptest::collection::vec((text(), text(), any::<u64>(), known(), known(), known()), 1..9);
    let place = (any::<u32>(), text(), any::<u32>(), text(), any::<u64>(), known());
    let places = proptest::collection::vec(place, 0..9);
    let top = proptest::collection::vec((any::<u32>(), any::<u64>(), any::<u64>()), 0..4);
    let past = proptest::collection::vec((0.0..1e6, any::<u64>(), any::<u64>(), top), 0..5);
    (types, places, any::<u64>(), past).prop_map(|(types, places, unlisted, past)| {
        let count = types.len() as u32;
        let kind = |(module, name, created, destroyed, peak, bytes)| ObjectType {
            module,
            name,
            created,
            destroyed,
            peak,
            bytes,
        };
        let place = |(of, file, line, function, created, alive)| ObjectPlace {
            of: of % count,
            file,
            line,
            function,
            created,
            alive,
        };
        let then = |(at, alive, bytes, top): (f64, u64, u64, Vec<(u32, u64, u64)>)| ObjectsThen {
            at,
            alive,
            bytes,
            top: top.into_iter().map(|(of, alive, bytes)| (of % count, alive, bytes)).collect(),
        };
        Objects {
            types: types.into_iter().map(kind).collect(),
            places: places.into_iter().map(place).collect(),
            unlisted,
            past: past.into_iter().map(then).collect(),
        }
    })
}

fn profile() -> impl Strategy<Value = Profile> {
    let function =
        (text(), any::<u32>(), text(), calls(), proptest::option::of(text()), any::<bool>(), any::<u16>());
    let functions = proptest::collection::vec(function, 1..20);
    let edges = proptest::collection::vec((any::<u32>(), any::<u32>(), calls()), 0..40);
    let nodes = proptest::collection::vec((any::<u32>(), any::<u32>(), calls()), 0..40);
    let number = proptest::option::of(any::<u64>());
    let threads = proptest::collection::vec(
        (proptest::option::of(text()), number.clone(), number, any::<prop::sample::Index>()),
        0..4,
    );
    (functions, edges, proptest::option::of(nodes), threads, metadata(), proptest::option::of(objects()))
        .prop_map(|(functions, edges, nodes, threads, metadata, objects)| {
            let functions: Vec<Function> = functions
                .into_iter()
                .map(|(file, line, name, calls, qualname, caller_only, waited)| Function {
                    qualname,
                    caller_only,
                    gil_wait: f64::from(waited) * 0.001,
                    distribution: distribution(waited),
                    ..Function::new(file, line, name, calls)
                })
                .collect();
            let id = |number: u32| FunctionId(number % functions.len() as u32);
            let mut edges: Vec<Edge> = edges
                .into_iter()
                .map(|(caller, callee, calls)| Edge { caller: id(caller), callee: id(callee), calls })
                .collect();
            edges.sort_by_key(|edge| (edge.callee, edge.caller));
            let tree = nodes.map(|nodes| {
                let mut firsts: Vec<u32> =
                    threads.iter().map(|(.., at)| at.index(nodes.len() + 1) as u32).collect();
                firsts.sort_unstable();
                firsts.iter_mut().take(1).for_each(|first| *first = 0);
                // A stack stands on one of its own thread.
                let first_of =
                    |place: u32| firsts.iter().rfind(|&&first| first <= place).map_or(0, |first| *first);
                let node = |(place, (parent, function, calls)): (u32, (u32, u32, Calls))| {
                    let first = first_of(place);
                    let parent = (parent % (place - first + 1)).checked_sub(1);
                    Node {
                        parent: parent.map(|parent| NodeId(first + parent)),
                        function: id(function),
                        ncalls: calls.ncalls,
                        tottime: calls.tottime,
                    }
                };
                let named = threads.iter().zip(&firsts).map(|((name, process, id, _), &first)| Thread {
                    name: name.clone(),
                    process: *process,
                    id: *id,
                    first: NodeId(first),
                });
                CallTree {
                    threads: named.collect(),
                    nodes: (0..).zip(nodes).map(node).collect(),
                    cut: Cut { calls: 3, seconds: 0.125 },
                }
            });
            Profile { edges, tree, metadata, functions, objects, ..Profile::default() }
        })
}

proptest! {
    #[test]
    fn everything_comes_back(profile in profile()) {
        prop_assert_eq!(native::read(&written(&profile)).expect("our own file"), profile);
    }

    #[test]
    fn cut_anywhere_it_says_so(profile in profile(), at in any::<prop::sample::Index>()) {
        let bytes = written(&profile);
        let cut = &bytes[..at.index(bytes.len())];
        match native::read(cut) {
            Ok(part) => {
                prop_assert_eq!(&part.functions, &profile.functions);
                prop_assert!(part.metadata.notes.iter().any(|note| note.contains("cut short")));
            }
            Err(Error::Incomplete { .. }) => {}
            Err(error) => prop_assert!(false, "{}", error),
        }
    }

    #[test]
    fn what_was_whole_before_counts(first in profile(), second in profile(), at in any::<prop::sample::Index>()) {
        let (mut bytes, more) = (written(&first), &written(&second)[9..]);
        let whole = bytes.len();
        bytes.extend_from_slice(more);
        prop_assert_eq!(native::read(&bytes).expect("two snapshots"), second);
        let cut = native::read(&bytes[..whole + at.index(more.len())]).expect("the first is whole");
        prop_assert_eq!(&cut.functions, &first.functions);
        prop_assert_eq!(&cut.edges, &first.edges);
        prop_assert_eq!(cut.metadata.notes.len() > first.metadata.notes.len(), at.index(more.len()) > 0);
    }

    #[test]
    fn a_changed_byte_is_never_a_wrong_figure(profile in profile(), at in any::<prop::sample::Index>(), by in 1..=255u8) {
        let mut bytes = written(&profile);
        let place = at.index(bytes.len());
        bytes[place] ^= by;
        if let Ok(read) = native::read(&bytes) {
            prop_assert_eq!(&read.functions, &profile.functions);
            prop_assert!(read.objects.is_none() || read.objects == profile.objects);
            for (edge, other) in read.edges.iter().zip(&profile.edges) {
                prop_assert_eq!(edge, other);
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), keeps in any::<bool>()) {
        let mut file = if keeps { b"\x89PIKOS\r\n\x01".to_vec() } else { Vec::new() };
        file.extend(bytes);
        let _ = native::read(&file);
    }
}

/// Of every other function it is known how long its calls took.
fn distribution(random: u16) -> Option<Box<Distribution>> {
    let seconds = f64::from(random);
    let slowest = Slowest {
        seconds,
        at: random.is_multiple_of(3).then_some(seconds * TICK),
        stack: vec![FunctionId(0); usize::from(random % 5)],
    };
    let mut distribution = Distribution::new(seconds * TICK, slowest);
    (0..=random % 7).for_each(|n| distribution.add(seconds * f64::from(n), u64::from(random) + 1));
    random.is_multiple_of(2).then(|| Box::new(distribution))
}

/// A program of many functions, as one finds them: paths that repeat, times in ticks.
fn large(functions: u32, edges: u32) -> Profile {
    let mut state = 7_u64;
    let mut dice = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut calls = |most: u64| {
        let ncalls = 1 + dice(most);
        let (own, below) = (dice(1 << 22), dice(1 << 26));
        Calls {
            ncalls,
            primitive_calls: ncalls,
            tottime: own as f64 * TICK,
            cumtime: (own + below) as f64 * TICK,
            ..Calls::default()
        }
    };
    let functions: Vec<Function> = (0..functions)
        .map(|number| {
            let file = format!(
                "/usr/lib/python3.13/site-packages/package_{}/module_{}.py",
                number / 900,
                number / 30
            );
            let name = format!("function_{number}");
            Function::new(file.as_str().into(), 10 + number % 30 * 17, name.as_str().into(), calls(5000))
        })
        .collect();
    let count = functions.len() as u32;
    let edges = (0..edges)
        .map(|number| Edge {
            caller: FunctionId(number.wrapping_mul(2_654_435_761) % count),
            callee: FunctionId(number % count),
            calls: calls(500),
        })
        .collect();
    let mut profile = Profile::new(functions, edges);
    profile.metadata.rounded_to = TICK;
    profile
}

#[test]
fn it_takes_at_most_half_of_pstats() {
    let profile = large(5_000, 30_000);
    let (ours, mut theirs) = (written(&profile), Vec::new());
    pstats::write(&profile, &mut theirs).expect("a Vec takes every byte");
    assert!(2 * ours.len() <= theirs.len(), "{} of {} bytes", ours.len(), theirs.len());
}

#[test]
fn it_is_known_by_its_content_and_its_name() {
    let bytes = written(&large(3, 3));
    assert!(read_from(&bytes[..], None, &ReadOptions::default()).is_ok());
    assert_eq!(Format::from_path("x/out.pikos".as_ref()), Some(Format::Pikos));
}

#[test]
fn later_versions_are_named_and_small_letters_left_out() {
    let mut bytes = written(&large(3, 3));
    bytes[8] = 2;
    assert!(native::read(&bytes).unwrap_err().to_string().contains("update Pikos"));
    // Empty blocks of other kinds: the checksum is that of the kind and two lengths of zero.
    for (kind, sum, is_read) in [(b"samp", 0x6DE1_9086_u32, true), (b"SAMP", 0x3EE0_45DA, false)] {
        let mut file = b"\x89PIKOS\r\n\x01".to_vec();
        file.extend_from_slice(kind);
        file.extend_from_slice(&[0; 8]);
        file.extend_from_slice(&sum.to_le_bytes());
        file.extend_from_slice(&written(&large(3, 3))[9..]);
        let read = native::read(&file);
        assert_eq!(read.is_ok(), is_read, "{:?}", read.err().map(|error| error.to_string()));
    }
}
