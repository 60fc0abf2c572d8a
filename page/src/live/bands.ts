// What ran when: of each process a band of its top functions' own time, stacked; a range of it can be brushed, by mouse,
// touch or keyboard, and is one for all bands.

import { groupInk, isDarkNow, restInk } from "../colours";
import type { Kind } from "../data";
import { find, make } from "../elements";
import { amount, clock } from "../words";
import type { Buckets } from "./events";
import type { Model } from "./model";

export interface Band {
  scope: string;
  title: string;
  history: Buckets | null;
  /** Why there is none. */
  without: string;
}

export interface Brushed {
  from: number;
  to: number;
}

/** Functions told apart in one band. */
const MOST = 10;
const ORDER: Kind[] = ["own", "package", "library", "builtin"];
/** A brush of fewer pixels was a click. */
const CLICK = 4;

interface Drawn {
  band: Band;
  canvas: HTMLCanvasElement;
  said: HTMLElement;
  title: HTMLElement;
}

export class Bands {
  private readonly root = find("bands");
  private drawn: Drawn[] = [];
  private model: Model | null = null;
  private span: [number, number] = [0, 1];
  private brushed: Brushed | null = null;
  private start: number | null = null;

  constructor(private readonly events: { brush(range: Brushed | null): void; point(lines: string[] | null, x: number, y: number): void }) {
    new ResizeObserver(() => this.draw()).observe(this.root);
  }

  show(bands: Band[], model: Model | null): void {
    this.model = model;
    const same = bands.length === this.drawn.length && bands.every(({ scope }, at) => this.drawn[at]!.band.scope === scope);
    if (!same) {
      this.drawn = bands.map((band) => this.make(band));
      this.root.replaceChildren(...this.drawn.map(({ title, canvas, said }) => make("div", "band", title, canvas, said)));
      this.root.classList.toggle("many", bands.length > 1);
    }
    bands.forEach((band, at) => (this.drawn[at]!.band = band));
    const [froms, tos] = [bands.flatMap(({ history }) => history?.from ?? []), bands.flatMap(({ history }) => history?.to ?? [])];
    // While one brushes, time stands still.
    if (this.start === null) this.span = [Math.min(...froms), Math.max(...tos)];
    this.draw();
  }

  mark(range: Brushed | null): void {
    this.brushed = range;
    this.draw();
  }

  private make(band: Band): Drawn {
    const canvas = make("canvas", "");
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "slider");
    canvas.setAttribute("aria-label", `what ran when in ${band.title}: arrow keys choose a range, Shift makes it longer, Escape ends it`);
    canvas.setAttribute("aria-valuemin", "0");
    canvas.setAttribute("aria-valuemax", "100");
    canvas.setAttribute("aria-valuenow", "0");
    const one: Drawn = { band, canvas, said: make("span", "band-said"), title: make("span", "band-title", band.title) };
    const timeAt = (event: PointerEvent): number => {
      const { left, width } = canvas.getBoundingClientRect();
      const part = Math.min(Math.max((event.clientX - left) / width, 0), 1);
      return this.span[0] + part * (this.span[1] - this.span[0]);
    };
    let began = 0;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.start = timeAt(event);
      began = event.clientX;
    });
    canvas.addEventListener("pointermove", (event) => {
      if (this.start === null) return this.events.point(this.told(one.band, timeAt(event)), event.clientX, event.clientY);
      if (Math.abs(event.clientX - began) < CLICK) return;
      const now = timeAt(event);
      this.brushed = { from: Math.min(this.start, now), to: Math.max(this.start, now) };
      const { from, to } = this.brushed;
      this.events.point([`${clock(from)} – ${clock(to)}`, "", amount(to - from, null)], event.clientX, event.clientY);
      this.draw();
    });
    canvas.addEventListener("pointerup", (event) => {
      if (this.start === null) return;
      this.start = null;
      this.events.point(null, 0, 0);
      this.events.brush(Math.abs(event.clientX - began) < CLICK ? null : this.brushed);
    });
    canvas.addEventListener("pointercancel", () => (this.start = null));
    canvas.addEventListener("pointerleave", () => this.start === null && this.events.point(null, 0, 0));
    canvas.addEventListener("keydown", (event) => this.key(event));
    return one;
  }

  private key(event: KeyboardEvent): void {
    const [from, to] = this.span;
    const step = (to - from) / 40;
    const { brushed } = this;
    if (event.key === "Escape" && brushed !== null) this.events.brush(null);
    else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      const by = event.key === "ArrowLeft" ? -step : step;
      const now = brushed ?? { from: to - 4 * step, to };
      const moved = brushed === null ? now : event.shiftKey ? { from: now.from, to: now.to + by } : { from: now.from + by, to: now.to + by };
      if (moved.from >= from - step && moved.to <= to + step && moved.to - moved.from > step / 2) this.events.brush(moved);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** What ran at a moment. */
  private told({ history }: Band, time: number): string[] | null {
    const bucket = history?.buckets.find(({ from, to }) => time >= from && time <= to);
    if (bucket === undefined) return null;
    const { functions } = this.model ?? {};
    const length = bucket.to - bucket.from || 1;
    const lines = bucket.top.slice(0, 6).filter(([, own]) => own > 0).map(([id, own]) => `${amount(own / length, null)}/s  ${functions?.name[id] ?? "?"}`);
    const rest = bucket.rest > 0 ? [`${amount(bucket.rest / length, null)}/s  all others`] : [];
    return [clock(bucket.from), `${amount(length, null)}, own time a second`, ...lines, ...rest];
  }

  draw(): void {
    const isDark = isDarkNow();
    this.drawn.forEach((one, at) => this.drawBand(one, isDark, at === 0));
  }

  private drawBand({ band, canvas, said }: Drawn, isDark: boolean, isFirst: boolean): void {
    const { history } = band;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (width === 0) return;
    const scale = devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const context = canvas.getContext("2d")!;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    const hasAny = history !== null && history.buckets.length > 0;
    said.textContent = hasAny ? "" : band.without;
    if (!hasAny) return;
    const [from, to] = this.span;
    const x = (time: number): number => ((time - from) / (to - from || 1)) * width;
    const { buckets } = history;
    const sums = new Map<number, number>();
    for (const { top } of buckets) for (const [id, own] of top) sums.set(id, (sums.get(id) ?? 0) + own);
    // One's own code is at the bottom, where it has a level line to be measured by.
    const rank = (id: number): number => ORDER.indexOf(this.model?.kind[id] ?? "builtin");
    const shown = [...sums].sort((a, b) => b[1] - a[1]).slice(0, MOST).map(([id]) => id).sort((a, b) => rank(a) - rank(b));
    const heights = buckets.map((bucket) => (bucket.top.reduce((sum, [, own]) => sum + own, 0) + bucket.rest) / (bucket.to - bucket.from || 1));
    const most = Math.max(...heights, 1e-9);
    const scaled = (height - 3) / most;
    const base = new Float64Array(buckets.length);
    const layer = (fill: string, value: (at: number) => number): void => {
      context.fillStyle = fill;
      context.beginPath();
      buckets.forEach((bucket, at) => {
        const rise = (value(at) / (bucket.to - bucket.from || 1)) * scaled;
        if (rise <= 0) return;
        const left = x(bucket.from);
        // Neighbours meet, so that no seam shows.
        context.rect(left, height - base[at]! - rise, Math.max(x(bucket.to) - left, 1) + 0.3, rise);
        base[at]! += rise;
      });
      context.fill();
    };
    shown.forEach((id) => layer(this.inkOf(id, isDark), (at) => buckets[at]!.top.find(([one]) => one === id)?.[1] ?? 0));
    layer(restInk(isDark).fill, (at) => buckets[at]!.rest + buckets[at]!.top.reduce((sum, [id, own]) => sum + (shown.includes(id) ? 0 : own), 0));
    if (history.memory) this.drawMemory(context, history.memory, x, height, isDark);
    this.drawBrush(context, x, width, height, isDark);
    if (isFirst) this.drawTimes(context, from, to, width, isDark);
  }

  private drawMemory(context: CanvasRenderingContext2D, memory: NonNullable<Buckets["memory"]>, x: (time: number) => number, height: number, isDark: boolean): void {
    const most = Math.max(...memory.greatest, 1);
    context.beginPath();
    memory.time.forEach((time, at) => context.lineTo(x(time), height - (memory.last[at]! / most) * (height - 6)));
    context.strokeStyle = isDark ? "#7fb2ff" : "#1d5fbf";
    context.lineWidth = 1.5;
    context.stroke();
  }

  private drawBrush(context: CanvasRenderingContext2D, x: (time: number) => number, width: number, height: number, isDark: boolean): void {
    if (this.brushed === null) return;
    const [left, right] = [Math.max(x(this.brushed.from), 0), Math.min(x(this.brushed.to), width)];
    context.fillStyle = isDark ? "#141517b8" : "#faf9f7b8";
    context.fillRect(0, 0, left, height);
    context.fillRect(right, 0, width - right, height);
    context.fillStyle = isDark ? "#f5a54a" : "#b45309";
    context.fillRect(left, 0, 1.5, height);
    context.fillRect(right - 1.5, 0, 1.5, height);
  }

  private drawTimes(context: CanvasRenderingContext2D, from: number, to: number, width: number, isDark: boolean): void {
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "top";
    const ink = isDark ? "#ece9e3" : "#1c1a17";
    const halo = isDark ? "#1b1c1f" : "#ffffff";
    const say = (text: string, left: number): void => {
      context.lineWidth = 3;
      context.strokeStyle = halo;
      context.strokeText(text, left, 3);
      context.fillStyle = ink;
      context.fillText(text, left, 3);
    };
    context.lineJoin = "round";
    say(clock(from), 4);
    const end = clock(to);
    say(end, width - context.measureText(end).width - 4);
  }

  /** A group's hue, and each function's own shade of it. */
  private inkOf(id: number, isDark: boolean): string {
    const { model } = this;
    const group = model?.functions.group[id];
    if (model === null || group === undefined) return restInk(isDark).fill;
    const { fill } = groupInk(model, group, isDark);
    const [, hue, strength, light] = /hsl\(([\d.]+) ([\d.]+)% ([\d.]+)%/.exec(fill) ?? ["", "0", "0", "50"];
    const turn = ((id * 0.618034) % 1) * 2 - 1;
    return `hsl(${Number(hue) + 16 * turn} ${strength}% ${Number(light) + (isDark ? 9 : 8) * turn}%)`;
  }
}
