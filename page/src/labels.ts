// Label sets: whose time it is. Each with its part of the whole, all names together or one of them alone.

import { make } from "./elements";
import { SortedTable } from "./sorted";
import { amount, counted, grouped, percent } from "./words";

/** Where a label set was at work: a thread. */
export interface Part {
  /** The scope that shows it alone. */
  scope: string;
  name: string;
  own: number;
  calls: number;
  now: number | null;
}

/** What ran under some labels; under none, if there are none. */
export interface LabelSet {
  labels: [name: string, value: string][];
  /** Of threads that are over and no longer kept apart: they had any labels, and nobody knows which. */
  isMixed?: boolean;
  own: number;
  calls: number;
  /** Its own time in the last interval, as a part of it; null: nobody knows. */
  now: number | null;
  /** The one with the most time first. */
  parts: Part[];
}

/** So many names can be chosen. */
const MOST_NAMES = 12;

/** The sets added up that are equal in one label; of all labels, if there is no name. */
export function byLabel(sets: LabelSet[], name: string | null): LabelSet[] {
  const sums = new Map<string, LabelSet>();
  for (const set of sets) {
    const labels = name === null ? set.labels : set.labels.filter(([one]) => one === name);
    const key = keyOf({ ...set, labels });
    const sum = sums.get(key);
    if (sum === undefined) {
      sums.set(key, { ...set, labels, parts: [...set.parts] });
      continue;
    }
    sum.parts.push(...set.parts);
    sum.own += set.own;
    sum.calls += set.calls;
    sum.now = sum.now === null && set.now === null ? null : (sum.now ?? 0) + (set.now ?? 0);
  }
  for (const { parts } of sums.values()) parts.sort((a, b) => b.own - a.own);
  return [...sums.values()];
}

function keyOf({ labels, isMixed }: LabelSet): string {
  return isMixed === true ? "mixed" : JSON.stringify([...labels].sort(([a], [b]) => (a < b ? -1 : Number(a > b))));
}

/** A label set, or below it a thread that was at work under it. */
interface Row {
  key: string;
  parent: string | null;
  set: LabelSet;
  part: Part | null;
  own: number;
  calls: number;
  now: number | null;
}

/** Each set, and below it its threads, where there are several. */
function rowsOf(sets: LabelSet[]): Row[] {
  return sets.flatMap((set) => {
    const { own, calls, now, parts } = set;
    const key = keyOf(set);
    const below = parts.length < 2 ? [] : parts.map((part): Row => ({ key: `${key} ${part.scope}`, parent: key, set, part, own: part.own, calls: part.calls, now: part.now }));
    return [{ key, parent: null, set, part: null, own, calls, now }, ...below];
  });
}

export class LabelSets {
  readonly root: HTMLElement;
  private readonly said = make("p", "hint");
  private readonly names = make("span", "segments");
  private readonly table: SortedTable<Row>;
  private name: string | null = null;
  private drawnNames = "";
  private shown: [LabelSet[], string | null] = [[], null];

  /** `choose` is told which scope somebody wants to see; where there are none, none can be chosen. */
  constructor(choose: ((scope: string) => void) | null, isLive: boolean) {
    const time = (value: number): string => amount(value, this.shown[1]);
    const whole = (): number => this.shown[0].reduce((sum, { own }) => sum + own, 0) || 1;
    const now = { key: "now", label: "now", title: "own time in the last interval, as a part of it", value: ({ now }: Row) => now ?? 0, shown: ({ now }: Row) => (now !== null && now > 0 ? percent(now) : "") };
    this.table = new SortedTable<Row>({
      name: "of-labels",
      label: "label sets",
      key: ({ key }) => key,
      parent: ({ parent }) => parent,
      tree: "labels",
      choose: ({ set, part }) => {
        const { scope } = part ?? set.parts[0] ?? {};
        if (scope !== undefined) choose?.(scope);
      },
      figures: [
        { key: "own", label: "own", title: "time in all functions while these labels were set", value: ({ own }) => own, shown: ({ own }) => time(own) },
        { key: "share", label: "own %", title: "its part of the whole", value: ({ own }) => own, shown: ({ own }) => percent(own / whole()) },
        ...(isLive ? [now] : []),
        { key: "calls", label: "calls", title: "calls that ended while these labels were set", value: ({ calls }) => calls, shown: ({ calls }) => grouped(calls) },
      ],
      texts: [
        {
          key: "labels", label: "labels",
          title: ({ set: { parts }, part }) => (part === null && parts.length > 1 ? `in ${counted(parts.length, "thread")}: a click shows the one where it took most` : parts.length > 0 ? "a click shows its functions" : ""),
          fill: ({ set, part }) => (part !== null ? [make("span", "where", part.name)] : this.named(set)),
        },
      ],
    });
    this.names.setAttribute("role", "group");
    this.names.setAttribute("aria-label", "which labels are told apart");
    this.root = make("section", "", make("h2", "", "Labels"), this.said, this.names, this.table.root);
    if (choose === null) this.root.classList.add("still");
  }

  private named({ labels, isMixed }: LabelSet): Node[] {
    if (isMixed === true) return [make("span", "where", "threads that are over, with any labels")];
    if (labels.length === 0) return [make("span", "where", this.name === null ? "without labels" : `without ${this.name}`)];
    return labels.map(([name, value]) => make("span", "label", make("i", "", `${name}=`), value));
  }

  show(sets: LabelSet[], unit: string | null): void {
    this.shown = [sets, unit];
    const names = [...new Set(sets.flatMap(({ labels }) => labels.map(([name]) => name)))].sort().slice(0, MOST_NAMES);
    if (this.name !== null && !names.includes(this.name)) this.name = null;
    this.drawNames(names);
    const rows = byLabel(sets, this.name);
    this.said.textContent = `${counted(byLabel(sets, null).filter(({ labels }) => labels.length > 0).length, "label set")}. A moment counts for the labels that were set just then.`;
    this.table.show(rowsOf(rows));
  }

  private drawNames(names: string[]): void {
    this.names.hidden = names.length < 2;
    const drawn = JSON.stringify([names, this.name]);
    if (drawn === this.drawnNames) return;
    this.drawnNames = drawn;
    const isFocused = this.names.contains(document.activeElement);
    this.names.replaceChildren(
      ...[null, ...names].map((name) => {
        const button = make("button", "", name ?? "All labels");
        button.type = "button";
        button.setAttribute("aria-pressed", String(name === this.name));
        button.addEventListener("click", () => {
          this.name = name;
          this.show(...this.shown);
        });
        return button;
      }),
    );
    if (isFocused) this.names.querySelector<HTMLElement>("[aria-pressed='true']")?.focus();
  }
}
