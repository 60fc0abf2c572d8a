// The list of processes: parents with their children, and the threads of each. Ended ones stay. Rows are kept, so that the
// keyboard and a screen reader stay where they are while figures change.

import { find, make } from "../elements";
import { amount, percent, program, short } from "../words";
import type { Process, Thread } from "./events";

interface Row {
  scope: string;
  level: number;
  name: string;
  title?: string;
  place: string;
  phase: string;
  figure: string;
  part: number;
  /** Whether there is something to fold; null: nothing. */
  isOpen: boolean | null;
}

/** So many threads are listed one by one; those that are over stand together by their names beyond that. */
const MOST_THREADS = 24;

export class ProcessList {
  private readonly root = find("processes");
  private readonly elements = new Map<string, HTMLElement>();
  private readonly open = new Set<string>();
  private processes: Process[] = [];
  private scope = "";

  constructor(private readonly choose: (scope: string) => void) {
    this.root.addEventListener("click", (event) => {
      const target = event.target as Element;
      const row = target.closest<HTMLElement>("[data-scope]");
      if (row === null) return;
      if (target.closest(".twist") !== null) this.fold(row.dataset["scope"]!);
      else this.choose(row.dataset["scope"]!);
    });
    this.root.addEventListener("keydown", (event) => this.key(event));
  }

  show(processes: Process[], scope: string): void {
    this.processes = processes;
    this.scope = scope;
    const [process, thread] = scope.split(":");
    if (thread !== undefined) this.open.add(process!);
    this.draw();
  }

  private draw(): void {
    const rows = this.rows();
    const seen = new Set<string>();
    let before: HTMLElement | null = null;
    for (const row of rows) {
      seen.add(row.scope);
      let element = this.elements.get(row.scope);
      if (element === undefined) {
        element = make("li", "process", make("span", "twist"), make("i", "state"), make("span", "name"), make("span", "figure"), make("span", "place"), make("i", "share"));
        element.setAttribute("role", "treeitem");
        element.dataset["scope"] = row.scope;
        this.elements.set(row.scope, element);
      }
      this.fill(element, row);
      const next: Element | null = before === null ? this.root.firstElementChild : before.nextElementSibling;
      if (next !== element) this.root.insertBefore(element, next);
      before = element;
    }
    for (const [scope, element] of this.elements) {
      if (seen.has(scope)) continue;
      element.remove();
      this.elements.delete(scope);
    }
  }

  private fill(element: HTMLElement, row: Row): void {
    const [twist, state, name, figure, place, share] = element.children as unknown as HTMLElement[];
    const isChosen = row.scope === this.scope;
    element.className = `process level-${Math.min(row.level, 6)} ${row.scope.includes(":") ? "thread" : ""}`;
    element.setAttribute("aria-level", String(row.level + 1));
    element.setAttribute("aria-selected", String(isChosen));
    element.tabIndex = isChosen || (!this.elements.has(this.scope) && element === this.root.firstElementChild) ? 0 : -1;
    if (row.isOpen === null) element.removeAttribute("aria-expanded");
    else element.setAttribute("aria-expanded", String(row.isOpen));
    const say = (where: HTMLElement, text: string): void => {
      if (where.textContent !== text) where.textContent = text;
    };
    say(twist!, row.isOpen === null ? "" : row.isOpen ? "▾" : "▸");
    state!.className = `state ${row.phase}`;
    say(name!, row.name);
    name!.title = row.title ?? row.name;
    say(figure!, row.figure);
    say(place!, row.place);
    share!.style.width = `${Math.min(row.part, 1) * 100}%`;
  }

  private rows(): Row[] {
    const { processes } = this;
    const rows: Row[] = [];
    const live = processes.filter(({ kind }) => kind === "live");
    const files = processes.filter(({ kind }) => kind === "file");
    const sum = (scope: string, name: string, of: Process[]): void => {
      const rate = of.reduce((all, one) => all + (one.calls_per_s ?? 0), 0);
      rows.push({ scope, level: 0, name, place: `${of.length} added up`, phase: "sum", figure: rate > 0 ? `${short(Math.round(rate))}/s` : "", part: 0, isOpen: null });
    };
    if (live.length > 1) sum("all", "All processes", live);
    const byPid = new Map(live.map((one) => [`${one.host ?? ""} ${one.pid}`, one]));
    const children = new Map<string, Process[]>();
    const roots: Process[] = [];
    for (const one of processes) {
      const parent = one.kind === "live" && one.parent !== null ? byPid.get(`${one.host ?? ""} ${one.parent}`) : undefined;
      if (parent === undefined || parent === one) roots.push(one);
      else children.set(parent.id, [...(children.get(parent.id) ?? []), one]);
    }
    const put = (one: Process, level: number): void => {
      const threads = threadRows(one);
      const isOpen = this.open.has(one.id);
      rows.push({ ...processRow(one), level, isOpen: threads.length > 1 ? isOpen : null });
      if (isOpen && threads.length > 1) rows.push(...threads.map((row) => ({ ...row, level: level + 1 })));
      for (const child of children.get(one.id) ?? []) put(child, level + 1);
    };
    for (const one of roots.filter(({ kind }) => kind !== "file")) put(one, 0);
    if (files.length > 1) sum(live.length > 0 ? "files" : "all", "All files", files);
    for (const one of files) put(one, 0);
    return rows;
  }

  private fold(scope: string): void {
    if (!this.open.delete(scope)) this.open.add(scope);
    this.draw();
  }

  private key(event: KeyboardEvent): void {
    const rows = [...this.root.children] as HTMLElement[];
    const at = rows.indexOf(event.target as HTMLElement);
    if (at < 0) return;
    const row = rows[at]!;
    const isOpen = row.getAttribute("aria-expanded");
    const level = (one: HTMLElement): number => Number(one.getAttribute("aria-level"));
    const acts: Record<string, () => HTMLElement | undefined | void> = {
      ArrowDown: () => rows[at + 1],
      ArrowUp: () => rows[at - 1],
      Home: () => rows[0],
      End: () => rows[rows.length - 1],
      ArrowRight: () => (isOpen === "false" ? this.fold(row.dataset["scope"]!) : rows[at + 1]),
      ArrowLeft: () => (isOpen === "true" ? this.fold(row.dataset["scope"]!) : rows.slice(0, at).reverse().find((one) => level(one) < level(row))),
      Enter: () => this.choose(row.dataset["scope"]!),
      " ": () => this.choose(row.dataset["scope"]!),
    };
    const act = acts[event.key];
    if (act === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const to = act();
    if (to) {
      for (const one of rows) one.tabIndex = one === to ? 0 : -1;
      to.focus();
    }
  }
}

function processRow(one: Process): Row {
  const busy = one.calls_per_s ?? 0;
  const figure = one.kind === "recorder" ? (one.recorder?.monitor === "objects" ? "objects" : "memory") : one.phase === "running" || one.phase === "paused" ? `${short(Math.round(busy))}/s` : one.phase;
  const place = [one.pid === null ? null : String(one.pid), one.host, one.elapsed === null ? null : amount(one.elapsed, null), (one.lost ?? 0) > 0 ? `${one.lost} lost` : null];
  const part = one.cpu !== null && one.elapsed ? one.cpu / one.elapsed : 0;
  return { scope: one.id, level: 0, name: program(one.title) || "(no name)", title: one.title, place: place.filter((part) => part !== null).join(" · "), phase: one.phase, figure, part: one.phase === "running" ? part : 0, isOpen: null };
}

/** Threads of a process; of many that are over, those with the most time. */
function threadRows(one: Process): Row[] {
  const weight = (thread: Thread): number => Number(!thread.over) * 1e12 + (thread.own ?? 0);
  return [...one.threads].sort((a, b) => weight(b) - weight(a)).slice(0, MOST_THREADS).map((thread) => ({
    scope: `${one.id}:${thread.id}`,
    level: 1,
    name: thread.name || `thread ${thread.id}`,
    place: thread.own === null ? "" : amount(thread.own, null),
    phase: thread.over ? "ended" : "thread",
    figure: thread.over ? "over" : thread.share === null ? "" : percent(thread.share),
    part: thread.over ? 0 : (thread.share ?? 0),
    isOpen: null,
  }));
}
