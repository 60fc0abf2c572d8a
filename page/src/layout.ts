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

/** The widest sibling comes first; what is told apart no further comes last. */
export function layoutOf(boxes: Boxes, older: boolean): Layout {
  const layout = linked(boxes, older ? boxes.wasCumulative : boxes.cumulative, false);
  const { first, next, root, size } = layout;
  const isRest = (at: number): number => Number(boxes.what[at] === REST);
  const siblings: number[] = [];
  const inOrder = (head: number): number => {
    siblings.length = 0;
    for (let at = head; at >= 0; at = next[at]!) siblings.push(at);
    siblings.sort((a, b) => isRest(a) - isRest(b) || size[b]! - size[a]! || a - b);
    siblings.forEach((at, place) => (next[at] = siblings[place + 1] ?? -1));
    return siblings[0] ?? -1;
  };
  // Most have no sibling: sorting each family takes a fraction of what sorting all does.
  for (let at = 0; at < size.length; at += 1) {
    const child = first[at]!;
    if (child >= 0 && next[child]! >= 0) first[at] = inOrder(child);
  }
  return { ...layout, root: inOrder(root) };
}

/** Siblings stand as they were first met, so that a graph that grows doesn't jump. */
export function layoutAsMet(boxes: Boxes, older: boolean): Layout {
  return linked(boxes, older ? boxes.wasCumulative : boxes.cumulative, true);
}

/** Who is whose child, as they were met; of those without time only if they are wanted. */
function linked(boxes: Boxes, size: Numbers, withEmpty: boolean): Layout & { first: Int32Array; next: Int32Array } {
  const first = new Int32Array(size.length).fill(-1);
  const next = new Int32Array(size.length).fill(-1);
  const { parent } = boxes;
  let [root, total] = [-1, 0];
  for (let at = size.length - 1; at >= 0; at -= 1) {
    if (!withEmpty && !(size[at]! > 0)) continue;
    const above = parent[at]!;
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
