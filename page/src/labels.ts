// Label sets: whose time it is. Each with its part of the whole, all names together or one of them alone.

import { make } from "./elements";
import { SortedTable } from "./sorted";
import { amount, counted, grouped, percent } from "./words";

/** What ran under some labels; under none, if there are none. */
export interface LabelSet {
  labels: [name: string, value: string][];
  own: number;
  calls: number;
  /** Its own time in the last interval, as a part of it; null: nobody knows. */
  now: number | null;
  /** The scopes that it is in, the one with the most time first. */
  scopes: string[];
}

/** So many names can be chosen. */
const MOST_NAMES = 12;

/** The sets added up that are equal in one label; of all labels, if there is no name. */
export function byLabel(sets: LabelSet[], name: string | null): LabelSet[] {
  const sums = new Map<string, LabelSet & { most: number }>();
  for (const set of sets) {
    const labels = name === null ? set.labels : set.labels.filter(([one]) => one === name);
    const key = JSON.stringify([...labels].sort(([a], [b]) => (a < b ? -1 : Number(a > b))));
    const sum = sums.get(key);
    if (sum === undefined) {
      sums.set(key, { ...set, labels, scopes: [...set.scopes], most: set.own });
      continue;
    }
    if (set.own > sum.most) sum.scopes.unshift(...set.scopes);
    else sum.scopes.push(...set.scopes);
    sum.most = Math.max(sum.most, set.own);
    sum.own += set.own;
    sum.calls += set.calls;
    sum.now = sum.now === null && set.now === null ? null : (sum.now ?? 0) + (set.now ?? 0);
  }
  return [...sums.values()].map(({ most: _, ...set }) => set);
}

export class LabelSets {
  readonly root: HTMLElement;
  private readonly said = make("p", "hint");
  private readonly names = make("span", "segments");
  private readonly table: SortedTable<LabelSet>;
  private name: string | null = null;
  private drawnNames = "";
  private shown: [LabelSet[], string | null] = [[], null];

  /** `choose` is told which scope somebody wants to see; where there are none, none can be chosen. */
  constructor(choose: ((scope: string) => void) | null, isLive: boolean) {
    const time = (value: number): string => amount(value, this.shown[1]);
    const whole = (): number => this.shown[0].reduce((sum, { own }) => sum + own, 0) || 1;
    const now = { key: "now", label: "now", title: "own time in the last interval, as a part of it", value: ({ now }: LabelSet) => now ?? 0, shown: ({ now }: LabelSet) => (now !== null && now > 0 ? percent(now) : "") };
    this.table = new SortedTable<LabelSet>({
      name: "of-labels",
      label: "label sets",
      key: ({ labels }) => JSON.stringify(labels),
      choose: ({ scopes }) => scopes[0] !== undefined && choose?.(scopes[0]),
      figures: [
        { key: "own", label: "own", title: "time in all functions while these labels were set", value: ({ own }) => own, shown: ({ own }) => time(own) },
        { key: "share", label: "own %", title: "its part of the whole", value: ({ own }) => own, shown: ({ own }) => percent(own / whole()) },
        ...(isLive ? [now] : []),
        { key: "calls", label: "calls", title: "calls that ended while these labels were set", value: ({ calls }) => calls, shown: ({ calls }) => grouped(calls) },
      ],
      texts: [
        {
          key: "labels", label: "labels",
          title: ({ scopes }) => (scopes.length > 1 ? `in ${counted(scopes.length, "part")} of threads: a click shows the one where it took most` : scopes.length === 1 ? "a click shows its functions" : ""),
          fill: ({ labels }) => (labels.length === 0 ? [make("span", "where", this.name === null ? "without labels" : `without ${this.name}`)] : labels.map(([name, value]) => make("span", "label", make("i", "", `${name}=`), value))),
        },
      ],
    });
    this.names.setAttribute("role", "group");
    this.names.setAttribute("aria-label", "which labels are told apart");
    this.root = make("section", "", make("h2", "", "Labels"), this.said, this.names, this.table.root);
    if (choose === null) this.root.classList.add("still");
  }

  show(sets: LabelSet[], unit: string | null): void {
    this.shown = [sets, unit];
    const names = [...new Set(sets.flatMap(({ labels }) => labels.map(([name]) => name)))].sort().slice(0, MOST_NAMES);
    if (this.name !== null && !names.includes(this.name)) this.name = null;
    this.drawNames(names);
    const rows = byLabel(sets, this.name);
    this.said.textContent = `${counted(byLabel(sets, null).filter(({ labels }) => labels.length > 0).length, "label set")}. A moment counts for the labels that were set just then.`;
    this.table.show(rows);
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
