// A table of functions: sorted, and only so many rows of it in the page as are seen. Rows and cells are kept and filled
// anew, so that a click that began before new figures came still ends where it began.

import { find, make } from "./elements";

const ROW = 30;
/** A printed page has so many rows. */
const PRINTED = 40;

const LEAST_BAR = 0.01;
/** So many rows beyond what is seen are there, for a scroll that is drawn a frame late. */
const BEYOND = 3;

interface Cell {
  cell: HTMLElement;
  words: HTMLElement;
  text: Text;
  bar: HTMLElement | null;
}

interface Row {
  row: HTMLTableRowElement;
  cells: Cell[];
}

export interface Column {
  key: string;
  label: string;
  title: string;
  isText?: boolean;
  value: (at: number) => number | string;
  /** What stands in its cell, and a part of the whole for a bar. */
  shown: (at: number) => [string, number | null];
  /** What is drawn in its cell in place of words. */
  draw?: (cell: HTMLElement, at: number) => void;
}

/** What a table asks of whoever knows what is in it. */
export interface Listed {
  columns: Column[];
  /** The functions that are to be seen. */
  rows: () => number[];
  /** The class of a row. */
  kind: (at: number) => string;
  /** What is said of the number of rows. */
  counted: (rows: number) => string;
}

export class Table {
  private listed: Listed | null = null;
  private rows: number[] = [];
  private sorted = "own";
  private isUp = false;
  private chosen: number | null = null;
  private isPrinted = false;
  private readonly pool: Row[] = [];
  private readonly above = gap();
  private readonly below = gap();
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

  show(listed: Listed, sorted: string): void {
    this.listed = listed;
    this.sorted = sorted;
    this.isUp = false;
    this.pool.length = 0;
    this.select();
  }

  /** Other rows of the same, from the top. */
  select(): void {
    this.rows = this.listed?.rows() ?? [];
    this.sort();
    this.scroller.scrollTop = 0;
    this.drawHead();
    this.draw();
  }

  /** The columns of newer figures; there may be more of them. */
  recolumn(columns: Column[]): void {
    if (this.listed === null) return;
    const isOther = columns.length !== this.listed.columns.length;
    this.listed = { ...this.listed, columns };
    if (isOther) {
      this.pool.length = 0;
      this.drawHead();
    }
  }

  /** Newer figures. What is seen stays where it is; `isHeld`: in the same order. */
  refresh(isHeld: boolean): void {
    if (this.listed === null) return;
    if (!isHeld) {
      const rows = this.listed.rows();
      // What is nearly sorted is sorted fast. Functions come, and none goes.
      if (rows.length !== this.rows.length) this.rows = rows;
      this.sort();
    }
    this.draw();
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

  private sort(): void {
    const { columns } = this.listed!;
    const column = columns.find(({ key }) => key === this.sorted) ?? columns[0]!;
    const sign = this.isUp ? 1 : -1;
    if (column.isText) {
      const values = new Map(this.rows.map((at) => [at, column.value(at)]));
      this.rows.sort((a, b) => {
        const [one, other] = [values.get(a)!, values.get(b)!];
        return one === other ? a - b : (one < other ? -1 : 1) * sign;
      });
      return;
    }
    const values = new Float64Array(this.rows.reduce((most, at) => Math.max(most, at), -1) + 1);
    for (const at of this.rows) values[at] = (column.value(at) as number) * sign || 0;
    this.rows.sort((a, b) => values[a]! - values[b]! || a - b);
  }

  private drawHead(): void {
    this.head.replaceChildren(
      ...this.listed!.columns.map(({ key, label, title, isText }) => {
        const isSorted = key === this.sorted;
        const button = make("button", "", label, make("span", "arrow", isSorted ? (this.isUp ? "▲" : "▼") : ""));
        button.title = title;
        button.addEventListener("click", () => {
          this.isUp = isSorted ? !this.isUp : isText === true;
          this.sorted = key;
          this.sort();
          this.scroller.scrollTop = 0;
          this.drawHead();
          this.draw();
        });
        const cell = make("th", `${isText ? "text" : ""} c-${key}`, button);
        cell.scope = "col";
        cell.setAttribute("role", "columnheader");
        cell.setAttribute("aria-sort", isSorted ? (this.isUp ? "ascending" : "descending") : "none");
        return cell;
      }),
    );
  }

  private draw(): void {
    const { listed, rows, scroller, pool } = this;
    if (listed === null) return;
    const first = this.isPrinted ? 0 : Math.max(0, Math.floor(scroller.scrollTop / ROW) - BEYOND);
    const last = Math.min(rows.length, this.isPrinted ? PRINTED : Math.ceil((scroller.scrollTop + scroller.clientHeight) / ROW) + BEYOND);
    const count = Math.max(last - first, 0);
    while (pool.length < count) pool.push(this.row(listed.columns));
    for (let at = 0; at < count; at += 1) this.fill(pool[at]!, rows[first + at]!, listed);
    this.above.style.height = `${first * ROW}px`;
    this.below.style.height = `${this.isPrinted ? 0 : (rows.length - Math.max(last, first)) * ROW}px`;
    // The same rows again are not taken out and put in: a pointer may be on them.
    if (this.body.children.length !== count + 2 || this.body.children[1] !== (pool[0]?.row ?? this.below)) {
      this.body.replaceChildren(this.above, ...pool.slice(0, count).map(({ row }) => row), this.below);
    }
    find("rows-count").textContent = listed.counted(rows.length);
    scroller.setAttribute("aria-label", `table of functions, ${rows.length} rows`);
  }

  private row(columns: Column[]): Row {
    const cells = columns.map(({ key, isText }): Cell => {
      const [text, words] = [document.createTextNode(""), make("span", "")];
      words.append(text);
      const cell = make("td", `${isText ? "text" : ""} c-${key}`, words);
      // Style may take away that they are of a table.
      cell.setAttribute("role", "cell");
      return { cell, words, text, bar: null };
    });
    const row = make("tr", "", ...cells.map(({ cell }) => cell));
    row.setAttribute("role", "row");
    return { row, cells };
  }

  private fill({ row, cells }: Row, at: number, { columns, kind }: Listed): void {
    put(row, "className", `${kind(at)}${at === this.chosen ? " chosen" : ""}`);
    attribute(row, "data-at", String(at));
    attribute(row, "aria-selected", String(at === this.chosen));
    columns.forEach(({ shown, draw, isText }, place) => {
      const one = cells[place]!;
      if (draw !== undefined) return draw(one.words, at);
      const [text, part] = shown(at);
      if (one.text.data !== text) one.text.data = text;
      if (isText) put(one.cell, "title", text);
      // Less would be a line that looks like a border.
      const length = part === null || Math.abs(part) < LEAST_BAR ? 0 : Math.min(Math.abs(part), 1);
      if (length === 0 && one.bar === null) return;
      if (one.bar === null) one.cell.prepend((one.bar = make("i", "bar")));
      put(one.bar, "className", `bar${part !== null && part < 0 ? " less" : ""}${length === 0 ? " none" : ""}`);
      if (length > 0) one.bar.style.width = `${(length * 100).toFixed(1)}%`;
    });
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

function gap(): HTMLTableRowElement {
  return make("tr", "gap", make("td", ""));
}

function attribute(element: HTMLElement, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** Sets what differs: an element that is set to what it is would be laid out again. */
function put<K extends "className" | "textContent" | "title">(element: HTMLElement, name: K, value: string): void {
  if (element[name] !== value) element[name] = value;
}
