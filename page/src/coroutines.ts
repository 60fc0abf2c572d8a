// Coroutines by function: how often they began and went on, how long they ran and were parked, and what became of them.

import type { Names } from "./slow";
import { SortedTable } from "./sorted";
import { make } from "./elements";
import { age, amount, counted, grouped } from "./words";

/** Columns by function; times are seconds. */
export interface CoroutineColumns {
  function: number[];
  started: number[];
  steps: number[];
  run: number[];
  await: number[];
  longest: number[];
  /** When the longest step began: since recording did. */
  longest_at: number[];
  returned: number[];
  raised: number[];
  cancelled: number[];
  dropped: number[];
  never_awaited: number[];
  alive: number[];
}

interface Row {
  function: number;
  started: number;
  steps: number;
  run: number;
  parked: number;
  longest: number;
  /** When that was, and how they ended. */
  when: string;
  ends: string;
}

export class Coroutines {
  readonly root: HTMLElement;
  private readonly said = make("p", "hint");
  private readonly table: SortedTable<Row>;
  private names: Names = { name: () => "?", place: () => "", kind: () => "" };

  constructor(choose: (at: number) => void) {
    const time = (value: number): string => amount(value, null);
    this.table = new SortedTable<Row>({
      name: "of-coroutines",
      label: "coroutines by function",
      key: ({ function: at }) => String(at),
      choose: (row) => choose(row.function),
      figures: [
        { key: "elapsed", label: "elapsed", title: "from the first step to the end, or until now: run and await", value: ({ run, parked }) => run + parked, shown: ({ run, parked }) => time(run + parked) },
        { key: "run", label: "run", title: "time in steps, with all that they called or awaited meanwhile", value: ({ run }) => run, shown: ({ run }) => time(run) },
        { key: "await", label: "await", title: "time between steps: what it awaits isn't there yet, or the loop has other things to do", value: ({ parked }) => parked, shown: ({ parked }) => time(parked) },
        { key: "longest", label: "longest step", title: "the longest time for which it kept its loop", value: ({ longest }) => longest, shown: ({ longest }) => time(longest) },
        { key: "started", label: "started", title: "how many have begun", value: ({ started }) => started, shown: ({ started }) => grouped(started) },
        { key: "steps", label: "steps", title: "how often one began or went on", value: ({ steps }) => steps, shown: ({ steps }) => grouped(steps) },
      ],
      texts: [
        {
          key: "function", label: "coroutine", title: ({ function: at, when, ends }) => [this.names.name(at), this.names.place(at), when, ends].filter((text) => text !== "").join("\n"),
          fill: ({ function: at }) => [make("span", `name ${this.names.kind(at)}`, this.names.name(at)), make("span", "where", this.names.place(at))],
        },
        { key: "ends", label: "ends", title: ({ ends }) => ends, fill: ({ ends }) => [ends] },
      ],
    });
    this.root = make("section", "", make("h2", "", "Coroutines"), this.said, this.table.root);
  }

  /** Those that are to be seen. */
  show(columns: CoroutineColumns, names: Names, fits: (at: number) => boolean): void {
    this.names = names;
    const rows = columns.function.map((at, place): Row => ({
      function: at,
      started: columns.started[place]!,
      steps: columns.steps[place]!,
      run: columns.run[place]!,
      parked: columns.await[place]!,
      longest: columns.longest[place]!,
      when: columns.longest[place]! > 0 ? `longest step: ${amount(columns.longest[place]!, null)}, after ${age(columns.longest_at[place]!)}` : "",
      ends: endsOf(columns, place),
    }));
    const shown = rows.filter((row) => fits(row.function));
    this.root.hidden = rows.length === 0;
    this.said.textContent = shown.length === 0 ? "No coroutine matches." : `${counted(shown.length, "function")}; run and await are sums over all coroutines of each.`;
    this.table.root.hidden = shown.length === 0;
    this.table.show(shown);
  }
}

/** What didn't come to its end as usual. */
export function endsOf(columns: CoroutineColumns, place: number): string {
  const ends: [keyof CoroutineColumns, string][] = [["raised", "raised"], ["cancelled", "cancelled"], ["dropped", "dropped"], ["never_awaited", "never awaited"], ["alive", "not over"]];
  return ends.filter(([key]) => columns[key][place]! > 0).map(([key, what]) => `${grouped(columns[key][place]!)} ${what}`).join(", ");
}
