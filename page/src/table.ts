// The table of functions: sorted, searched, and only so many rows of it in the page as are seen.

import type { Profile } from "./data";
import { find, make } from "./elements";
import { amount, counted, grouped, percent } from "./words";

const ROW = 30;
/** A printed page has so many rows. */
const PRINTED = 40;

interface Column {
  key: string;
  label: string;
  title: string;
  isText?: boolean;
  value: (at: number) => number | string;
  /** What stands in its cell, and a part of the whole for a bar. */
  shown: (at: number) => [string, number | null];
}

export class Table {
  private profile: Profile | null = null;
  private columns: Column[] = [];
  private rows: number[] = [];
  private sorted = "own";
  private isUp = false;
  private isMine = false;
  private pattern: RegExp | null = null;
  private chosen: number | null = null;
  private isPrinted = false;
  private readonly scroller = find("rows");
  private readonly head = find("head");
  private readonly body = find("body");

  constructor(private readonly choose: (at: number) => void) {
    this.scroller.addEventListener("scroll", () => this.draw());
    this.scroller.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("click", (event) => {
      const row = (event.target as Element).closest<HTMLElement>("tr[data-at]");
      if (row !== null) this.choose(Number(row.dataset["at"]));
    });
    new ResizeObserver(() => this.draw()).observe(this.scroller);
  }

  show(profile: Profile): void {
    this.profile = profile;
    this.columns = profile.isDifference ? differenceColumns(profile) : columnsOf(profile, () => this.isMine);
    this.sorted = profile.isDifference ? "change" : "own";
    this.isUp = false;
    this.select();
  }

  /** Own functions alone, and those whose name or place fits. */
  filter(isMine: boolean, pattern: RegExp | null): void {
    this.isMine = isMine;
    this.pattern = pattern;
    this.select();
  }

  mark(at: number | null, isShown: boolean): void {
    this.chosen = at;
    const row = at === null ? -1 : this.rows.indexOf(at);
    if (isShown && row >= 0) {
      const { scroller } = this;
      const [top, height] = [row * ROW, scroller.clientHeight - ROW];
      if (top < scroller.scrollTop || top + ROW > scroller.scrollTop + height) scroller.scrollTop = Math.max(0, top - height / 2);
    }
    this.draw();
  }

  print(isPrinted: boolean): void {
    this.isPrinted = isPrinted;
    this.draw();
  }

  private select(): void {
    const { profile, pattern } = this;
    if (profile === null) return;
    const { name, place, own } = profile.functions;
    this.rows = [];
    name.forEach((text, at) => {
      if (own[at] === null) return;
      if (this.isMine && profile.kind[at] !== "own") return;
      if (pattern === null || pattern.test(text) || pattern.test(place[at]!)) this.rows.push(at);
    });
    this.sort();
  }

  private sort(): void {
    const column = this.columns.find(({ key }) => key === this.sorted) ?? this.columns[0]!;
    const sign = this.isUp ? 1 : -1;
    const values = new Map(this.rows.map((at) => [at, column.value(at)]));
    this.rows.sort((a, b) => {
      const [one, other] = [values.get(a)!, values.get(b)!];
      if (one === other) return a - b;
      return (one < other ? -1 : 1) * sign;
    });
    this.drawHead();
    this.scroller.scrollTop = 0;
    this.draw();
  }

  private drawHead(): void {
    this.head.replaceChildren(
      ...this.columns.map(({ key, label, title, isText }) => {
        const isSorted = key === this.sorted;
        const button = make("button", "", label, make("span", "arrow", isSorted ? (this.isUp ? "▲" : "▼") : ""));
        button.title = title;
        button.addEventListener("click", () => {
          this.isUp = isSorted ? !this.isUp : isText === true;
          this.sorted = key;
          this.sort();
        });
        const cell = make("th", `${isText ? "text" : ""} c-${key}`, button);
        cell.scope = "col";
        cell.setAttribute("aria-sort", isSorted ? (this.isUp ? "ascending" : "descending") : "none");
        return cell;
      }),
    );
  }

  private draw(): void {
    const { profile, rows, scroller } = this;
    if (profile === null) return;
    const first = this.isPrinted ? 0 : Math.max(0, Math.floor(scroller.scrollTop / ROW) - 8);
    const last = this.isPrinted ? PRINTED : Math.ceil((scroller.scrollTop + scroller.clientHeight) / ROW) + 8;
    const gap = (count: number): HTMLElement => {
      const row = make("tr", "gap", make("td", ""));
      row.style.height = `${Math.max(count, 0) * ROW}px`;
      return row;
    };
    const seen = rows.slice(first, last).map((at) => this.row(at));
    this.body.replaceChildren(gap(first), ...seen, gap(this.isPrinted ? 0 : rows.length - Math.min(last, rows.length)));
    const left = profile.functions.left[0];
    const more = left > 0 ? `; ${counted(left, "function")} that took the least (${amount(profile.functions.left[1], profile.unit)} together) aren't in this page` : "";
    find("rows-count").textContent = rows.length === 0 ? "no function matches" : counted(rows.length, "function") + more;
    scroller.setAttribute("aria-label", `table of functions, ${rows.length} rows`);
  }

  private row(at: number): HTMLElement {
    const profile = this.profile!;
    const cells = this.columns.map((column) => {
      const [text, part] = column.shown(at);
      const cell = make("td", `${column.isText ? "text" : ""} c-${column.key}`, make("span", "", text));
      if (column.isText) cell.title = text;
      if (part !== null) {
        const bar = make("i", `bar${part < 0 ? " less" : ""}`);
        bar.style.width = `${Math.min(Math.abs(part), 1) * 100}%`;
        cell.prepend(bar);
      }
      return cell;
    });
    const row = make("tr", `${profile.kind[at]}${at === this.chosen ? " chosen" : ""}`, ...cells);
    row.dataset["at"] = String(at);
    row.setAttribute("aria-selected", String(at === this.chosen));
    return row;
  }

  private key(event: KeyboardEvent): void {
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / ROW) - 2);
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (step === undefined || this.rows.length === 0) return;
    event.preventDefault();
    const now = this.chosen === null ? -1 : this.rows.indexOf(this.chosen);
    const next = now < 0 ? 0 : Math.min(Math.max(now + step, 0), this.rows.length - 1);
    this.choose(this.rows[next]!);
  }
}

function columnsOf(profile: Profile, isMine: () => boolean): Column[] {
  const { functions, unit, heading } = profile;
  const own = (at: number): number => (isMine() ? functions.folded?.[at] : undefined) ?? functions.own[at] ?? 0;
  const whole = heading.total || 1;
  // The head has the unit, where it is always the same.
  const time = (value: number): string => (unit === null ? amount(value, null) : grouped(value));
  const calls = (at: number): string => {
    const [all, primitive] = [functions.calls[at]!, functions.primitive[at]!];
    return all === primitive ? grouped(all) : `${grouped(all)} / ${grouped(primitive)}`;
  };
  const columns: Column[] = [
    { key: "own", label: named("own", unit), title: "time in the function itself", value: own, shown: (at) => [time(own(at)), own(at) / whole] },
    { key: "share", label: "own %", title: "its part of the whole", value: own, shown: (at) => [percent(own(at) / whole), null] },
    { key: "cumulative", label: named("cumulative", unit), title: "time in it and all that it called", value: (at) => functions.cumulative[at]!, shown: (at) => [time(functions.cumulative[at]!), null] },
  ];
  if (profile.counted) {
    const each = (at: number): number => functions.cumulative[at]! / (functions.primitive[at]! || 1);
    columns.push(
      { key: "calls", label: "calls", title: "all calls / those that were not recursive", value: (at) => functions.calls[at]!, shown: (at) => [calls(at), null] },
      { key: "each", label: "per call", title: "cumulative time of one call", value: each, shown: (at) => [time(each(at)), null] },
    );
  }
  return [...columns, ...nameColumns(profile)];
}

function differenceColumns(profile: Profile): Column[] {
  const { functions, unit } = profile;
  const before = functions.before!;
  const own = (at: number): number => functions.own[at] ?? 0;
  const change = (at: number): number => own(at) - before.own[at]!;
  const whole = (at: number): number => functions.cumulative[at]! - before.cumulative[at]!;
  const greatest = functions.own.reduce((most: number, _, at) => Math.max(most, Math.abs(change(at))), 0) || 1;
  // The head has the unit, where it is always the same.
  const time = (value: number): string => (unit === null ? amount(value, null) : grouped(value));
  const columns: Column[] = [
    { key: "change", label: named("Δ own", unit), title: "time in the function itself, after less before", value: change, shown: (at) => [sign(change(at)) + time(change(at)), change(at) / greatest] },
    { key: "was", label: "before", title: "own time in the older profile", value: (at) => before.own[at]!, shown: (at) => [time(before.own[at]!), null] },
    { key: "is", label: "after", title: "own time in the newer profile", value: own, shown: (at) => [time(own(at)), null] },
    { key: "cumulative", label: named("Δ cumulative", unit), title: "with all that it called", value: whole, shown: (at) => [sign(whole(at)) + time(whole(at)), null] },
  ];
  if (profile.counted) {
    const calls = (at: number): number => functions.calls[at]! - before.calls[at]!;
    columns.push({ key: "calls", label: "Δ calls", title: "calls after less calls before", value: calls, shown: (at) => [sign(calls(at)) + grouped(calls(at)), null] });
  }
  return [...columns, ...nameColumns(profile)];
}

const sign = (value: number): string => (value > 0 ? "+" : "");

const named = (label: string, unit: string | null): string => (unit === null ? label : `${label}, ${unit}`);

function nameColumns({ functions }: Profile): Column[] {
  return [
    { key: "name", label: "function", title: "its name", isText: true, value: (at) => functions.name[at]!, shown: (at) => [functions.name[at]!, null] },
    { key: "place", label: "where", title: "its file and line", isText: true, value: (at) => functions.place[at]!, shown: (at) => [functions.place[at]!, null] },
  ];
}
