// What the server tells of a profile: a full picture, then what changed. Columns of numbers, as in a report's page.

import type { CoroutineColumns } from "../coroutines";
import type { Kind } from "../data";
import type { SlowStep } from "../slow";

/** Of functions by their numbers: those that the scope has. */
export interface Labels {
  id: number[];
  name: string[];
  place: string[];
  group: number[];
}

type Column = (number | null)[];

export interface FunctionColumns {
  id: number[];
  calls: Column;
  primitive: Column;
  own: Column;
  cumulative: Column;
  gil_wait: Column;
  in_flight: Column;
  open: Column;
  calls_per_s: Column;
  share: Column;
  /** How long calls took, and how long a processor was at work: where that is kept. */
  p50?: Column;
  p99?: Column;
  max?: Column;
  cpu?: Column;
}

export interface NodeColumns {
  calls: Column;
  own: Column;
  in_flight: Column;
  open: Column;
}

export interface FullStacks extends NodeColumns {
  state: "kept" | "none" | "awaited";
  note: string | null;
  /** Calls and time of stacks that were not kept. */
  cut: [number, number];
  parent: number[];
  function: number[];
}

export interface Full {
  tick: number;
  time: number;
  age: number | null;
  is_live: boolean;
  unit: string | null;
  counted: boolean;
  /** Whether `calls` are samples. */
  sampled: boolean;
  edges: "full" | "calls" | "none";
  groups?: { name: string; kind: Kind }[];
  /** Of a range they may be left out: numbers of functions are the same everywhere. */
  labels?: Labels;
  functions: FunctionColumns;
  stacks: FullStacks | null;
  /** Of a range: where it really begins and ends. */
  from?: number;
  to?: number;
}

export interface Delta {
  tick: number;
  time: number;
  age: number | null;
  /** Those that came since, from a number on. */
  groups?: { from: number; items: { name: string; kind: Kind }[] };
  labels?: Labels;
  functions: FunctionColumns;
  stacks: NewStacks | null;
}

export interface NewStacks {
  from: number;
  parent: number[];
  function: number[];
  changed: NodeColumns & { node: number[] };
  state?: FullStacks["state"];
  note?: string | null;
  cut?: [number, number];
}

export type Told = { kind: "full"; full: Full } | { kind: "delta"; delta: Delta } | { kind: "reset" };

export interface Thread {
  id: number | string;
  name: string;
  over: boolean;
  own: number | null;
  calls: number | null;
  share: number | null;
  /** The labels under which this part of a thread ran. */
  labels?: [string, string][];
}

export type Phase = "running" | "paused" | "ended" | "lost" | "file";

export interface Process {
  id: string;
  kind: "live" | "file" | "recorder";
  pid: number | null;
  parent: number | null;
  host: string | null;
  title: string;
  phase: Phase;
  /** How it ended, or what is wrong with it. */
  how: string | null;
  functions: number | null;
  own: number | null;
  calls: number | null;
  calls_per_s: number | null;
  age: number | null;
  elapsed: number | null;
  cpu: number | null;
  overhead: number | null;
  lag: number | null;
  lost: number | null;
  interval: number | null;
  hook: string | null;
  /** Whether it keeps full stacks. */
  stacks?: boolean;
  /** Whether it has tasks or coroutines that were followed. */
  tasks?: boolean;
  threads: Thread[];
  recorder?: { monitor: string; records: number; dropped: number; rss: number } | null;
}

export interface Processes {
  version: string;
  read_only: boolean;
  processes: Process[];
}

export interface Buckets {
  from: number;
  to: number;
  buckets: { from: number; to: number; top: [number, number][]; rest: number; calls: number }[];
  memory?: { time: number[]; least: number[]; greatest: number[]; last: number[] };
}

export interface OpenCalls {
  exact: boolean;
  threads: { id: number | string; name: string; calls: { function: number; since: number | null }[] }[];
}

/** What is told of tasks. Times are seconds; functions have their names in `labels`. */
export interface Tasks {
  processes: { id: string; under_way: number; slow_from: number; slow_count: number; slow_seconds: number }[];
  tasks: {
    process: string[];
    id: number[];
    name: string[];
    function: number[];
    runs: boolean[];
    since: number[];
    run: number[];
    await: number[];
    steps: number[];
    longest: number[];
    awaits: number[];
    /** The task that made it, and those that wait for it, by their numbers in its process; null: none is known. */
    parent: (number | null)[];
    awaited_by: number[][];
  };
  slow: SlowStep[];
  coroutines: CoroutineColumns;
  labels: Labels;
}

export interface EdgeColumns {
  id: number[];
  calls: Column;
  own: Column;
  cumulative: Column;
}

export interface Recording {
  memory: boolean;
  functions: boolean;
  records: number;
  dropped: number;
  age: number;
  now: number | null;
  most: number | null;
  summit: { time: number; rss: number; line: string | null } | null;
  curve: { time: number[]; first: number[]; least: number[]; greatest: number[]; last: number[] };
  lines: { place: string[]; function: string[]; source: string[]; hits: Column; growth: Column; own: Column; spike?: Column; peak: Column };
  types?: TypeColumns;
}

/** Of types of objects, by `id`: a number that each keeps. */
export interface TypeColumns {
  id: number[];
  name: string[];
  created: Column;
  destroyed: Column;
  alive: Column;
  peak: Column;
  bytes: Column;
  made_per_s: Column;
  gone_per_s: Column;
  places: { of: number[]; place: string[]; function: string[]; created: number[]; alive: Column };
  past: { time: number[]; alive: number[]; bytes: number[]; types: { id: number; alive: number[]; bytes: number[] }[] };
  unlisted: number;
}
