// The report: a page with its data inside. Brings controls, graph, table and detail together; `pikos.show(data)` shows other data.

import type { Ink } from "./colours";
import { columnsOf, differenceColumns } from "./columns";
import { Coroutines } from "./coroutines";
import { prepare } from "./data";
import type { Data, Profile, Surroundings } from "./data";
import { Detail } from "./detail";
import { find } from "./elements";
import { Graph } from "./graph";
import type { Subject } from "./graph";
import { showHead } from "./head";
import { LabelSets } from "./labels";
import { layoutOf } from "./layout";
import type { Layout } from "./layout";
import { Objects } from "./objects";
import { found, hasRecursion, patternIn, subjectOf, told } from "./picture";
import type { Picture } from "./picture";
import { SlowSteps } from "./slow";
import { boxesOf } from "./stacks";
import type { Choice } from "./stacks";
import { Table } from "./table";
import { followTheme } from "./theme";
import { Tooltip } from "./tooltip";
import { amount, counted } from "./words";

let profile: Profile;
let layout: Layout;
let choice: Choice;
let chosen: number | null = null;
let lit: number | null = null;
let pattern: RegExp | null = null;
let inks = new Map<number, Ink>();

const search = find<HTMLInputElement>("search");
const tooltip = new Tooltip();
const table = new Table((at) => choose(at, false));
const detail = new Detail({ choose: (at) => choose(at, true), focus: (at) => change({ focus: at }) });
const slow = new SlowSteps((at) => choose(at, true));
const coroutines = new Coroutines((at) => choose(at, true));
find("tasks").append(slow.root, coroutines.root);
const objects = new Objects();
find("objects").append(objects.types, objects.lines);
const labels = new LabelSets(null, false);
find("labels").append(labels.root);
for (const one of [slow.root, coroutines.root, objects.types, objects.lines, labels.root]) one.classList.add("pane");
const graph = new Graph({
  choose: (box) => {
    const what = layout.boxes.what[box.place]!;
    if (box.rest === null && what >= 0) choose(what, true);
    showZoom();
  },
  point: (box, x, y) => {
    if (box === null) return tooltip.hide();
    const lines = told(picture(), box);
    tooltip.show(lines, x, y);
    find("said").textContent = lines.join(", ");
  },
});

export function show(data: Data): void {
  profile = prepare(data);
  chosen = null;
  lit = null;
  choice = { thread: "", mine: false, inverted: false, collapsed: false, importing: profile.isImporting.includes(true), focus: null, older: false };
  showAbove();
  const hide = (id: string, isHidden: boolean): void => void (find(id).hidden = isHidden);
  hide("mine-label", !profile.hasOwn);
  hide("widths", !profile.isDifference);
  hide("imports-label", !choice.importing);
  showThreads();
  search.value = "";
  pattern = null;
  inks = new Map();
  const columns = profile.isDifference ? differenceColumns(profile) : columnsOf(profile, () => choice.mine);
  find("rows").classList.toggle("with-durations", profile.functions.p99 !== undefined);
  chosen = costliest();
  table.mark(chosen, false);
  table.show({ columns, rows, kind: (at) => profile.kind[at]!, counted: rowsCounted }, profile.isDifference ? "change" : "own");
  detail.show(profile, chosen, chosen === null ? null : around(chosen));
  showTasks();
  showObjects();
  // Where there is nothing else, nothing else is there.
  const areAlone = profile.objects !== undefined && profile.functions.name.length === 0;
  hide("flame", areAlone);
  hide("tables", areAlone);
  find("labels").hidden = profile.labels === undefined;
  labels.show((profile.labels ?? []).map((set) => ({ ...set, now: null, parts: [] })), profile.unit);
  redraw();
}

/** What stands above the graph. */
function showAbove(): void {
  const light = (group: number | null): void => {
    lit = group;
    graph.paint(subject());
  };
  showHead(profile, light, (at) => {
    choose(at, true);
    find("detail").scrollIntoView({ block: "nearest" });
  });
}

/** What blocked the event loop, and coroutines: those that a search leaves. */
function showTasks(): void {
  const { tasks, functions, kind } = profile;
  find("tasks").hidden = tasks === undefined;
  if (tasks === undefined) return;
  const names = { name: (at: number) => functions.name[at] ?? "?", place: (at: number) => functions.place[at] ?? "", kind: (at: number) => kind[at] ?? ("" as const) };
  const fits = (at: number): boolean => pattern === null || pattern.test(names.name(at)) || pattern.test(names.place(at));
  const steps = tasks.slow.filter(({ task, function: at, path }) => fits(at) || (task !== null && pattern?.test(task)) || path.some(([call]) => fits(call)));
  slow.show({ from: tasks.slow_from, count: tasks.slow_count, seconds: tasks.slow_seconds, steps, now: [], whose: () => "" }, names);
  coroutines.show(tasks.coroutines, names, fits);
}

/** Objects: the types and lines that a search leaves. */
function showObjects(): void {
  const { objects: columns } = profile;
  find("objects").hidden = columns === undefined;
  if (columns !== undefined) objects.show(columns, (text) => pattern === null || pattern.test(text));
}

/** The first of the table, whose detail stands there until another one is chosen. */
function costliest(): number | null {
  const { own, before } = profile.functions;
  const weight = (at: number): number => (own[at] ?? 0) - (before?.own[at] ?? 0);
  return rows().reduce<number | null>((most, at) => (most === null || weight(at) > weight(most) ? at : most), null);
}

/** Own functions alone, if these are asked for, and those whose name or place fits. */
function rows(): number[] {
  const { name, place, own } = profile.functions;
  return name.map((_, at) => at).filter((at) => {
    if (own[at] === null || (choice.mine && profile.kind[at] !== "own")) return false;
    return pattern === null || pattern.test(name[at]!) || pattern.test(place[at]!);
  });
}

function rowsCounted(count: number): string {
  const [left, time] = profile.functions.left;
  const more = left > 0 ? `; ${counted(left, "function")} that took the least (${amount(time, profile.unit)} together) aren't in this page` : "";
  return count === 0 ? "no function matches" : counted(count, "function") + more;
}

function picture(): Picture {
  return { figures: profile, layout, choice, threads: profile.threads, pattern, lit, chosen, inks };
}

const subject = (): Subject => subjectOf(picture());

/** What the page knows of a function beside its figures. */
function around(at: number): Surroundings {
  const without = profile.sources === null
    ? "This page was written without source; pikos report writes one with it, where the files are."
    : "Its source isn't in this page: it took too little time, or its file could not be read where the page was written.";
  return { callers: profile.callers.get(at) ?? [], callees: profile.callees.get(at) ?? [], source: profile.sourceOf.get(at) ?? null, without };
}

/** The graph anew, after a control was used. */
function change(what: Partial<Choice>): void {
  choice = { ...choice, ...what };
  table.select();
  redraw();
}

function redraw(): void {
  const boxes = boxesOf(profile, choice);
  layout = layoutOf(boxes, choice.older);
  find("collapse-label").hidden = choice.inverted || !(choice.collapsed || hasRecursion(layout));
  const pressed = (id: string, isOn: boolean): void => find(id).setAttribute("aria-pressed", String(isOn));
  pressed("down", !choice.inverted);
  pressed("up", choice.inverted);
  pressed("after", !choice.older);
  pressed("before", choice.older);
  find<HTMLInputElement>("mine").checked = choice.mine;
  find<HTMLInputElement>("collapse").checked = choice.collapsed;
  find<HTMLInputElement>("imports").checked = choice.importing;
  find("focus").hidden = choice.focus === null;
  find("focus-name").textContent = choice.focus === null ? "" : profile.functions.name[choice.focus]!;
  graph.show(layout, subject());
  showZoom();
  find("graph-empty").hidden = layout.total > 0;
  find("graph").hidden = layout.total <= 0;
  tell();
}

function choose(at: number, isShown: boolean): void {
  chosen = at;
  table.mark(at, isShown);
  detail.show(profile, at, around(at));
  graph.paint(subject());
}

function showThreads(): void {
  const select = find<HTMLSelectElement>("thread");
  const times = new Map<string, [number, number]>();
  const { parent, own } = profile.stacks;
  let number = 0;
  parent.forEach((_, at) => {
    while (number + 1 < profile.threads.length && profile.threads[number + 1]![1] <= at) number += 1;
    const name = profile.threads[number]?.[0];
    if (name !== undefined) times.set(name, [(times.get(name)?.[0] ?? 0) + (own[at] ?? 0), 0]);
  });
  for (const [name] of profile.threads) {
    const known = times.get(name) ?? [0, 0];
    times.set(name, [known[0], known[1] + 1]);
  }
  const option = (label: string, value: string): HTMLOptionElement => new Option(label, value);
  const order = [...times].sort((a, b) => b[1][0] - a[1][0]);
  select.replaceChildren(
    option("All threads together", "all"),
    option("Threads side by side", "side"),
    ...order.map(([name, [time, count]]) => option(`${name}${count > 1 ? ` × ${count}` : ""}, ${amount(time, profile.unit)}`, `=${name}`)),
  );
  select.value = "all";
  find("thread-label").hidden = profile.threads.length < 2;
}

function showZoom(): void {
  find<HTMLButtonElement>("reset").disabled = !graph.isZoomed;
}

function mark(): void {
  pattern = patternIn(search);
  table.select();
  showTasks();
  showObjects();
  graph.paint(subject());
  tell();
}

/** What a search found, and what the graph can't show. */
function tell(): void {
  const isWrong = !search.validity.valid;
  find("found").classList.toggle("wrong", isWrong);
  find("found").textContent = isWrong ? search.validationMessage : found(picture());
}

function zoomOut(): void {
  if (graph.isZoomed) graph.zoom(-1);
  else if (choice.focus !== null) change({ focus: null });
  showZoom();
}

const on = (id: string, event: string, act: () => void): void => find(id).addEventListener(event, act);
on("down", "click", () => change({ inverted: false }));
on("up", "click", () => change({ inverted: true }));
on("after", "click", () => change({ older: false }));
on("before", "click", () => change({ older: true }));
on("mine", "change", () => change({ mine: find<HTMLInputElement>("mine").checked }));
on("collapse", "change", () => change({ collapsed: find<HTMLInputElement>("collapse").checked }));
on("imports", "change", () => change({ importing: find<HTMLInputElement>("imports").checked }));
on("thread", "change", () => {
  const { value } = find<HTMLSelectElement>("thread");
  change({ thread: value === "side" ? null : value === "all" ? "" : value.slice(1) });
});
on("reset", "click", zoomOut);
on("focus", "click", () => change({ focus: null }));
on("search", "input", mark);
addEventListener("keydown", (event) => {
  const isTyping = event.target instanceof HTMLInputElement && event.target.type === "search";
  if (event.key === "Escape") {
    tooltip.hide();
    // In the field, it empties the field.
    if (!isTyping) zoomOut();
    else if (search.value === "") search.blur();
    else {
      search.value = "";
      mark();
    }
  }
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLSelectElement) return;
  const keys: Record<string, () => void> = {
    "/": () => search.focus(),
    i: () => change({ inverted: !choice.inverted }),
    u: () => profile.hasOwn && change({ mine: !choice.mine }),
  };
  const act = keys[event.key];
  if (act === undefined) return;
  event.preventDefault();
  act();
});
addEventListener("scroll", () => tooltip.hide(), { passive: true });
followTheme(() => {
  inks = new Map();
  showAbove();
  lit = null;
  detail.show(profile, chosen, chosen === null ? null : around(chosen));
  graph.paint(subject());
});
addEventListener("beforeprint", () => table.print(true));
addEventListener("afterprint", () => table.print(false));

// In a notebook the cell above says what ran.
if (window.parent !== window) document.documentElement.dataset["framed"] = "";

/** For whoever feeds the page, and for tests: what is drawn. */
const boxes = (): object[] => {
  const { left, top } = find("canvas").getBoundingClientRect();
  const now = subject();
  return graph.drawn.map((box) => ({
    name: box.name,
    left: left + box.left,
    top: top + box.top - find("graph").scrollTop,
    width: box.width,
    ink: box.rest === null ? now.ink(box.place).fill : now.restInk.fill,
    isFound: box.rest === null && now.isFound(box.place),
    told: told(picture(), box),
  }));
};
Object.assign(globalThis, { pikos: { show, boxes } });

show(JSON.parse(find("data").textContent ?? "") as Data);
