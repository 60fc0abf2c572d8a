//! What keys and pictures make of a state.

use std::sync::Arc;

use pikos_views::{Mine, Phase, SlowStep, Task, Tasks, Thread};
use ratatui::crossterm::event::{KeyCode, KeyModifiers, MouseButton, MouseEventKind};

use super::scopes::{Ended, Entry};
use super::tasks::TaskLine;
use super::*;
use crate::top::samples::{changed, deep, live, press, top, type_keys, view};

fn names(state: &State) -> Vec<&str> {
    state.rows.iter().map(|row| state.profile().expect("a profile").label(row.id).name.as_str()).collect()
}

fn selected(state: &State) -> &str {
    let row = state.cursor.row.expect("a row is chosen");
    names(state)[row]
}

#[test]
fn the_cursor_stays_on_its_function() {
    let (_, mut state) = view(&["cprofile-3.13.pstats"], 80, 24);
    type_keys(&mut state, "jjj");
    assert_eq!(selected(&state), "fib");
    for _ in 0..12 {
        press(&mut state, KeyCode::Right);
        assert_eq!(selected(&state), "fib", "sorted by {:?}", state.sort.column);
    }
    type_keys(&mut state, "r");
    assert_eq!(selected(&state), "fib");
    type_keys(&mut state, "/area");
    press(&mut state, KeyCode::Enter);
    assert_eq!(state.cursor.row, None, "it is filtered away");
    type_keys(&mut state, "/");
    for _ in 0..4 {
        press(&mut state, KeyCode::Backspace);
    }
    press(&mut state, KeyCode::Enter);
    assert_eq!(selected(&state), "fib", "and comes back");
}

#[test]
fn every_column_sorts() {
    let mut state = top(5, 200, 50);
    let columns = Column::all(&state.profile().expect("a profile").meaning);
    // Nobody waited for the GIL, and nobody asked for the others.
    let unknown = [Column::GilWait, Column::Cpu, Column::P50, Column::P99, Column::Max];
    assert!(!columns.iter().any(|column| unknown.contains(column)));
    assert_eq!(columns.len() + unknown.len(), Column::words().len(), "a live view has all others");
    for column in columns {
        state.sort = Sort::by(column);
        state.update(Event::Data(live(6, Phase::Running)));
        let down = names(&state).join(" ");
        type_keys(&mut state, "r");
        assert_ne!(names(&state).join(" "), down, "{column:?}");
    }
    state.sort = Sort::by(Column::CallsPerS);
    state.update(Event::Data(live(7, Phase::Running)));
    assert_eq!(names(&state)[0], "{method 'append' of 'list' objects}");
    state.sort = Sort::by(Column::Function);
    state.update(Event::Data(live(8, Phase::Running)));
    assert!(names(&state).is_sorted());
}

#[test]
fn filters_look_at_file_line_and_name() {
    let mut state = top(3, 80, 24);
    type_keys(&mut state, "/stock.py:8\\(");
    press(&mut state, KeyCode::Enter);
    assert_eq!(names(&state), ["Stock.reserve"]);
    type_keys(&mut state, "/");
    for _ in 0..20 {
        press(&mut state, KeyCode::Backspace);
    }
    type_keys(&mut state, "shop");
    press(&mut state, KeyCode::Enter);
    type_keys(&mut state, "xHandler");
    press(&mut state, KeyCode::Enter);
    assert!(names(&state).contains(&"main"));
    assert!(names(&state).iter().all(|name| !name.contains("Handler") && !name.starts_with('{')));
}

#[test]
fn a_bad_regex_says_so_and_keeps_the_last_good_one() {
    let mut state = top(3, 80, 24);
    type_keys(&mut state, "/main(");
    assert_eq!(names(&state), ["main"]);
    press(&mut state, KeyCode::Enter);
    let prompt = state.prompt.as_ref().expect("still asking");
    assert!(prompt.remark.as_ref().expect("a reason").contains("unclosed"), "{prompt:?}");
    type_keys(&mut state, ")");
    assert_eq!(state.prompt.as_ref().expect("asking").remark, None);
    let huge = "(a{1000}){1000}";
    type_keys(&mut state, huge);
    assert!(state.prompt.as_ref().expect("asking").remark.is_some(), "too large to be compiled");
}

#[test]
fn a_drill_down_goes_from_caller_to_callee_and_back() {
    let (_, mut state) = view(&["cprofile-3.13.pstats"], 80, 24);
    type_keys(&mut state, "/main");
    press(&mut state, KeyCode::Enter);
    // The first row is chosen, before anybody has chosen one.
    press(&mut state, KeyCode::Enter);
    let shown = |state: &State| {
        let function = state.detail().expect("one function").function;
        state.profile().expect("a profile").label(function).name.clone()
    };
    assert_eq!(shown(&state), "main");
    type_keys(&mut state, "2");
    let callees: Vec<&str> = (state.detail().expect("one function").callees.rows.iter())
        .map(|(id, _)| state.profile().expect("a profile").label(*id).name.as_str())
        .collect();
    assert_eq!(callees.first(), Some(&"area"), "the costliest first");
    assert!(callees.contains(&"fib"));
    press(&mut state, KeyCode::Enter);
    assert_eq!(shown(&state), "area");
    press(&mut state, KeyCode::Esc);
    assert_eq!(shown(&state), "main");
    type_keys(&mut state, "q");
    assert_eq!(state.detail(), None);
    assert_eq!(press(&mut state, KeyCode::Char('q')), Some(Effect::Quit));
}

#[test]
fn edges_of_another_function_are_not_taken_for_its_own() {
    let mut state = top(3, 80, 24);
    type_keys(&mut state, "/^/srv.*main");
    press(&mut state, KeyCode::Enter);
    press(&mut state, KeyCode::Enter);
    let function = state.detail().expect("one function").function;
    assert_eq!(state.query().edges, Edges::Of(function));
    state.update(Event::Data(changed(live(4, Phase::Running), |profile| {
        profile.edges = Arc::default();
        profile.edges_of = Edges::Of(FunctionId(function.0 + 1));
    })));
    assert_eq!(state.detail().expect("still there").callers.rows.len(), 1);
}

#[test]
fn a_frozen_view_asks_for_every_edge() {
    let mut state = top(3, 80, 24);
    assert_eq!(state.query().edges, Edges::None);
    type_keys(&mut state, "p");
    assert!(state.is_frozen);
    assert_eq!(state.query().edges, Edges::All);
}

#[test]
fn a_mark_shows_what_came_after() {
    let mut state = top(2, 80, 24);
    type_keys(&mut state, "m");
    state.update(Event::Data(live(5, Phase::Running)));
    type_keys(&mut state, "d");
    let row = state.rows.iter().find(|row| row.id == FunctionId(4)).expect("Stock.reserve");
    assert_eq!(row.figures.ncalls, 3 * 2_000);
    assert!(state.rows.iter().all(|row| row.id != FunctionId(8) || row.figures.ncalls == 9));
    type_keys(&mut state, "d");
    assert!(!state.shows_diff);
    assert_eq!(press(&mut state, KeyCode::Char('c')), Some(Effect::Command(Command::Clear)));
    type_keys(&mut state, "d");
    assert!(!state.shows_diff, "what was cleared can't be compared");
    assert!(state.notice.as_ref().expect("told so").text.contains("m marks"));
}

/// The user's own functions of `live` alone: two of them.
fn folded(ticks: u64) -> Picture {
    changed(live(ticks, Phase::Running), |profile| {
        let mut functions = profile.functions[1..3].to_vec();
        functions[1].figures.tottime = 2.0 * ticks as f64;
        profile.mine = Some(Mine { functions: Arc::new(functions), stacks: deep(1) });
    })
}

#[test]
fn ones_own_code_is_shown_alone_with_the_time_of_what_it_called() {
    let mut state = top(3, 80, 24);
    assert!(!state.query().mine);
    type_keys(&mut state, "mu");
    assert!(state.query().mine);
    state.update(Event::Data(folded(4)));
    assert_eq!(names(&state), ["main", "Handler.checkout"]);
    assert_eq!((state.totals.tottime, state.history.of(FunctionId(1), 9).count()), (8.04, 1));
    type_keys(&mut state, "d");
    assert!(!state.shows_diff, "the mark is of all functions");
    type_keys(&mut state, "md");
    state.update(Event::Data(folded(6)));
    let checkout = state.rows.iter().find(|row| row.id == FunctionId(2)).expect("it is there");
    assert_eq!(checkout.figures.tottime, 4.0);
    type_keys(&mut state, "t");
    assert_eq!(state.tree().expect("on screen").rows.len(), 1);
    type_keys(&mut state, "u");
    assert_eq!(state.tree().expect("on screen").rows.len(), 11);
    // Frozen, both are there already.
    type_keys(&mut state, "tp");
    let query = state.query();
    type_keys(&mut state, "u");
    assert_eq!((state.query(), state.rows.len()), (query, 2));
}

#[test]
fn without_code_of_ones_own_all_is_shown() {
    let mut state = top(3, 80, 24);
    state.update(Event::Data(changed(live(4, Phase::Running), |profile| profile.own = Arc::default())));
    type_keys(&mut state, "u");
    assert!(!state.is_mine);
    assert!(state.notice.as_ref().expect("told so").text.contains("your own code"));
}

#[test]
fn a_click_chooses_and_a_second_one_opens() {
    let mut state = top(3, 80, 24);
    let mut act = |kind, row| {
        let modifiers = KeyModifiers::NONE;
        state.update(Event::Mouse(MouseEvent { kind, column: 5, row, modifiers }));
        (state.cursor.row, state.detail().map(|detail| detail.function))
    };
    let click = MouseEventKind::Down(MouseButton::Left);
    // Three lines of header, and a heading.
    assert_eq!(act(click, 3), (None, None));
    assert_eq!(act(click, 6), (Some(2), None));
    assert_eq!(act(MouseEventKind::ScrollDown, 6), (Some(5), None));
    assert_eq!(act(click, 22), (Some(5), None), "there is no row");
    let (_, opened) = act(click, 9);
    assert_eq!(opened, Some(state.rows[5].id));
}

#[test]
fn threads_that_are_over_stand_together() {
    let mut state = top(3, 80, 24);
    let mut picture = live(4, Phase::Running);
    let mut processes = (*picture.processes).clone();
    let thread = processes[0].threads[1].clone();
    let named = |id, name: &str| Thread { id, name: name.to_owned(), ..thread.clone() };
    processes.truncate(1);
    processes[0].threads.extend([named(8, "worker-12"), named(9, "Thread-3 (run)")]);
    picture.processes = Arc::new(processes);
    state.update(Event::Data(picture));
    press(&mut state, KeyCode::Tab);
    let entries = |state: &State| match state.screens.last() {
        Some(Screen::Scopes(screen)) => screen.entries(&state.picture),
        other => panic!("{other:?}"),
    };
    let thread = |id| Entry::Scope(Scope::Thread(ProcessId(0), id));
    let ended = Entry::Ended(ProcessId(0), Ended { name: "worker-*".to_owned(), threads: vec![1, 2] });
    let folded = [Entry::Scope(Scope::Process(ProcessId(0))), thread(1), thread(9), ended];
    assert_eq!(entries(&state), folded);
    type_keys(&mut state, "G");
    press(&mut state, KeyCode::Enter);
    assert_eq!(entries(&state)[4..], [thread(2), thread(8)]);
    press(&mut state, KeyCode::Enter);
    assert_eq!(entries(&state), folded);
}

#[test]
fn a_key_that_the_help_has_no_use_for_leaves_it_first() {
    let mut state = top(3, 80, 24);
    type_keys(&mut state, "?jG");
    assert!(matches!(state.screens.last(), Some(Screen::Help(_))));
    type_keys(&mut state, "/main");
    assert!(state.screens.is_empty());
    press(&mut state, KeyCode::Esc);
    type_keys(&mut state, "?q");
    assert!(state.screens.is_empty(), "back, not away");
    let keys = |is_live| help(is_live).map(|(key, _)| key).collect::<Vec<_>>();
    assert!(keys(true).contains(&"P") && !keys(false).contains(&"P"));
}

#[test]
fn pause_becomes_resume() {
    let mut state = top(2, 80, 24);
    assert_eq!(press(&mut state, KeyCode::Char('P')), Some(Effect::Command(Command::Pause)));
    state.update(Event::Data(live(3, Phase::Paused)));
    assert_eq!(press(&mut state, KeyCode::Char('P')), Some(Effect::Command(Command::Resume)));
    let all = |status| Picture { scope: Scope::All, ..live(3, status) };
    state.update(Event::Data(all(Phase::Running)));
    assert_eq!(press(&mut state, KeyCode::Char('P')), Some(Effect::Command(Command::Pause)));
    state.update(Event::Data(all(Phase::Paused)));
    assert_eq!(press(&mut state, KeyCode::Char('P')), Some(Effect::Command(Command::Resume)));
}

#[test]
fn tab_chooses_a_thread() {
    let mut state = top(2, 80, 24);
    press(&mut state, KeyCode::Tab);
    type_keys(&mut state, "jj");
    press(&mut state, KeyCode::Enter);
    assert_eq!(state.scope, Scope::Thread(ProcessId(0), 2));
    assert_eq!(state.query().scope, state.scope);
}

#[test]
fn a_file_is_replaced_only_after_a_second_enter() {
    let mut state = top(2, 80, 24);
    type_keys(&mut state, "s");
    let save = |may_replace| Some(Effect::Save { path: "profile.pstats".to_owned(), may_replace });
    assert_eq!(press(&mut state, KeyCode::Enter), save(false));
    state.update(Event::Exists("profile.pstats".to_owned()));
    assert!(state.prompt.as_ref().expect("asks").remark.as_ref().expect("why").contains("exists"));
    assert_eq!(press(&mut state, KeyCode::Enter), save(true));
    state.update(Event::Exists("a".to_owned()));
    type_keys(&mut state, "b");
    let other = Some(Effect::Save { path: "ab".to_owned(), may_replace: false });
    assert_eq!(press(&mut state, KeyCode::Enter), other, "another name was not agreed to");
}

#[test]
fn a_history_belongs_to_one_scope() {
    let mut state = top(5, 80, 24);
    assert_eq!(state.history.of(FunctionId(3), 32).count(), 5);
    state.update(Event::Data(live(5, Phase::Running)));
    assert_eq!(state.history.of(FunctionId(3), 32).count(), 5, "the same interval again");
    state.update(Event::Data(Picture { scope: Scope::All, ..live(6, Phase::Running) }));
    assert_eq!(state.history.of(FunctionId(3), 32).count(), 1);
}

#[test]
fn open_calls_come_fold_and_go() {
    let mut state = top(2, 100, 24);
    assert!(!state.query().open, "nobody looks at them");
    type_keys(&mut state, "k");
    assert!(state.query().open);
    let rows = |state: &State| state.calls().expect("they are on screen").rows.len();
    assert_eq!(rows(&state), 6, "two threads, four calls");
    press(&mut state, KeyCode::Left);
    assert_eq!(rows(&state), 2);
    // What is folded stays so, and the cursor stays on it, when there is news.
    state.update(Event::Data(live(3, Phase::Running)));
    assert_eq!(rows(&state), 2);
    press(&mut state, KeyCode::Enter);
    assert_eq!(rows(&state), 6);
    press(&mut state, KeyCode::Down);
    press(&mut state, KeyCode::Enter);
    assert_eq!(state.detail().map(|detail| detail.function), Some(FunctionId(0)));
    type_keys(&mut state, "k");
    assert_eq!(rows(&state), 6, "it is one screen, and it is back");
    type_keys(&mut state, "/");
    for key in "checkout".chars() {
        press(&mut state, KeyCode::Char(key));
    }
    press(&mut state, KeyCode::Enter);
    assert_eq!(rows(&state), 0, "no thread is in it");
    type_keys(&mut state, "k");
    assert!(state.screens.is_empty());
}

/// Two slow steps that are alike and one that isn't, and two tasks.
fn with_tasks(mut picture: Picture) -> Picture {
    let slow = |seconds: f64, call: u32| SlowStep {
        at: 1.0,
        seconds,
        task: "Task-7".to_owned(),
        function: FunctionId(0),
        path: vec![(FunctionId(0), seconds), (FunctionId(call), seconds * 0.9)],
    };
    let task = |id: u64, since: f64, longest: f64| Task {
        id,
        name: format!("Task-{id}"),
        function: FunctionId(0),
        runs: false,
        since,
        run: 0.5,
        parked: since,
        steps: 3,
        longest,
        awaits: FunctionId(1),
        parent: None,
        awaited_by: Vec::new(),
    };
    let tasks = Tasks {
        under_way: 2,
        list: vec![task(1, 1.0, 0.2), task(2, 3.0, 0.1)],
        slow_from: 0.05,
        slow_count: 3,
        slow_seconds: 0.9,
        slow: vec![slow(0.4, 1), slow(0.3, 1), slow(0.2, 2)],
        coroutines: Vec::new(),
    };
    if let Content::Profile(profile) = &mut picture.content {
        profile.tasks = Some(Arc::new(vec![(ProcessId(0), tasks)]));
    }
    picture
}

#[test]
fn tasks_come_sorted_below_the_steps_that_blocked() {
    let mut state = top(2, 100, 24);
    type_keys(&mut state, "a");
    assert!(state.query().open, "the picture has them");
    state.update(Event::Data(with_tasks(live(3, Phase::Running))));
    let listed = |state: &State| -> Vec<String> {
        let Some(Screen::Tasks(screen)) = state.screens.last() else { panic!("they are on screen") };
        screen
            .rows
            .iter()
            .map(|row| match row {
                TaskLine::Slow { count, .. } => format!("{count} slow"),
                TaskLine::Call { depth, function, .. } => format!("{depth}: {}", function.0),
                TaskLine::Heading => "-".to_owned(),
                TaskLine::Task { task, .. } => task.name.clone(),
            })
            .collect()
    };
    assert_eq!(listed(&state), ["2 slow", "0: 1", "1 slow", "0: 2", "-", "Task-2", "Task-1"]);
    press(&mut state, KeyCode::Right);
    assert_eq!(listed(&state)[5..], ["Task-1", "Task-2"], "by the longest step");
    press(&mut state, KeyCode::Down);
    press(&mut state, KeyCode::Enter);
    assert!(state.detail().is_some());
    type_keys(&mut state, "aa");
    assert!(state.screens.is_empty());
}

/// Tasks in a tree: 1 made 2 and 3, 3 made 4, and of the one that made 5 nothing is known any more.
fn with_a_tree_of_tasks() -> Picture {
    let mut picture = with_tasks(live(3, Phase::Running));
    let Content::Profile(profile) = &mut picture.content else { panic!("a profile") };
    let Some([(_, tasks)]) = profile.tasks.as_ref().map(|tasks| &tasks[..]) else { panic!("tasks") };
    let mut tasks = tasks.clone();
    let one = tasks.list[0].clone();
    let task = |id: u64, parent: Option<u64>, since: f64, awaited_by: &[u64]| Task {
        id,
        name: format!("Task-{id}"),
        parent,
        since,
        awaited_by: awaited_by.to_vec(),
        ..one.clone()
    };
    tasks.slow.clear();
    tasks.list = vec![
        task(1, None, 1.0, &[]),
        task(2, Some(1), 5.0, &[1]),
        task(3, Some(1), 2.0, &[1, 77]),
        task(4, Some(3), 9.0, &[3]),
        task(5, Some(99), 7.0, &[]),
        // What can't be.
        task(6, Some(6), 0.5, &[]),
        task(7, Some(8), 0.4, &[]),
        task(8, Some(7), 0.3, &[]),
    ];
    profile.tasks = Some(Arc::new(vec![(ProcessId(0), tasks)]));
    picture
}

#[test]
fn tasks_stand_below_those_that_made_them() {
    let mut state = top(2, 100, 24);
    type_keys(&mut state, "a");
    state.update(Event::Data(with_a_tree_of_tasks()));
    let listed = |state: &State| -> Vec<(u64, usize)> {
        let Some(Screen::Tasks(screen)) = state.screens.last() else { panic!("they are on screen") };
        let rows = screen.rows.iter();
        rows.filter_map(|row| match row {
            TaskLine::Task { task, depth, .. } => Some((task.id, *depth)),
            _ => None,
        })
        .collect()
    };
    let tree = [(1, 0), (3, 1), (4, 2), (2, 1), (5, 0), (6, 0), (7, 0), (8, 1)];
    assert_eq!(listed(&state), tree, "by the longest wait of all below");
    let Some(Screen::Tasks(screen)) = state.screens.last() else { panic!("they are on screen") };
    let TaskLine::Task { awaited_by, .. } = &screen.rows[1] else { panic!("a task") };
    assert_eq!(awaited_by, &["Task-1", "#77"]);
    type_keys(&mut state, "f");
    let flat = [4, 5, 2, 3, 1, 6, 7, 8].map(|id| (id, 0));
    assert_eq!(listed(&state), flat);
    type_keys(&mut state, "f");
    assert_eq!(listed(&state), tree);
}

#[test]
fn files_have_no_open_calls() {
    let (_, mut state) = view(&["cprofile-3.13.pstats"], 80, 24);
    type_keys(&mut state, "jk");
    assert!(state.screens.is_empty(), "the key is for the cursor there");
    assert_eq!(state.cursor.row, Some(0));
}
