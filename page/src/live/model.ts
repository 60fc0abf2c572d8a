// The state of one profile: events in, figures out. Figures are changed in place, for 200,000 stacks aren't copied at each tick;
// `version` says that they did. Nothing here knows of a page.

import { importing } from "../data";
import type { Figures, Kind } from "../data";
import type { Layout } from "../layout";
import type { Numbers } from "../stacks";
import type { Delta, Full, FullStacks, FunctionColumns, Labels, NodeColumns, Told } from "./events";

/** So many ticks of a function's share are kept for its little chart. */
export const TICKS = 30;

export interface Model extends Figures {
  version: number;
  tick: number;
  time: number;
  age: number | null;
  isLive: boolean;
  sampled: boolean;
  /** Whether any function has waited for the GIL, as far as that is told apart. */
  hasGilWaits: boolean;
  /** Whether it is kept how long calls took, and how long a processor was at work. */
  hasDurations: boolean;
  hasCpu: boolean;
  edges: Full["edges"];
  functions: Figures["functions"] & {
    own: Numbers;
    group: number[];
    gilWait: Float64Array;
    inFlight: Float64Array;
    open: Float64Array;
    rate: Float64Array;
    share: Float64Array;
    p50: Float64Array;
    p99: Float64Array;
    max: Float64Array;
    cpu: Float64Array;
    /** TICKS shares for each function; the one of this tick is at `now`. */
    recent: Float32Array;
    now: number;
  };
  /** The functions that have figures, as they came. */
  listed: number[];
  isListed: Uint8Array;
  tree: Tree | null;
}

/** Stacks by columns, with room to grow; `count` of them are there. A parent comes before its children. */
export interface Tree {
  state: FullStacks["state"];
  note: string | null;
  cut: [number, number];
  count: number;
  parent: Int32Array;
  function: Int32Array;
  calls: Float64Array;
  own: Float64Array;
  inFlight: Float64Array;
  open: Float64Array;
  cumulative: Float64Array;
  /** Children as they were first met. */
  first: Int32Array;
  next: Int32Array;
  last: Int32Array;
  root: number;
  lastRoot: number;
  total: number;
}

/** The state after an event. Without a full picture there is none. */
export function reduce(model: Model | null, told: Told): Model | null {
  if (told.kind === "reset") return null;
  if (told.kind === "full") return begin(told.full, model);
  if (model === null) return null;
  grow(model, told.delta);
  return model;
}

/** What a full picture says. Names that it leaves out are those of `known`. */
export function begin(full: Full, known: Model | null): Model {
  const { functions, stacks } = full;
  const groups = full.groups ?? known?.groups ?? [];
  const none = (): Float64Array => new Float64Array(0);
  const model: Model = {
    version: 0,
    tick: full.tick,
    time: full.time,
    age: full.age,
    isLive: full.is_live,
    unit: full.unit === "s" ? null : full.unit,
    counted: full.counted,
    sampled: full.sampled,
    hasGilWaits: false,
    hasDurations: false,
    hasCpu: false,
    edges: full.edges,
    timed_edges: full.edges === "full",
    isDifference: false,
    total: 0,
    groups: [...groups],
    kind: [],
    listed: [],
    isListed: new Uint8Array(0),
    functions: {
      name: [], place: [], group: [],
      calls: none(), primitive: none(), own: none(), cumulative: none(), gilWait: none(), inFlight: none(), open: none(), rate: none(), share: none(), p50: none(), p99: none(), max: none(), cpu: none(),
      recent: new Float32Array(0), now: 0, folded: null, before: null,
    },
    tree: null,
  };
  if (full.labels) addLabels(model, full.labels);
  else if (known !== null) takeLabels(model, known);
  takeFunctions(model, functions);
  if (stacks !== null) {
    const tree = (model.tree = emptyTree(stacks));
    addNodes(tree, 0, stacks.parent, stacks.function);
    takeNodes(tree, null, stacks);
    addUp(tree);
  }
  finish(model);
  return model;
}

function grow(model: Model, delta: Delta): void {
  model.tick = delta.tick;
  model.time = delta.time;
  model.age = delta.age;
  model.version += 1;
  if (delta.groups) model.groups.splice(delta.groups.from, Infinity, ...delta.groups.items);
  if (delta.labels) addLabels(model, delta.labels);
  takeFunctions(model, delta.functions);
  const { tree } = model;
  if (tree !== null && delta.stacks !== null) {
    addNodes(tree, delta.stacks.from, delta.stacks.parent, delta.stacks.function);
    takeNodes(tree, delta.stacks.changed.node, delta.stacks.changed);
    const { state, note, cut } = delta.stacks;
    if (state !== undefined) tree.state = state;
    if (note !== undefined) tree.note = note;
    if (cut !== undefined) tree.cut = cut;
    addUp(tree);
  }
  finish(model);
}

/** Names of functions; some may be known already. */
function addLabels({ functions, kind, groups }: Model, labels: Labels): void {
  const { name, place, group } = functions;
  labels.id.forEach((id, at) => {
    // The numbers between are functions of other processes.
    for (let other = name.length; other < id; other += 1) [name[other], place[other], group[other], kind[other]] = ["", "", 0, "builtin"];
    name[id] = labels.name[at] || "(no name)";
    place[id] = labels.place[at]!;
    group[id] = labels.group[at]!;
    kind[id] = groups[labels.group[at]!]?.kind ?? ("builtin" as Kind);
  });
}

function takeLabels(model: Model, known: Model): void {
  const { name, place, group } = known.functions;
  Object.assign(model.functions, { name: [...name], place: [...place], group: [...group] });
  model.kind = [...known.kind];
}

function takeFunctions(model: Model, rows: FunctionColumns): void {
  const { functions } = model;
  const size = functions.name.length;
  if (model.isListed.length < size) {
    model.isListed = roomy(model.isListed, size);
    for (const key of ["calls", "primitive", "own", "cumulative", "gilWait", "inFlight", "open", "rate", "share", "p50", "p99", "max", "cpu"] as const) {
      functions[key] = roomy(functions[key] as Float64Array, size);
    }
    functions.recent = roomy(functions.recent, size * TICKS);
  }
  const { calls, primitive, own, cumulative, gilWait, inFlight, open, rate, share, p50, p99, max, cpu } = functions;
  if (rows.max !== undefined) model.hasDurations = true;
  if (rows.cpu !== undefined) model.hasCpu = true;
  rows.id.forEach((id, at) => {
    if (model.isListed[id] === 0) {
      model.isListed[id] = 1;
      model.listed.push(id);
    }
    calls[id] = rows.calls[at] ?? NaN;
    primitive[id] = rows.primitive[at] ?? NaN;
    own[id] = rows.own[at] ?? NaN;
    cumulative[id] = rows.cumulative[at] ?? NaN;
    gilWait[id] = rows.gil_wait[at] ?? NaN;
    if (gilWait[id]! > 0) model.hasGilWaits = true;
    inFlight[id] = rows.in_flight[at] ?? NaN;
    open[id] = rows.open[at] ?? NaN;
    rate[id] = rows.calls_per_s[at] ?? NaN;
    share[id] = rows.share[at] ?? NaN;
    p50[id] = rows.p50?.[at] ?? NaN;
    p99[id] = rows.p99?.[at] ?? NaN;
    max[id] = rows.max?.[at] ?? NaN;
    cpu[id] = rows.cpu?.[at] ?? NaN;
  });
}

function finish(model: Model): void {
  const { functions, listed } = model;
  functions.now = (functions.now + 1) % TICKS;
  let total = 0;
  for (const id of listed) {
    const own = functions.own[id]!;
    if (own > 0) total += own;
    functions.recent[id * TICKS + functions.now] = functions.share[id]!;
  }
  model.total = total;
}

function emptyTree(stacks: FullStacks): Tree {
  const [whole, real] = [(): Int32Array => new Int32Array(0), (): Float64Array => new Float64Array(0)];
  return {
    state: stacks.state, note: stacks.note, cut: stacks.cut, count: 0, root: -1, lastRoot: -1, total: 0,
    parent: whole(), function: whole(), first: whole(), next: whole(), last: whole(),
    calls: real(), own: real(), inFlight: real(), open: real(), cumulative: real(),
  };
}

function addNodes(tree: Tree, from: number, parents: number[], functions: number[]): void {
  const count = Math.max(tree.count, from + parents.length);
  if (count > tree.parent.length) {
    for (const key of ["parent", "function", "first", "next", "last"] as const) tree[key] = roomy(tree[key], count);
    for (const key of ["calls", "own", "inFlight", "open", "cumulative"] as const) tree[key] = roomy(tree[key], count);
  }
  const { parent, first, next, last, function: what } = tree;
  for (let step = Math.max(tree.count - from, 0); step < parents.length; step += 1) {
    const at = from + step;
    const above = parents[step]!;
    parent[at] = above;
    what[at] = functions[step]!;
    first[at] = next[at] = last[at] = -1;
    const before = above < 0 ? tree.lastRoot : last[above]!;
    if (before >= 0) next[before] = at;
    else if (above < 0) tree.root = at;
    else first[above] = at;
    if (above < 0) tree.lastRoot = at;
    else last[above] = at;
  }
  tree.count = count;
}

/** Figures of these nodes; null: of all, in their order. */
function takeNodes(tree: Tree, nodes: number[] | null, rows: NodeColumns): void {
  const { calls, own, inFlight, open } = tree;
  for (let at = 0; at < rows.calls.length; at += 1) {
    const node = nodes === null ? at : nodes[at]!;
    calls[node] = rows.calls[at] ?? 0;
    own[node] = rows.own[at] ?? 0;
    inFlight[node] = rows.in_flight[at] ?? 0;
    open[node] = rows.open[at] ?? 0;
  }
}

function addUp(tree: Tree): void {
  const { count, parent, own, cumulative } = tree;
  cumulative.set(own.subarray(0, count));
  tree.total = 0;
  for (let at = count - 1; at >= 0; at -= 1) {
    const above = parent[at]!;
    if (above >= 0) cumulative[above]! += cumulative[at]!;
    else tree.total += cumulative[at]!;
  }
}

/** The same with room for more: twice of what is needed, so that growing stays cheap. */
function roomy<T extends Float64Array | Float32Array | Int32Array | Uint8Array>(old: T, size: number): T {
  const grown = new (old.constructor as new (size: number) => T)(Math.max(Math.ceil(size * (old.length === 0 ? 1.1 : 2)), 64));
  grown.set(old);
  return grown;
}

/**
 * The tree as a graph draws it, with nothing copied: columns with their room to grow, for a graph may be drawn when nodes
 * have come since. What isn't there yet has no time.
 */
export function layoutOfTree(tree: Tree): Layout {
  const { first, next, root, total, cumulative } = tree;
  const none = new Float64Array(0);
  return {
    boxes: {
      what: tree.function, parent: tree.parent, own: tree.own, wasOwn: none,
      calls: tree.calls, count: none, cumulative, wasCumulative: none,
    },
    first, next, root, size: cumulative, total,
  };
}

/** Of each function, whether it is of the import system. */
export function importingOf({ functions }: Model): boolean[] {
  return importing(functions.name, functions.place);
}
