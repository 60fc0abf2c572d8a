// Figures that stand still, and two of them beside each other. Numbers of functions are the same in all profiles of a
// server; stacks are the same if the same functions lie below them.

import type { Edge } from "../data";
import type { Numbers } from "../stacks";
import type { Model, Tree } from "./model";

/** A copy that doesn't change. */
export function snapshot(model: Model): Model {
  const { functions, tree } = model;
  const size = functions.name.length;
  const copy = (column: Numbers): Float64Array => (column as Float64Array).slice(0, size);
  return {
    ...model,
    listed: [...model.listed],
    isListed: model.isListed.slice(),
    functions: {
      ...functions,
      calls: copy(functions.calls), primitive: copy(functions.primitive), own: copy(functions.own), cumulative: copy(functions.cumulative),
      gilWait: copy(functions.gilWait), inFlight: copy(functions.inFlight), open: copy(functions.open), rate: copy(functions.rate), share: copy(functions.share),
      p50: copy(functions.p50), p99: copy(functions.p99), max: copy(functions.max), cpu: copy(functions.cpu),
      recent: functions.recent.slice(),
    },
    tree: tree === null ? null : {
      ...tree,
      parent: tree.parent.slice(), function: tree.function.slice(), first: tree.first.slice(), next: tree.next.slice(), last: tree.last.slice(),
      calls: tree.calls.slice(), own: tree.own.slice(), inFlight: tree.inFlight.slice(), open: tree.open.slice(), cumulative: tree.cumulative.slice(),
    },
  };
}

/** `after`, and beside each figure what it was in `before`, times `scale`. */
export function compared(before: Model, after: Model, scale: number): { model: Model; was: Float64Array | null } {
  const size = Math.max(before.functions.name.length, after.functions.name.length);
  const [old, now] = [before.functions, after.functions];
  const column = (of: Numbers, by: number): Float64Array => Float64Array.from({ length: size }, (_, at) => (of[at] || 0) * by);
  // Who isn't in one of them has no name there.
  const either = <T>(of: T[], other: T[]): T[] => Array.from({ length: size }, (_, at) => ((now.name[at] ? of[at] : other[at]) ?? of[at])!);
  const listed = [...new Set([...after.listed, ...before.listed])];
  const trees = before.tree !== null && after.tree !== null ? joined(before.tree, after.tree, scale) : null;
  const model: Model = {
    ...after,
    isLive: false,
    isDifference: true,
    kind: either(after.kind, before.kind),
    listed,
    functions: {
      ...now,
      name: either(now.name, old.name), place: either(now.place, old.place), group: either(now.group, old.group),
      own: column(now.own, 1), calls: column(now.calls, 1), cumulative: column(now.cumulative, 1), primitive: column(now.primitive, 1),
      before: { own: column(old.own, scale), calls: column(old.calls, scale).map(Math.round), cumulative: column(old.cumulative, scale) },
    },
    tree: trees?.tree ?? after.tree,
  };
  return { model, was: trees?.was ?? null };
}

/** Both trees in one: the nodes of `after` first, with their numbers, then those that only `before` has. */
function joined(before: Tree, after: Tree, scale: number): { tree: Tree; was: Float64Array } {
  const key = (parent: number, what: number): number => (parent + 1) * 2 ** 25 + what;
  const known = new Map<number, number>();
  for (let at = 0; at < after.count; at += 1) known.set(key(after.parent[at]!, after.function[at]!), at);
  const [parent, what] = [[...after.parent.subarray(0, after.count)], [...after.function.subarray(0, after.count)]];
  const [own, calls] = [[...after.own.subarray(0, after.count)], [...after.calls.subarray(0, after.count)]];
  const was: number[] = new Array<number>(after.count).fill(0);
  const places = new Int32Array(before.count);
  for (let at = 0; at < before.count; at += 1) {
    const above = before.parent[at]! < 0 ? -1 : places[before.parent[at]!]!;
    const name = key(above, before.function[at]!);
    let place = known.get(name);
    if (place === undefined) {
      place = parent.length;
      known.set(name, place);
      parent.push(above);
      what.push(before.function[at]!);
      own.push(0);
      calls.push(0);
      was.push(0);
    }
    places[at] = place;
    was[place]! += before.own[at]! * scale;
  }
  const tree = { ...after, count: parent.length, parent: Int32Array.from(parent), function: Int32Array.from(what), own: Float64Array.from(own), calls: Float64Array.from(calls) };
  return { tree, was: Float64Array.from(was) };
}

/** Callers and callees of a function, as its stacks tell. A call within another one of the same pair is in that one's time. */
export function edgesOfTree(tree: Tree, id: number): { callers: Edge[]; callees: Edge[] } {
  const [callers, callees] = [new Map<number, Edge>(), new Map<number, Edge>()];
  const add = (into: Map<number, Edge>, other: number, at: number, isOutermost: boolean): void => {
    const edge = into.get(other) ?? { other, calls: 0, own: 0, cumulative: 0, before: 0 };
    edge.calls += tree.calls[at]!;
    edge.own += tree.own[at]!;
    if (isOutermost) edge.cumulative += tree.cumulative[at]!;
    into.set(other, edge);
  };
  const isWithin = (at: number, caller: number, callee: number): boolean => {
    for (let one = tree.parent[at]!; one >= 0; one = tree.parent[one]!) {
      const above = tree.parent[one]!;
      if (tree.function[one] === callee && above >= 0 && tree.function[above] === caller) return true;
    }
    return false;
  };
  for (let at = 0; at < tree.count; at += 1) {
    const above = tree.parent[at]!;
    const [what, caller] = [tree.function[at]!, above < 0 ? -1 : tree.function[above]!];
    if (caller < 0) continue;
    if (what === id) add(callers, caller, at, !isWithin(at, caller, id));
    if (caller === id) add(callees, what, at, !isWithin(at, id, what));
  }
  const sorted = (edges: Map<number, Edge>): Edge[] => [...edges.values()].sort((a, b) => b.cumulative - a.cumulative || b.calls - a.calls);
  return { callers: sorted(callers), callees: sorted(callees) };
}

/** The edges of `after`, and beside each the time that it took in `before`, times `scale`. */
export function edgesBeside(before: Edge[], after: Edge[], scale: number): Edge[] {
  const both = new Map(after.map((edge) => [edge.other, { ...edge }]));
  for (const { other, cumulative } of before) {
    const edge = both.get(other) ?? { other, calls: 0, own: 0, cumulative: 0, before: 0 };
    edge.before = cumulative * scale;
    both.set(other, edge);
  }
  const weight = (edge: Edge): number => Math.max(edge.cumulative, edge.before);
  return [...both.values()].sort((a, b) => weight(b) - weight(a));
}
