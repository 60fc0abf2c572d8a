use proptest::prelude::*;

use super::*;

fn growth(calls: i64, own: i64) -> Growth {
    Growth { calls, primitive: calls, own, cumulative: 2 * own }
}

/// What was added in one step: of functions and of stacks, each also as called by function 0.
fn grown(edges: &mut EdgeNumbers, step: &[(u32, i64)]) -> Grown {
    let rows = |number: &mut dyn FnMut(u32) -> u32| {
        step.iter().map(|(id, own)| (number(*id), growth(1, *own))).collect()
    };
    let mut edge = |id| edges.number((0, id), 1000).expect("there are few");
    in_order([rows(&mut |id| id), rows(&mut edge), rows(&mut |id| id)])
}

/// Steps, a message a second; each by another of three threads.
fn told(steps: &[Vec<(u32, i64)>]) -> History {
    let mut history = History::default();
    for (second, step) in steps.iter().enumerate() {
        let whole = grown(&mut history.edges, step);
        let own = grown(&mut history.edges, step);
        let threads = Threads::Apart([(1 + second as u64 % 3, own)].into());
        history.take(1000.0, 1001.0 + second as f64, &whole, &threads);
    }
    history
}

fn at(from: f64, to: f64) -> When {
    When { from, to, thread: None }
}

fn whole(history: &History) -> Sum {
    let mut sum = Sum::default();
    history.add_range(at(0.0, 1e12), true, &mut sum);
    sum
}

fn total<'s>(steps: impl Iterator<Item = &'s Vec<(u32, i64)>>) -> BTreeMap<u32, Growth> {
    let mut totals: BTreeMap<u32, Growth> = BTreeMap::new();
    for (id, own) in steps.flatten() {
        totals.entry(*id).or_default().add(&growth(1, *own));
    }
    totals
}

proptest! {
    #[test]
    fn ranges_add_up_to_the_total_however_much_is_merged(
        steps in prop::collection::vec(prop::collection::vec((0u32..50, -5i64..1_000_000), 0..10), 1..60),
        cut in 0usize..60,
        bytes in 0usize..20_000,
    ) {
        let totals = total(steps.iter());
        let mut history = told(&steps);
        history.fit(bytes);
        let sum = whole(&history);
        prop_assert_eq!(&sum.functions, &totals);
        prop_assert_eq!(&sum.stacks, &totals);
        prop_assert_eq!(sum.ends, Some((1000.0, 1000.0 + steps.len() as f64)));
        prop_assert_eq!(history.bytes(), history.slices().map(Slice::bytes).sum::<usize>());
        // Any moment that is no slice's middle divides it in two.
        let moment = 1000.25 + cut as f64;
        let mut parts = Sum::default();
        history.add_range(at(0.0, moment), true, &mut parts);
        history.add_range(at(moment + f64::EPSILON * moment, 1e12), true, &mut parts);
        prop_assert_eq!(&parts.functions, &totals);
        for thread in 1..4u64 {
            let when = When { thread: Some(thread), ..at(0.0, 1e12) };
            let mut sum = Sum::default();
            history.add_range(when, true, &mut sum);
            let expected = total(steps.iter().skip(thread as usize - 1).step_by(3));
            prop_assert_eq!(&sum.functions, &expected);
            prop_assert_eq!(&sum.stacks, &expected);
            let mut edges = HashMap::new();
            history.add_edges(when, 7, &mut edges);
            prop_assert_eq!(edges.get(&(0, 7)), expected.get(&7));
            prop_assert!(edges.keys().all(|edge| *edge == (0, 7)));
        }
    }
}

#[test]
fn what_was_told_within_ten_minutes_stays_as_it_came() {
    let steps: Vec<Vec<(u32, i64)>> = (0..4000).map(|second| vec![(second % 7, 1000)]).collect();
    let history = told(&steps);
    let fresh = history.slices().filter(|slice| slice.to - slice.from <= 1.0).count();
    assert!((600..800).contains(&fresh), "{fresh}");
    assert!(history.slices.len() < 1000, "{}", history.slices.len());
    for slice in history.slices() {
        let age = 5000.0 - slice.to;
        assert!(
            slice.to - slice.from <= (age / PART).max(1.0),
            "{} at the age of {age}",
            slice.to - slice.from
        );
    }
}

#[test]
fn memory_is_bounded_by_giving_up_detail() {
    let steps: Vec<Vec<(u32, i64)>> = (0..500).map(|_| (0..200).map(|id| (id, 12_345)).collect()).collect();
    let mut history = told(&steps);
    let before = whole(&history);
    assert!(history.bytes() > 500_000);
    history.fit(100_000);
    assert!(history.bytes() <= 100_000);
    assert_eq!(whole(&history), before);
    let slices: Vec<&Slice> = history.slices().collect();
    let length = |slice: &Slice| slice.to - slice.from;
    assert!(length(slices[0]) > length(slices[slices.len() - 1]), "the newest keep the most");
}

#[test]
fn what_is_known_tells_what_was_added() {
    for mut known in [Known::default(), Known::whole()] {
        assert_eq!(known.grown(Of::Functions, 1, growth(2, 200)), Some(growth(2, 200)));
        assert_eq!(known.grown(Of::Functions, 1, growth(2, 200)), None);
        assert_eq!(
            known.grown(Of::Stacks, 1, growth(2, 200)),
            Some(growth(2, 200)),
            "a stack is no function"
        );
        assert_eq!(known.grown(Of::Edges, 1, growth(2, 200)), Some(growth(2, 200)), "nor is an edge");
        assert_eq!(known.grown(Of::Functions, 900, growth(1, 7)), Some(growth(1, 7)));
        assert_eq!(known.grown(Of::Functions, 1, growth(5, 230)), Some(growth(3, 30)));
    }
    let rows = vec![(7, growth(1, 1)), (3, growth(1, 2)), (7, growth(1, 4))];
    let [functions, ..] = in_order([rows, Vec::new(), Vec::new()]);
    assert_eq!(functions, [(3, growth(1, 2)), (7, growth(2, 5))]);
}

#[test]
fn the_only_thread_did_all_of_it_until_there_is_another() {
    let mut history = History::default();
    let step = |history: &mut History, id| grown(&mut history.edges, &[(id, 100)]);
    let one = step(&mut history, 1);
    history.take(0.0, 1.0, &one, &Threads::Only(5));
    let (both, other) = (step(&mut history, 2), step(&mut history, 2));
    history.take(0.0, 2.0, &both, &Threads::Apart([(9, other)].into()));
    let ran = |history: &History| {
        [5, 9, 1].map(|thread| {
            let mut sum = Sum::default();
            history.add_range(When { thread: Some(thread), ..at(0.0, 9.0) }, true, &mut sum);
            sum.functions.into_keys().collect::<Vec<u32>>()
        })
    };
    assert_eq!(ran(&history), [vec![1], vec![2], vec![]]);
    history.fit(0);
    assert_eq!((history.slices().count(), ran(&history)), (1, [vec![1], vec![2], vec![]]));
}

#[test]
fn a_clock_that_is_set_back_makes_no_slice_that_ends_before_it_begins() {
    let mut history = told(&[vec![(1, 100)], vec![(1, 100)]]);
    let more = grown(&mut history.edges, &[(1, 100)]);
    history.take(0.0, 5.0, &more, &Threads::Only(1));
    assert!(history.slices().all(|slice| slice.from <= slice.to));
    assert_eq!(whole(&history).functions[&1].own, 300);
}
