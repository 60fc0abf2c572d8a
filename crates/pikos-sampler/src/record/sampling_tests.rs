//! The thread, at work on scripted threads.

use pikos_publisher::whole;

use super::super::testing::{Numbered, Scripted, runs};
use super::*;

fn sampling(subject: &Scripted) -> (Sampling, Arc<Source>) {
    let source = Source::new();
    let options = Options { interval: Duration::from_micros(500), budget: 1.0, ..Options::default() };
    let sampling =
        Sampling::start(Box::new(subject.clone()), Arc::clone(&source), &options, Box::new(Numbered));
    (sampling.unwrap(), source)
}

fn looks(subject: &Scripted) -> u64 {
    subject.change(|script| script.looks)
}

/// Until so many looks more were begun.
fn wait_for(subject: &Scripted, more: u64) {
    let until = looks(subject) + more;
    while looks(subject) < until {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn subject() -> Scripted {
    let subject = Scripted::new(&["f", "g"]);
    subject.set(vec![runs(7, &[0, 1]), runs(8, &[0])]);
    subject
}

#[test]
fn it_looks_until_it_is_stopped_and_the_source_keeps_what_there_was() {
    let subject = subject();
    let (mut sampling, source) = sampling(&subject);
    wait_for(&subject, 50);
    sampling.stop();
    assert_eq!(sampling.ending(), Some(Ending::Stopped));
    let (status, looks) = (sampling.status(), looks(&subject));
    let sampled = status.sampled;
    assert_eq!((sampled.looks, sampled.samples, status.threads), (looks, 2 * looks, 2));
    assert!(sampled.mean > 0.0 && sampled.cpu > 0.0 && status.elapsed > 0.0);
    let message = whole(&source, None);
    assert_eq!(message.facts.unwrap().counts, SAMPLES);
    assert_eq!(message.sampled, Some(sampled));
    let on_top = |row: &pikos_wire::FunctionRow| row.finished.primitive_calls;
    assert_eq!(message.rows.iter().map(on_top).sum::<u64>(), 2 * looks);
    assert_eq!(message.rows.iter().filter(|row| row.function == 0).count(), 2);
    let time: i64 = message.rows.iter().map(|row| row.finished.tottime).sum();
    let elapsed = status.elapsed;
    // Two threads, from the start to the last look.
    let seconds = time as f64 * message.tick;
    assert!(seconds <= 2.0 * elapsed * 1.01 && seconds >= 2.0 * sampled.mean * looks as f64 * 0.9);
    assert_eq!(message.tree.unwrap().nodes.iter().map(|node| node.figures.ncalls).sum::<u64>(), 2 * looks);
}

#[test]
fn paused_it_looks_at_nothing() {
    let subject = subject();
    let (sampling, source) = sampling(&subject);
    wait_for(&subject, 5);
    sampling.pause();
    while !source.lock().paused {
        std::thread::yield_now();
    }
    let (before, elapsed) = (looks(&subject), sampling.status().elapsed);
    std::thread::sleep(Duration::from_millis(30));
    assert!(sampling.is_paused() && sampling.status().is_paused);
    assert_eq!((looks(&subject), sampling.status().elapsed), (before, elapsed));
    sampling.unpause();
    wait_for(&subject, 5);
    assert!(!sampling.is_paused());
}

#[test]
fn those_who_watch_are_obeyed() {
    let subject = subject();
    let (sampling, source) = sampling(&subject);
    let mailbox = Mailbox::new().unwrap();
    sampling.serve(&mailbox);
    let ask = |command: Command| {
        let ticket = mailbox.add_task(command);
        loop {
            if let Some((_, outcome)) =
                mailbox.take_outcomes().into_iter().find(|(known, _)| *known == ticket)
            {
                return outcome;
            }
            std::thread::yield_now();
        }
    };
    assert_eq!(ask(Command::Pause), Ok(()));
    assert!(source.lock().paused);
    assert_eq!(ask(Command::Clear), Ok(()));
    let status = sampling.status();
    assert_eq!((status.sampled.looks, status.sampled.samples, status.threads), (0, 0, 0));
    assert_eq!(ask(Command::Rate { hz: 4_000.0 }), Ok(()));
    assert_eq!(sampling.status().sampled.asked, 0.000_25);
    assert!(ask(Command::Rate { hz: 0.0 }).unwrap_err().contains("rate must be from"));
    assert_eq!(ask(Command::Resume), Ok(()));
    wait_for(&subject, 5);
    assert_eq!(ask(Command::Stop), Ok(()));
    assert_eq!(sampling.wait(Duration::MAX), Some(Ending::Asked));
}

#[test]
fn it_clears_and_rests_and_goes_on() {
    let subject = subject();
    let (mut sampling, source) = sampling(&subject);
    wait_for(&subject, 5);
    assert_eq!(sampling.rest(), 1);
    let (before, status) = (looks(&subject), sampling.status());
    assert_eq!(sampling.rest(), 0);
    std::thread::sleep(Duration::from_millis(10));
    assert_eq!(looks(&subject), before);
    sampling.resume();
    wait_for(&subject, 5);
    assert!(sampling.status().sampled.cpu >= status.sampled.cpu);
    subject.set(vec![runs(9, &[1])]);
    wait_for(&subject, 1);
    sampling.clear();
    wait_for(&subject, 2);
    {
        let state = source.lock();
        assert_eq!(state.epoch, 1);
        assert_eq!(state.threads.iter().map(|thread| thread.native_id).collect::<Vec<_>>(), [9]);
    }
    // One that rests looks at nothing meanwhile.
    assert_eq!(sampling.rest(), 1);
    let before = looks(&subject);
    sampling.clear();
    let status = sampling.status();
    assert_eq!((looks(&subject), status.sampled.looks, status.sampled.samples), (before, 0, 0));
    sampling.resume();
    wait_for(&subject, 2);
}

#[test]
fn it_ends_with_the_process_and_where_looks_fail_for_long() {
    let trouble = Trouble::Failed("its memory can't be read".to_owned());
    let subject = subject();
    let (sampling, source) = sampling(&subject);
    wait_for(&subject, 5);
    subject.change(|script| script.trouble = Some(trouble.clone()));
    // Once is no reason to give up.
    wait_for(&subject, 2);
    assert_eq!(sampling.ending(), None);
    subject.change(|script| script.trouble = None);
    wait_for(&subject, 2);
    subject.change(|script| script.trouble = Some(Trouble::Over));
    assert_eq!(sampling.wait(Duration::MAX), Some(Ending::Over));
    assert!(source.lock().threads.iter().all(|thread| thread.row().is_over));
    let (sampling, _) = self::sampling(&subject);
    subject.change(|script| script.trouble = Some(trouble));
    let ending = sampling.wait(Duration::MAX);
    assert!(matches!(ending, Some(Ending::Failed(_) | Ending::Over)), "{ending:?}");
}
