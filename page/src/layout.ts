// How the boxes of a flame graph hang together: who is whose child, and in which order siblings stand. Left to right is
// no order in time. Where a box is drawn follows from this alone, so that only what is seen has to be placed.

import type { Boxes, Numbers } from "./stacks";
import { REST } from "./stacks";

export interface Layout {
  boxes: Boxes;
  /** The first child of each box, and the sibling after it; -1: none. */
  first: Numbers;
  next: Numbers;
  /** The first of those at the bottom. */
  root: number;
  size: Numbers;
  /** The time that the full width stands for. */
  total: number;
}

/** The widest sibling comes first. */
export function layoutOf(boxes: Boxes, older: boolean): Layout {
  const size = older ? boxes.wasCumulative : boxes.cumulative;
  const isRest = (at: number): number => Number(boxes.what[at] === REST);
  const order: number[] = [];
  for (let at = 0; at < size.length; at += 1) if (size[at]! > 0) order.push(at);
  // The last one is put in front; what is told apart no further comes last.
  order.sort((a, b) => isRest(b) - isRest(a) || size[a]! - size[b]! || b - a);
  return linked(boxes, size, order);
}

/** Siblings stand as they were first met, so that a graph that grows doesn't jump. */
export function layoutAsMet(boxes: Boxes, older: boolean): Layout {
  const size = older ? boxes.wasCumulative : boxes.cumulative;
  const order = new Int32Array(size.length).map((_, at) => size.length - 1 - at);
  return linked(boxes, size, order);
}

function linked(boxes: Boxes, size: Numbers, order: ArrayLike<number>): Layout {
  const first = new Int32Array(size.length).fill(-1);
  const next = new Int32Array(size.length).fill(-1);
  let [root, total] = [-1, 0];
  for (let step = 0; step < order.length; step += 1) {
    const at = order[step]!;
    const above = boxes.parent[at]!;
    if (above < 0) {
      next[at] = root;
      root = at;
      total += size[at]!;
    } else {
      next[at] = first[above]!;
      first[above] = at;
    }
  }
  return { boxes, first, next, root, size, total };
}

/** A box's part of the whole. */
export function partOf({ size, total }: Layout, place: number): number {
  return total > 0 ? size[place]! / total : 0;
}

/** Where a box begins, as a part of the whole. */
export function startOf(layout: Layout, place: number): number {
  const { boxes, first, next, root, size } = layout;
  let before = 0;
  for (let at = place; at >= 0; at = boxes.parent[at]!) {
    const above = boxes.parent[at]!;
    for (let sibling = above < 0 ? root : first[above]!; sibling >= 0 && sibling !== at; sibling = next[sibling]!) before += size[sibling]!;
  }
  return layout.total > 0 ? before / layout.total : 0;
}

/** What stands in a box and below it, from the bottom up. */
export function pathOf({ boxes }: Layout, place: number): number[] {
  const path: number[] = [];
  for (let at = place; at >= 0; at = boxes.parent[at]!) path.push(boxes.what[at]!);
  return path.reverse();
}

/** The box where a path leads, or as far as it leads; -1: nowhere. */
export function follow({ boxes, first, next, root }: Layout, path: number[]): number {
  let found = -1;
  for (const what of path) {
    let at = found < 0 ? root : first[found]!;
    while (at >= 0 && boxes.what[at] !== what) at = next[at]!;
    if (at < 0) break;
    found = at;
  }
  return found;
}
