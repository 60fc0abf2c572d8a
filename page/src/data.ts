// What a page shows, as the Rust code writes it (pstats-compat/src/formats/page/), and the same made ready for use.
// Columns of numbers, for a name before each of them would double the page.

import type { CoroutineColumns } from "./coroutines";
import type { ObjectColumns } from "./objects";
import type { SlowStep } from "./slow";
import type { Numbers } from "./stacks";

/** Whose code a function is. */
export type Kind = "own" | "package" | "library" | "builtin";

export interface Data {
  heading: Heading;
  /** What times are in; null: seconds. */
  unit: string | null;
  counted: boolean;
  timed_edges: boolean;
  groups: { name: string; kind: Kind }[];
  functions: {
    name: string[];
    place: string[];
    group: number[];
    calls: number[];
    primitive: number[];
    own: (number | null)[];
    cumulative: number[];
    folded: number[] | null;
    /** How long calls took, where that is kept. */
    p50?: (number | null)[];
    p99?: (number | null)[];
    max?: (number | null)[];
    before: { calls: number[]; own: number[]; cumulative: number[] } | null;
    left: [number, number];
  };
  stacks: {
    parent: number[];
    function: number[];
    own: number[];
    calls: number[] | null;
    before: number[] | null;
    rest: { parent: number[]; count: number[]; time: number[]; before: number[] | null };
  };
  /** The name of each thread, and its first stack. */
  threads: [string, number][];
  edges: {
    caller: number[];
    callee: number[];
    calls: number[];
    own: number[];
    cumulative: number[];
    before: number[] | null;
    left: number;
  };
  /** null: the page was written without. */
  sources: Source[] | null;
  /** Coroutines and slow steps, if they were followed. */
  tasks?: { slow_from: number; slow_count: number; slow_seconds: number; slow: SlowStep[]; coroutines: CoroutineColumns };
  /** Objects by type, if they were counted. */
  objects?: ObjectColumns;
  /** What ran under which labels, if there are any. */
  labels?: { labels: [string, string][]; own: number; calls: number }[];
}

export interface Heading {
  title: string;
  command: string | null;
  started: string | null;
  elapsed: number | null;
  cpu: number | null;
  threads: number | null;
  total: number;
  calls: number;
  functions: number;
  before: [number, number, number] | null;
  waiting: [string, number][];
  facts: [string, string][];
  findings: string[];
  notes: string[];
}

export interface Source {
  function: number;
  first: number;
  lines: string[];
  more: boolean;
  changed: boolean;
  /** What is known of each line. */
  figures?: LineFigures;
}

/** Of the lines of a function; null of one that did not run. `with_calls` and `own` are seconds, or bytes by which memory grew. */
export interface LineFigures {
  what: "time" | "memory";
  hits: (number | null)[];
  with_calls: (number | null)[];
  own: (number | null)[];
}

/** One caller edge, seen from one of its ends. */
export interface Edge {
  other: number;
  calls: number;
  own: number;
  cumulative: number;
  before: number;
}

/** What is shown of functions, be it of a page's own data or of a profile that still grows. */
export interface Figures {
  unit: string | null;
  counted: boolean;
  timed_edges: boolean;
  isDifference: boolean;
  /** All own times together. */
  total: number;
  groups: { name: string; kind: Kind }[];
  /** The kind of each function's code. */
  kind: Kind[];
  functions: {
    name: string[];
    place: string[];
    group: Numbers;
    calls: Numbers;
    primitive: Numbers;
    own: { readonly length: number; [at: number]: number | null };
    cumulative: Numbers;
    folded?: Numbers | null;
    before: { calls: Numbers; own: Numbers; cumulative: Numbers } | null;
  };
}

/** What is told of one function beside its figures. null: it isn't known yet; a text: why it can't be. */
export interface Surroundings {
  callers: Edge[] | string | null;
  callees: Edge[] | string | null;
  source: Source | null;
  /** Why there is no source. */
  without: string;
}

/** The data, with what is looked up often. */
export interface Profile extends Data {
  isDifference: boolean;
  total: number;
  /** The kind of each function's code. */
  kind: Kind[];
  hasOwn: boolean;
  /** Of each function, whether it is of the import system. */
  isImporting: boolean[];
  callers: Map<number, Edge[]>;
  callees: Map<number, Edge[]>;
  sourceOf: Map<number, Source>;
}

/** Built-ins that import, or run what is imported. */
const IMPORTERS = new Set(["{__import__}", "{exec}", "{_imp.create_dynamic}", "{_imp.exec_dynamic}", "{_imp.create_builtin}", "{_imp.exec_builtin}"]);

export function prepare(data: Data): Profile {
  const callers = new Map<number, Edge[]>();
  const callees = new Map<number, Edge[]>();
  const put = (into: Map<number, Edge[]>, end: number, edge: Edge): void => {
    const list = into.get(end);
    if (list === undefined) into.set(end, [edge]);
    else list.push(edge);
  };
  const { caller, callee, calls, own, cumulative, before } = data.edges;
  caller.forEach((from, at) => {
    const to = callee[at]!;
    const figures = { calls: calls[at]!, own: own[at]!, cumulative: cumulative[at]!, before: before?.[at] ?? 0 };
    put(callers, to, { other: from, ...figures });
    put(callees, from, { other: to, ...figures });
  });
  const weight = (edge: Edge): number => Math.max(edge.cumulative, edge.before);
  for (const list of [...callers.values(), ...callees.values()]) {
    list.sort((a, b) => weight(b) - weight(a) || b.calls - a.calls);
  }
  const kind = data.functions.group.map((group) => data.groups[group]!.kind);
  const isImporting = importing(data.functions.name, data.functions.place);
  return {
    ...data,
    isDifference: data.functions.before !== null,
    total: data.heading.total,
    kind,
    hasOwn: kind.includes("own") && kind.some((one) => one !== "own"),
    isImporting,
    callers,
    callees,
    sourceOf: new Map((data.sources ?? []).map((source) => [source.function, source])),
  };
}

/** Of each function, whether it is of the import system. */
export function importing(name: string[], place: string[]): boolean[] {
  const isOfImportlib = place.map((where) => where.startsWith("importlib._bootstrap"));
  // Without it, these are somebody's own calls.
  const hasImports = isOfImportlib.includes(true);
  return isOfImportlib.map((isIt, at) => isIt || (hasImports && place[at] === "" && IMPORTERS.has(name[at]!)));
}
