use pikos_views::Label;
use pstats_compat::{Calls, Function};
use std::sync::Arc;

use super::*;

fn task(id: u64, since: f64, longest: f64, run: f64) -> Task {
    let function = FunctionId(0);
    let name = format!("task-{id}\u{202e}");
    Task {
        id,
        name,
        function,
        runs: false,
        since,
        run,
        parked: 0.0,
        steps: 1,
        longest,
        awaits: FunctionId(1),
        parent: None,
        awaited_by: Vec::new(),
    }
}

fn slow(seconds: f64) -> SlowStep {
    let path = vec![(FunctionId(1), f64::NAN); 1_000];
    SlowStep { at: 1.0, seconds, task: String::new(), function: FunctionId(0), path }
}

fn none() -> Tasks {
    Tasks::default().with(|_: usize| None)
}

fn labels() -> Labels {
    let label = |name: &str| {
        Arc::new(Label::of(&Function::new("/app/a.py".into(), 1, name.into(), Calls::default())))
    };
    let mut labels = Labels::default();
    labels.follow(&[label("handle"), label("query")], "/app", "");
    labels
}

fn value(all: &[(String, Tasks)]) -> serde_json::Value {
    serde_json::from_str(&told(all, &labels())).expect("JSON")
}

#[test]
fn tasks_of_a_thousand_processes_are_bounded_and_each_order_has_its_own() {
    let process = |at: u32| {
        let list = (0..50).map(|n| task(n, f64::from(at), 1.0 / f64::from(at + 1), f64::from(at % 7)));
        let list = list.collect();
        let slow = (0..50).map(|n| slow(f64::from(at * 50 + n))).collect();
        (format!("p{at}"), Tasks { list, slow, ..none() })
    };
    let all: Vec<_> = (0..1_000).map(process).collect();
    let told = value(&all);
    let tasks = &told["tasks"];
    let count = tasks["id"].as_array().expect("a column").len();
    assert!(count > 2 * MOST && count <= 3 * MOST, "{count}");
    let of = |process: &str| tasks["process"].as_array().expect("a column").iter().any(|id| id == process);
    assert!(of("p999") && of("p0") && of("p6"), "the longest wait, the longest step, the longest run");
    assert_eq!(told["slow"].as_array().expect("a list").len(), MOST_SLOW);
    assert_eq!(told["slow"][0]["seconds"], 49_999.0);
    assert_eq!(told["slow"][0]["path"].as_array().expect("a list").len(), 64);
    assert_eq!(told["slow"][0]["path"][0][1], 0.0, "what is no number is nothing");
    assert_eq!(told["slow"][0]["task"], serde_json::Value::Null, "a callback");
    assert!(!tasks["name"][0].as_str().expect("a name").contains('\u{202e}'));
}

#[test]
fn tasks_come_with_those_that_made_them_and_those_that_wait_for_them() {
    let mut list: Vec<Task> = (1..=1_000).map(|n| task(n, 0.0, 0.0, 0.0)).collect();
    for one in &mut list[..200] {
        (one.since, one.longest, one.run) = (1.0, 1.0, 1.0);
    }
    list[0].parent = Some(500);
    list[499].parent = Some(600);
    list[1].awaited_by = vec![700, 5_000];
    // Another process' tasks have the same numbers.
    let other = Tasks { list: vec![task(500, 0.0, 0.0, 0.0)], ..none() };
    let told = value(&[("p0".to_owned(), Tasks { list, ..none() }), ("p1".to_owned(), other)]);
    let tasks = &told["tasks"];
    let ids: Vec<u64> = serde_json::from_value(tasks["id"].clone()).expect("numbers");
    assert_eq!(ids.len(), MOST + 3);
    for id in [500, 600, 700] {
        assert_eq!(ids.iter().filter(|other| **other == id).count(), 1, "{id}");
    }
    assert_eq!(tasks["parent"][0], 500);
    assert_eq!(tasks["parent"][1], serde_json::Value::Null);
    assert_eq!(tasks["awaited_by"][1], serde_json::json!([700, 5_000]));
    let endless =
        (1..=10_000).map(|n| Task { parent: Some(n - 1), awaited_by: vec![1; 99], ..task(n, 0.0, 0.0, 0.0) });
    let told = value(&[("p0".to_owned(), Tasks { list: endless.rev().collect(), ..none() })]);
    assert!(told["tasks"]["id"].as_array().expect("a column").len() <= 3 * MOST + MOST_RELATED);
    assert_eq!(told["tasks"]["awaited_by"][0].as_array().expect("a list").len(), MOST_WAITING);
}

#[test]
fn coroutines_of_all_processes_are_added_up_and_named() {
    let figures = Figures { started: 2, steps: 5, run: 0.5, parked: 1.0, ..Figures::default() };
    // One that is named nowhere has no label.
    let of = |function| (FunctionId(function), figures);
    let one = Tasks { coroutines: vec![of(1), of(0)], ..none() };
    let other = Tasks { coroutines: vec![of(1), of(9)], ..none() };
    let told = value(&[("p0".to_owned(), one), ("p1".to_owned(), other)]);
    let columns = &told["coroutines"];
    assert_eq!(columns["function"], serde_json::json!([1, 0, 9]));
    assert_eq!(columns["steps"], serde_json::json!([10, 5, 5]));
    assert_eq!(columns["await"], serde_json::json!([2.0, 1.0, 1.0]));
    assert_eq!(told["labels"]["name"], serde_json::json!(["handle", "query"]));
    assert_eq!(told["labels"]["place"], serde_json::json!(["a.py:1", "a.py:1"]));
}
