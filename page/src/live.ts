// The live page: what `pikos serve` shows. Brings the stream, the list of processes and the views together.

import { find } from "./elements";
import { showShares } from "./head";
import { ask, why } from "./live/asks";
import { Bands } from "./live/bands";
import type { Brushed } from "./live/bands";
import { Chosen } from "./live/chosen";
import { compared, snapshot } from "./live/compare";
import { Control } from "./live/control";
import type { Full, Process, Processes } from "./live/events";
import { Flame } from "./live/flame";
import { Functions } from "./live/functions";
import { showHeadline } from "./live/headline";
import { showKeys } from "./live/keys";
import { hasLabels, LabelView } from "./live/label-view";
import { Memory } from "./live/memory";
import { begin, reduce } from "./live/model";
import type { Model } from "./live/model";
import { Now } from "./live/now";
import { Polls, POLL_MS } from "./live/polls";
import { ProcessList } from "./live/processes";
import { current, hasTasks, processOf, scaleTo, state, VIEWS } from "./live/state";
import type { View } from "./live/state";
import { Stream } from "./live/stream";
import { shareConnections } from "./live/tabs";
import { Tasks } from "./live/tasks";
import { patternIn } from "./picture";
import { followTheme } from "./theme";
import { Tooltip } from "./tooltip";
import { clock } from "./words";

/** What the address asks for. */
function wantedNow(): { scope: string; view: View } {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const scope = wanted.get("scope") ?? (state.scope || (document.getElementById("begin")?.dataset["scope"] ?? "all"));
  return { scope, view: VIEWS.find((one) => one === wanted.get("view")) ?? "functions" };
}

const stream = new Stream({
  processes: (fresh) => {
    const isFirst = state.told === null;
    state.told = fresh;
    toldAt += 1;
    find("version").textContent = fresh.version;
    settle();
    if (isFirst && state.view === "memory") void polls.poll(true);
    later();
  },
  told: (event) => {
    const before = state.live;
    state.live = reduce(state.live, event);
    if (before === null && state.live !== null) {
      performance.mark("told");
      // The rest is asked for when what matters most is to be seen.
      requestAnimationFrame(() => setTimeout(() => void polls.poll(true)));
    }
    if (state.live !== before) state.isOther = state.isOther || before === null || state.live === null || event.kind === "reset";
    later();
  },
  heard: (isHeard) => void hear(isHeard),
});
// Marks are for whoever measures how soon there is something to be seen (`bench/`).
performance.mark("begun");
// What takes longest is asked for first; nothing is heard before the rest of the page is made.
stream.open(wantedNow().scope, wantedNow().view === "flame");

/** Counts what was told of processes: their list is drawn when it or the scope has changed. */
let toldAt = 0;
let listedFor = "";

const search = find<HTMLInputElement>("search");
const leave = find<HTMLInputElement>("leave");
const tooltip = new Tooltip();
const processes = new ProcessList((wanted) => go({ scope: wanted }));
const functions = new Functions((at) => choose(at, false));
const focus = (at: number): void => {
  flame.change({ focus: at });
  go({ view: "flame" });
  render();
};
const one = new Chosen({ choose: (at) => choose(at, true), focus }, unchoose, later);
const flame = new Flame(tooltip, { choose: (at) => choose(at, true), zoomed: showZoom });
const point = (lines: string[] | null, x: number, y: number): void => (lines === null ? tooltip.hide() : tooltip.show(lines, x, y));
const bands = new Bands({ brush: (wanted) => void brush(wanted), point });
const now = new Now((at) => choose(at, true));
const tasks = new Tasks((at) => choose(at, true));
const labels = new LabelView((wanted) => go({ scope: wanted, view: "functions" }));
const memory = new Memory(point);
const polls = new Polls(bands, now, tasks, memory, (at) => one.learn(at, false));
const control = new Control({ hold: freeze, mark: () => void mark(), compare });

const isSum = (wanted: string): boolean => wanted === "all" || wanted === "files";

/** Which of all is shown at first, and what is said where there is nothing to show. */
function settle(): void {
  if (state.told === null) return;
  const all = state.told.processes;
  find("empty").hidden = all.length > 0;
  find("scope").hidden = all.length === 0;
  if (all.length === 0) return void (document.title = "Pikos");
  const profiles = all.filter(({ kind }) => kind !== "recorder");
  const isLive = profiles.some(({ kind }) => kind === "live");
  const first = profiles.filter(({ kind }) => (kind === "live") === isLive);
  if (isSum(state.scope) ? first.length > 1 : processOf(state.scope) !== null) {
    state.view = possible(state.view);
    return;
  }
  go({ scope: first.length > 1 ? "all" : (first[0] ?? all[0]!).id }, true);
}

/** Shows another scope or view; the address says which, so that going back works. */
function go(to: { scope?: string; view?: View }, isReplaced = false): void {
  const wanted = new URLSearchParams({ scope: to.scope ?? state.scope, view: to.view ?? state.view });
  const address = `#${wanted}`;
  if (address === location.hash) return;
  if (isReplaced) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  arrive();
}

function arrive(): void {
  const { scope, view } = wantedNow();
  const isElsewhere = scope !== state.scope;
  state.scope = scope;
  state.view = possible(view);
  if (isElsewhere) {
    [state.live, state.range, state.frozen, state.chosen, state.around, state.shown, state.isOther] = [null, null, null, null, null, null, true];
    functions.mark(null, false);
    state.hasStacks = state.view === "flame";
    flame.change({ focus: null });
    bands.mark(null);
    stream.open(state.scope, state.hasStacks);
    void polls.poll(true);
  } else if (state.view === "flame" && !state.hasStacks) {
    state.hasStacks = true;
    stream.open(state.scope, true);
  }
  render();
  void polls.poll(true);
}

/** The view, or what stands in for it where there is none of the kind. */
function possible(wanted: View): View {
  const process = processOf(state.scope);
  if (process?.kind === "recorder") return "memory";
  const isLive = process !== null && process.kind === "live" && (process.phase === "running" || process.phase === "paused");
  if (wanted === "tasks" && state.told !== null && !hasTasks(state.scope)) return "functions";
  if (wanted === "labels" && state.told !== null && !hasLabels(state.scope)) return "functions";
  return wanted === "memory" || (wanted === "now" && state.told !== null && !isLive) ? "functions" : wanted;
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

function render(): void {
  const process = processOf(state.scope);
  if (listedFor !== `${toldAt} ${state.scope}`) processes.show(state.told?.processes ?? [], state.scope);
  listedFor = `${toldAt} ${state.scope}`;
  const thread = state.scope.includes(":") ? (process?.threads.find(({ id }) => `${process.id}:${id}` === state.scope)?.name ?? state.scope.split(":")[1]!) : null;
  const kind = state.scope === "files" ? "file" : "live";
  const summed = (state.told?.processes ?? []).filter((one) => one.kind === kind || (state.scope === "all" && one.kind === "file" && !state.told!.processes.some((other) => other.kind === "live")));
  showHeadline(process, thread, summed, process?.kind === "recorder" ? null : (state.range?.model ?? state.live));
  control.show(process, state.scope, state.told?.read_only ?? true);
  showTabs(process);
  const still = current();
  const isDifference = state.isComparing && state.marked !== null && still !== null;
  if (still === null) state.shown = null;
  else if (isDifference) {
    const begun = performance.now();
    if (state.isOther || state.shown === null || begun > compareAfter) {
      state.shown = compared(state.marked!.model, still.model, scaleTo(still));
      // Most of the time stays for whoever looks.
      compareAfter = performance.now() + Math.max(500, 6 * (performance.now() - begun));
    }
  } else state.shown = { model: still.model, was: null };
  showMarks(isDifference);
  if (state.view === "functions") functions.show();
  if (state.view === "flame") showFlame();
  if (state.view === "labels" && state.frozen === null) labels.show();
  if (state.chosen !== null) one.show();
  state.isOther = false;
}

let compareAfter = 0;

function showTabs(process: Process | null): void {
  const isRecorder = process?.kind === "recorder";
  const isLive = process !== null && process.kind === "live" && (process.phase === "running" || process.phase === "paused");
  const can: Record<View, boolean> = { functions: !isRecorder, flame: !isRecorder, now: isLive, tasks: !isRecorder && hasTasks(state.scope), labels: !isRecorder && hasLabels(state.scope), memory: isRecorder };
  for (const one of VIEWS) {
    const tab = find(`tab-${one}`);
    tab.hidden = !can[one];
    tab.setAttribute("aria-selected", String(one === state.view));
    tab.tabIndex = one === state.view ? 0 : -1;
    find(one).hidden = one !== state.view;
  }
  find("tab-memory").textContent = process?.recorder?.monitor === "objects" ? "Objects" : "Memory";
  document.body.dataset["view"] = state.view;
  const isAlone = state.view === "memory" || state.view === "labels";
  find("detail").hidden = state.chosen === null || isAlone;
  find("work").classList.toggle("with-detail", state.chosen !== null && !isAlone);
}

function showMarks(isDifference: boolean): void {
  control.compare.disabled = state.marked === null;
  control.compare.setAttribute("aria-pressed", String(isDifference));
  control.hold.setAttribute("aria-pressed", String(state.frozen !== null));
  control.hold.textContent = state.frozen === null ? "Freeze" : "Go on";
  const line = find("range");
  line.hidden = state.range === null && !isDifference && state.frozen === null;
  const parts = [
    state.range === null ? "" : `Only ${clock(state.range.brushed.from)} – ${clock(state.range.brushed.to)}`,
    state.frozen === null || state.range !== null ? "" : `Frozen at ${clock(state.frozen.model.time)}`,
    isDifference ? `compared with ${state.marked!.label}${state.marked!.span !== null && current()?.span ? ", scaled to the same length" : ""}: red grew, blue shrank` : "",
  ];
  find("range-said").textContent = parts.filter((part) => part !== "").join(", ");
  find("range-end").textContent = isDifference ? "End the comparison" : state.range !== null ? "All of the time" : "Go on";
}

function showFlame(): void {
  flame.chosen = state.chosen;
  flame.pattern = state.pattern;
  const { choice } = flame;
  const pressed = (id: string, isOn: boolean): void => find(id).setAttribute("aria-pressed", String(isOn));
  pressed("down", !choice.inverted);
  pressed("up", choice.inverted);
  find("focus").hidden = choice.focus === null;
  find("focus-name").textContent = choice.focus === null ? "" : (state.shown?.model.functions.name[choice.focus] ?? "");
  const isStill = state.range !== null || state.isComparing || state.scope === "files" || processOf(state.scope)?.kind === "file";
  flame.show(state.shown?.model ?? null, state.shown?.was ?? null, state.isOther, isStill);
  if (state.shown !== null) legend(state.shown.model);
  showZoom();
  tell();
}

/** When it was drawn last. */
let legendAt = -Infinity;
function legend(model: Model): void {
  // Its shares change slowly, and a button that is made anew can't be pressed.
  if (!state.isOther && performance.now() - legendAt < 3000) return;
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
  else if (state.view !== "flame" || state.pattern === null) find("found").textContent = "";
  else if (performance.now() - foundAt > 500) {
    foundAt = performance.now();
    find("found").textContent = flame.found();
  }
}

function choose(at: number, isShown: boolean): void {
  const isOtherOne = state.chosen !== at;
  state.chosen = at;
  functions.mark(at, isShown);
  flame.chosen = at;
  if (state.view === "flame") flame.paint();
  if (isOtherOne) {
    state.around = { callers: null, callees: null, source: null, without: "" };
    void one.learn(at, true);
  }
  showTabs(processOf(state.scope));
  one.show();
}

function unchoose(): void {
  [state.chosen, state.around] = [null, null];
  functions.mark(null, false);
  render();
  if (state.view === "flame") flame.paint();
}

async function brush(wanted: Brushed | null): Promise<void> {
  bands.mark(wanted);
  if (wanted === null) {
    [state.range, state.isOther] = [null, true];
    if (state.chosen !== null) void one.learn(state.chosen, false);
    render();
    return;
  }
  try {
    const { from, to } = wanted;
    const asked = state.scope;
    const full = await ask<Full>("/api/range", { scope: state.scope, from, to, labels: 0, stacks: 1 });
    if (asked !== state.scope) return;
    const brushed = { from: full.from ?? from, to: full.to ?? to };
    const model = begin(full, state.live);
    model.isLive = false;
    state.range = { model, brushed, span: brushed.to - brushed.from, label: `${clock(brushed.from)} – ${clock(brushed.to)}` };
    bands.mark(brushed);
    state.isOther = true;
    if (state.chosen !== null) void one.learn(state.chosen, false);
    render();
  } catch (error) {
    bands.mark(null);
    control.say(why(error), true);
  }
}

function freeze(): void {
  const still = current();
  if (state.frozen !== null) state.frozen = null;
  else if (still !== null) state.frozen = { ...still, model: snapshot(still.model) };
  state.isOther = state.frozen === null;
  render();
}

/** Remembers what is shown, with its stacks, for a graph of both may be asked for later. */
async function mark(): Promise<void> {
  const still = current();
  if (still === null) return;
  const isLive = still.model === state.live;
  const file = processOf(state.scope)?.kind === "file" ? processOf(state.scope)!.title : null;
  const label = file ?? (state.range === null ? `all until ${clock(still.model.time)}` : still.label);
  state.marked = { ...still, model: snapshot(still.model), label };
  control.say(`Marked ${label}. Choose another time, or wait; then compare.`);
  render();
  if (!isLive || state.hasStacks) return;
  const mine = state.marked;
  const full = await ask<Full>("/api/picture", { scope: state.scope, stacks: 1 }).catch(() => null);
  if (full !== null && state.marked === mine) state.marked = { ...mine, model: begin(full, mine.model), span: full.age };
}

function compare(): void {
  if (state.marked === null) return control.say("Nothing is marked yet: mark first, then compare.", true);
  state.isComparing = !state.isComparing;
  state.isOther = true;
  if (state.chosen !== null) void one.learn(state.chosen, false);
  render();
}

/** One step back: from what was brought in last. */
function back(): void {
  tooltip.hide();
  if (state.view === "flame" && flame.graph.isZoomed) flame.graph.zoom(-1);
  else if (state.view === "flame" && flame.choice.focus !== null) change({ focus: null });
  else if (state.chosen !== null) unchoose();
  else if (state.isComparing) compare();
  else if (state.range !== null) void brush(null);
  else if (state.frozen !== null) freeze();
  showZoom();
}

function change(what: Partial<Flame["choice"]>): void {
  flame.change(what);
  render();
}

function filter(): void {
  state.pattern = patternIn(search);
  state.without = patternIn(leave);
  flame.pattern = state.pattern;
  foundAt = 0;
  functions.select();
  tasks.select();
  if (state.view === "flame") flame.paint();
  tell();
}

function mineOnly(isOn: boolean): void {
  state.isMine = isOn;
  find<HTMLInputElement>("mine").checked = isOn;
  flame.change({ mine: isOn });
  functions.select();
  render();
}

/** The stream broke, or is there again. */
async function hear(isHeard: boolean): Promise<void> {
  const broken = find("broken");
  if (isHeard) return void (broken.hidden = true);
  const at = state.live === null ? "" : ` The figures are those of ${clock(state.live.time)}.`;
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
  const next = tabs[(tabs.indexOf(state.view) + step + tabs.length) % tabs.length]!;
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
  if (state.isComparing && state.marked !== null) compare();
  else if (state.range !== null) void brush(null);
  else freeze();
});
on("help", "click", showKeys);
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
    i: () => state.view === "flame" && change({ inverted: !flame.choice.inverted }),
    u: () => mineOnly(!state.isMine),
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
  legendAt = -Infinity;
  one.forget();
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
    show: () => flame.show(state.shown?.model ?? null, state.shown?.was ?? null, true, false),
  },
});

setInterval(() => void polls.poll(false), POLL_MS);
arrive();
shareConnections(() => stream.close(), () => stream.open(state.scope, state.hasStacks));
