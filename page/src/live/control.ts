// What can be done to a process: each button says when it was done, or why not.

import { find, make } from "../elements";
import { clock } from "../words";
import { order, query, why } from "./asks";
import type { Process } from "./events";

/** What profiles can be saved as: the names of `pikos formats` that write. */
const FORMATS: [string, string][] = [
  ["pikos", "Pikos"], ["html", "report, one page"], ["pstats", "pstats"], ["speedscope", "speedscope"], ["pprof", "pprof"], ["firefox", "Firefox Profiler"],
  ["callgrind", "callgrind"], ["collapsed", "collapsed stacks"], ["svg", "flame graph, picture"], ["cpuprofile", "V8's CPU profile"], ["trace", "Chrome's trace events"],
  ["dot", "Graphviz"], ["json", "JSON"], ["csv", "CSV"], ["markdown", "Markdown"], ["text", "text"],
];
const INTERVALS = [0.05, 0.1, 0.25, 0.5, 1, 2, 5];

export interface Marks {
  hold(): void;
  mark(): void;
  compare(): void;
}

export class Control {
  private readonly root = find("control");
  private readonly done = find("done");
  private readonly pause = button("Pause", "the program goes on, and isn't counted (P)");
  private readonly clear = button("Clear", "count from zero (c)");
  private readonly stop = button("Stop", "end the profile; the program goes on");
  private readonly interval = choice("interval", INTERVALS.map((seconds) => [String(seconds), `every ${seconds} s`]));
  private readonly save = choice("save as", [["", "Save as…"], ...FORMATS]);
  readonly hold = button("Freeze", "let the picture stand still; the program goes on, and is counted (p)");
  readonly mark = button("Mark", "remember what is shown now (m)");
  readonly compare = button("Compare", "what is shown beside what was marked: red grew, blue shrank (d)");
  private readonly gaps = [make("i", "apart"), make("i", "apart")];
  private process: Process | null = null;
  private scope = "";

  constructor(marks: Marks) {
    const [first, second] = this.gaps as [HTMLElement, HTMLElement];
    this.root.append(this.pause, this.clear, this.interval.label, this.stop, first, this.hold, this.mark, this.compare, second, this.save.label);
    this.pause.addEventListener("click", () => this.toggle());
    this.clear.addEventListener("click", () => this.order("clear"));
    this.stop.addEventListener("click", () => confirm("End this profile? The program goes on, and can't be profiled again by this page.") && void this.send("stop", {}));
    this.interval.select.addEventListener("change", () => void this.send("interval", { seconds: Number(this.interval.select.value) }));
    this.save.select.addEventListener("change", () => this.download());
    this.hold.addEventListener("click", () => marks.hold());
    this.mark.addEventListener("click", () => marks.mark());
    this.compare.addEventListener("click", () => marks.compare());
  }

  show(process: Process | null, scope: string, isReadOnly: boolean): void {
    if (this.scope !== scope) this.done.textContent = "";
    this.process = process;
    this.scope = scope;
    const canControl = !isReadOnly && process !== null && process.kind === "live" && (process.phase === "running" || process.phase === "paused");
    for (const element of [this.pause, this.clear, this.stop, this.interval.label]) element.hidden = !canControl;
    const hasProfile = process === null || process.kind !== "recorder";
    this.hold.hidden = !hasProfile || (process !== null && process.phase !== "running" && process.phase !== "paused");
    for (const element of [this.save.label, this.mark, this.compare]) element.hidden = !hasProfile;
    this.gaps.forEach((gap, at) => (gap.hidden = !hasProfile || (at === 0 && !canControl)));
    this.pause.textContent = process?.phase === "paused" ? "Resume" : "Pause";
    if (process?.interval && document.activeElement !== this.interval.select) this.showInterval(process.interval);
  }

  say(text: string, isWrong = false): void {
    this.done.textContent = text;
    this.done.classList.toggle("wrong", isWrong);
  }

  toggle(): void {
    this.order(this.process?.phase === "paused" ? "resume" : "pause");
  }

  /** A command of a key or a button, where there is something to command. */
  order(command: "pause" | "resume" | "clear"): void {
    if (!this.pause.hidden) void this.send(command, {});
  }

  private showInterval(seconds: number): void {
    const { select } = this.interval;
    const value = String(Math.round(seconds * 1000) / 1000);
    if (![...select.options].some((option) => option.value === value)) select.add(new Option(`every ${value} s`, value));
    select.value = value;
  }

  private async send(command: string, more: object): Promise<void> {
    const { process } = this;
    if (process === null) return;
    const words: Record<string, string> = { pause: "Paused", resume: "Resumed", clear: "Cleared", stop: "Stopped", interval: "Interval set" };
    this.say(`Asking ${process.title} …`);
    try {
      const { pending, at } = await order<{ pending: boolean; at: number }>(`/api/processes/${encodeURIComponent(process.id)}/control`, { command, ...more });
      const late = pending ? ": as soon as its main thread runs Python code again" : "";
      this.say(`${pending ? "Accepted" : words[command]} at ${clock(at)}${late}.`);
    } catch (error) {
      this.say(why(error), true);
    }
  }

  private download(): void {
    const format = this.save.select.value;
    this.save.select.value = "";
    if (format === "") return;
    const [id, thread] = this.scope.split(":") as [string, string?];
    const link = make("a", "");
    link.href = `/api/processes/${encodeURIComponent(id)}/profile?${query({ format, ...(thread === undefined ? {} : { thread }) })}`;
    link.download = "";
    link.click();
    this.say(`Saving as ${format}: see your downloads.`);
  }
}

function button(label: string, title: string): HTMLButtonElement {
  const made = make("button", "act", label);
  made.type = "button";
  made.title = title;
  return made;
}

function choice(name: string, options: [string, string][]): { label: HTMLElement; select: HTMLSelectElement } {
  const select = make("select", "");
  select.setAttribute("aria-label", name);
  select.append(...options.map(([value, label]) => new Option(label, value)));
  return { label: make("label", "select", select), select };
}
