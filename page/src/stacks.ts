// What a flame graph is of: the stacks of a page, added up, folded, turned round, as its controls say. Nothing is drawn here.

import type { Kind } from "./data";

/** What stands in a box in place of a function. */
export const REST = -1; // stacks that are too many or too small to be told apart
export const OUTSIDE = -2; // what no own function called
const FIRST_THREAD = -3; // and the next ones downwards: threads

export const threadOf = (what: number): number => FIRST_THREAD - what;

export interface Choice {
  /** A thread's name; "" for all together, null for all side by side. */
  thread: string | null;
  mine: boolean;
  inverted: boolean;
  collapsed: boolean;
  /** Whether the import system is a part of what imports. */
  importing: boolean;
  /** The function that alone is looked at. */
  focus: number | null;
  /** Of a difference: whether widths are those of the older profile. */
  older: boolean;
}

/** A list of numbers, or a typed one. */
export interface Numbers {
  readonly length: number;
  [at: number]: number;
}

/** Boxes by columns; parents stand before their children. */
export interface Boxes {
  what: Numbers;
  parent: Numbers;
  own: Numbers;
  wasOwn: Numbers;
  calls: Numbers;
  /** How many stacks a box of REST stands for. */
  count: Numbers;
  cumulative: Numbers;
  wasCumulative: Numbers;
}

/** What boxes are made of. */
export interface Stacks {
  kind: Kind[];
  isImporting: boolean[];
  /** The name of each thread, and its first stack. */
  threads: [string, number][];
  stacks: {
    parent: Numbers;
    function: Numbers;
    own: Numbers;
    calls: Numbers | null;
    before: Numbers | null;
    rest: { parent: number[]; count: number[]; time: number[]; before: number[] | null };
  };
}

/** The place of a stack that isn't in the picture. */
const NOWHERE = -2;

/** No more boxes than this are made of stacks that are turned round, */
const MOST_INVERTED = 60_000;
/** none below one that is smaller than this part of the whole, */
const LEAST_INVERTED = 1 / 20_000;
/** and no more callers are looked at: deep recursion has many. */
const MOST_STEPS = 3_000_000;

/** Both together stay an exact number: 2^25 functions and threads, 2^27 boxes. */
const MOST_FUNCTIONS = 2 ** 25;
const LEAST_WHAT = -(2 ** 20);

class Growing {
  what: number[] = [];
  parent: number[] = [];
  own: number[] = [];
  wasOwn: number[] = [];
  calls: number[] = [];
  count: number[] = [];
  /** By parent and what stands there. */
  private known = new Map<number, number>();

  at(parent: number, what: number): number {
    const key = (parent + 1) * MOST_FUNCTIONS + what - LEAST_WHAT;
    let place = this.known.get(key);
    if (place === undefined) {
      place = this.what.length;
      this.known.set(key, place);
      this.what.push(what);
      this.parent.push(parent);
      this.own.push(0);
      this.wasOwn.push(0);
      this.calls.push(0);
      this.count.push(0);
    }
    return place;
  }

  add(place: number, own: number, was: number, calls: number, count: number): void {
    this.own[place]! += own;
    this.wasOwn[place]! += was;
    this.calls[place]! += calls;
    this.count[place]! += count;
  }

  done(): Boxes {
    const { what, parent, own, wasOwn, calls, count } = this;
    const cumulative = Float64Array.from(own);
    const wasCumulative = Float64Array.from(wasOwn);
    for (let at = what.length - 1; at >= 0; at -= 1) {
      const above = parent[at]!;
      if (above < 0) continue;
      cumulative[above]! += cumulative[at]!;
      wasCumulative[above]! += wasCumulative[at]!;
    }
    return { what, parent, own, wasOwn, calls, count, cumulative, wasCumulative };
  }
}

export function boxesOf(profile: Stacks, choice: Choice): Boxes {
  return choice.inverted ? inverted(profile, choice) : upright(profile, choice, choice.focus);
}

function upright(profile: Stacks, choice: Choice, focus: number | null): Boxes {
  const { stacks, kind } = profile;
  const boxes = new Growing();
  const isShown = threadsOf(profile, choice.thread);
  const side = choice.thread === null && focus === null;
  // Where each stack stands; -1: nowhere yet, but what comes next is at the bottom.
  const places = new Int32Array(stacks.parent.length);
  let thread = -1;
  const next = (at: number): void => {
    while (thread + 1 < profile.threads.length && profile.threads[thread + 1]![1] <= at) thread += 1;
  };
  const bottom = (number: number): number => {
    if (!isShown(number)) return NOWHERE;
    if (side && number >= 0 && profile.threads.length > 0) return boxes.at(-1, FIRST_THREAD - firstNamed(profile, number));
    return -1;
  };
  for (let at = 0; at < stacks.parent.length; at += 1) {
    next(at);
    const parent = stacks.parent[at]!;
    const what = stacks.function[at]!;
    const own = stacks.own[at] ?? 0;
    const was = stacks.before?.[at] ?? 0;
    const calls = stacks.calls?.[at] ?? 0;
    let above = parent >= 0 ? places[parent]! : focus !== null ? NOWHERE : bottom(thread);
    if (above === NOWHERE && what === focus && isShown(thread)) above = -1;
    if (above === NOWHERE) {
      places[at] = NOWHERE;
      continue;
    }
    const isFolded = (choice.mine && kind[what] !== "own") || (choice.importing && profile.isImporting[what]!);
    if (isFolded && what !== focus) {
      places[at] = above;
      const isFunction = above >= 0 && boxes.what[above]! >= 0;
      if (own !== 0 || was !== 0) boxes.add(isFunction ? above : boxes.at(above, choice.mine ? OUTSIDE : what), own, was, 0, 0);
      continue;
    }
    let place = choice.collapsed ? onStack(boxes, above, what) : -1;
    if (place < 0) place = boxes.at(above, what);
    places[at] = place;
    boxes.add(place, own, was, calls, 0);
  }
  const { rest } = stacks;
  rest.parent.forEach((parent, at) => {
    const atBottom = (): number => (focus === null ? bottom(profile.threads.length > 0 ? -1 - parent : -1) : NOWHERE);
    const above = parent < 0 ? atBottom() : places[parent]!;
    if (above === NOWHERE) return;
    boxes.add(boxes.at(above, REST), rest.time[at] ?? 0, rest.before?.[at] ?? 0, 0, rest.count[at]!);
  });
  return boxes.done();
}

/** The box that a function has on this stack already, or -1. */
function onStack(boxes: Growing, place: number, what: number): number {
  while (place >= 0 && boxes.what[place] !== what) place = boxes.parent[place]!;
  return place;
}

function threadsOf(profile: Stacks, name: string | null): (number: number) => boolean {
  if (name === null || name === "") return () => true;
  const wanted = profile.threads.map(([known]) => known === name);
  return (number) => wanted[number] ?? false;
}

/** The first thread of the same name: they are drawn as one. */
export function firstNamed(profile: Stacks, number: number): number {
  const name = profile.threads[number]![0];
  return profile.threads.findIndex(([known]) => known === name);
}

/** Functions by their own times, and below each whoever called it; of one function, its callers. */
function inverted(profile: Stacks, choice: Choice): Boxes {
  const base = upright(profile, { ...choice, thread: choice.thread ?? "" }, null);
  const { focus } = choice;
  /** A stack, its time that is asked for, and how far down its callers are told. */
  interface Sample { at: number; own: number; was: number; calls: number }
  const roots: Sample[] = [];
  if (focus === null) {
    for (let at = 0; at < base.what.length; at += 1) {
      if (base.own[at] || base.wasOwn[at]) {
        roots.push({ at, own: base.own[at]!, was: base.wasOwn[at]!, calls: base.calls[at]! });
      }
    }
  } else {
    const isBelow = new Uint8Array(base.what.length);
    for (let at = 0; at < base.what.length; at += 1) {
      const [what, above] = [base.what[at]!, base.parent[at]!];
      const covered = above >= 0 && isBelow[above] === 1;
      isBelow[at] = covered || what === focus ? 1 : 0;
      if (what === focus && !covered) {
        roots.push({ at, own: base.cumulative[at]!, was: base.wasCumulative[at]!, calls: base.calls[at]! });
      }
    }
  }
  const boxes = new Growing();
  const sizes = roots.reduce((sum, { own, was }) => sum + Math.max(own, was), 0);
  const queue: [number, Sample[]][] = [[-1, roots]];
  let steps = 0;
  for (let head = 0; head < queue.length; head += 1) {
    const [parent, samples] = queue[head]!;
    steps += samples.length;
    const groups = new Map<number, Sample[]>();
    for (const sample of samples) {
      const what = base.what[sample.at]!;
      const group = groups.get(what);
      if (group === undefined) groups.set(what, [sample]);
      else group.push(sample);
    }
    for (const [what, group] of groups) {
      const sum = group.reduce((sum, { own, was }) => sum + Math.max(own, was), 0);
      const place = boxes.at(parent, what);
      if (what === REST) boxes.count[place] = group.reduce((sum, { at }) => sum + base.count[at]!, 0);
      const above: Sample[] = [];
      const isOpen = sum >= LEAST_INVERTED * sizes && boxes.what.length < MOST_INVERTED && steps < MOST_STEPS;
      for (const { at, own, was, calls } of group) {
        boxes.calls[place]! += calls;
        const caller = base.parent[at]!;
        // What stands with no caller is the box's own.
        if (caller < 0 || !isOpen) boxes.add(place, own, was, 0, 0);
        else above.push({ at: caller, own, was, calls });
      }
      if (above.length > 0) queue.push([place, above]);
    }
  }
  return boxes.done();
}
