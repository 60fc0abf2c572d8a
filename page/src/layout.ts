// Where each box of a flame graph goes. The widest sibling comes first; left to right is no order in time.

import type { Boxes } from "./stacks";
import { REST } from "./stacks";

export interface Layout {
  boxes: Boxes;
  /** Left edge and width, as parts of the whole. */
  start: Float64Array;
  width: Float64Array;
  depth: Int32Array;
  /** The time that the full width stands for. */
  total: number;
  rows: number;
  children: number[][];
  roots: number[];
}

export function layoutOf(boxes: Boxes, older: boolean): Layout {
  const { what, parent } = boxes;
  const times = older ? boxes.wasCumulative : boxes.cumulative;
  const count = what.length;
  const [start, width, depth] = [new Float64Array(count), new Float64Array(count), new Int32Array(count)];
  const children: number[][] = Array.from({ length: count }, () => []);
  const roots: number[] = [];
  let rows = 0;
  for (let at = 0; at < count; at += 1) {
    const above = parent[at]!;
    depth[at] = above < 0 ? 0 : depth[above]! + 1;
    if (times[at]! <= 0) continue;
    rows = Math.max(rows, depth[at]! + 1);
    (above < 0 ? roots : children[above]!).push(at);
  }
  const total = roots.reduce((sum, at) => sum + times[at]!, 0);
  const put = (siblings: number[], from: number): void => {
    // What is told apart no further comes last.
    siblings.sort((a, b) => Number(what[a] === REST) - Number(what[b] === REST) || times[b]! - times[a]!);
    for (const at of siblings) {
      start[at] = from;
      width[at] = times[at]! / total;
      from += width[at]!;
    }
  };
  put(roots, 0);
  for (let at = 0; at < count; at += 1) if (children[at]!.length > 0) put(children[at]!, start[at]!);
  return { boxes, start, width, depth, total, rows, children, roots };
}
