use proptest::prelude::*;

use super::*;
use crate::excess::Costs;
use crate::recorder::Recorder;
use crate::tables::Kind;

const KEYS: [usize; 5] = [0x1000, 0x2000, 0x3000, 0x4000, 0x5000];

fn at_the_end() -> Ticks {
    Ticks(1_000_000)
}

fn still_later() -> Ticks {
    Ticks(1_000_001)
}

fn recorder(is_compensated: bool) -> Recorder {
    let mut recorder = Recorder::new(true);
    if is_compensated {
        let costs = Costs { inside: [3; crate::KINDS], outside: [5; crate::KINDS], ..Costs::default() };
        recorder.compensate(costs);
    }
    for (key, function) in KEYS.into_iter().zip(0..) {
        recorder.define(key, FunctionId(function), Kind::default());
    }
    recorder
}

/// The same, from scratch.
fn assert_is_reading(watch: &Watch, recorder: &Recorder, clock: Option<fn() -> Ticks>) {
    let reading = Reader::default().read(recorder.tables(), clock);
    let functions: Vec<_> = watch.functions().iter().map(|row| (row.of, row.numbers)).collect();
    let edges: Vec<_> = watch.edges().map(|row| (row.of, row.numbers)).collect();
    assert_eq!((functions, edges), (reading.functions.clone(), reading.edges));
    assert_eq!(watch.calls(), reading.functions.iter().map(|(_, numbers)| numbers.counts.calls).sum::<u64>());
}

#[test]
fn only_what_changed_is_marked() {
    let mut recorder = recorder(false);
    let mut watch = Watch::default();
    let call = |recorder: &mut Recorder, key: usize, now: u64| {
        recorder.enter(key);
        recorder.start(Ticks(now));
        recorder.leave(key, Ticks(now + 10));
    };
    recorder.enter(KEYS[0]);
    recorder.start(Ticks(0));
    call(&mut recorder, KEYS[1], 10);
    call(&mut recorder, KEYS[2], 30);
    recorder.leave(KEYS[0], Ticks(100));
    watch.read(recorder.tables(), Some(at_the_end), false);
    watch.read(recorder.tables(), Some(at_the_end), false);
    let changed = |watch: &Watch| {
        let functions: Vec<u32> = watch.functions().iter().map(|row| row.changed).collect();
        (functions[..3].to_vec(), watch.edges().map(|row| row.changed).collect::<Vec<_>>())
    };
    assert_eq!(changed(&watch), (vec![1, 1, 1], vec![1, 1]));
    recorder.enter(KEYS[0]);
    recorder.start(Ticks(200));
    call(&mut recorder, KEYS[1], 210);
    watch.read(recorder.tables(), Some(at_the_end), false);
    assert_eq!(changed(&watch), (vec![3, 3, 1], vec![3, 1]));
    watch.read(recorder.tables(), Some(still_later), false);
    assert_eq!(changed(&watch), (vec![4, 3, 1], vec![3, 1]), "the open one goes on");
    watch.read(recorder.tables(), Some(still_later), false);
    assert_eq!(changed(&watch), (vec![4, 3, 1], vec![3, 1]), "or stands still");
    recorder.leave(KEYS[0], Ticks(300));
    watch.read(recorder.tables(), Some(at_the_end), false);
    watch.read(recorder.tables(), Some(at_the_end), false);
    assert_eq!(changed(&watch), (vec![6, 3, 1], vec![3, 1]));
}

proptest! {
    /// Calls that come and go, with an update now and then.
    #[test]
    fn updates_say_what_a_reading_says(
        steps in prop::collection::vec((0_usize..8, 0_u64..50), 1..120),
        is_compensated in any::<bool>(),
        has_clock in any::<bool>(),
    ) {
        let clock = has_clock.then_some(at_the_end as fn() -> Ticks);
        let mut recorder = recorder(is_compensated);
        let mut watch = Watch::default();
        let (mut open, mut now) = (Vec::new(), 0);
        for (step, later) in steps {
            now += later;
            match step {
                0..=4 => {
                    recorder.enter(KEYS[step]);
                    recorder.start(Ticks(now));
                    open.push(KEYS[step]);
                }
                5 | 6 => {
                    if let Some(key) = open.pop() {
                        recorder.leave(key, Ticks(now));
                    }
                }
                _ => {
                    watch.read(recorder.tables(), clock, false);
                    assert_is_reading(&watch, &recorder, clock);
                }
            }
        }
        watch.read(recorder.tables(), clock, false);
        assert_is_reading(&watch, &recorder, clock);
    }
}
