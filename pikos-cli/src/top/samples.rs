//! Pictures for tests: a file, and processes at work.

use std::path::Path;
use std::sync::Arc;

use pstats_compat::formats::Format;
use pstats_compat::{Calls, Function};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::forest::{Forest, Part, Paths};
use super::model::{
    Edge, Edges, Figures, FunctionId, Health, Label, Meaning, Picture, Process, ProcessId, Row, Scope,
    Stacks, Status, Thread,
};
use super::profiles::{Input, Profiles};
use super::source::Source;
use super::state::layout::Size;
use super::state::{Effect, Event, State};

pub fn profile(name: &str) -> pstats_compat::Profile {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pstats-compat/tests/fixtures/pstats");
    let bytes = std::fs::read(fixtures.join(name)).expect("a fixture");
    (Format::Pstats.reader().expect("it has one"))(&bytes).expect("a profile")
}

/// A view over files.
pub fn view(names: &[&str], width: u16, height: u16) -> (Profiles, State) {
    let input = |name: &&str| Input { path: Some((*name).into()), profile: profile(name) };
    let mut source = Profiles::new(names.iter().map(input).collect(), Box::new(|_| None));
    let mut state = State::new("pikos view", source.first_scope(), None, Size { width, height });
    let query = state.query();
    state.update(Event::Data(source.picture(query)));
    (source, state)
}

/// What the loop does with a view over files.
pub fn show(source: &mut Profiles, state: &mut State) {
    let query = state.query();
    state.update(Event::Data(source.picture(query)));
}

/// Functions of a program that is made up, with the time of each in every interval of half a second.
const FUNCTIONS: [(&str, u32, &str, u64, f64); 9] = [
    ("/srv/shop/app.py", 1, "<module>", 0, 0.0),
    ("/srv/shop/app.py", 40, "main", 0, 0.01),
    ("/srv/shop/handlers.py", 12, "Handler.checkout", 20, 0.03),
    ("/srv/shop/handlers.py", 55, "Handler.render_a_page_with_a_very_long_name", 400, 0.12),
    ("/srv/shop/stock.py", 8, "Stock.reserve", 2_000, 0.05),
    ("/usr/lib/python3.13/json/encoder.py", 183, "JSONEncoder.encode", 900, 0.08),
    ("~", 0, "<built-in method time.sleep>", 1, 0.2),
    ("~", 0, "<method 'append' of 'list' objects>", 250_000, 0.01),
    ("/srv/shop/colour\u{1b}[31m.py", 3, "naïve\u{202E}名前", 3, 0.0),
];

/// The stacks of that program: each with the place of the one below, its function, calls and own time in every interval.
const STACKS: [(Option<u32>, u32, u64, f64); 12] = [
    (None, 0, 0, 0.0),
    (Some(0), 1, 0, 0.01),
    (Some(1), 2, 20, 0.03),
    (Some(2), 3, 400, 0.12),
    (Some(3), 5, 900, 0.08),
    (Some(2), 4, 2_000, 0.05),
    (Some(5), 7, 250_000, 0.01),
    (Some(1), 6, 1, 0.19),
    (Some(4), 5, 10, 0.002),
    (Some(8), 5, 10, 0.001),
    (Some(1), 8, 3, 0.004),
    (None, 6, 1, 0.01),
];

/// Those after so many intervals; the module and `main` are open.
pub fn stacks(ticks: u64) -> Stacks {
    let mut paths = Paths::default();
    let mut forest = Forest::new(&mut paths);
    for (parent, function, calls, seconds) in STACKS {
        let is_open = function < 2;
        let part = Part {
            ncalls: if is_open { 1 } else { calls * ticks },
            tottime: seconds * ticks as f64,
            in_flight: if is_open { ticks as f64 * 0.5 } else { 0.0 },
            open: u32::from(is_open),
        };
        forest.add(parent, FunctionId(function), part);
    }
    forest.add_cut(17, 0.25);
    Stacks::Known(Arc::new(forest.finish()))
}

/// One stack of so many calls of one function.
pub fn deep(depth: usize) -> Stacks {
    let mut paths = Paths::default();
    let mut forest = Forest::new(&mut paths);
    let mut parent = None;
    for _ in 0..depth {
        parent = Some(forest.add(parent, FunctionId(4), Part { ncalls: 1, tottime: 0.5, ..Part::default() }));
    }
    Stacks::Known(Arc::new(forest.finish()))
}

/// A live picture after so many intervals.
pub fn live(ticks: u64, status: Status) -> Picture {
    let labels = FUNCTIONS.map(|(file, line, name, ..)| {
        let mut function = Function::new(file.into(), line, name.into(), Calls::default());
        function.qualname = Some(name.into());
        Arc::new(Label::of(&function))
    });
    let elapsed = ticks as f64 * 0.5;
    let rows = FUNCTIONS.iter().zip(0u32..).map(|(&(_, _, _, calls, seconds), id)| {
        // The sleep comes and goes.
        let is_at_work = id != 6 || !ticks.is_multiple_of(3);
        let is_open = id < 2;
        let ncalls = if is_open { 1 } else { (calls * ticks) as i64 };
        let figures = Figures {
            ncalls,
            primitive_calls: if id == 4 { ncalls / 2 } else { ncalls },
            tottime: seconds * ticks as f64,
            cumtime: if is_open { elapsed } else { 1.5 * seconds * ticks as f64 },
            in_flight: if is_open { elapsed } else { 0.0 },
            open: u32::from(is_open),
            calls_per_s: if is_at_work { 2.0 * calls as f64 } else { 0.0 },
            share: if is_at_work { 2.0 * seconds } else { 0.0 },
        };
        Row { id: FunctionId(id), figures }
    });
    let rows: Vec<Row> = rows.collect();
    let edge = |caller: u32, callee: u32| {
        let figures = Figures { open: 0, in_flight: 0.0, ..rows[callee as usize].figures };
        Edge { caller: FunctionId(caller), callee: FunctionId(callee), figures }
    };
    let edges = vec![edge(0, 1), edge(1, 2), edge(2, 3), edge(2, 4), edge(3, 5), edge(1, 6), edge(4, 7)];
    let thread = |id: u64, name: &str, is_over: bool| Thread {
        id,
        name: name.to_owned(),
        is_over,
        tottime: elapsed / 2.0,
        ncalls: 1000 * ticks as i64,
        share: if is_over { 0.0 } else { 0.7 },
    };
    let process = Process {
        title: "/srv/shop/app.py --port 8000".to_owned(),
        pid: Some(4711),
        host: None,
        status,
        functions: rows.len(),
        tottime: elapsed,
        ncalls: rows.iter().map(|row| row.figures.ncalls).sum(),
        calls_per_s: rows.iter().map(|row| row.figures.calls_per_s).sum(),
        age: Some(elapsed),
        threads: vec![thread(1, "MainThread", false), thread(2, "worker-1", true)],
        health: Some(Health {
            overhead: Some(0.043),
            lag: Some(0.21),
            lost: 2,
            interval: Some(0.5),
            hook: Some("sys.monitoring".to_owned()),
        }),
    };
    let second = Process { title: "/srv/shop/jobs.py".to_owned(), pid: Some(4712), ..process.clone() };
    Picture {
        scope: Scope::Process(ProcessId(0)),
        tick: ticks,
        meaning: Meaning { is_live: true, ..Meaning::default() },
        labels: Arc::new(labels.to_vec()),
        rows: Arc::new(rows),
        edges: Arc::new(edges),
        edges_of: Edges::All,
        stacks: stacks(ticks),
        processes: Arc::new(vec![process, second]),
        has_sum: true,
    }
}

/// A view over processes, some intervals old.
pub fn top(ticks: u64, width: u16, height: u16) -> State {
    let scope = Scope::Process(ProcessId(0));
    let mut state = State::new("pikos top", scope, None, Size { width, height });
    for tick in 1..=ticks {
        state.update(Event::Data(live(tick, Status::Running)));
    }
    state
}

pub fn press(state: &mut State, code: KeyCode) -> Option<Effect> {
    state.update(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

/// Presses the keys of a text.
pub fn type_keys(state: &mut State, text: &str) {
    for c in text.chars() {
        assert_eq!(press(state, KeyCode::Char(c)), None, "{c} has an effect");
    }
}
