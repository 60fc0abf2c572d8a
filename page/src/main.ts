// The page: brings data, controls, graph, table and detail together. `pikos.show(data)` shows other data in its place.

import { groupInk, heatInk, isDarkNow, restInk, shadeOf, threadInk } from "./colours";
import type { Ink } from "./colours";
import { prepare } from "./data";
import type { Data, Profile } from "./data";
import { Detail } from "./detail";
import { find } from "./elements";
import { Graph } from "./graph";
import type { Drawn, Subject } from "./graph";
import { showHead } from "./head";
import { layoutOf } from "./layout";
import type { Layout } from "./layout";
import { boxesOf, OUTSIDE, REST, threadOf } from "./stacks";
import type { Choice } from "./stacks";
import { Table } from "./table";
import { followTheme } from "./theme";
import { Tooltip } from "./tooltip";
import { amount, counted, grouped, percent, signed } from "./words";

let profile: Profile;
let layout: Layout;
let choice: Choice;
let chosen: number | null = null;
let lit: number | null = null;
let pattern: RegExp | null = null;
/** Of a difference: the greatest change of one box. */
let greatest = 0;

const search = find<HTMLInputElement>("search");
const tooltip = new Tooltip();
const table = new Table((at) => choose(at, false));
const detail = new Detail({ choose: (at) => choose(at, true), focus: (at) => change({ focus: at }) });
const graph = new Graph({
  choose: (box) => {
    const what = layout.boxes.what[box.place]!;
    if (box.rest === null && what >= 0) choose(what, true);
    showZoom();
  },
  point: (box, x, y) => {
    if (box === null) return tooltip.hide();
    const lines = told(box);
    tooltip.show(lines, x, y);
    find("said").textContent = lines.join(", ");
  },
});

export function show(data: Data): void {
  profile = prepare(data);
  chosen = null;
  lit = null;
  choice = { thread: "", mine: false, inverted: false, collapsed: false, importing: profile.isImporting.includes(true), focus: null, older: false };
  showHead(profile, (group) => {
    lit = group;
    graph.paint(subject());
  });
  const hide = (id: string, isHidden: boolean): void => void (find(id).hidden = isHidden);
  hide("mine-label", !profile.hasOwn);
  hide("widths", !profile.isDifference);
  hide("imports-label", !choice.importing);
  showThreads();
  search.value = "";
  pattern = null;
  table.show(profile);
  table.filter(false, null);
  detail.show(profile, null);
  redraw();
}

/** The graph anew, after a control was used. */
function change(what: Partial<Choice>): void {
  choice = { ...choice, ...what };
  table.filter(choice.mine, pattern);
  redraw();
}

function redraw(): void {
  const boxes = boxesOf(profile, choice);
  layout = layoutOf(boxes, choice.older);
  greatest = 0;
  boxes.what.forEach((what, at) => {
    if (what !== REST) greatest = Math.max(greatest, Math.abs(boxes.own[at]! - boxes.wasOwn[at]!));
  });
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

function hasRecursion({ boxes }: Layout): boolean {
  // What comes again only after more callers than this is no recursion that anybody sees.
  return boxes.what.some((what, at) => {
    for (let above = boxes.parent[at]!, steps = 0; above >= 0 && steps < 256; above = boxes.parent[above]!, steps += 1) {
      if (boxes.what[above] === what && what >= 0) return true;
    }
    return false;
  });
}

function choose(at: number, isShown: boolean): void {
  chosen = at;
  table.mark(at, isShown);
  detail.show(profile, at);
  graph.paint(subject());
}

function nameOf(place: number): [string, string] {
  const what = layout.boxes.what[place]!;
  if (what === OUTSIDE) return ["outside of your code", ""];
  if (what === REST) return ["more", ""];
  if (what < 0) return [profile.threads[threadOf(what)]![0], "thread"];
  return [profile.functions.name[what]!, profile.functions.place[what]!];
}

/** What stands on a box: of a module's code, which module. */
function labelOf(place: number): [string, string] {
  const [name, where] = nameOf(place);
  const module = where.replace(/:\d+$/, "");
  return name === "<module>" && module !== "" ? [module, "<module>"] : [name, where];
}

function subject(): Subject {
  const isDark = isDarkNow();
  const { boxes } = layout;
  const { functions } = profile;
  const known = new Map<number, Ink>();
  const inkOf = (place: number): Ink => {
    const what = boxes.what[place]!;
    if (what < 0) return what === OUTSIDE ? restInk(isDark) : threadInk(isDark);
    if (profile.isDifference) return heatInk(greatest > 0 ? (boxes.own[place]! - boxes.wasOwn[place]!) / greatest : 0, isDark);
    let ink = known.get(what);
    if (ink === undefined) {
      ink = groupInk(profile, functions.group[what]!, isDark, shadeOf(functions.place[what]!));
      known.set(what, ink);
    }
    return ink;
  };
  const isAny = pattern !== null || lit !== null;
  return {
    ink: inkOf,
    label: labelOf,
    share: (place) => percent(layout.width[place]!),
    isFound: (place) => {
      if (!isAny) return null;
      const what = place < 0 ? -1 : boxes.what[place]!;
      if (what < 0) return false;
      const isLit = lit === null || functions.group[what] === lit;
      return isLit && (pattern === null || matches(what));
    },
    isChosen: (place) => chosen !== null && boxes.what[place] === chosen,
    restInk: restInk(isDark),
    ring: isDark ? "#ffffff" : "#16130f",
  };
}

function matches(what: number): boolean {
  return pattern !== null && (pattern.test(profile.functions.name[what]!) || pattern.test(profile.functions.place[what]!));
}

/** What is said of a box: its name, its place, its figures. */
function told(box: Drawn): string[] {
  const { unit } = profile;
  if (box.rest !== null) {
    const { count, time, part } = box.rest;
    return [`${grouped(count)} more`, "each too narrow to draw", `${amount(time, unit)} (${percent(part)})`];
  }
  const { boxes } = layout;
  const at = box.place;
  const [name, place] = nameOf(at);
  const lines = [name, place];
  if (profile.isDifference) {
    const moved = (was: number, is: number): string => `${amount(was, unit)} → ${amount(is, unit)} (${signed(is - was, unit)})`;
    lines.push(moved(boxes.wasCumulative[at]!, boxes.cumulative[at]!));
    if (!choice.inverted) lines.push(`own ${moved(boxes.wasOwn[at]!, boxes.own[at]!)}`);
  } else {
    const own = choice.inverted ? "" : `, own ${amount(boxes.own[at]!, unit)}`;
    lines.push(`${amount(boxes.cumulative[at]!, unit)} (${percent(layout.width[at]!)})${own}`);
    if (profile.stacks.calls !== null && boxes.calls[at]! > 0) lines.push(counted(boxes.calls[at]!, "call"));
  }
  return lines;
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
  pattern = null;
  search.setCustomValidity("");
  if (search.value !== "") {
    try {
      pattern = new RegExp(search.value, "i");
    } catch (error) {
      search.setCustomValidity(String((error as Error).message));
    }
  }
  table.filter(choice.mine, pattern);
  graph.paint(subject());
  tell();
}

/** What a search found, and what the graph can't show. */
function tell(): void {
  const found = find("found");
  found.classList.toggle("wrong", !search.validity.valid);
  if (!search.validity.valid) {
    found.textContent = search.validationMessage;
    return;
  }
  if (pattern === null) {
    found.textContent = "";
    return;
  }
  const { boxes, width } = layout;
  const isCovered = new Uint8Array(boxes.what.length);
  let [count, part] = [0, 0];
  boxes.what.forEach((what, at) => {
    const above = boxes.parent[at]!;
    const covered = above >= 0 && isCovered[above] === 1;
    const isFound = what >= 0 && width[at]! > 0 && matches(what);
    isCovered[at] = covered || isFound ? 1 : 0;
    if (isFound) count += 1;
    // What is found inside a found box is not counted twice.
    if (isFound && !covered) part += width[at]!;
  });
  found.textContent = `${counted(count, "stack")}, ${percent(part)} of the time`;
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
  showHead(profile, (group) => {
    lit = group;
    graph.paint(subject());
  });
  lit = null;
  detail.show(profile, chosen);
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
    told: told(box),
  }));
};
Object.assign(globalThis, { pikos: { show, boxes } });

show(JSON.parse(find("data").textContent ?? "") as Data);
