// Tasks: which steps blocked an event loop, which tasks are under way, and what each awaits.

import { Coroutines } from "../coroutines";
import type { Kind } from "../data";
import { find, make } from "../elements";
import { SlowSteps } from "../slow";
import type { Names } from "../slow";
import { SortedTable } from "../sorted";
import { amount, counted, grouped, program } from "../words";
import type { Tasks as Told } from "./events";
import type { Model } from "./model";
import { processOf, state } from "./state";

interface Task {
  key: string;
  /** What it is called, with its process where there are several. */
  name: string;
  function: number;
  awaits: number;
  runs: boolean;
  since: number;
  run: number;
  parked: number;
  steps: number;
  longest: number;
  /** The key of the task that made it, and what those are called that wait for it. */
  parent: string | null;
  awaitedBy: string[];
}

export class Tasks {
  private readonly root = find("tasks");
  private readonly said = make("p", "hint");
  private readonly missing = make("p", "hint missing");
  private readonly slow: SlowSteps;
  private readonly table: SortedTable<Task>;
  private readonly coroutines: Coroutines;
  private readonly underWay: HTMLElement;
  private readonly orders = make("span", "segments");
  private readonly split: HTMLElement;
  private names: Names = { name: () => "?", place: () => "", kind: () => "" };
  private slowFrom = Infinity;
  private told: [Told, Model | null] | null = null;

  constructor(choose: (at: number) => void) {
    this.slow = new SlowSteps(choose);
    const time = (value: number): string => amount(value, null);
    this.table = new SortedTable<Task>({
      name: "of-tasks",
      label: "tasks under way",
      key: ({ key }) => key,
      parent: ({ parent }) => parent,
      tree: "task",
      choose: (task, column) => choose(column === "awaits" ? task.awaits : task.function),
      figures: [
        { key: "waits", label: "waits", title: "how long it has waited; of a task that runs, how long this step has taken", value: ({ runs, since }) => (runs ? 0 : since), shown: ({ runs, since }) => (runs ? `runs ${time(since)}` : time(since)), kind: (task) => (this.keeps(task) ? "keeps" : task.runs ? "runs" : "") },
        { key: "longest", label: "longest step", title: "the longest time for which it kept its loop", value: ({ longest }) => longest, shown: ({ longest }) => time(longest), kind: ({ longest }) => (longest >= this.slowFrom ? "slow" : "") },
        { key: "run", label: "run", title: "time in steps, with all that they called", value: ({ run }) => run, shown: ({ run }) => time(run) },
        { key: "await", label: "await", title: "time between steps", value: ({ parked }) => parked, shown: ({ parked }) => time(parked) },
        { key: "steps", label: "steps", title: "how often it began or went on", value: ({ steps }) => steps, shown: ({ steps }) => grouped(steps) },
      ],
      texts: [
        { key: "task", label: "task", fill: ({ name }) => [name], title: ({ name }) => name },
        { key: "coroutine", label: "coroutine", fill: ({ function: at }) => this.named(at), title: ({ function: at }) => this.title(at) },
        { key: "awaits", label: "awaits now", fill: (task) => (task.awaits === task.function ? [] : this.named(task.awaits)), title: ({ awaits }) => this.title(awaits) },
        { key: "by", label: "awaited by", fill: ({ awaitedBy }) => (awaitedBy.length > 1 ? [`${awaitedBy[0]} `, make("span", "where", `+${awaitedBy.length - 1}`)] : awaitedBy), title: ({ awaitedBy }) => awaitedBy.join("\n") },
      ],
    });
    this.coroutines = new Coroutines(choose);
    this.underWay = make("section", "", make("h2", "", "Tasks under way"), this.said, this.orders, this.table.root);
    this.drawOrders();
    this.split = make("div", "halves", this.slow.root, make("div", "tables", this.underWay, this.coroutines.root));
    this.root.append(this.missing, this.split);
  }

  say(text: string): void {
    this.told = null;
    this.missing.textContent = text;
    this.missing.hidden = false;
    this.split.hidden = true;
  }

  show(told: Told, model: Model | null): void {
    this.told = [told, model];
    this.select();
  }

  /** Those that the fields leave. */
  select(): void {
    if (this.told === null) return;
    const [told, model] = this.told;
    this.missing.hidden = true;
    this.split.hidden = false;
    const names = (this.names = namesOf(told, model));
    const hasSeveral = told.processes.length > 1;
    const whose = (process: string | undefined): string => (hasSeveral && process !== undefined ? `${program(processOf(process)?.title ?? process)}: ` : "");
    const fits = (texts: string[], functions: number[]): boolean => {
      const all = [...texts, ...functions.flatMap((at) => [names.name(at), names.place(at)])];
      const has = (by: RegExp): boolean => all.some((text) => by.test(text));
      return (state.pattern === null || has(state.pattern)) && !(state.without !== null && has(state.without));
    };
    const { tasks } = told;
    const called = (id: number, name: string | undefined): string => name || `#${id}`;
    const keyOf = (at: number, id: number): string => `${tasks.process[at]} ${id}`;
    const known = new Map(tasks.id.map((id, at) => [keyOf(at, id), tasks.name[at]]));
    const rows = tasks.id.map((id, at): Task => ({
      key: keyOf(at, id),
      name: `${whose(tasks.process[at])}${called(id, tasks.name[at])}`,
      parent: tasks.parent[at] == null ? null : keyOf(at, tasks.parent[at]),
      awaitedBy: tasks.awaited_by[at]!.map((by) => called(by, known.get(keyOf(at, by)))),
      function: tasks.function[at]!,
      awaits: tasks.awaits[at]!,
      runs: tasks.runs[at]!,
      since: tasks.since[at]!,
      run: tasks.run[at]!,
      parked: tasks.await[at]!,
      steps: tasks.steps[at]!,
      longest: tasks.longest[at]!,
    }));
    const sum = (figure: (one: Told["processes"][number]) => number): number => told.processes.reduce((all, one) => all + figure(one), 0);
    this.slowFrom = Math.min(...told.processes.map(({ slow_from }) => slow_from));
    const shown = rows.filter(({ name, function: at, awaits }) => fits([name], [at, awaits]));
    const underWay = sum(({ under_way }) => under_way);
    const isLive = processOf(state.scope)?.kind !== "file" && state.scope !== "files";
    this.underWay.hidden = !isLive && rows.length === 0;
    const running = rows.filter(({ runs }) => runs).length;
    this.said.textContent = underWay === 0 ? "No task is under way." : `${counted(underWay, "task")}${running > 0 ? `, ${grouped(running)} of them running` : ""}${rows.length < underWay ? `; ${grouped(rows.length)} are here: those that wait the longest, had the longest steps, or ran the longest` : ""}${shown.length < rows.length ? `; ${counted(shown.length, "task")} found` : ""}.`;
    this.table.root.hidden = shown.length === 0;
    this.orders.hidden = !rows.some(({ parent }) => parent !== null);
    this.table.show(shown);
    this.coroutines.show(told.coroutines, names, (at) => fits([], [at]));
    this.slow.show({
      from: this.slowFrom,
      count: sum(({ slow_count }) => slow_count),
      seconds: sum(({ slow_seconds }) => slow_seconds),
      steps: told.slow.filter(({ task, function: at, path }) => fits(task === null ? [] : [task], [at, ...path.map(([call]) => call)])),
      now: shown.filter((task) => this.keeps(task)).map(({ name, awaits, since }) => ({ task: name, function: awaits, seconds: since })),
      whose: ({ process }) => whose(process),
    }, names);
  }

  private drawOrders(): void {
    this.orders.setAttribute("role", "group");
    this.orders.setAttribute("aria-label", "how tasks stand");
    const orders: [string, string, boolean][] = [["Tree", "each below the task that made it", true], ["List", "each for itself", false]];
    const made = orders.map(([label, title, of]) => {
      const button = make("button", "", label);
      button.type = "button";
      button.title = title;
      button.setAttribute("aria-pressed", String(of));
      button.addEventListener("click", () => {
        for (const one of made) one.setAttribute("aria-pressed", String(one === button));
        this.table.asTree(of);
      });
      return button;
    });
    this.orders.replaceChildren(...made);
  }

  /** Whether it keeps its loop longer than it may. */
  private keeps({ runs, since }: Task): boolean {
    return runs && since >= this.slowFrom;
  }

  private named(at: number): Node[] {
    return [make("span", `name ${this.names.kind(at)}`, this.names.name(at)), make("span", "where", this.names.place(at))];
  }

  private title(at: number): string {
    return `${this.names.name(at)}  ${this.names.place(at)}`;
  }
}

function namesOf({ labels }: Told, model: Model | null): Names {
  const places = new Map(labels.id.map((id, at) => [id, at]));
  const kind = (at: number): Kind | "" => model?.groups[labels.group[places.get(at) ?? -1] ?? -1]?.kind ?? "";
  return { name: (at) => labels.name[places.get(at) ?? -1] || "?", place: (at) => labels.place[places.get(at) ?? -1] ?? "", kind };
}
