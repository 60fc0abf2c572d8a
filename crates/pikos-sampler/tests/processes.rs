//! Looks at real interpreters, of each release that is here.

mod support;

use std::collections::BTreeSet;

use pikos_sampler::read::{Look, Target, Unreadable};
use support::{Program, names, on_each, wait_for};

#[test]
fn names_lines_and_threads() {
    on_each(|python| {
        let program = Program::start(python, &[], include_str!("programs/at_rest.py"));
        let mut target = program.target();
        assert!(target.python().starts_with(&format!("{}.", program.release)), "{}", target.python());
        target.ask_activity(true);
        let stack = |name: &str, target: &mut Target| {
            let mut found = None;
            wait_for(|| {
                let mut look = Look::default();
                target.look(&mut look).unwrap();
                let thread = look.threads.iter().find(|thread| {
                    names(target, look.stack(thread)).iter().any(|frame| frame.starts_with(name))
                })?;
                assert_ne!((thread.native_id, thread.ident), (0, 0));
                found = Some(names(target, look.stack(thread)));
                Some(())
            });
            found.unwrap()
        };
        let deep = stack("deep ", &mut target);
        assert_eq!(deep[0], "deep 10");
        assert_eq!(deep[1..=400], vec!["deep 9"; 400]);
        assert_eq!(deep[401..=402], ["<lambda> 66", "Thread.run"]);
        let generator = stack("Ünï", &mut target);
        let expected = [
            "waits 14",
            "made_in_c.<locals>.<lambda> 23",
            "made_in_c 23",
            "Made.__init__ 19",
            "inner 27",
            "outer 31",
            "Ünïcode_名前_𝒳 35",
        ];
        assert_eq!(generator[..7], expected);
        let coroutine = stack("innermost ", &mut target);
        assert_eq!(coroutine[..3], ["waits 14", "innermost 40", "middle 44"]);
        assert!(coroutine.iter().any(|frame| frame == "Handle._run"), "{coroutine:?}");
        let main = stack("main ", &mut target);
        assert_eq!(main, ["main 62", "<module> 74"]);
    });
}

#[test]
fn each_frame_is_where_its_process_says() {
    // Whoever runs is read as Python sees it: a thread that waits doesn't change.
    on_each(|python| {
        let program = Program::start(python, &["frames"], include_str!("programs/at_rest.py"));
        let mut target = program.target();
        let expected: BTreeSet<Vec<String>> =
            program.said.iter().map(|line| line.split('|').map(str::to_owned).collect()).collect();
        assert_eq!(expected.len(), 4);
        let mut look = Look::default();
        wait_for(|| {
            target.look(&mut look).unwrap();
            let found: BTreeSet<Vec<String>> = look
                .threads
                .iter()
                .map(|thread| {
                    let stack = look.stack(thread).iter();
                    stack
                        .map(|frame| {
                            format!("{} {}", target.code(frame.code).name, target.line(*frame).unwrap_or(0))
                        })
                        .collect()
                })
                .collect();
            (found.iter().filter(|stack| expected.contains(*stack)).count() == 4).then_some(())
        });
    });
}

#[test]
fn no_stack_is_false() {
    on_each(|python| {
        let source = include_str!("programs/known.py");
        let program = Program::start(python, &["3"], source);
        let lines: Vec<&str> = source.lines().collect();
        let mut target = program.target();
        let mut look = Look::default();
        let mut whole = 0;
        let mut torn = 0;
        for _ in 0..400 {
            target.look(&mut look).unwrap();
            whole += look.threads.len();
            torn += look.torn;
            for thread in &look.threads {
                for pair in look.stack(thread).windows(2) {
                    let (callee, caller) = (target.code(pair[0].code), target.code(pair[1].code));
                    if caller.file != program.path || callee.file != program.path {
                        continue;
                    }
                    let line = target.line(pair[1]).unwrap() as usize;
                    let called = format!("{}(", callee.name);
                    assert!(
                        lines[line - 1].contains(&called),
                        "{} at line {line} of {}",
                        callee.name,
                        caller.name
                    );
                }
            }
        }
        assert!(whole > 800, "{whole} whole, {torn} torn");
    });
}

#[test]
fn code_that_comes_and_goes_has_its_own_names() {
    on_each(|python| {
        let program = Program::start(python, &[], include_str!("programs/churn.py"));
        let mut target = program.target();
        let mut look = Look::default();
        let mut seen = BTreeSet::new();
        wait_for(|| {
            target.look(&mut look).unwrap();
            for thread in &look.threads {
                let stack = look.stack(thread);
                for frame in stack {
                    let code = target.code(frame.code).clone();
                    if let Some(number) = code.file.strip_prefix("churn-")
                        && code.name != "<module>"
                    {
                        // All three have the same number, made for this code object alone.
                        assert_eq!(code.name, format!("made_{number}"));
                        assert_eq!(code.first_line.to_string(), number);
                        seen.insert(frame.code);
                    }
                }
            }
            (seen.len() > 200).then_some(())
        });
    });
}

#[test]
fn interpreters_and_forks() {
    on_each(|python| {
        let program = Program::start(python, &[], include_str!("programs/forks.py"));
        let child = program.said[0].parse().unwrap();
        let mut target = Target::of(child).unwrap();
        let mut look = Look::default();
        wait_for(|| {
            target.look(&mut look).unwrap();
            let stacks: Vec<_> =
                look.threads.iter().map(|thread| names(&target, look.stack(thread))).collect();
            // The parent's other thread isn't in the child.
            (stacks.len() == 1 && stacks[0][0] == "in_child 9").then_some(())
        });
    });
}

#[test]
fn a_process_that_ends() {
    on_each(|python| {
        let mut program = Program::start(python, &["3"], include_str!("programs/known.py"));
        let mut target = program.target();
        let mut look = Look::default();
        program.child.kill().unwrap();
        let mut ended = None;
        wait_for(|| {
            ended = target.look(&mut look).err();
            ended.is_some().then_some(())
        });
        assert!(matches!(ended, Some(Unreadable::Ended { .. })), "{ended:?}");
        program.child.wait().unwrap();
        assert!(matches!(Target::of(program.child.id()), Err(Unreadable::Ended { .. })));
    });
}

#[test]
fn what_is_no_python() {
    let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
    let mut error = None;
    wait_for(|| {
        error = Target::of(child.id()).err();
        // Before it has become `sleep`, it is this test.
        error.as_ref().is_some_and(|error| error.to_string().contains("sleep")).then_some(())
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let error = error.unwrap();
    assert!(matches!(&error, Unreadable::NotPython { .. }), "{error}");
    assert!(matches!(Target::of(u32::MAX), Err(Unreadable::Ended { .. })));
    // An address where nothing of Python is.
    let here = [0_u8; 4096];
    let error = Target::this(here.as_ptr() as usize, 0x030d_00f0).unwrap_err();
    assert!(matches!(error, Unreadable::Release { .. }), "{error}");
    let error = Target::this(here.as_ptr() as usize, 0x030b_00f0).unwrap_err();
    assert!(matches!(error, Unreadable::Nonsense { .. }), "{error}");
}
