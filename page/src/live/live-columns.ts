// The columns of a live table: those of `pikos top`.

import { durationColumns, nameColumns } from "../columns";
import type { Column } from "../table";
import { amount, grouped, percent, short } from "../words";
import { TICKS } from "./model";
import type { Model } from "./model";

const SPARK = { width: 64, height: 18 };

export function liveColumns(model: () => Model): Column[] {
  const unit = model().unit;
  const time = (value: number): string => (Number.isNaN(value) ? "–" : unit === null ? amount(value, null) : grouped(value));
  const of = (key: "own" | "cumulative" | "gilWait" | "inFlight" | "rate" | "share" | "calls" | "p50" | "p99" | "max" | "cpu") => (at: number): number => model().functions[key][at]!;
  const [own, cumulative, gilWait, inFlight, rate, share, calls] = [of("own"), of("cumulative"), of("gilWait"), of("inFlight"), of("rate"), of("share"), of("calls")];
  const part = (at: number): number => own(at) / (model().total || 1);
  const ownEach = (at: number): number => own(at) / (calls(at) || 1);
  const each = (at: number): number => cumulative(at) / (model().functions.primitive[at]! || 1);
  const called = (at: number): string => {
    const [all, primitive] = [calls(at), model().functions.primitive[at]!];
    return Number.isNaN(all) ? "–" : all === primitive || Number.isNaN(primitive) ? grouped(all) : `${grouped(all)} / ${grouped(primitive)}`;
  };
  const columns: Column[] = [];
  if (model().isLive) {
    columns.push(
      { key: "now", label: "now", title: "time in the function itself in the last interval, as a part of it", value: share, shown: (at) => [share(at) > 0 ? percent(share(at)) : "", share(at) || 0] },
      { key: "history", label: "history", title: "now, over the last intervals, the newest on the right", value: (at) => recently(model(), at), shown: () => ["", null], draw: (cell, at) => spark(cell, model(), at) },
    );
    if (!model().sampled) columns.push({ key: "rate", label: "calls/s", title: "finished calls a second in the last interval", value: rate, shown: (at) => [rate(at) > 0 ? short(Math.round(rate(at))) : "", null] });
  }
  columns.push(
    { key: "own", label: "own", title: "time in the function itself (tottime)", value: own, shown: (at) => [time(own(at)), part(at)] },
    { key: "share", label: "own %", title: "its part of the whole", value: own, shown: (at) => [percent(part(at)), null] },
    { key: "cumulative", label: "cumulative", title: "time in it and all that it called (cumtime)", value: cumulative, shown: (at) => [time(cumulative(at)), null] },
  );
  if (model().hasGilWaits) {
    columns.push({ key: "gil-wait", label: "GIL wait", title: "what it waited for the GIL; in no other time here", value: gilWait, shown: (at) => [gilWait(at) > 0 ? time(gilWait(at)) : "", null] });
  }
  if (model().sampled) {
    const top = (at: number): number => model().functions.primitive[at]!;
    columns.push({ key: "samples", label: "samples", title: "looks that found it at work / anywhere in the stack", value: top, shown: (at) => [`${grouped(top(at))} / ${grouped(calls(at))}`, null] });
  }
  if (model().counted) {
    columns.push(
      { key: "calls", label: "calls", title: "all calls / those that were not recursive (ncalls)", value: calls, shown: (at) => [called(at), null] },
      { key: "own-each", label: "own/call", title: "own time of one call", value: ownEach, shown: (at) => [time(ownEach(at)), null] },
      { key: "each", label: "per call", title: "cumulative time of one call", value: each, shown: (at) => [time(each(at)), null] },
    );
  }
  if (model().hasCpu) {
    const cpu = of("cpu");
    columns.push({ key: "cpu", label: "CPU", title: "the part of its own time in which a processor was at work; the rest is waiting", value: cpu, shown: (at) => [cpu(at) > 0 ? time(cpu(at)) : "", null] });
  }
  if (model().hasDurations) columns.push(...durationColumns(() => model().functions, time));
  if (model().isLive) {
    columns.push({ key: "flight", label: "in flight", title: "time since the outermost call that is still open began", value: inFlight, shown: (at) => [inFlight(at) > 0 ? time(inFlight(at)) : "", null] });
  }
  return [...columns, ...nameColumns(() => model().functions)];
}

function recently({ functions: { recent } }: Model, at: number): number {
  let sum = 0;
  for (let tick = 0; tick < TICKS; tick += 1) sum += recent[at * TICKS + tick]! || 0;
  return sum;
}

/** A little chart of the last ticks. */
function spark(cell: HTMLElement, { functions: { recent, now } }: Model, at: number): void {
  let svg = cell.firstElementChild;
  if (svg === null) {
    svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", `0 0 ${SPARK.width} ${SPARK.height}`);
    svg.setAttribute("class", "spark");
    svg.setAttribute("aria-hidden", "true");
    svg.append(document.createElementNS("http://www.w3.org/2000/svg", "path"));
    cell.replaceChildren(svg);
  }
  let most = 0.02;
  for (let tick = 0; tick < TICKS; tick += 1) most = Math.max(most, recent[at * TICKS + tick]! || 0);
  let line = `M0 ${SPARK.height}`;
  for (let tick = 0; tick < TICKS; tick += 1) {
    const value = recent[at * TICKS + ((now + 1 + tick) % TICKS)]! || 0;
    line += `L${((tick / (TICKS - 1)) * SPARK.width).toFixed(1)} ${(SPARK.height - (value / most) * (SPARK.height - 2)).toFixed(1)}`;
  }
  const path = svg.firstElementChild!;
  line += `L${SPARK.width} ${SPARK.height}Z`;
  if (path.getAttribute("d") !== line) path.setAttribute("d", line);
}
