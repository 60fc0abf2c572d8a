//! Pictures for tests: a file, and processes at work.

use std::path::Path;
use std::sync::Arc;

use pikos_client::{RecordModel, Records};
use pikos_views::{
    Content, Edges, Forest, FunctionId, Health, Input, Label, Lines, Meaning, Open, Paths, Phase, Picture,
    Process, ProcessId, ProfileContent, Profiles, RecorderFacts, Scope, Shown, ShownEdge, ShownFunction,
    ShownStack, Source, Stacks, Thread,
};
use pikos_wire::{RECORDS, Types, VERSION};
use pstats_compat::formats::Format;
use pstats_compat::{Calls, Cut, Function};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::state::layout::Size;
use super::state::{Effect, Event, State};

pub fn profile(name: &str) -> pstats_compat::Profile {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pstats-compat/tests/fixtures/pstats");
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
        let own = ShownStack {
            ncalls: if is_open { 1 } else { (calls * ticks) as i64 },
            tottime: seconds * ticks as f64,
            in_flight: if is_open { ticks as f64 * 0.5 } else { 0.0 },
            open: u32::from(is_open),
        };
        forest.add(parent, FunctionId(function), own);
    }
    forest.add_cut(Cut { calls: 17, seconds: 0.25 });
    Stacks::Known(Arc::new(forest.finish()))
}

/// One stack of so many calls of one function.
pub fn deep(depth: usize) -> Stacks {
    let mut paths = Paths::default();
    let mut forest = Forest::new(&mut paths);
    let mut parent = None;
    for _ in 0..depth {
        let own = ShownStack { ncalls: 1, tottime: 0.5, ..ShownStack::default() };
        parent = Some(forest.add(parent, FunctionId(4), own));
    }
    Stacks::Known(Arc::new(forest.finish()))
}

/// The calls that are open then: of a thread whose stack is known, and of one that rests.
fn open(ticks: u64) -> Vec<(ProcessId, Open)> {
    let since = ticks as f64 * 0.5;
    let calls = [(0, since), (1, since), (3, 0.25), (8, 0.01)];
    let calls = calls.map(|(id, since)| (FunctionId(id), since)).to_vec();
    vec![
        (ProcessId(0), Open { thread: 1, is_chain: true, calls }),
        (ProcessId(0), Open { thread: 3, is_chain: true, calls: Vec::new() }),
    ]
}

/// A live picture after so many intervals.
pub fn live(ticks: u64, phase: Phase) -> Picture {
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
        let figures = Shown {
            ncalls,
            primitive_calls: if id == 4 { ncalls / 2 } else { ncalls },
            tottime: seconds * ticks as f64,
            cumtime: if is_open { elapsed } else { 1.5 * seconds * ticks as f64 },
            in_flight: if is_open { elapsed } else { 0.0 },
            open: u32::from(is_open),
            calls_per_s: if is_at_work { 2.0 * calls as f64 } else { 0.0 },
            share: if is_at_work { 2.0 * seconds } else { 0.0 },
            ..Shown::default()
        };
        ShownFunction { id: FunctionId(id), figures }
    });
    let rows: Vec<ShownFunction> = rows.collect();
    let edge = |caller: u32, callee: u32| {
        let figures = Shown { open: 0, in_flight: 0.0, ..rows[callee as usize].figures };
        ShownEdge { caller: FunctionId(caller), callee: FunctionId(callee), figures }
    };
    let edges = vec![edge(0, 1), edge(1, 2), edge(2, 3), edge(2, 4), edge(3, 5), edge(1, 6), edge(4, 7)];
    let thread = |id: u64, name: &str, is_over: bool| Thread {
        id,
        name: name.to_owned(),
        labels: Vec::new(),
        is_over,
        tottime: elapsed / 2.0,
        gil_wait: 0.0,
        ncalls: 1000 * ticks as i64,
        share: if is_over { 0.0 } else { 0.7 },
    };
    let process = Process {
        title: "/srv/shop/app.py --port 8000".to_owned(),
        pid: Some(4711),
        host: None,
        phase,
        functions: rows.len(),
        tottime: elapsed,
        ncalls: Some(rows.iter().map(|row| row.figures.ncalls).sum()),
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
        recorder: None,
    };
    let second = Process { title: "/srv/shop/jobs.py".to_owned(), pid: Some(4712), ..process.clone() };
    Picture {
        scope: Scope::Process(ProcessId(0)),
        tick: ticks,
        processes: Arc::new(vec![process, second]),
        has_sum: true,
        content: Content::Profile(ProfileContent {
            meaning: Meaning { is_live: true, ..Meaning::default() },
            labels: Arc::new(labels.to_vec()),
            own: Arc::new((0..labels.len()).map(|id| id < 5 || id == 8).collect()),
            functions: Arc::new(rows),
            edges: Arc::new(edges),
            edges_of: Edges::All,
            stacks: stacks(ticks),
            open: Some(Arc::new(open(ticks))),
            tasks: None,
            mine: None,
        }),
    }
}

/// A picture whose profile is another one.
pub fn changed(mut picture: Picture, change: impl FnOnce(&mut ProfileContent)) -> Picture {
    if let Content::Profile(profile) = &mut picture.content {
        change(profile);
    }
    picture
}

/// A view over processes, some intervals old.
pub fn top(ticks: u64, width: u16, height: u16) -> State {
    let scope = Scope::Process(ProcessId(0));
    let mut state = State::new("pikos top", scope, None, Size { width, height });
    for tick in 1..=ticks {
        state.update(Event::Data(live(tick, Phase::Running)));
    }
    state
}

/// A recorder's program: it makes matrices, one of them twice, and parses what a library reads for it.
const RECORDED: [(&str, u64, &str, &str, i64); 7] = [
    ("/srv/shop/report.py", 12, "load", "    rows = list(csv.reader(stream))", 4 << 20),
    ("/srv/shop/report.py", 15, "legacy", "    b = np.asmatrix(np.random.random(size))", 30 << 20),
    ("/srv/shop/report.py", 16, "legacy", "    numbers = np.random.random(size)", 30 << 20),
    ("/srv/shop/report.py", 17, "legacy", "    a = np.matrix(numbers)  # a copy", 30 << 20),
    ("/srv/shop/report.py", 18, "legacy", "    del numbers", -(30 << 20)),
    (
        "/usr/lib/python3.13/csv.py",
        99,
        "Sniffer.sniff",
        "        ascii = [chr(c) for c in range(127)]",
        1 << 16,
    ),
    ("/srv/shop/colour\u{1b}[31m.py", 3, "naïve\u{202E}名前", "\tx = '\u{1b}[2J'", 123),
];

/// What such a recorder has sent after so many turns of its loop: with the memory, or the lines alone.
pub fn recorded(turns: u64, has_memory: bool) -> RecordModel {
    let mut model = RecordModel::default();
    let mut rss: u64 = 40 << 20;
    for turn in 1..=turns {
        let mut message = Records {
            v: VERSION,
            kind: RECORDS.into(),
            id: "r".into(),
            seq: turn,
            pid: 4713,
            argv: vec!["/srv/shop/report.py".into(), "--all".into()],
            time: 1e9 + turn as f64,
            dropped: 3,
            fields: ["function", "lineNo", "line", "filename"].map(String::from).to_vec(),
            columns: vec![Vec::new(); 4],
            ..Records::default()
        };
        let mut memory = (Vec::new(), Vec::new());
        for (file, line, function, source, growth) in RECORDED {
            let first = message.texts.len() as u64;
            message.texts.extend([function, source, file].map(String::from));
            for (column, value) in message.columns.iter_mut().zip([first, line, first + 1, first + 2]) {
                column.push(value);
            }
            memory.0.push(rss);
            memory.1.push(5 * rss);
            rss = rss.saturating_add_signed(growth);
        }
        rss = (40 << 20) + turn * (3 << 18);
        if has_memory {
            message.fields.extend(["RSS", "VMS"].map(String::from));
            message.columns.extend([memory.0, memory.1]);
        }
        model.apply(message).expect("a message");
    }
    model
}

/// What a process whose objects are counted has sent after so many intervals: types, how many are made and how many go in each, and the
/// lines that make them.
pub fn counted(turns: u64) -> RecordModel {
    const KINDS: [(&str, &str, u64, u64); 5] = [
        ("builtins", "dict", 400, 100),
        ("builtins", "list", 20_000, 19_999),
        ("shop.orders", "Order.Line", 300, 290),
        ("__main__", "serve.<locals>.Request", 50, 50),
        ("ev\u{1b}[31mil", "\u{202E}naïve名前", 1, 0),
    ];
    const PLACES: [(u64, &str, &str, u64, u64, u64); 3] = [
        (0, "Cache.lookup", "/srv/shop/cache.py", 29, 300, 300),
        (0, "parse", "/srv/shop/report.py", 12, 100, 0),
        (2, "add", "/srv/shop/orders.py", 7, 300, 10),
    ];
    let mut model = RecordModel::default();
    for turn in 1..=turns {
        let mut texts = Vec::new();
        let mut types = Types { unlisted: 2, ..Types::default() };
        for (module, name, made, gone) in KINDS {
            // A wave, so that there is something to be seen of it.
            let made_by_now = made * turn + made * (turn % 3) / 2;
            types.module.push(texts.len() as u64);
            types.name.push(texts.len() as u64 + 1);
            texts.extend([module, name].map(String::from));
            types.created.push(made_by_now);
            types.destroyed.push(gone * turn + made * (turn % 3) / 2);
            types.peak.push(made * turn);
            types.size.push(64);
        }
        for (of, function, file, line, made, alive) in PLACES {
            types.places.of.push(of);
            types.places.function.push(texts.len() as u64);
            types.places.filename.push(texts.len() as u64 + 1);
            texts.extend([function, file].map(String::from));
            types.places.line.push(line);
            types.places.created.push(made * turn);
            types.places.alive.push(alive * turn);
        }
        let message = Records {
            v: VERSION,
            kind: RECORDS.into(),
            id: "o".into(),
            seq: turn,
            pid: 4714,
            argv: vec!["/srv/shop/serve.py".into()],
            time: 1e9 + turn as f64 / 2.0,
            texts,
            types: Some(types),
            ..Records::default()
        };
        model.apply(message).expect("a message");
    }
    model
}

/// A view over such a process, a recorder of memory beside it.
pub fn types_view(turns: u64, width: u16, height: u16) -> State {
    let mut state = State::new("pikos top", Scope::Process(ProcessId(1)), None, Size { width, height });
    state.update(Event::Data(types(turns)));
    state
}

/// A picture of that process, and of another one beside it.
pub fn types(turns: u64) -> Picture {
    let model = counted(turns);
    let mut picture = memory(1, true, Phase::Running);
    let mut processes = picture.processes.to_vec();
    processes[1] = Process {
        title: "/srv/shop/serve.py".to_owned(),
        pid: Some(4714),
        age: Some(model.age()),
        recorder: Some(RecorderFacts::of(&model)),
        health: Some(Health::default()),
        ..processes[1].clone()
    };
    picture.processes = Arc::new(processes);
    picture.tick = turns;
    picture.content = Content::Recording(Arc::new(Lines::default().picture(&model)));
    picture
}

/// A picture of that recorder, and of a process beside it.
pub fn memory(turns: u64, has_memory: bool, phase: Phase) -> Picture {
    let model = recorded(turns, has_memory);
    let others = live(1, Phase::Running).processes;
    let recorder = Process {
        title: "/srv/shop/report.py --all".to_owned(),
        pid: Some(4713),
        phase,
        age: Some(model.age()),
        threads: Vec::new(),
        health: Some(Health { lost: 2, ..Health::default() }),
        recorder: Some(RecorderFacts::of(&model)),
        ..others[0].clone()
    };
    Picture {
        scope: Scope::Process(ProcessId(1)),
        tick: turns,
        processes: Arc::new(vec![others[0].clone(), recorder]),
        has_sum: true,
        content: Content::Recording(Arc::new(Lines::default().picture(&model))),
    }
}

/// A view over that recorder.
pub fn memory_view(turns: u64, width: u16, height: u16) -> State {
    let mut state = State::new("pikos top", Scope::Process(ProcessId(1)), None, Size { width, height });
    state.update(Event::Data(memory(turns, true, Phase::Running)));
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
