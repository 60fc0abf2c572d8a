//! A feed that does what it is told, and the pictures that come of it.

use pstats_compat::{Calls, Cut, Function};

use super::*;
use crate::feed::Sender;
use crate::picture::Health;

#[derive(Clone, Default)]
struct Fake {
    sequence: u64,
    age: f64,
    functions: Vec<(Function, Shown)>,
    edges: Vec<(usize, usize, Shown)>,
    threads: Vec<Thread>,
    is_over: bool,
    has_tree: bool,
    stacks: Option<FakeStacks>,
}

/// Stacks: the one below each, the function on top, and what happened; and what was cut off them.
#[derive(Clone, Default)]
struct FakeStacks {
    list: Vec<(Option<u32>, Option<usize>, ShownStack)>,
    cut: Cut,
}

#[derive(Default)]
struct FakeFeed {
    senders: Vec<Fake>,
    told: Vec<(usize, Command)>,
}

fn figures(ncalls: i64, tottime: f64) -> Shown {
    Shown { ncalls, primitive_calls: ncalls, tottime, cumtime: 2.0 * tottime, ..Shown::default() }
}

fn function(name: &str) -> Function {
    Function::new("a.py".into(), 1, name.into(), Calls::default())
}

impl Sender for Fake {
    fn title(&self) -> String {
        "a\u{1b}.py".to_owned()
    }
    fn pid(&self) -> u32 {
        4711
    }
    fn host(&self) -> Option<String> {
        None
    }
    fn phase(&self) -> Phase {
        if self.is_over { Phase::Ended("normally".to_owned()) } else { Phase::Running }
    }
    fn health(&self) -> Health {
        Health { interval: Some(0.5), ..Health::default() }
    }
    fn sequence(&self) -> u64 {
        self.sequence
    }
    fn age(&self) -> f64 {
        self.age
    }
}

impl ProfileSender for Fake {
    fn functions(&self) -> usize {
        self.functions.len()
    }
    fn label(&self, function: usize) -> Function {
        self.functions[function].0.clone()
    }
    fn figures(&self, function: usize, thread: Option<u64>) -> Option<Shown> {
        // The second thread ran the second function, and nothing else.
        (thread.is_none() || function == 1).then_some(self.functions[function].1)
    }
    fn edges(&self, of: Option<usize>, _: Option<u64>, each: &mut dyn FnMut(usize, usize, Shown)) {
        for &(caller, callee, figures) in &self.edges {
            if of.is_none_or(|one| one == caller || one == callee) {
                each(caller, callee, figures);
            }
        }
    }
    fn threads(&self) -> Vec<Thread> {
        self.threads.clone()
    }
    fn has_tree(&self) -> bool {
        self.has_tree
    }
    fn stacks_sequence(&self) -> u64 {
        self.stacks.as_ref().map_or(0, |_| self.sequence)
    }
    fn stacks(
        &self,
        thread: Option<u64>,
        each: &mut dyn FnMut(Option<u32>, Option<usize>, ShownStack),
    ) -> Option<Cut> {
        let FakeStacks { list, cut } = self.stacks.as_ref()?;
        // The second thread has the first stack alone.
        for (parent, function, own) in list.iter().take(if thread.is_some() { 1 } else { usize::MAX }) {
            each(*parent, *function, *own);
        }
        Some(*cut)
    }
    fn profile(&self, _: Option<u64>) -> Profile {
        let calls = |shown: &Shown| Calls { ncalls: shown.ncalls as u64, ..Calls::default() };
        let functions = self.functions.iter().map(|(f, shown)| Function { calls: calls(shown), ..f.clone() });
        Profile::new(functions.collect(), Vec::new())
    }
}

impl Feed for FakeFeed {
    fn poll(&mut self) -> bool {
        true
    }
    fn heard(&self) -> Vec<Heard<'_>> {
        self.senders.iter().map(|sender| Heard::Profile(sender)).collect()
    }
    fn command(&mut self, place: usize, command: &Command) -> Result<(), Error> {
        self.told.push((place, command.clone()));
        Ok(())
    }
}

fn sender(names: &[&str]) -> Fake {
    let functions = names.iter().map(|name| (function(name), figures(10, 1.0))).collect();
    let thread = Thread {
        id: 7,
        name: "worker".to_owned(),
        labels: Vec::new(),
        is_over: false,
        ncalls: 10,
        tottime: 1.0,
        gil_wait: 0.0,
        share: 0.0,
    };
    Fake { sequence: 1, age: 2.0, functions, threads: vec![thread], ..Fake::default() }
}

fn live(senders: Vec<Fake>) -> Live<FakeFeed> {
    let mut live = Live::new(FakeFeed { senders, told: Vec::new() });
    assert!(live.poll());
    live
}

fn profile(live: &mut Live<FakeFeed>, query: Query) -> ProfileContent {
    live.picture(query).profile().expect("a profile").clone()
}

fn rows(live: &mut Live<FakeFeed>, scope: Scope) -> Vec<(String, Shown)> {
    let profile = profile(live, Query { scope, edges: Edges::None, tree: false, open: false, mine: false });
    profile.functions.iter().map(|row| (profile.label(row.id).name.clone(), row.figures)).collect()
}

const FIRST: Scope = Scope::Process(ProcessId(0));

#[test]
fn rates_are_growth_over_the_targets_own_time() {
    let mut live = live(vec![sender(&["main", "f"])]);
    assert!(rows(&mut live, FIRST).iter().all(|(_, figures)| figures.calls_per_s == 0.0), "not known yet");
    let fake = &mut live.feed.senders[0];
    (fake.sequence, fake.age) = (2, 2.5);
    fake.functions[1].1 = figures(110, 1.25);
    fake.threads[0].tottime = 1.125;
    live.poll();
    let shown = rows(&mut live, FIRST);
    assert_eq!((shown[1].1.calls_per_s, shown[1].1.share), (200.0, 0.5));
    assert_eq!(shown[0].1.share, 0.0);
    let picture =
        live.picture(Query { scope: FIRST, edges: Edges::None, tree: false, open: false, mine: false });
    assert_eq!(picture.processes[0].threads[0].share, 0.25);
    assert_eq!(picture.processes[0].calls_per_s, 200.0);
    assert_eq!(picture.processes[0].title, "a\u{FFFD}.py");
    live.poll();
    assert_eq!(rows(&mut live, FIRST)[1].1.share, 0.5, "no message, no change");
}

#[test]
fn what_was_cleared_counts_from_zero() {
    let mut live = live(vec![sender(&["main"])]);
    let fake = &mut live.feed.senders[0];
    (fake.sequence, fake.age) = (2, 2.5);
    fake.functions[0].1 = figures(4, 0.1);
    live.poll();
    let (_, figures) = &rows(&mut live, FIRST)[0];
    assert_eq!((figures.ncalls, figures.calls_per_s, figures.share), (4, 8.0, 0.0));
}

#[test]
fn processes_add_up_by_label() {
    let mut live = live(vec![sender(&["main", "f"]), sender(&["g", "main"])]);
    assert_eq!(live.first_scope(), Scope::All);
    let shown = rows(&mut live, Scope::All);
    let counts: Vec<(&str, i64)> = shown.iter().map(|(name, f)| (name.as_str(), f.ncalls)).collect();
    assert_eq!(counts, [("main", 20), ("f", 10), ("g", 10)]);
    assert_eq!(rows(&mut live, Scope::Process(ProcessId(1))).len(), 2);
    assert_eq!(rows(&mut live, Scope::Process(ProcessId(9))).len(), 0, "a process that is not there");
    assert_eq!(live.profile(Scope::All).expect("a sum").functions.len(), 3);
}

#[test]
fn equal_labels_of_one_process_are_one_row() {
    let mut live = live(vec![sender(&["<lambda>", "main", "<lambda>"])]);
    let shown = rows(&mut live, FIRST);
    assert_eq!(shown.len(), 2);
    assert_eq!(shown[0].1.ncalls, 20);
}

#[test]
fn a_thread_has_rows_and_rates_of_its_own() {
    let mut live = live(vec![sender(&["main", "f"])]);
    let scope = Scope::Thread(ProcessId(0), 7);
    assert_eq!(rows(&mut live, scope).len(), 1);
    let fake = &mut live.feed.senders[0];
    (fake.sequence, fake.age) = (2, 3.0);
    fake.functions[1].1 = figures(15, 1.0);
    live.poll();
    assert_eq!(rows(&mut live, scope)[0].1.calls_per_s, 5.0);
    assert_eq!(rows(&mut live, FIRST).len(), 2, "and the process is whole again");
}

#[test]
fn edges_of_one_function_in_all_processes() {
    let mut one = sender(&["main", "f", "g"]);
    one.edges = vec![(0, 1, figures(1, 0.1)), (1, 2, figures(2, 0.2)), (0, 2, figures(3, 0.3))];
    let mut live = live(vec![one.clone(), one]);
    let of = |live: &mut Live<FakeFeed>, scope, edges| {
        let mut counts: Vec<i64> =
            profile(live, Query { scope, edges, tree: false, open: false, mine: false })
                .edges
                .iter()
                .map(|edge| edge.figures.ncalls)
                .collect();
        counts.sort_unstable();
        counts
    };
    assert_eq!(of(&mut live, Scope::All, Edges::Of(FunctionId(1))), [2, 4]);
    assert_eq!(of(&mut live, FIRST, Edges::Of(FunctionId(1))), [1, 2]);
    assert_eq!(of(&mut live, FIRST, Edges::All), [1, 2, 3]);
    assert_eq!(of(&mut live, FIRST, Edges::None), [0i64; 0]);
}

#[test]
fn commands_go_to_all_that_are_alive() {
    let mut over = sender(&["main"]);
    over.is_over = true;
    let mut live = live(vec![sender(&["main"]), over, sender(&["main"])]);
    assert_eq!(live.command(Scope::All, &Command::Pause).ok(), Some(()));
    assert_eq!(live.command(Scope::Process(ProcessId(1)), &Command::Clear).ok(), Some(()));
    assert_eq!(live.feed.told, [(0, Command::Pause), (2, Command::Pause), (1, Command::Clear)]);
    assert!(Live::new(FakeFeed::default()).command(Scope::All, &Command::Pause).is_err());
}

#[test]
fn stacks_of_processes_add_up() {
    let stack = |parent: Option<u32>, function: usize, ncalls: i64| {
        let own = ShownStack { ncalls, tottime: ncalls as f64, in_flight: 0.0, open: 1 };
        (parent, Some(function), own)
    };
    let functions = |names: [&str; 2]| names.map(|name| (function(name), figures(1, 1.0))).to_vec();
    let first = Fake {
        sequence: 1,
        functions: functions(["f", "g"]),
        has_tree: true,
        stacks: Some(FakeStacks {
            list: vec![stack(None, 0, 1), stack(Some(0), 1, 2)],
            cut: Cut { calls: 1, seconds: 0.5 },
        }),
        ..Fake::default()
    };
    // The same functions by other numbers, and one whose name has not come.
    let unnamed = (Some(0), None, stack(Some(0), 0, 9).2);
    let list =
        vec![stack(None, 1, 4), unnamed, stack(Some(1), 0, 9), stack(Some(0), 0, 8), stack(None, 0, 16)];
    let second = Fake {
        functions: functions(["g", "f"]),
        stacks: Some(FakeStacks { list, cut: Cut { calls: 2, seconds: 0.25 } }),
        ..first.clone()
    };
    let mut live = Live::new(FakeFeed { senders: vec![first, second, Fake::default()], told: Vec::new() });
    let mut shown = |scope| match profile(
        &mut live,
        Query { scope, edges: Edges::None, tree: true, open: false, mine: false },
    )
    .stacks
    {
        Stacks::Known(tree) => {
            tree.nodes.iter().map(|node| (node.parent, node.own.ncalls, node.cumtime)).collect()
        }
        other => panic!("{other:?}"),
    };
    let all: Vec<(Option<u32>, i64, f64)> = shown(Scope::All);
    assert_eq!(all, [(None, 5, 15.0), (Some(0), 10, 10.0), (None, 16, 16.0)]);
    assert_eq!(shown(Scope::Process(ProcessId(0))), [(None, 1, 3.0), (Some(0), 2, 2.0)]);
    assert_eq!(shown(Scope::Thread(ProcessId(1), 2)), [(None, 4, 4.0)]);
    let twice: Vec<Stacks> = (0..2)
        .map(|_| {
            profile(
                &mut live,
                Query { scope: Scope::All, edges: Edges::None, tree: true, open: false, mine: false },
            )
            .stacks
        })
        .collect();
    let [Stacks::Known(one), Stacks::Known(other)] = &twice[..] else { panic!("{twice:?}") };
    assert!(Arc::ptr_eq(one, other), "nothing has come, nothing is made");
    assert_eq!(one.without, 1);
    live.feed.senders[0].sequence = 2;
    live.feed.senders[0].stacks.as_mut().unwrap().list[0].2.ncalls = 100;
    let Stacks::Known(later) = profile(
        &mut live,
        Query { scope: Scope::All, edges: Edges::None, tree: true, open: false, mine: false },
    )
    .stacks
    else {
        panic!("they are known")
    };
    assert_eq!(later.nodes[0].own.ncalls, 104);
    let of_third = profile(
        &mut live,
        Query {
            scope: Scope::Process(ProcessId(2)),
            edges: Edges::None,
            tree: true,
            open: false,
            mine: false,
        },
    );
    assert_eq!(of_third.stacks, Stacks::NotKept);
    let unasked = profile(
        &mut live,
        Query { scope: Scope::All, edges: Edges::None, tree: false, open: false, mine: false },
    );
    assert_eq!(unasked.stacks, Stacks::NotAsked);
}

/// A program: main (own) calls `load` (own) and, by way of two functions of a library that call each other, `hook` (own); a thread
/// begins in the library. Each function has its own time and cumulative time; each edge likewise.
fn with_a_library(stacks: bool) -> Fake {
    let in_file = |file: &str, name: &str, tottime, cumtime| {
        let function = Function::new(file.into(), 1, name.into(), Calls::default());
        (function, Shown { cumtime, share: tottime / 10.0, ..figures(1, tottime) })
    };
    let library = "/usr/lib/python3.11/json/decoder.py";
    let edge = |caller, callee, tottime, cumtime| (caller, callee, Shown { cumtime, ..figures(1, tottime) });
    let own = |tottime| ShownStack { ncalls: 1, tottime, ..ShownStack::default() };
    let list = vec![
        (None, Some(0), own(1.0)),
        (Some(0), Some(1), own(2.0)),
        (Some(0), Some(2), own(4.0)),
        (Some(2), Some(3), own(3.0)),
        (Some(3), Some(4), own(16.0)),
        (Some(1), Some(3), own(1.0)),
        (None, Some(5), own(8.0)),
        (Some(6), Some(3), own(4.0)),
    ];
    Fake {
        functions: vec![
            in_file("/app/a.py", "main", 1.0, 27.0),
            in_file("/app/a.py", "load", 2.0, 3.0),
            in_file(library, "decode", 4.0, 23.0),
            in_file(library, "scan", 8.0, 24.0),
            in_file("/app/a.py", "hook", 16.0, 16.0),
            in_file("/usr/lib/python3.11/threading.py", "run", 8.0, 12.0),
        ],
        edges: vec![
            edge(0, 1, 2.0, 3.0),
            edge(0, 2, 4.0, 23.0),
            edge(2, 3, 3.0, 19.0),
            edge(1, 3, 1.0, 1.0),
            edge(5, 3, 4.0, 4.0),
            edge(3, 4, 16.0, 16.0),
        ],
        has_tree: stacks,
        stacks: stacks.then(|| FakeStacks { list, cut: Cut::default() }),
        ..sender(&[])
    }
}

#[test]
fn ones_own_code_has_the_time_of_what_it_called() {
    for stacks in [true, false] {
        let mut live = live(vec![with_a_library(stacks)]);
        let query = Query { scope: FIRST, edges: Edges::None, tree: true, open: false, mine: true };
        let profile = profile(&mut live, query);
        let mine = profile.mine.as_ref().expect("there is code of the user's");
        let shown: Vec<(&str, f64)> = (mine.functions.iter())
            .map(|row| (profile.label(row.id).name.as_str(), row.figures.tottime))
            .collect();
        // The edges tell the same here: each time has one way to go.
        let expected = [("main", 8.0), ("load", 3.0), ("hook", 16.0), ("{outside of your code}", 12.0)];
        assert_eq!(shown, expected, "by stacks: {stacks}");
        assert_eq!(profile.functions.len(), 6, "all are there, too");
        let library = profile.functions.iter().filter(|row| !profile.is_own(row.id)).count();
        assert_eq!(library, 3);
        let Stacks::Known(tree) = &mine.stacks else {
            assert!(!stacks);
            continue;
        };
        let stacks: Vec<(Option<u32>, &str, f64)> = (tree.nodes.iter())
            .map(|node| (node.parent, profile.label(node.function).name.as_str(), node.own.tottime))
            .collect();
        let expected = [
            (None, "main", 8.0),
            (Some(0), "load", 3.0),
            (Some(0), "hook", 16.0),
            (None, "{outside of your code}", 12.0),
        ];
        assert_eq!(stacks, expected);
    }
}

#[test]
fn time_that_goes_in_circles_is_not_lost() {
    let mut fake = with_a_library(false);
    // The two call each other, and a third one itself and nobody it.
    let figures = Shown { cumtime: 5.0, ..figures(1, 2.0) };
    fake.edges.extend([(3, 2, figures), (2, 2, figures), (5, 5, figures)]);
    fake.edges.retain(|(caller, ..)| *caller != 0);
    let mut live = live(vec![fake]);
    let query = Query { scope: FIRST, edges: Edges::None, tree: false, open: false, mine: true };
    let profile = profile(&mut live, query);
    let sum = |rows: &[ShownFunction]| rows.iter().map(|row| row.figures.tottime).sum::<f64>();
    let mine = profile.mine.as_ref().expect("there is code of the user's");
    assert!((sum(&mine.functions) - sum(&profile.functions)).abs() < 1e-9);
    let shares = |rows: &[ShownFunction]| rows.iter().map(|row| row.figures.share).sum::<f64>();
    assert!((shares(&mine.functions) - shares(&profile.functions)).abs() < 1e-9);
}

#[test]
fn what_is_hidden_is_in_what_called_it() {
    let mut live = live(vec![with_a_library(false)]);
    live.hide(Box::new(|name| name.contains("(hook)") || name.contains("(main)")));
    let names: Vec<(String, Shown)> = rows(&mut live, FIRST);
    let shown: Vec<(&str, f64)> = names.iter().map(|(name, row)| (name.as_str(), row.tottime)).collect();
    assert_eq!(shown, [("load", 2.0), ("decode", 4.0), ("scan", 24.0), ("run", 8.0)]);
}
