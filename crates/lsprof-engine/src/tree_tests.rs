//! Trees under scripts of events.

use super::*;
use crate::excess::Costs;
use crate::recorder::Recorder;
use crate::tables::{KINDS, Kind};
use crate::totals::Totals;

const F: usize = 0x1000;
const G: usize = 0x2000;
const H: usize = 0x3000;

struct Script {
    recorder: Recorder,
    now: u64,
}

impl Script {
    fn new(limits: Limits) -> Self {
        let mut recorder = Recorder::new(true);
        recorder.grow_tree(limits);
        for (id, key) in [F, G, H].into_iter().enumerate() {
            recorder.define(key, FunctionId(id as u32), Kind::default());
        }
        Self { recorder, now: 1_000 }
    }

    fn enter(&mut self, key: usize) -> &mut Self {
        assert!(self.recorder.enter(key));
        self.recorder.prepare();
        self.recorder.start_extended(Ticks(self.now), Ticks(self.now));
        self
    }

    fn leave(&mut self, key: usize) -> &mut Self {
        self.recorder.leave_extended(key, Ticks(self.now));
        self
    }

    fn wait(&mut self, ticks: u64) -> &mut Self {
        self.now += ticks;
        self
    }

    /// A call that takes `ticks` itself.
    fn call(&mut self, key: usize, ticks: u64) -> &mut Self {
        self.enter(key).wait(ticks).leave(key)
    }

    fn tree(&self) -> TreeTotals {
        let mut totals = TreeTotals::default();
        totals.add(self.recorder.tables());
        totals
    }
}

fn unlimited() -> Limits {
    Limits::new(1000, 1000)
}

/// Stacks as text, with calls and own time.
fn stacks(totals: &TreeTotals) -> Vec<(String, u64, u64)> {
    let nodes = totals.nodes();
    let mut stacks: Vec<_> = (1..nodes.len())
        .map(|place| {
            let mut stack = Vec::new();
            let mut at = place;
            while at != 0 {
                stack.push(["f", "g", "h"][nodes[at].function.0 as usize]);
                at = nodes[at].parent as usize;
            }
            stack.reverse();
            (stack.join(" "), nodes[place].counts.calls, nodes[place].counts.own.0)
        })
        .collect();
    stacks.sort();
    stacks
}

fn stack(names: &str, calls: u64, own: u64) -> (String, u64, u64) {
    (names.to_owned(), calls, own)
}

#[test]
fn one_function_on_two_ways_has_two_nodes() {
    let mut script = Script::new(unlimited());
    script.enter(F).wait(1).call(H, 10).call(H, 20).leave(F);
    script.enter(G).wait(2).enter(F).wait(4).call(H, 40).leave(F).leave(G);
    let expected =
        [stack("f", 1, 1), stack("f h", 2, 30), stack("g", 1, 2), stack("g f", 1, 4), stack("g f h", 1, 40)];
    assert_eq!(stacks(&script.tree()), expected);
}

#[test]
fn recursion_is_a_stack_like_any_other() {
    let mut script = Script::new(unlimited());
    script.enter(F).wait(1).enter(F).wait(2).leave(F).leave(F);
    assert_eq!(stacks(&script.tree()), [stack("f", 1, 1), stack("f f", 1, 2)]);
}

#[test]
fn a_call_below_the_depth_limit_is_cut_and_its_time_is_kept() {
    let mut script = Script::new(Limits::new(2, 1000));
    script.enter(F).wait(1).enter(F).wait(2).enter(G).wait(4).call(H, 8).leave(G).leave(F);
    script.call(G, 16).leave(F);
    let tree = script.tree();
    assert_eq!(stacks(&tree), [stack("f", 1, 1), stack("f f", 1, 14), stack("f g", 1, 16)]);
    let cut: Vec<_> =
        tree.nodes().iter().map(|node| (node.counts.cut_calls, node.counts.cut_own.0)).collect();
    assert_eq!(cut, [(0, 0), (0, 0), (2, 12), (0, 0)]);
}

#[test]
fn no_more_nodes_than_allowed_are_made_over_all_recorders() {
    let limits = Limits::new(1000, 2);
    let mut script = Script::new(limits.clone());
    let mut other = Script::new(limits);
    script.enter(F).wait(1).leave(F);
    other.call(F, 2).call(G, 4);
    script.enter(F).wait(8).call(H, 16).leave(F);
    let mut tree = script.tree();
    assert_eq!(stacks(&tree), [stack("f", 2, 25)]);
    // Without any node above, the bottom has it.
    tree.add(other.recorder.tables());
    assert_eq!(stacks(&tree), [stack("f", 3, 27)]);
    assert_eq!(tree.nodes()[0].counts.own, Ticks(4));
    assert_eq!(tree.nodes()[0].counts.cut_calls, 1);
}

#[test]
fn missed_returns_and_open_calls_keep_stacks_apart() {
    let mut script = Script::new(unlimited());
    script.enter(F).enter(G).enter(H).wait(1).leave(F);
    script.enter(G).wait(2);
    while script.recorder.is_open() {
        script.recorder.leave_top(Ticks(script.now));
    }
    let expected = [stack("f", 1, 0), stack("f g", 1, 0), stack("f g h", 1, 1), stack("g", 1, 2)];
    assert_eq!(stacks(&script.tree()), expected);
}

#[test]
fn each_greenlet_has_stacks_of_its_own() {
    let mut script = Script::new(unlimited());
    script.enter(F).wait(1);
    script.recorder.switch(StackId(1), Ticks(script.now), || Ticks(script.now));
    script.enter(G).wait(2);
    script.recorder.switch(StackId(0), Ticks(script.now), || Ticks(script.now));
    script.call(H, 4);
    script.recorder.switch(StackId(1), Ticks(script.now), || Ticks(script.now));
    script.call(F, 8);
    script.recorder.leave_top(Ticks(script.now));
    script.recorder.leave_suspended();
    let expected = [stack("f", 1, 1), stack("f h", 1, 4), stack("g", 1, 2), stack("g f", 1, 8)];
    assert_eq!(stacks(&script.tree()), expected);
}

#[test]
fn the_nodes_own_times_are_those_of_the_functions() {
    let costs = Costs { inside: [3; KINDS], outside: [5; KINDS], ..Costs::default() };
    let mut script = Script::new(Limits::new(3, 4));
    script.recorder.compensate(costs);
    script.enter(F).wait(100);
    for _ in 0..3 {
        script.enter(G).wait(40).enter(H).wait(30).call(F, 20).leave(H).call(H, 50).leave(G).wait(7);
    }
    script.leave(F);
    let mut totals = Totals::default();
    totals.add(script.recorder.tables());
    let sum = totals.sum();
    let tree = script.tree();
    let own: u64 = tree.nodes().iter().map(|node| node.counts.own.0).sum();
    let excess: u64 = tree.nodes().iter().map(|node| node.counts.own_excess.0).sum();
    assert_eq!((own, excess), (sum.own.0, sum.own_excess.0));
    assert!(excess > 0);
}
