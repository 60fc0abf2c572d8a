// The live page: what `pikos serve` shows. Brings the stream, the list of processes and the views together.

import { differenceColumns } from "./columns";
import type { Edge, Source, Surroundings } from "./data";
import { Detail } from "./detail";
import { find, make } from "./elements";
import { showShares } from "./head";
import { ask, why } from "./live/asks";
import { Bands } from "./live/bands";
import type { Band, Brushed } from "./live/bands";
import { compared, edgesBeside, edgesOfTree, snapshot } from "./live/compare";
import { Control } from "./live/control";
import type { Buckets, EdgeColumns, Full, OpenCalls, Process, Processes, Recording } from "./live/events";
import { Flame } from "./live/flame";
import { showHeadline } from "./live/headline";
import { showKeys } from "./live/keys";
import { liveColumns } from "./live/live-columns";
import { Memory } from "./live/memory";
import { begin, reduce } from "./live/model";
import type { Model } from "./live/model";
import { Now } from "./live/now";
import { ProcessList } from "./live/processes";
import { Stream } from "./live/stream";
import { patternIn } from "./picture";
import { Table } from "./table";
import { followTheme } from "./theme";
import { Tooltip } from "./tooltip";
import { clock, counted } from "./words";

const VIEWS = ["functions", "flame", "now", "memory"] as const;
type View = (typeof VIEWS)[number];

/** Figures that stand still, and the time that they are of, where it is known. */
interface Still {
  model: Model;
  span: number | null;
  label: string;
}

let told: Processes | null = null;
/** Counts what was told of processes: their list is drawn when it or the scope has changed. */
let toldAt = 0;
let listedFor = "";
let scope = "";
let view: View = "functions";
/** What the stream says; null: nothing yet. */
let live: Model | null = null;
let hasStacks = false;
let range: (Still & { brushed: Brushed }) | null = null;
let frozen: Still | null = null;
let marked: Still | null = null;
let isComparing = false;
let chosen: number | null = null;
let around: Surroundings | null = null;
let pattern: RegExp | null = null;
let without: RegExp | null = null;
let isMine = false;
/** What the views show, and whether it is a difference. */
let shown: { model: Model; was: Float64Array | null } | null = null;
let listed: Model | null = null;
let isOther = true;
let pointed = 0;

const search = find<HTMLInputElement>("search");
const leave = find<HTMLInputElement>("leave");
const tooltip = new Tooltip();
const processes = new ProcessList((wanted) => go({ scope: wanted }));
const table = new Table((at) => choose(at, false));
const detail = new Detail({
  choose: (at) => choose(at, true),
  focus: (at) => {
    flame.change({ focus: at });
    go({ view: "flame" });
    render();
  },
});
const flame = new Flame(tooltip, { choose: (at) => choose(at, true), zoomed: showZoom });
const bands = new Bands({
  brush: (wanted) => void brush(wanted),
  point: (lines, x, y) => (lines === null ? tooltip.hide() : tooltip.show(lines, x, y)),
});
const now = new Now((at) => choose(at, true));
const memory = new Memory();
const control = new Control({ hold: freeze, mark: () => void mark(), compare });

const stream = new Stream({
  processes: (fresh) => {
    const isFirst = told === null;
    told = fresh;
    toldAt += 1;
    find("version").textContent = fresh.version;
    settle();
    if (isFirst) void poll(true);
    later();
  },
  told: (event) => {
    const before = live;
    live = reduce(live, event);
    if (live !== before) isOther = isOther || before === null || live === null || event.kind === "reset";
    later();
  },
  heard: (isHeard) => void hear(isHeard),
});

/** The process of a scope; null: a sum. */
function processOf(wanted: string): Process | null {
  return told?.processes.find(({ id }) => id === wanted.split(":")[0]) ?? null;
}

const isSum = (wanted: string): boolean => wanted === "all" || wanted === "files";

/** Which of all is shown at first, and what is said where there is nothing to show. */
function settle(): void {
  if (told === null) return;
  const all = told.processes;
  find("empty").hidden = all.length > 0;
  find("scope").hidden = all.length === 0;
  if (all.length === 0) return void (document.title = "Pikos");
  const profiles = all.filter(({ kind }) => kind !== "recorder");
  const isLive = profiles.some(({ kind }) => kind === "live");
  const first = profiles.filter(({ kind }) => (kind === "live") === isLive);
  if (isSum(scope) ? first.length > 1 : processOf(scope) !== null) {
    view = possible(view);
    return;
  }
  go({ scope: first.length > 1 ? "all" : (first[0] ?? all[0]!).id }, true);
}

/** Shows another scope or view; the address says which, so that going back works. */
function go(to: { scope?: string; view?: View }, isReplaced = false): void {
  const wanted = new URLSearchParams({ scope: to.scope ?? scope, view: to.view ?? view });
  const address = `#${wanted}`;
  if (address === location.hash) return;
  if (isReplaced) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  arrive();
}

function arrive(): void {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const next = wanted.get("scope") ?? (scope || "all");
  const nextView = VIEWS.find((one) => one === wanted.get("view")) ?? "functions";
  const isElsewhere = next !== scope;
  scope = next;
  view = nextView;
  view = possible(view);
  if (isElsewhere) {
    [live, range, frozen, chosen, around, shown, isOther] = [null, null, null, null, null, null, true];
    table.mark(null, false);
    hasStacks = view === "flame";
    flame.change({ focus: null });
    bands.mark(null);
    stream.open(scope === "" ? "all" : scope, hasStacks);
    void poll(true);
  } else if (view === "flame" && !hasStacks) {
    hasStacks = true;
    stream.open(scope, true);
  }
  render();
  void poll(true);
}

/** The view, or what stands in for it where there is none of the kind. */
function possible(wanted: View): View {
  const process = processOf(scope);
  if (process?.kind === "recorder") return "memory";
  const isLive = process !== null && process.kind === "live" && (process.phase === "running" || process.phase === "paused");
  return wanted === "memory" || (wanted === "now" && told !== null && !isLive) ? "functions" : wanted;
}

let isWaiting = false;
/** Draws at the next frame. */
function later(): void {
  if (isWaiting) return;
  isWaiting = true;
  requestAnimationFrame(() => {
    isWaiting = false;
    render();
  });
}

/** What is to be shown of all that is there. */
function current(): Still | null {
  if (range !== null) return range;
  if (frozen !== null) return frozen;
  return live === null ? null : { model: live, span: live.age, label: "now" };
}

function render(): void {
  const process = processOf(scope);
  if (listedFor !== `${toldAt} ${scope}`) processes.show(told?.processes ?? [], scope);
  listedFor = `${toldAt} ${scope}`;
  const thread = scope.includes(":") ? (process?.threads.find(({ id }) => `${process.id}:${id}` === scope)?.name ?? scope.split(":")[1]!) : null;
  const kind = scope === "files" ? "file" : "live";
  const summed = (told?.processes ?? []).filter((one) => one.kind === kind || (scope === "all" && one.kind === "file" && !told!.processes.some((other) => other.kind === "live")));
  showHeadline(process, thread, summed, process?.kind === "recorder" ? null : (range?.model ?? live));
  control.show(process, scope, told?.read_only ?? true);
  showTabs(process);
  const still = current();
  const isDifference = isComparing && marked !== null && still !== null;
  if (still === null) shown = null;
  else if (isDifference) {
    const begun = performance.now();
    if (isOther || shown === null || begun > compareAfter) {
      shown = compared(marked!.model, still.model, scaleTo(still));
      // Most of the time stays for whoever looks.
      compareAfter = performance.now() + Math.max(500, 6 * (performance.now() - begun));
    }
  } else shown = { model: still.model, was: null };
  showMarks(isDifference);
  if (view === "functions") showTable();
  if (view === "flame") showFlame();
  if (chosen !== null) showDetail();
  isOther = false;
}

let compareAfter = 0;

/** What figures of the mark are to be taken times, so that both are of the same length. */
function scaleTo({ span }: Still): number {
  return span && marked?.span ? span / marked.span : 1;
}

function showTabs(process: Process | null): void {
  const isRecorder = process?.kind === "recorder";
  const isLive = process !== null && process.kind === "live" && (process.phase === "running" || process.phase === "paused");
  const can: Record<View, boolean> = { functions: !isRecorder, flame: !isRecorder, now: isLive, memory: isRecorder };
  for (const one of VIEWS) {
    const tab = find(`tab-${one}`);
    tab.hidden = !can[one];
    tab.setAttribute("aria-selected", String(one === view));
    tab.tabIndex = one === view ? 0 : -1;
    find(one).hidden = one !== view;
  }
  document.body.dataset["view"] = view;
  find("detail").hidden = chosen === null || view === "memory";
  find("work").classList.toggle("with-detail", chosen !== null && view !== "memory");
}

function showMarks(isDifference: boolean): void {
  control.compare.disabled = marked === null;
  control.compare.setAttribute("aria-pressed", String(isDifference));
  control.hold.setAttribute("aria-pressed", String(frozen !== null));
  control.hold.textContent = frozen === null ? "Freeze" : "Go on";
  const line = find("range");
  line.hidden = range === null && !isDifference && frozen === null;
  const parts = [
    range === null ? "" : `Only ${clock(range.brushed.from)} – ${clock(range.brushed.to)}`,
    frozen === null || range !== null ? "" : `Frozen at ${clock(frozen.model.time)}`,
    isDifference ? `compared with ${marked!.label}${marked!.span !== null && current()?.span ? ", scaled to the same length" : ""}: red grew, blue shrank` : "",
  ];
  find("range-said").textContent = parts.filter((part) => part !== "").join(", ");
  find("range-end").textContent = isDifference ? "End the comparison" : range !== null ? "All of the time" : "Go on";
}

// Functions

function showTable(): void {
  // Those of another scope stay in the background until the new ones are here.
  find("rows").classList.toggle("stale", shown === null);
  if (shown === null) return void (find("rows-count").textContent = "The figures are on their way …");
  const { model } = shown;
  const isNew = listed === null || listed.isDifference !== model.isDifference || listed.isLive !== model.isLive || listed.counted !== model.counted || listed.unit !== model.unit;
  const isHeld = performance.now() - pointed < 1500;
  find("held").hidden = !isHeld;
  const before = listed;
  listed = model;
  if (isNew) {
    const columns = model.isDifference ? differenceColumns(model) : liveColumns(() => listed!);
    table.show({ columns, rows, kind: (at) => listed!.kind[at] ?? "builtin", counted: (count) => (count === 0 ? noRows() : counted(count, "function")) }, model.isDifference ? "change" : model.isLive ? "now" : "own");
  } else {
    if (model.isDifference && before !== model) table.recolumn(differenceColumns(model));
    if (isOther) table.select();
    else table.refresh(isHeld);
  }
}

function noRows(): string {
  if (listed === null || listed.listed.length === 0) return "No function has been called yet.";
  return "No function matches.";
}

/** Those that the fields and switches leave. */
function rows(): number[] {
  const { functions, kind } = listed!;
  if (pattern === null && without === null && !isMine) return [...listed!.listed];
  const fits = (by: RegExp, at: number): boolean => by.test(functions.name[at]!) || by.test(functions.place[at]!);
  return listed!.listed.filter((at) => (!isMine || kind[at] === "own") && (pattern === null || fits(pattern, at)) && (without === null || !fits(without, at)));
}

// The flame graph

function showFlame(): void {
  flame.chosen = chosen;
  flame.pattern = pattern;
  const { choice } = flame;
  const pressed = (id: string, isOn: boolean): void => find(id).setAttribute("aria-pressed", String(isOn));
  pressed("down", !choice.inverted);
  pressed("up", choice.inverted);
  find("focus").hidden = choice.focus === null;
  find("focus-name").textContent = choice.focus === null ? "" : (shown?.model.functions.name[choice.focus] ?? "");
  flame.show(shown?.model ?? null, shown?.was ?? null, isOther);
  if (shown !== null) legend(shown.model);
  showZoom();
  tell();
}

let legendAt = 0;
function legend(model: Model): void {
  // Its shares change slowly, and a button that is made anew can't be pressed.
  if (!isOther && performance.now() - legendAt < 3000) return;
  legendAt = performance.now();
  showShares(model, flame.lit, (group) => {
    flame.lit = group;
    flame.paint();
  });
}

function showZoom(): void {
  find<HTMLButtonElement>("reset").disabled = !flame.graph.isZoomed;
}

/** What a search found in the graph. */
let foundAt = 0;
function tell(): void {
  const wrong = [search, leave].find((field) => !field.validity.valid);
  find("found").classList.toggle("wrong", wrong !== undefined);
  if (wrong !== undefined) find("found").textContent = wrong.validationMessage;
  else if (view !== "flame" || pattern === null) find("found").textContent = "";
  else if (performance.now() - foundAt > 500) {
    foundAt = performance.now();
    find("found").textContent = flame.found();
  }
}

// One function

function choose(at: number, isShown: boolean): void {
  const isOtherOne = chosen !== at;
  chosen = at;
  table.mark(at, isShown);
  flame.chosen = at;
  if (view === "flame") flame.paint();
  if (isOtherOne) {
    around = { callers: null, callees: null, source: null, without: "" };
    void learn(at, true);
  }
  showTabs(processOf(scope));
  showDetail();
}

function unchoose(): void {
  [chosen, around] = [null, null];
  table.mark(null, false);
  render();
  if (view === "flame") flame.paint();
}

/** Callers and callees, and at first the source. */
async function learn(at: number, isFirst: boolean): Promise<void> {
  const edges = (rows: EdgeColumns): Edge[] =>
    rows.id.map((other, row) => ({ other, calls: rows.calls[row] ?? 0, own: rows.own[row] ?? 0, cumulative: rows.cumulative[row] ?? 0, before: 0 })).sort((a, b) => b.cumulative - a.cumulative || b.calls - a.calls);
  const wanted = scope;
  const isStill = (): boolean => chosen === at && scope === wanted && around !== null;
  const isWhole = range === null && frozen === null && !isComparing;
  if (isWhole) {
    const answer = await ask<{ callers: EdgeColumns; callees: EdgeColumns }>("/api/edges", { scope, function: at }).catch((error: unknown) => why(error));
    if (!isStill()) return;
    around = typeof answer === "string" ? { ...around!, callers: answer, callees: answer } : { ...around!, callers: edges(answer.callers), callees: edges(answer.callees) };
  } else around = { ...around!, ...edgesOfStill(at) };
  later();
  if (!isFirst) return;
  const source = await ask<{ file: string; first: number; lines: string[]; changed: boolean; more?: boolean }>("/api/source", { scope, function: at }).catch((error: unknown) => why(error));
  if (!isStill()) return;
  const isText = typeof source === "string";
  const code: Source | null = isText ? null : { function: at, first: source.first, lines: source.lines, more: source.more ?? false, changed: source.changed };
  around = { ...around!, source: code, without: isText ? source : "" };
  later();
}

/** Of figures that stand still, what their stacks tell. */
function edgesOfStill(at: number): Pick<Surroundings, "callers" | "callees"> {
  const still = current();
  const tree = still?.model.tree ?? null;
  const old = marked?.model.tree ?? null;
  if (still === null || tree === null || tree.state !== "kept" || (isComparing && old === null)) {
    const sentence = "Without full stacks this is known of the whole profile alone.";
    return { callers: sentence, callees: sentence };
  }
  const now = edgesOfTree(tree, at);
  if (!isComparing || old === null) return now;
  const was = edgesOfTree(old, at);
  const scale = scaleTo(still);
  return { callers: edgesBeside(was.callers, now.callers, scale), callees: edgesBeside(was.callees, now.callees, scale) };
}

let detailAt = { version: -1, around: null as Surroundings | null, model: null as Model | null };
function showDetail(): void {
  if (shown === null || chosen === null || around === null) return;
  const { model } = shown;
  // What somebody marks with the mouse, or has reached by the keyboard, isn't taken away.
  const isBusy = (getSelection()?.toString() ?? "") !== "" || find("detail").contains(document.activeElement) || find("detail").matches(":active");
  const isNew = detailAt.around !== around || detailAt.model !== model;
  if (!isNew && (isBusy || detailAt.version === model.version)) return;
  if (isBusy && detailAt.model === model && detailAt.around?.callers != null && detailAt.around.source === around.source) return;
  detailAt = { version: model.version, around, model };
  detail.show(model, chosen, around);
  const close = make("button", "icon close", "×");
  close.setAttribute("aria-label", "close");
  close.addEventListener("click", unchoose);
  find("detail").prepend(close);
}

// Time

async function brush(wanted: Brushed | null): Promise<void> {
  bands.mark(wanted);
  if (wanted === null) {
    [range, isOther] = [null, true];
    if (chosen !== null) void learn(chosen, false);
    render();
    return;
  }
  try {
    const { from, to } = wanted;
    const asked = scope;
    const full = await ask<Full>("/api/range", { scope, from, to, labels: 0, stacks: 1 });
    if (asked !== scope) return;
    const brushed = { from: full.from ?? from, to: full.to ?? to };
    const model = begin(full, live);
    model.isLive = false;
    range = { model, brushed, span: brushed.to - brushed.from, label: `${clock(brushed.from)} – ${clock(brushed.to)}` };
    bands.mark(brushed);
    isOther = true;
    if (chosen !== null) void learn(chosen, false);
    render();
  } catch (error) {
    bands.mark(null);
    control.say(why(error), true);
  }
}

/** What comes by questions, not by the stream: history, open calls, recordings. */
const POLL_MS = 500;
/** Of so many times once: what changes slowly. */
const SLOWLY = 4;
/** Bands of so many processes are shown. */
const MOST_BANDS = 6;
let isPolling = false;
let isAgain = false;
let polled = 0;

async function poll(isAtOnce: boolean): Promise<void> {
  if (isPolling && isAtOnce) isAgain = true;
  if (told === null || document.hidden || isPolling) return;
  isPolling = true;
  const wanted = scope;
  try {
    const isSlow = isAtOnce || (polled += 1) % SLOWLY === 0;
    if (isSlow) await remember();
    if (wanted === scope && view === "now") {
      const open = await ask<OpenCalls>("/api/now", { scope: scope.split(":")[0]! });
      if (wanted === scope && live !== null) now.show(open, live);
    }
    if (wanted === scope && view === "memory") {
      const recording = await ask<Recording>("/api/recording", { scope });
      if (wanted === scope) memory.show(recording);
    }
    if (isSlow && wanted === scope && chosen !== null && range === null && frozen === null) await learn(chosen, false);
  } catch (error) {
    if (view === "now") now.say(why(error));
    if (view === "memory") memory.say(why(error));
  } finally {
    isPolling = false;
    if (isAgain) {
      isAgain = false;
      void poll(true);
    }
  }
}

const known = new Map<string, Buckets>();

async function remember(): Promise<void> {
  const process = processOf(scope);
  if (process?.kind === "file" || scope === "files" || process?.kind === "recorder") return void (find("time").hidden = true);
  const busy = (one: Process): number => Number(one.phase === "running") * 1e15 + (one.calls ?? 0);
  const live = told!.processes.filter(({ kind }) => kind === "live");
  const wanted = process === null ? [...live].sort((a, b) => busy(b) - busy(a)).slice(0, MOST_BANDS) : [process];
  const buckets = Math.max(60, Math.min(400, Math.round(find("bands").clientWidth / 3)));
  const asked = scope;
  const made = await Promise.all(
    wanted.map(async (one): Promise<Band> => {
      const answer = await ask<Buckets>("/api/history", { scope: one.id, buckets }).catch((error: unknown) => why(error));
      if (typeof answer !== "string") known.set(one.id, answer);
      // What was told before stays when nobody answers.
      return { scope: one.id, title: one.title, history: known.get(one.id) ?? null, without: typeof answer === "string" ? answer : "Nothing ran yet." };
    }),
  );
  if (asked !== scope) return;
  find("time").hidden = wanted.length === 0;
  bands.show(made, shown?.model ?? null);
}

// Controls of what is seen

function freeze(): void {
  const still = current();
  if (frozen !== null) frozen = null;
  else if (still !== null) frozen = { ...still, model: snapshot(still.model) };
  isOther = frozen === null;
  render();
}

/** Remembers what is shown, with its stacks, for a graph of both may be asked for later. */
async function mark(): Promise<void> {
  const still = current();
  if (still === null) return;
  const isLive = still.model === live;
  const label = range === null ? `all until ${clock(still.model.time)}` : still.label;
  marked = { ...still, model: snapshot(still.model), label };
  control.say(`Marked ${label}. Choose another time, or wait; then compare.`);
  render();
  if (!isLive || hasStacks) return;
  const mine = marked;
  const full = await ask<Full>("/api/picture", { scope, stacks: 1 }).catch(() => null);
  if (full !== null && marked === mine) marked = { ...mine, model: begin(full, mine.model), span: full.age };
}

function compare(): void {
  if (marked === null) return control.say("Nothing is marked yet: mark first, then compare.", true);
  isComparing = !isComparing;
  isOther = true;
  if (chosen !== null) void learn(chosen, false);
  render();
}

/** One step back: from what was brought in last. */
function back(): void {
  tooltip.hide();
  if (view === "flame" && flame.graph.isZoomed) flame.graph.zoom(-1);
  else if (view === "flame" && flame.choice.focus !== null) change({ focus: null });
  else if (chosen !== null) unchoose();
  else if (isComparing) compare();
  else if (range !== null) void brush(null);
  else if (frozen !== null) freeze();
  showZoom();
}

function change(what: Partial<Flame["choice"]>): void {
  flame.change(what);
  render();
}

function filter(): void {
  pattern = patternIn(search);
  without = patternIn(leave);
  flame.pattern = pattern;
  foundAt = 0;
  if (listed !== null && view === "functions") table.select();
  if (view === "flame") flame.paint();
  tell();
}

function mineOnly(isOn: boolean): void {
  isMine = isOn;
  find<HTMLInputElement>("mine").checked = isOn;
  flame.change({ mine: isOn });
  if (listed !== null && view === "functions") table.select();
  render();
}

/** The stream broke, or is there again. */
async function hear(isHeard: boolean): Promise<void> {
  const broken = find("broken");
  if (isHeard) return void (broken.hidden = true);
  const at = live === null ? "" : ` The figures are those of ${clock(live.time)}.`;
  const reason = await ask<Processes>("/api/processes").then(() => null, (error: unknown) => why(error));
  if (reason === null) return;
  broken.hidden = false;
  broken.textContent = `${reason} Trying again …${at}`;
}

const on = (id: string, event: string, act: () => void): void => find(id).addEventListener(event, act);
for (const one of VIEWS) on(`tab-${one}`, "click", () => go({ view: one }));
find("tabs").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (step === undefined) return;
  const tabs = VIEWS.filter((one) => !find(`tab-${one}`).hidden);
  const next = tabs[(tabs.indexOf(view) + step + tabs.length) % tabs.length]!;
  go({ view: next });
  find(`tab-${next}`).focus();
});
on("down", "click", () => change({ inverted: false }));
on("up", "click", () => change({ inverted: true }));
on("imports", "change", () => change({ importing: find<HTMLInputElement>("imports").checked }));
on("mine", "change", () => mineOnly(find<HTMLInputElement>("mine").checked));
on("focus", "click", () => change({ focus: null }));
on("reset", "click", () => {
  flame.graph.zoom(-1);
  showZoom();
});
on("search", "input", filter);
on("leave", "input", filter);
on("range-end", "click", () => {
  if (isComparing && marked !== null) compare();
  else if (range !== null) void brush(null);
  else freeze();
});
on("help", "click", showKeys);
find("rows").addEventListener("pointermove", () => (pointed = performance.now()), { passive: true });
find("rows").addEventListener("pointerleave", () => (pointed = 0));
addEventListener("popstate", arrive);
document.addEventListener("visibilitychange", later);
addEventListener("keydown", (event) => {
  const field = event.target instanceof HTMLInputElement && event.target.type === "search" ? event.target : null;
  if (find<HTMLDialogElement>("keys").open) return;
  if (event.key === "Escape") {
    if (field === null) back();
    else if (field.value === "") field.blur();
    else {
      field.value = "";
      filter();
    }
  }
  if (field !== null || event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLSelectElement) return;
  const tab = VIEWS.filter((one) => !find(`tab-${one}`).hidden)[Number(event.key) - 1];
  const keys: Record<string, () => void> = {
    "/": () => search.focus(),
    x: () => leave.focus(),
    i: () => view === "flame" && change({ inverted: !flame.choice.inverted }),
    u: () => mineOnly(!isMine),
    p: freeze,
    P: () => control.toggle(),
    c: () => control.order("clear"),
    m: () => void mark(),
    d: compare,
    "?": showKeys,
    ...(tab === undefined ? {} : { [event.key]: () => go({ view: tab }) }),
  };
  const act = keys[event.key];
  if (act === undefined) return;
  event.preventDefault();
  act();
});
followTheme(() => {
  flame.recolour();
  bands.draw();
  memory.draw();
  [legendAt, detailAt.version] = [0, -1];
  later();
});

/** For tests: what is drawn, and how long it took. */
Object.assign(globalThis, {
  pikos: {
    boxes: () => {
      const { left, top } = find("canvas").getBoundingClientRect();
      return flame.graph.drawn.map((box) => ({ name: box.name, left: left + box.left, top: top + box.top - find("graph").scrollTop, width: box.width }));
    },
    draw: () => flame.graph.draw(),
    show: () => flame.show(shown?.model ?? null, shown?.was ?? null, true),
  },
});

setInterval(() => void poll(false), POLL_MS);
arrive();
