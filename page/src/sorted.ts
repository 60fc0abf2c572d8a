// A table whose rows stand in the order of one of their figures, the greatest first. Figures change; the row that was chosen stays chosen, and
// the keyboard stays on it.

import { make, pressedIn } from "./elements";
import { heads } from "./heads";

/** So long after a pointer moved over the rows they keep their order: what is about to be clicked doesn't run away. */
const HELD_MS = 1500;
/** So many rows are there at first, */
const FEW = 20;
/** and so many when they are asked for; more than that nobody reads. */
const MOST = 300;
/** What stands deeper in a tree isn't drawn deeper. */
const DEEPEST = 12;

export interface FigureColumn<R> {
  key: string;
  label: string;
  title: string;
  /** What it is sorted by. */
  value: (row: R) => number;
  shown: (row: R) => string;
  /** A class of its cell. */
  kind?: (row: R) => string;
}

export interface TextColumn<R> {
  key: string;
  label: string;
  fill: (row: R) => (Node | string)[];
  title: (row: R) => string;
}

/** What a table asks of whoever knows what is in it. */
export interface Sorted<R> {
  /** A class of its own, for its looks. */
  name: string;
  label: string;
  figures: FigureColumn<R>[];
  texts: TextColumn<R>[];
  /** Tells a row from the others, now and later. */
  key: (row: R) => string;
  /** In a tree: the row that it stands below, by its key, and the text that shows how deep it is. */
  parent?: (row: R) => string | null;
  tree?: string;
  /** A click on it, or a key that led to it; `column` is where it was clicked. */
  choose: (row: R, column: string | null) => void;
}

export class SortedTable<R> {
  readonly root: HTMLElement;
  private readonly head = make("tr", "");
  private readonly body = make("tbody", "");
  private readonly more = make("button", "quiet");
  private isWhole = false;
  private rows: R[] = [];
  private order: string[] = [];
  private sorted: string;
  private chosen: string | null = null;
  private pointed = -Infinity;
  private drawn = "";
  private readonly isPressed: () => boolean;
  private isTree = true;

  constructor(private readonly about: Sorted<R>) {
    this.sorted = about.figures[0]!.key;
    const table = make("table", "lines", make("thead", "", this.head), this.body);
    table.setAttribute("aria-label", about.label);
    this.root = make("div", `sorted ${about.name}`, table, this.more);
    this.more.type = "button";
    this.more.addEventListener("click", () => {
      this.isWhole = true;
      this.draw(true);
    });
    this.isPressed = pressedIn(this.body);
    this.body.addEventListener("pointermove", () => (this.pointed = performance.now()), { passive: true });
    this.body.addEventListener("pointerleave", () => (this.pointed = -Infinity));
    this.body.addEventListener("click", (event) => {
      const cell = (event.target as Element).closest<HTMLElement>("td");
      const row = cell?.closest<HTMLElement>("tr");
      if (row != null) this.choose(row.dataset["key"]!, cell!.dataset["column"] ?? null);
    });
    this.body.addEventListener("keydown", (event) => this.key(event));
    this.drawHead();
  }

  show(rows: R[]): void {
    this.rows = rows;
    if (!this.isPressed()) this.draw(performance.now() - this.pointed < HELD_MS);
  }

  /** Whether rows stand below those that they belong to, where they do to any. */
  asTree(isTree: boolean): void {
    this.isTree = isTree;
    this.draw(false);
  }

  private drawHead(): void {
    const { figures, texts } = this.about;
    const columns = figures.map(({ key, label, title }) => [key, label, title] as const);
    const text = texts.map(({ key, label }) => {
      const cell = make("th", `text c-${key}`, label);
      cell.scope = "col";
      return cell;
    });
    const isFocused = this.head.contains(document.activeElement);
    this.head.replaceChildren(
      ...heads(columns, this.sorted, (key) => {
        this.sorted = key;
        this.drawHead();
        this.draw(false);
      }),
      ...text,
    );
    if (isFocused) this.head.querySelector<HTMLElement>("th[aria-sort='descending'] button")?.focus();
  }

  private draw(isHeld: boolean): void {
    const { figures, texts, key } = this.about;
    const { value } = figures.find((one) => one.key === this.sorted)!;
    const places = new Map(this.order.map((known, at) => [known, at]));
    const parent = this.isTree ? this.about.parent : undefined;
    const rank = parent === undefined ? value : ranks(this.rows, key, parent, value);
    const by = (a: R, b: R): number => rank(b) - rank(a) || (key(a) < key(b) ? -1 : 1);
    const place = (row: R): number => places.get(key(row)) ?? Number.MAX_SAFE_INTEGER;
    const sorted = [...this.rows].sort(isHeld ? (a, b) => place(a) - place(b) || by(a, b) : by);
    const [all, depths] = parent === undefined ? [sorted, null] : below(sorted, key, parent);
    const shown = all.slice(0, this.isWhole ? MOST : FEW);
    this.order = shown.map(key);
    const left = Math.min(this.rows.length, MOST) - shown.length;
    this.more.hidden = left <= 0;
    this.more.textContent = `${left} more`;
    const isFocused = this.body.contains(document.activeElement);
    const greatest = Math.max(...shown.map(value), 1e-9);
    const isThere = shown.some((row) => key(row) === this.chosen);
    const made = shown.map((row, at) => {
      const cells = figures.map((one) => {
        const cell = make("td", `c-${one.key} ${one.kind?.(row) ?? ""}`, make("span", "", one.shown(row)));
        if (one.key === this.sorted && value(row) > 0) {
          const bar = make("i", "bar");
          bar.style.width = `${(100 * value(row)) / greatest}%`;
          cell.prepend(bar);
        }
        return cell;
      });
      const words = texts.map((one) => {
        const cell = make("td", `text c-${one.key}`, ...one.fill(row));
        cell.title = one.title(row);
        cell.dataset["column"] = one.key;
        const depth = one.key === this.about.tree ? (depths?.get(row) ?? 0) : 0;
        if (depth > 0) cell.prepend(make("span", "branch", `${" ".repeat(2 * Math.min(depth - 1, DEEPEST))}└ `));
        return cell;
      });
      const isChosen = key(row) === this.chosen;
      const line = make("tr", isChosen ? "chosen" : "", ...cells, ...words);
      line.dataset["key"] = key(row);
      line.tabIndex = isChosen || (!isThere && at === 0) ? 0 : -1;
      if (isChosen) line.setAttribute("aria-current", "true");
      return line;
    });
    // What hasn't changed stays: somebody may be about to click it.
    const drawn = made.map(({ outerHTML }) => outerHTML).join("");
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.body.replaceChildren(...made);
    if (isFocused) this.body.querySelector<HTMLElement>("tr[tabindex='0']")?.focus({ preventScroll: true });
  }

  private choose(wanted: string, column: string | null): void {
    const row = this.rows.find((one) => this.about.key(one) === wanted);
    if (row === undefined) return;
    this.chosen = wanted;
    this.draw(true);
    this.about.choose(row, column);
  }

  private key(event: KeyboardEvent): void {
    const row = (event.target as Element).closest<HTMLElement>("tr");
    const next = { ArrowDown: row?.nextElementSibling, ArrowUp: row?.previousElementSibling, Enter: row }[event.key] as HTMLElement | null | undefined;
    if (next == null) return;
    event.preventDefault();
    this.choose(next.dataset["key"]!, null);
    this.body.querySelector<HTMLElement>("tr[aria-current]")?.focus();
  }
}

/** What a row stands below, where that is among them; nothing is below itself. */
function parents<R>(rows: R[], key: (row: R) => string, parent: (row: R) => string | null): Map<R, R> {
  const known = new Map(rows.map((row) => [key(row), row]));
  const found = new Map<R, R>();
  for (const row of rows) {
    const wanted = parent(row);
    const above = wanted === null ? undefined : known.get(wanted);
    if (above === undefined) continue;
    let next: R | undefined = above;
    while (next !== undefined && next !== row) next = found.get(next);
    if (next === undefined) found.set(row, above);
  }
  return found;
}

/** What counts for a row is the greatest of all that stand below it. */
export function ranks<R>(rows: R[], key: (row: R) => string, parent: (row: R) => string | null, value: (row: R) => number): (row: R) => number {
  const above = parents(rows, key, parent);
  const greatest = new Map(rows.map((row) => [row, value(row)]));
  for (const row of rows) {
    const own = value(row);
    for (let next = above.get(row); next !== undefined && greatest.get(next)! < own; next = above.get(next)) greatest.set(next, own);
  }
  return (row) => greatest.get(row) ?? value(row);
}

/** The rows, each below the one that it belongs to, and how deep; those that stand side by side in their order. */
export function below<R>(rows: R[], key: (row: R) => string, parent: (row: R) => string | null): [R[], Map<R, number>] {
  const above = parents(rows, key, parent);
  const children = new Map<R | undefined, R[]>();
  for (const row of rows) {
    const of = above.get(row);
    const siblings = children.get(of);
    if (siblings === undefined) children.set(of, [row]);
    else siblings.push(row);
  }
  const depths = new Map<R, number>();
  const all: R[] = [];
  const left: [R, number][] = (children.get(undefined) ?? []).map((row): [R, number] => [row, 0]).reverse();
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const [row, depth] = next;
    all.push(row);
    depths.set(row, depth);
    for (const child of (children.get(row) ?? []).reverse()) left.push([child, depth + 1]);
  }
  return [all, depths];
}
