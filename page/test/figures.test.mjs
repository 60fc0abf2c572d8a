// Figures in words, graphs in their places, and two profiles beside each other.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./modules.mjs";

const words = await load("words.ts");
const { layoutOf, layoutAsMet, startOf, partOf, pathOf, follow } = await load("layout.ts");
const { compared, edgesOfTree, snapshot } = await load("live/compare.ts");
const { reduce } = await load("live/model.ts");
const { alike } = await load("slow.ts");
const { byLabel } = await load("labels.ts");
const { ranks, below } = await load("sorted.ts");

const each = (act, cases) => cases.forEach(([value, said]) => assert.equal(act(value), said, String(value)));

test("times have three digits and a unit of their size", () => {
  each((value) => words.amount(value, null), [[0, "0 s"], [1.5, "1.50 s"], [12.34, "12.3 s"], [0.0015, "1.50 ms"], [2e-7, "0.20 µs"], [123456, "123,456 s"]]);
  assert.equal(words.amount(1234, "samples"), "1,234 samples");
});

test("shares that are small aren't nothing", () => each(words.percent, [[0, "0.0%"], [0.0001, "<0.1%"], [0.1234, "12.3%"], [NaN, "–"]]));

test("counts, bytes and ages are short", () => {
  each(words.short, [[999, "999"], [9999, "9,999"], [12345, "12.3 k"], [81234567, "81.2 M"], [3e9, "3 G"]]);
  each(words.bytes, [[12, "12 B"], [2048, "2.0 K"], [180e6, "172 M"], [-3 * 2 ** 20, "-3.0 M"], [5 * 2 ** 30, "5.0 G"]]);
  each(words.age, [[0.25, "0.3 s"], [42, "42 s"], [90, "1 min 30 s"], [3700, "1 h 1 min"]]);
});

test("a program is told by its name, not by its folder", () => {
  each(words.program, [["/srv/app/main.py --path a/b", "main.py --path a/b"], ["shop/server.py", "server.py"], ["-m http.server", "-m http.server"], ["main.py a/b", "main.py a/b"], ["", ""]]);
});

const boxes = (parent, what, cumulative) => ({ parent, what, own: cumulative, wasOwn: [], calls: [], count: [], cumulative, wasCumulative: [] });
const order = (layout, above) => {
  const found = [];
  for (let at = above < 0 ? layout.root : layout.first[above]; at >= 0; at = layout.next[at]) found.push(at);
  return found;
};

test("a report's siblings stand by their width, a live graph's as they were met", () => {
  const given = boxes([-1, 0, 0, 0, -1], [7, 1, 2, 3, 8], [10, 2, 5, 3, 1]);
  assert.deepEqual(order(layoutOf(given, false), 0), [2, 3, 1]);
  assert.deepEqual(order(layoutAsMet(given, false), 0), [1, 2, 3]);
});

test("what is told apart no further comes last, and what took no time isn't there", () => {
  assert.deepEqual(order(layoutOf(boxes([-1, 0, 0, 0], [7, -1, 2, 3], [10, 6, 4, 0]), false), 0), [2, 1]);
});

test("a box begins after those before it, on each way down", () => {
  const layout = layoutAsMet(boxes([-1, -1, 1, 1], [7, 8, 1, 2], [2, 6, 2, 4]), false);
  assert.equal(startOf(layout, 3), 0.5);
  assert.equal(partOf(layout, 3), 0.5);
});

test("a path leads to the same box in a graph that was made anew, or as far as it can", () => {
  const old = layoutAsMet(boxes([-1, 0, 1], [7, 8, 9], [3, 2, 1]), false);
  const grown = layoutAsMet(boxes([-1, 0, 0, 2], [7, 5, 8, 6], [9, 5, 3, 1]), false);
  assert.equal(follow(grown, pathOf(old, 1)), 2);
  assert.equal(follow(grown, pathOf(old, 2)), 2);
  assert.equal(follow(grown, [1]), -1);
});

const model = (own, parent, what, nodeOwn) => {
  const ids = own.map((_, at) => at);
  const zero = ids.map(() => 0);
  const columns = { id: ids, calls: own.map(() => 2), primitive: zero, own, cumulative: own, gil_wait: zero, in_flight: zero, open: zero, calls_per_s: zero, share: zero };
  const none = parent.map(() => 0);
  return reduce(null, {
    kind: "full",
    full: {
      tick: 1, time: 0, age: 1, is_live: true, unit: "s", counted: true, sampled: false, edges: "full", groups: [{ name: "", kind: "own" }], labels: { id: ids, name: ids.map(String), place: ids.map(() => "f:1"), group: zero },
      functions: columns, stacks: { state: "kept", note: null, cut: [0, 0], parent, function: what, calls: parent.map(() => 1), own: nodeOwn, in_flight: none, open: none },
    },
  });
};

test("a comparison has the stacks of both, each by its path, at the same length", () => {
  const before = model([1, 2, 3], [-1, 0, 0], [0, 1, 2], [1, 2, 3]);
  const after = model([1, 0, 6], [-1, 0, 1], [0, 2, 1], [1, 6, 4]);
  const { model: both, was } = compared(before, after, 2);
  assert.equal(both.isDifference, true);
  assert.deepEqual([...both.functions.before.own], [2, 4, 6]);
  assert.deepEqual([...both.tree.parent], [-1, 0, 1, 0]);
  assert.deepEqual([...both.tree.function], [0, 2, 1, 1]);
  assert.deepEqual([...both.tree.own], [1, 6, 4, 0]);
  assert.deepEqual([...was], [2, 6, 0, 4]);
});

test("what was marked stays as it was", () => {
  const live = model([1], [-1], [0], [1]);
  const marked = snapshot(live);
  const zero = [0];
  const columns = { id: [0], calls: zero, primitive: zero, own: [9], cumulative: zero, gil_wait: zero, in_flight: zero, open: zero, calls_per_s: zero, share: zero };
  reduce(live, { kind: "delta", delta: { tick: 2, time: 1, age: 2, functions: columns, stacks: { from: 1, parent: [], function: [], changed: { node: [0], calls: [5], own: [9], in_flight: [0], open: [0] } } } });
  assert.deepEqual([live.functions.own[0], live.tree.own[0]], [9, 9]);
  assert.deepEqual([marked.functions.own[0], marked.tree.own[0]], [1, 1]);
});

test("callers and callees of stacks: recursion counts its time once", () => {
  // 0 -> 1 -> 1 -> 2
  const { tree } = model([0, 0, 0], [-1, 0, 1, 2], [0, 1, 1, 2], [1, 2, 3, 4]);
  const { callers, callees } = edgesOfTree(tree, 1);
  assert.deepEqual(callers.map(({ other, cumulative }) => [other, cumulative]), [[0, 9], [1, 7]]);
  assert.deepEqual(callees.map(({ other, cumulative }) => [other, cumulative]), [[1, 7], [2, 4]]);
});

test("steps that took their time in the same calls are one, told by the longest", () => {
  const step = (seconds, at, path) => ({ at, seconds, task: `task-${at}`, function: 1, path: path.map((call) => [call, seconds]) });
  const kinds = alike([step(0.1, 1, [1, 2]), step(0.2, 2, [1, 3]), step(0.3, 3, [1, 2]), step(0.05, 4, [1]), step(0.06, 5, [1, 2, 3])]);
  assert.deepEqual(kinds.map(({ longest, all }) => [longest.at, all.length]), [[3, 2], [2, 1], [5, 1], [4, 1]]);
  assert.deepEqual(kinds[0].all.map(({ seconds }) => seconds), [0.3, 0.1], "the longest first");
  assert.deepEqual(alike([]), []);
});

test("rows stand below those that they belong to, and what counts is the greatest below", () => {
  const row = (key, parent, value) => ({ key, parent, value });
  const [key, parent, value] = [(one) => one.key, (one) => one.parent, (one) => one.value];
  const rows = [row("a", null, 1), row("b", "a", 9), row("c", "b", 4), row("d", null, 5), row("e", "gone", 3), row("f", "f", 2), row("g", "h", 0), row("h", "g", 0)];
  const rank = ranks(rows, key, parent, value);
  assert.deepEqual(rows.map(rank), [9, 9, 4, 5, 3, 2, 0, 0]);
  const [all, depths] = below([...rows].sort((a, b) => rank(b) - rank(a)), key, parent);
  assert.deepEqual(all.slice(0, 6).map((one) => [one.key, depths.get(one)]), [["a", 0], ["b", 1], ["c", 2], ["d", 0], ["e", 0], ["f", 0]]);
  assert.equal(all.length, rows.length, "a circle is no reason to lose any");
  const chain = Array.from({ length: 5000 }, (_, at) => row(String(at), at === 0 ? null : String(at - 1), at));
  assert.equal(ranks(chain, key, parent, value)(chain[0]), 4999);
  assert.equal(below(chain, key, parent)[1].get(chain[4999]), 4999);
});

test("label sets are added up over threads, whole or by one name", () => {
  const set = (labels, own, scope, now = 0.1) => ({ labels: Object.entries(labels), own, calls: 10, now, parts: [{ scope, name: scope, own, calls: 10, now }] });
  const sets = [set({ route: "/pay", tenant: "a" }, 1, "p0:1"), set({ tenant: "a", route: "/pay" }, 3, "p0:2"), set({ route: "/pay", tenant: "b" }, 2, "p0:3", null), set({}, 5, "p0:4", null)];
  const told = (name) => byLabel(sets, name).map(({ labels, own, calls, now, parts }) => [labels.map((one) => one.join("=")).join(" "), own, calls, now, parts.map(({ scope }) => scope)]);
  assert.deepEqual(told(null), [["route=/pay tenant=a", 4, 20, 0.2, ["p0:2", "p0:1"]], ["route=/pay tenant=b", 2, 10, null, ["p0:3"]], ["", 5, 10, null, ["p0:4"]]]);
  assert.deepEqual(told("route"), [["route=/pay", 6, 30, 0.2, ["p0:2", "p0:3", "p0:1"]], ["", 5, 10, null, ["p0:4"]]]);
  assert.deepEqual(sets[0].parts.map(({ scope }) => scope), ["p0:1"], "what was given stays as it is");
  const ended = { ...set({}, 7, "p0:0"), isMixed: true };
  assert.deepEqual(byLabel([...sets, ended], null).map(({ own, isMixed }) => [own, isMixed === true]), [[4, false], [2, false], [5, false], [7, true]], "what may have had any labels is not without labels");
});
