// Events in, figures out.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./modules.mjs";

const { reduce, begin, layoutOfTree, TICKS } = await load("live/model.ts");

const rows = (id, figures = {}) => {
  const zero = id.map(() => 0);
  return { id, calls: zero, primitive: zero, own: zero, cumulative: zero, gil_wait: zero, in_flight: zero, open: zero, calls_per_s: zero, share: zero, ...figures };
};
const nodes = (count, own) => ({ calls: new Array(count).fill(1), own, in_flight: new Array(count).fill(0), open: new Array(count).fill(0) });
const full = (more = {}) => ({
  tick: 1, time: 100, age: 5, is_live: true, unit: "s", counted: true, sampled: false, edges: "full", groups: [{ name: "your code", kind: "own" }],
  labels: { id: [0, 1, 2], name: ["a", "b", "c"], place: ["x:1", "x:2", "x:3"], group: [0, 0, 0] },
  functions: rows([0, 2], { own: [1, 3], share: [0.5, 0.25] }),
  stacks: { state: "kept", note: null, cut: [0, 0], parent: [-1, 0, 0], function: [0, 1, 2], ...nodes(3, [1, 2, 3]) },
  ...more,
});
const delta = (more = {}) => ({ tick: 2, time: 101, age: 6, functions: rows([]), stacks: null, ...more });
const after = (...events) => events.reduce(reduce, null);
const told = (one) => ({ kind: "full", full: one });
const changed = (one) => ({ kind: "delta", delta: one });
const children = ({ first, next }, at) => {
  const found = [];
  for (let child = first[at]; child >= 0; child = next[child]) found.push(child);
  return found;
};

test("a full picture lists the functions that have figures, and adds up their own times", () => {
  const model = after(told(full()));
  assert.deepEqual(model.listed, [0, 2]);
  assert.equal(model.total, 4);
  assert.equal(model.unit, null, "seconds are the page's own unit");
  assert.equal(after(told(full({ unit: "bytes" }))).unit, "bytes");
});

test("a delta before any full picture is nothing", () => assert.equal(after(changed(delta())), null));

test("a reset makes the figures void", () => assert.equal(after(told(full()), { kind: "reset" }), null));

test("a delta sets figures, keeps the others, and lists what is new once", () => {
  const model = after(told(full()), changed(delta({ functions: rows([2, 1], { own: [5, 7] }) })), changed(delta({ functions: rows([1], { own: [8] }) })));
  assert.deepEqual(model.listed, [0, 2, 1]);
  assert.deepEqual([...model.functions.own.slice(0, 3)], [1, 8, 5]);
  assert.equal(model.total, 14);
});

test("what isn't known is no number", () => {
  const model = after(told(full({ functions: rows([0], { calls: [null], own: [null] }) })));
  assert.ok(Number.isNaN(model.functions.calls[0]));
  assert.equal(model.total, 0);
});

test("names and groups come by number, also again", () => {
  const labels = { id: [2, 3], name: ["c", "d"], place: ["x:3", ""], group: [0, 1] };
  const groups = { from: 1, items: [{ name: "built-in", kind: "builtin" }] };
  const model = after(told(full()), changed(delta({ labels, groups, functions: rows([3], { own: [1] }) })));
  assert.deepEqual(model.functions.name, ["a", "b", "c", "d"]);
  assert.deepEqual(model.kind, ["own", "own", "own", "builtin"]);
  assert.deepEqual(model.listed, [0, 2, 3]);
});

test("stacks are added up to their callers", () => {
  const { tree } = after(told(full()));
  assert.deepEqual([...tree.cumulative.slice(0, 3)], [6, 2, 3]);
  assert.equal(tree.total, 6);
});

test("children stay as they were first met, however they grow", () => {
  const grown = { from: 3, parent: [1, 0, -1], function: [2, 0, 1], changed: { node: [3, 4, 5, 2], ...nodes(4, [1, 1, 9, 50]) } };
  const model = after(told(full()), changed(delta({ stacks: grown })));
  const layout = layoutOfTree(model.tree);
  assert.deepEqual(children(layout, 0), [1, 2, 4]);
  assert.deepEqual([layout.root, layout.next[layout.root]], [0, 5]);
  assert.equal(layout.total, 1 + 2 + 50 + 1 + 1 + 9);
});

test("nodes that come again after a reconnect aren't put in twice", () => {
  const again = { from: 1, parent: [0, 0, 2], function: [1, 2, 1], changed: { node: [3], ...nodes(1, [4]) } };
  const { tree } = after(told(full()), changed(delta({ stacks: again })));
  assert.equal(tree.count, 4);
  assert.deepEqual(children(tree, 0), [1, 2]);
});

test("the state of stacks may change", () => {
  const awaited = full({ stacks: { state: "awaited", note: null, cut: [0, 0], parent: [], function: [], ...nodes(0, []) } });
  const come = { from: 0, parent: [-1], function: [1], changed: { node: [0], ...nodes(1, [2]) }, state: "kept", note: "estimated", cut: [3, 0.5] };
  const { tree } = after(told(awaited), changed(delta({ stacks: come })));
  assert.deepEqual([tree.state, tree.note, tree.cut, tree.total], ["kept", "estimated", [3, 0.5], 2]);
});

test("each tick adds one share to each function's history, the newest last", () => {
  const model = after(told(full()), changed(delta({ functions: rows([0], { share: [0.75] }) })));
  const { recent, now } = model.functions;
  assert.equal(recent[now], 0.75);
  assert.equal(recent[(now + TICKS - 1) % TICKS], 0.5);
});

test("who waits for the GIL is told", () => {
  const model = after(told(full()));
  assert.equal(model.hasGilWaits, false);
  reduce(model, changed(delta({ functions: rows([2], { gil_wait: [0.5] }) })));
  assert.equal(model.hasGilWaits, true);
  assert.equal(model.functions.gilWait[2], 0.5);
});

test("how long calls took, and a processor's time, are there from when they are told", () => {
  const model = after(told(full()));
  assert.equal(model.hasDurations || model.hasCpu, false);
  reduce(model, changed(delta({ functions: rows([2], { p50: [0.1], p99: [null], max: [0.4], cpu: [0.2] }) })));
  assert.equal(model.hasDurations && model.hasCpu, true);
  const { p50, p99, max, cpu } = model.functions;
  assert.deepEqual([p50[2], p99[2], max[2], cpu[2], p50[0]], [0.1, NaN, 0.4, 0.2, NaN]);
});

test("numbers of other processes' functions are left free", () => {
  const labels = { id: [1, 4], name: ["b", "e"], place: ["x:2", "x:5"], group: [0, 0] };
  const model = after(told(full({ labels, functions: rows([4], { own: [2] }), stacks: null })));
  assert.deepEqual(model.functions.name, ["", "b", "", "", "e"]);
  assert.deepEqual(model.listed, [4]);
});

test("a range borrows the names that it leaves out", () => {
  const live = after(told(full()));
  const { labels: _, groups: __, ...bare } = full({ is_live: false });
  assert.deepEqual(begin(bare, live).functions.name, ["a", "b", "c"]);
});

test("room is made for many: 50,000 functions, 200,000 stacks", () => {
  const ids = Array.from({ length: 50_000 }, (_, at) => at);
  const many = Array.from({ length: 200_000 }, (_, at) => at);
  const labels = { id: ids, name: ids.map(String), place: ids.map(() => ""), group: ids.map(() => 0) };
  const own = many.map(() => 0.001);
  const stacks = { state: "kept", note: null, cut: [0, 0], parent: many.map((at) => Math.floor((at - 1) / 3)), function: many.map((at) => at % 50_000), ...nodes(200_000, own) };
  const model = after(told(full({ labels, functions: rows(ids, { own: ids.map(() => 1) }), stacks })));
  assert.equal(model.total, 50_000);
  assert.ok(Math.abs(model.tree.cumulative[0] - 200) < 1e-6);
});
