//! Tasks and local variables of real interpreters, of each release that is here.

mod support;

use std::collections::BTreeMap;

use pikos_sampler::read::{Look, State, Target, Task, Tasks, WaitsFor};
use support::{Program, on_each, wait_for};

fn chain(target: &Target, task: &Task) -> String {
    let name = |frame| {
        let code = target.code(frame);
        code.name.clone()
    };
    let frames =
        task.frames.iter().map(|frame| format!("{} {}", name(frame.code), target.line(*frame).unwrap_or(0)));
    frames.collect::<Vec<_>>().join("|")
}

/// What there is once everything rests.
fn tasks(target: &mut Target) -> Tasks {
    let mut found = Tasks::default();
    wait_for(|| {
        target.look(&mut Look::default()).unwrap();
        found = target.tasks().unwrap();
        let is_there = |name: &str, state: fn(&State) -> bool| {
            found.list.iter().any(|task| task.name == name && state(&task.state))
        };
        let runs = |state: &State| matches!(state, State::Runs(Some(_)));
        (found.torn == 0 && is_there("blocks", runs) && is_there("late", |_| true)).then_some(())
    });
    found
}

#[test]
fn each_task_is_where_its_process_says() {
    on_each(|python| {
        let program = Program::start(python, &[], include_str!("programs/tasks.py"));
        let mut target = program.target();
        let tasks = tasks(&mut target);
        let by_name: BTreeMap<&str, (usize, &Task)> =
            tasks.list.iter().enumerate().map(|(which, task)| (task.name.as_str(), (which, task))).collect();
        assert_eq!(by_name.len(), tasks.list.len(), "each once: {tasks:?}");
        assert_eq!(program.said.len(), 6);
        for line in &program.said {
            let (name, expected) = line.split_once('|').unwrap();
            assert_eq!(chain(&target, by_name[name].1), expected, "of {name}");
        }
        for (name, expected) in
            [("items", "|items 19|over_items 24"), ("own", "|__await__ 30|own_awaitable 34")]
        {
            let found = chain(&target, by_name[name].1);
            assert!(found.starts_with("sleep ") && found.ends_with(expected), "{found}");
        }
        assert!(!by_name.contains_key("over"), "it is over");
        assert!(by_name.keys().any(|name| name.starts_with("Task-")), "asyncio has named one");
        let place = |name: &str| by_name[name].0;
        let task = |name: &str| by_name[name].1;
        for name in ["worker", "also", "items", "own"] {
            assert_eq!(task(name).waits_for, Some(WaitsFor::Other("Future".to_owned())), "{name}");
        }
        assert_eq!(task("waits").waits_for, Some(WaitsFor::Task(place("worker"))));
        let mut expected = vec![place("gathers"), place("waits")];
        expected.sort_unstable();
        assert_eq!(task("worker").awaited_by, expected);
        assert_eq!(task("also").awaited_by, [place("gathers")]);
        let mut expected = vec![place("wait"), place("shield")];
        expected.sort_unstable();
        assert_eq!(task("third").awaited_by, expected);
        for name in ["member", "member too"] {
            assert_eq!(task(name).awaited_by, [place("group")], "{name}");
        }
        assert_eq!(task("others").state, State::Ready);
        assert_eq!(task("late").state, State::NotBegun);
        let State::Runs(Some(thread)) = task("blocks").state else { panic!("{:?}", task("blocks")) };
        assert_ne!(thread, u64::from(program.child.id()), "it is another thread than the main one");
        let running = chain(&target, task("blocks"));
        assert!(running.starts_with("waits_in_thread") && running.contains("|blocks "), "{running}");
        assert!(!running.contains("run_forever"), "only what belongs to the task: {running}");
    });
}

#[test]
fn no_asyncio_no_tasks() {
    on_each(|python| {
        let program = Program::start(python, &[], include_str!("programs/variables.py"));
        let mut target = program.target();
        target.look(&mut Look::default()).unwrap();
        assert_eq!(target.tasks().unwrap(), Tasks::default());
    });
}

#[test]
fn variables_in_a_few_words() {
    on_each(|python| {
        let program = Program::start(python, &[], include_str!("programs/variables.py"));
        let mut target = program.target();
        let mut all = Vec::new();
        wait_for(|| {
            let mut look = Look::default();
            target.look(&mut look).unwrap();
            let thread = look.threads.first()?;
            let names = look.stack(thread).iter().map(|frame| target.code(frame.code).name.clone());
            let names: Vec<String> = names.collect();
            let locals = target.locals_of_thread(&look, thread).unwrap();
            all = names.into_iter().zip(locals).collect();
            (all.first()?.0 == "closure").then_some(())
        });
        let closure = all[0].1.as_ref().unwrap();
        assert_eq!(closure.values, [("captured".to_owned(), Some("'in a cell'".to_owned()))]);
        assert_eq!(all[1].0, "variables");
        let locals = all[1].1.as_ref().unwrap();
        assert_eq!(locals.more, 0);
        let value = |name: &str| {
            let found = locals.values.iter().find(|(other, _)| other == name);
            found.unwrap_or_else(|| panic!("no {name} in {locals:?}")).1.as_deref().expect("it rests")
        };
        let expected = [
            ("first", "'one'"),
            ("rest", "<tuple of 2>"),
            ("named", "<dict of 1>"),
            ("nothing", "None"),
            ("yes", "True"),
            ("no", "False"),
            ("small", "5"),
            ("negative", "-1234567890123"),
            ("large", "1267650600228229401496703205376"),
            ("huge", "<int of 1020 bits or less>"),
            ("real", "0.1"),
            ("tiny", "1e-300"),
            ("text", "'äöü 名前 𐍈'"),
            ("quotes", r"'it\'s'"),
            ("control", r"'a\n\x1b[31m'"),
            ("data", r"b'\x00a\''"),
            ("empty", "b''"),
            ("listed", "<list of 3>"),
            ("pair", "<tuple of 2>"),
            ("mapped", "<dict of 1>"),
            ("several", "<set of 2>"),
            ("captured", "'in a cell'"),
        ];
        for (name, text) in expected {
            assert_eq!(value(name), text, "{name}");
        }
        assert_eq!(value("long"), format!("'{}'… (100 characters)", "x".repeat(60)));
        let of = |name: &str| value(name).split(" at 0x").next().unwrap().to_owned();
        assert_eq!(of("counter"), "<collections.Counter");
        assert_eq!(of("own"), "<__main__.Own");
        assert_eq!(of("inner"), "<__main__.Own.Inner");
        assert_eq!(of("function"), "<function");
        assert!(locals.values.iter().all(|(name, _)| name != "unbound"), "it has no value");
        assert!(all[2].1.as_ref().unwrap().values.is_empty(), "a module's are its globals");
    });
}
