// The head of a scope: what it is, how it goes, and its figures.

import { find, make } from "../elements";
import { age, amount, bytes, percent, short } from "../words";
import type { Process } from "./events";
import type { Model } from "./model";

const PHASES: Record<string, string> = { running: "running", paused: "paused", ended: "ended", lost: "lost", file: "file" };

export function showHeadline(process: Process | null, thread: string | null, all: Process[], model: Model | null): void {
  const title = process === null ? "All processes" : process.title || `process ${process.pid}`;
  document.title = `${title} · Pikos`;
  find("title").textContent = title;
  find("title").title = title;
  const phase = find("phase");
  phase.hidden = process === null;
  phase.textContent = PHASES[process?.phase ?? ""] ?? "";
  phase.className = `pill ${process?.phase ?? ""}`;
  const under = process === null
    ? [`${all.length} added up`]
    : [
        thread === null ? "" : `thread ${thread}`,
        process.pid === null ? "" : `pid ${process.pid}`,
        process.host === null ? "" : `on ${process.host}`,
        process.hook ?? process.recorder?.monitor ?? "",
        process.how ?? "",
      ];
  find("under").textContent = under.filter((part) => part !== "").join("  ·  ");
  const one = process ?? added(all);
  const isLive = one.phase === "running" || one.phase === "paused";
  const figures: [string, string, string][] = [];
  const put = (name: string, value: number | null | undefined, said: (value: number) => string, title = ""): void => {
    if (value !== null && value !== undefined && !Number.isNaN(value)) figures.push([name, said(value), title]);
  };
  const hasProfile = one.kind !== "recorder";
  if (isLive && hasProfile) put("calls/s", one.calls_per_s, (rate) => short(Math.round(rate)), "finished calls a second, in the last interval");
  if (hasProfile) put("calls", one.calls, (count) => short(count));
  if (hasProfile) put("recorded", model === null ? one.own : model.total || one.own, (own) => amount(own, model?.unit ?? null), "own time of all functions");
  put("elapsed", one.elapsed, age, "since the profile began");
  if (one.cpu !== null && one.elapsed) put("CPU", one.cpu / one.elapsed, percent, `${amount(one.cpu, null)} of CPU time`);
  put("overhead", one.overhead, percent, "the profiler's own part of the time, at least");
  if (isLive) put("age of figures", one.lag, age, "since the last message was made");
  if ((one.lost ?? 0) > 0) put("lost", one.lost, (count) => `${count}`, "messages that did not arrive");
  if (process?.recorder) {
    put("memory", process.recorder.rss, bytes, "in use now");
    if (process.recorder.monitor !== "objects") put("records", process.recorder.records, short);
    if (process.recorder.dropped > 0) put("lost", process.recorder.dropped, short, "records that came faster than they could be sent");
  }
  if (hasProfile) put("functions", one.functions ?? model?.listed.length, (count) => short(count));
  fill(figures);
}

/** Figures in their places: only what changed is written. */
function fill(figures: [string, string, string][]): void {
  const root = find("figures");
  while (root.children.length > figures.length) root.lastElementChild!.remove();
  figures.forEach(([name, value, title], at) => {
    const known = root.children[at] as HTMLElement | undefined;
    const box = known ?? make("div", "", make("dt", ""), make("dd", ""));
    if (known === undefined) root.append(box);
    box.title = title;
    const [label, figure] = box.children as unknown as [HTMLElement, HTMLElement];
    if (label.textContent !== name) label.textContent = name;
    if (figure.textContent !== value) figure.textContent = value;
    box.classList.toggle("bad", name === "lost");
  });
}

/** Several processes as one, as far as their figures can be added. */
function added(all: Process[]): Process {
  const sum = (of: (one: Process) => number | null): number | null => all.reduce((whole: number | null, one) => (of(one) === null ? whole : (whole ?? 0) + of(one)!), null);
  const most = (of: (one: Process) => number | null): number | null => all.reduce((whole: number | null, one) => (of(one) === null ? whole : Math.max(whole ?? 0, of(one)!)), null);
  const isLive = all.some(({ phase }) => phase === "running" || phase === "paused");
  const running = all.filter(({ phase }) => phase === "running");
  return {
    id: "all", kind: "live", pid: null, parent: null, host: null, title: "", phase: isLive ? "running" : "ended", how: null, functions: null,
    own: sum((one) => one.own), calls: sum((one) => one.calls), calls_per_s: sum((one) => one.calls_per_s), age: null, elapsed: most((one) => one.elapsed), cpu: sum((one) => one.cpu),
    overhead: most((one) => one.overhead), lag: running.reduce((whole: number | null, one) => (one.lag === null ? whole : Math.max(whole ?? 0, one.lag)), null),
    lost: sum((one) => one.lost), interval: null, hook: null, threads: [],
  };
}
