// What blocked the event loop: steps that were too long, those alike as one, each with the calls that took more than half of it. The last call
// is the place to look at.

import type { Kind } from "./data";
import { make, pressedIn } from "./elements";
import { age, amount, counted, grouped } from "./words";

/** A step that kept its loop too long. Times are seconds. */
export interface SlowStep {
  process?: string;
  /** When it began: since recording did. */
  at: number;
  seconds: number;
  /** The task's name; null: a callback. */
  task: string | null;
  function: number;
  /** The calls that took more than half of it, the outermost first. */
  path: [number, number][];
}

/** Steps that took their time in the same calls. */
export interface Alike {
  key: string;
  longest: SlowStep;
  all: SlowStep[];
}

/** What functions are called. */
export interface Names {
  name(at: number): string;
  place(at: number): string;
  kind(at: number): Kind | "";
}

export interface Blocked {
  /** From how many seconds on a step is slow; how many there were, and how long they took together. */
  from: number;
  count: number;
  seconds: number;
  steps: SlowStep[];
  /** Those that keep a loop now, and have for so long. */
  now: { task: string; function: number; seconds: number }[];
  /** Whose task it is, where there are several processes. */
  whose(step: SlowStep): string;
}

/** So many kinds of steps are shown at first, */
const FEW = 5;
/** so many calls of one, */
const CALLS = 6;
/** and so many steps of a kind, when they are asked for. */
const MOST = 50;

/** Those that are alike are one, in the order of the longest of each. */
export function alike(steps: SlowStep[]): Alike[] {
  const kinds = new Map<string, Alike>();
  for (const step of [...steps].sort((a, b) => b.seconds - a.seconds)) {
    const key = [step.function, ...step.path.map(([call]) => call)].join();
    const known = kinds.get(key);
    if (known === undefined) kinds.set(key, { key, longest: step, all: [step] });
    else known.all.push(step);
  }
  return [...kinds.values()];
}

export class SlowSteps {
  readonly root = make("section", "blocked");
  private readonly isPressed = pressedIn(this.root);
  private readonly title = make("h2", "", "What blocked the event loop");
  private readonly said = make("p", "hint");
  private readonly now = make("div", "");
  private readonly list = make("ol", "kinds");
  private readonly more = make("button", "quiet");
  private readonly open = new Set<string>();
  private isWhole = false;
  private shown: [Blocked, Names] | null = null;
  private drawn = "";

  constructor(private readonly choose: (at: number) => void) {
    this.root.append(this.title, this.said, this.now, this.list, this.more);
    this.root.setAttribute("aria-label", "what blocked the event loop");
    this.more.type = "button";
    this.more.addEventListener("click", () => {
      this.isWhole = true;
      if (this.shown !== null) this.draw(...this.shown);
    });
    this.root.addEventListener("click", (event) => {
      const button = (event.target as Element).closest<HTMLElement>("button[data-at]");
      if (button !== null) this.choose(Number(button.dataset["at"]));
    });
  }

  show(blocked: Blocked, names: Names): void {
    this.shown = [blocked, names];
    if (!this.isPressed()) this.draw(blocked, names);
  }

  private draw(blocked: Blocked, names: Names): void {
    const { from, count, seconds, steps, now, whose } = blocked;
    const kinds = alike(steps);
    const told = [count, seconds, steps.length, steps[0]?.seconds, steps[0]?.at, this.isWhole, kinds.map(({ all, longest }) => [all.length, longest.seconds, names.name(longest.function), names.kind(longest.function)])];
    this.drawNow(now, names);
    // What hasn't changed stays, with what is open in it, marked or about to be clicked.
    const wanted = JSON.stringify(told);
    if (wanted === this.drawn) return;
    this.drawn = wanted;
    this.said.textContent = count === 0 ? `Nothing has: no step took ${amount(from, null)} or longer.` : `${counted(count, "step")} of ${amount(from, null)} or longer took ${amount(seconds, null)}${steps.length < count ? `; the longest ${grouped(steps.length)} are here` : ""}.`;
    const focused = document.activeElement instanceof HTMLElement && this.list.contains(document.activeElement) ? document.activeElement.dataset["place"] : undefined;
    const first = this.isWhole ? kinds : kinds.slice(0, FEW);
    this.list.replaceChildren(...first.map((kind) => this.kind(kind, steps[0] === undefined ? 1 : kinds[0]!.longest.seconds, names, whose)));
    this.more.hidden = kinds.length <= first.length;
    this.more.textContent = `${grouped(kinds.length - first.length)} more`;
    if (focused !== undefined) this.list.querySelector<HTMLElement>(`[data-place="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  private drawNow(now: Blocked["now"], names: Names): void {
    const said = now.map(({ task, function: at, seconds }) => `${task} ${seconds} ${at} ${names.name(at)}`).join();
    if (this.now.dataset["said"] === said) return;
    this.now.dataset["said"] = said;
    this.now.replaceChildren(
      ...now.map(({ task, function: at, seconds }) => {
        const button = make("button", `keeps ${names.kind(at)}`, make("strong", "took", amount(seconds, null)), make("span", "name", names.name(at)), make("span", "task", `in ${task}: keeps its loop right now`));
        button.type = "button";
        button.dataset["at"] = String(at);
        return button;
      }),
    );
  }

  /** The longest of those that are alike, its calls below it, and the others when they are asked for. */
  private kind({ key, longest, all }: Alike, greatest: number, names: Names, whose: Blocked["whose"]): HTMLElement {
    const bar = make("i", "bar");
    bar.style.width = `${(100 * longest.seconds) / (greatest || 1)}%`;
    const times = all.length > 1 ? `${grouped(all.length)} times, the longest ` : "";
    const head = make(
      "button", `step ${names.kind(longest.function)}`, bar, make("strong", "took", amount(longest.seconds, null)), make("span", "name", names.name(longest.function)),
      make("span", "task", `${times}in ${taskOf(longest, whose)}, ${after(longest)}`, names.place(longest.function) === "" ? null : make("span", "where", names.place(longest.function))),
    );
    head.type = "button";
    [head.dataset["at"], head.dataset["place"]] = [String(longest.function), key];
    // The step's own function stands above already.
    const path = longest.path.filter(([call], at) => call !== longest.function || at > 0);
    const cut = Math.max(path.length - CALLS, 0);
    const calls = make("ol", "calls");
    path.slice(cut).forEach(([call, seconds], at) => {
      if (cut > 0 && at === 0) calls.append(make("li", "hint", `… ${counted(cut, "call")} …`));
      const isLast = cut + at === path.length - 1;
      const button = make("button", `${names.kind(call)} ${isLast ? "last" : ""}`, make("span", "figures", amount(seconds, null)), make("span", "name", names.name(call)), make("span", "where", names.place(call)));
      button.type = "button";
      button.title = isLast ? `${names.name(call)}: the place to look at. What it calls takes less than half of the step each.` : `${names.name(call)}, ${names.place(call)}`;
      [button.dataset["at"], button.dataset["place"]] = [String(call), `${key} ${cut + at}`];
      button.style.paddingLeft = `${12 + 10 * at}px`;
      calls.append(make("li", "", button));
    });
    const item = make("li", "", head, ...(path.length > 0 ? [calls] : []));
    if (all.length > 1) item.append(this.others(key, all, whose));
    return item;
  }

  private others(key: string, all: SlowStep[], whose: Blocked["whose"]): HTMLElement {
    const details = make("details", "", make("summary", "", `all ${grouped(all.length)}`));
    const fill = (): void => {
      if (details.children.length > 1) return;
      const rows = all.slice(0, MOST).map((step) => make("tr", "", make("td", "", amount(step.seconds, null)), make("td", "text", taskOf(step, whose)), make("td", "", after(step))));
      const table = make("table", "each", make("tbody", "", ...rows));
      details.append(table, ...(all.length > MOST ? [make("p", "hint", `and ${grouped(all.length - MOST)} more`)] : []));
    };
    details.open = this.open.has(key);
    if (details.open) fill();
    details.addEventListener("toggle", () => {
      if (details.open) {
        fill();
        this.open.add(key);
      } else this.open.delete(key);
    });
    details.firstElementChild!.setAttribute("data-place", `${key} all`);
    return details;
  }
}

/** When it was, in one piece. */
function after(step: SlowStep): string {
  return `after ${age(step.at)}`.replaceAll(" ", "\u00a0");
}

function taskOf(step: SlowStep, whose: Blocked["whose"]): string {
  return `${whose(step)}${step.task ?? "a callback"}`;
}
