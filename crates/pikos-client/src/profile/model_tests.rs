use std::collections::BTreeMap;

use pikos_wire::{Added, DurationRow, EdgeRow, Finished, FunctionRow, IdleRow, Open, VERSION};
use proptest::prelude::*;

use super::*;

fn message(seq: u64, base: u64, rows: &[(u64, u32, u64)]) -> Message {
    let mut functions: Vec<u32> = rows.iter().map(|(_, function, _)| *function).collect();
    functions.sort_unstable();
    functions.dedup();
    Message {
        v: VERSION,
        kind: if seq == base { Kind::Full } else { Kind::Delta },
        id: "h:1".into(),
        seq,
        base,
        tick: 1e-9,
        interval: 0.5,
        facts: (seq == base).then(Facts::default),
        functions: functions
            .into_iter()
            .map(|function| Name {
                function,
                file: "a.py".into(),
                line: function,
                name: "f".into(),
                qualname: None,
            })
            .collect(),
        rows: rows
            .iter()
            .map(|&(thread, function, ncalls)| FunctionRow {
                thread,
                function,
                finished: Finished {
                    ncalls,
                    primitive_calls: ncalls,
                    tottime: (ncalls as i64).wrapping_mul(10),
                    cumtime: (ncalls as i64).wrapping_mul(30),
                },
                gil_wait: Added((ncalls as i64).wrapping_mul(5)),
                ..FunctionRow::default()
            })
            .collect(),
        edges: rows
            .iter()
            .map(|&(thread, callee, ncalls)| EdgeRow {
                thread,
                caller: 0,
                callee,
                finished: Finished { ncalls, ..Finished::default() },
                ..EdgeRow::default()
            })
            .collect(),
        ..Message::default()
    }
}

fn known(messages: &[Message]) -> Model {
    let mut model = Model::default();
    for message in messages {
        model.apply(message.clone()).expect("it is sound");
    }
    model
}

fn all(model: &Model) -> Vec<(u32, Known)> {
    model.names().filter_map(|name| Some((name.function, model.function(None, name.function)?))).collect()
}

#[test]
fn threads_add_up() {
    let model = known(&[message(1, 1, &[(1, 5, 3), (2, 5, 4), (1, 6, 1)])]);
    assert_eq!(model.function(None, 5).unwrap().finished.ncalls, 7);
    assert_eq!(model.function(Some(2), 5).unwrap().finished.ncalls, 4);
    assert_eq!(model.function(Some(2), 6), None);
    assert_eq!(model.edges(Some(6), None).len(), 1);
    assert_eq!(model.edges(Some(0), Some(1)).len(), 2);
    assert_eq!(model.sum(None), (8, 80));
    assert_eq!(model.sum(Some(1)), (4, 40));
    assert_eq!((model.gil_wait(None), model.gil_wait(Some(1))), (40, 20));
}

#[test]
fn numbers_are_absolute_and_loss_is_counted() {
    let model =
        known(&[message(1, 1, &[(1, 5, 3)]), message(2, 1, &[(1, 5, 9)]), message(5, 1, &[(1, 5, 20)])]);
    assert_eq!(model.function(None, 5).unwrap().finished.ncalls, 20);
    assert_eq!((model.lost(), model.is_complete()), (2, true));
    let model = known(&[message(1, 1, &[(1, 5, 3)]), message(4, 3, &[(1, 6, 1)])]);
    assert_eq!((model.lost(), model.is_complete()), (2, false));
    assert_eq!(model.function(None, 5).unwrap().finished.ncalls, 3);
}

#[test]
fn what_is_old_is_left_alone() {
    let mut model = known(&[message(3, 3, &[(1, 5, 3)])]);
    assert_eq!(model.apply(message(2, 2, &[(1, 5, 1)])).unwrap(), Applied::Old);
    assert_eq!(model.function(None, 5).unwrap().finished.ncalls, 3);
}

#[test]
fn after_a_clear_nothing_is_left() {
    let mut cleared = message(2, 1, &[(1, 7, 1)]);
    cleared.epoch = 1;
    let model = known(&[message(1, 1, &[(1, 5, 3)]), cleared]);
    assert_eq!(model.function(None, 5), None);
    assert_eq!(all(&model).len(), 1);
    assert!(!model.is_complete());
}

#[test]
fn a_profile_ends_what_is_open() {
    let mut running = message(1, 1, &[(1, 5, 2), (2, 5, 0)]);
    for row in &mut running.rows {
        row.open = Open { calls: 3, tottime: 1_000, cumtime: 2_000 };
    }
    let profile = known(&[running]).profile(None);
    let calls = profile.functions[0].calls;
    assert_eq!((calls.ncalls, calls.primitive_calls), (2 + 6, 2 + 2));
    assert_eq!((calls.tottime, calls.cumtime), (2_020.0 * 1e-9, 4_060.0 * 1e-9));
}

#[test]
fn contradictions_are_errors_and_change_nothing() {
    let good = message(1, 1, &[(1, 5, 3)]);
    let bad: [fn(&mut Message); 6] = [
        |m| m.tick = f64::NAN,
        |m| m.tick = 0.0,
        |m| m.age = -1.0,
        |m| m.time = f64::INFINITY,
        |m| m.base = 9,
        |m| m.seq = 0,
    ];
    for spoil in bad {
        let mut model = known(std::slice::from_ref(&good));
        let mut next = message(2, 2, &[(1, 5, 4)]);
        spoil(&mut next);
        assert!(matches!(model.apply(next), Err(WireError::Contradiction(_))));
        assert_eq!(model.function(None, 5).unwrap().finished.ncalls, 3);
    }
}

#[test]
fn text_without_end_is_refused() {
    let mut model = known(&[message(1, 1, &[(1, 5, 3)])]);
    let mut long_id = message(2, 1, &[]);
    long_id.id = "x".repeat(MOST_ID + 1);
    assert!(matches!(model.apply(long_id), Err(WireError::TooMuchText(_))));
    // Each message is small enough, all of them are not.
    let file = WireText::from("x".repeat(MOST_TEXT / 4).as_str());
    for seq in 2..6 {
        let mut more = message(seq, 1, &[(1, seq as u32, 1)]);
        more.functions[0].file = file.clone();
        assert_eq!(model.apply(more).is_err(), seq == 5, "message {seq}");
    }
    assert_eq!(model.names().len(), 4);
}

proptest! {
    /// A process that counts up, and sends deltas against its last full message: whatever is lost, the next message
    /// that comes after a base that has come makes up for it.
    #[test]
    fn any_loss_heals(counts in prop::collection::vec((0_u64..3, 0_u32..6, 1_u64..5), 1..40), lost in prop::collection::vec(any::<bool>(), 40)) {
        let mut totals: BTreeMap<(u64, u32), u64> = BTreeMap::new();
        let mut changed: BTreeMap<(u64, u32), u64> = BTreeMap::new();
        let (mut model, mut truth) = (Model::default(), Model::default());
        let mut base = 0;
        for (step, (thread, function, more)) in counts.into_iter().enumerate() {
            let total = totals.entry((thread, function)).or_default();
            *total += more;
            changed.insert((thread, function), *total);
            let seq = step as u64 + 1;
            let is_full = step % 7 == 0;
            if is_full {
                base = seq;
                changed.clear();
            }
            let rows: Vec<_> = if is_full { &totals } else { &changed }.iter().map(|((t, f), n)| (*t, *f, *n)).collect();
            let next = message(seq, base, &rows);
            truth.apply(next.clone()).unwrap();
            if !lost[step] {
                model.apply(next).unwrap();
                if model.is_complete() {
                    prop_assert_eq!(all(&model), all(&truth));
                    prop_assert_eq!(model.sum(None), truth.sum(None));
                }
            }
        }
    }

    /// Sums that are kept up to date are sums of what there is.
    #[test]
    fn sums_are_sums(rows in prop::collection::vec(prop::collection::vec((0_u64..3, 0_u32..4, any::<u64>()), 0..6), 1..8)) {
        let mut model = Model::default();
        for (seq, rows) in (1..).zip(&rows) {
            model.apply(message(seq, 1, rows)).unwrap();
        }
        for function in 0..4 {
            let of_threads: Vec<_> = (0..3).filter_map(|thread| model.function(Some(thread), function)).collect();
            let expected = of_threads.iter().fold(Known::default(), |sum, known| sum.plus(*known));
            prop_assert_eq!(model.function(None, function).unwrap_or_default(), expected);
        }
        let threads = (0..3).map(|thread| model.sum(Some(thread)));
        let expected = threads.fold((0_u64, 0_i64), |sum, one| (sum.0.wrapping_add(one.0), sum.1.wrapping_add(one.1)));
        prop_assert_eq!(model.sum(None), expected);
    }

    /// Nothing that can be decoded brings a subscriber down.
    #[test]
    fn anything_may_come(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(message) = Message::decode(&bytes) {
            let mut model = Model::default();
            if model.apply(message).is_ok() {
                model.profile(None);
            }
        }
    }
}

#[test]
fn details_of_calls_become_a_profiles() {
    let mut full = message(1, 1, &[(1, 5, 3), (2, 5, 4), (1, 6, 1)]);
    full.facts = Some(Facts { cpu: true, ..Facts::default() });
    let idle =
        |thread, caller, function, tottime, cumtime| IdleRow { thread, caller, function, tottime, cumtime };
    full.idle = Some(vec![idle(1, None, 5, 10, 20), idle(2, None, 5, 5, 5), idle(1, Some(0), 5, 9, 9)]);
    let durations = |thread, max, counts: &[u64]| DurationRow {
        thread,
        function: 5,
        min: 1000,
        max,
        max_ended: Some(7000),
        max_node: 0,
        counts: counts.to_vec(),
    };
    full.durations = Some(vec![durations(1, 9000, &[1000, 2, 9000, 1]), durations(2, 5000, &[1000, 4])]);
    let mut model = known(&[full.clone()]);
    let of = |model: &Model, thread| {
        let profile = model.profile(thread);
        let row = profile.functions.iter().find(|function| function.line == 5).expect("it has calls").clone();
        let counted = row.distribution.as_ref().map(|found| (found.calls(), found.slowest.seconds));
        let nanoseconds = |seconds: f64| (seconds * 1e9).round() as i64;
        let counted = counted.map(|(calls, max)| (calls, nanoseconds(max)));
        (nanoseconds(row.calls.cpu_tottime), nanoseconds(row.calls.cpu_cumtime), counted)
    };
    assert_eq!(of(&model, None), (55, 185, Some((7, 9000))));
    assert_eq!(of(&model, Some(2)), (35, 115, Some((4, 5000))));
    // What a delta says takes the place of what was known.
    let mut delta = message(2, 1, &[(2, 5, 6)]);
    delta.durations = Some(vec![durations(2, 8000, &[1000, 5, 8000, 1])]);
    model.apply(delta).expect("it is sound");
    assert_eq!(of(&model, None).2, Some((9, 9000)));
    // Another full message forgets all of it.
    model.apply(message(3, 3, &[(1, 5, 1)])).expect("it is sound");
    assert_eq!(of(&model, None), (0, 0, None));
}

#[test]
fn nonsense_in_details_is_no_panic() {
    let mut full = message(1, 1, &[(1, 5, 3)]);
    full.facts = Some(Facts { cpu: true, tree: true, ..Facts::default() });
    full.idle = Some(vec![IdleRow {
        thread: 9,
        caller: Some(77),
        function: 5,
        tottime: i64::MIN,
        cumtime: i64::MAX,
    }]);
    full.durations = Some(vec![DurationRow {
        thread: 1,
        function: 5,
        min: u64::MAX,
        max: 0,
        max_ended: Some(i64::MIN),
        max_node: u32::MAX,
        counts: vec![u64::MAX, u64::MAX, 3, u64::MAX, 8],
    }]);
    assert_eq!(known(&[full]).profile(None).functions.len(), 1);
}
