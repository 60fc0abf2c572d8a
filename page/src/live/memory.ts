// What a recorder sends: of memory a chart of what was in use, its peak named, and the lines that made it grow; of objects their types.

import { isDarkNow } from "../colours";
import { find, make } from "../elements";
import { age, bytes, counted, grouped } from "../words";
import type { Recording, TypeColumns } from "./events";
import { heads } from "../heads";
import { Types } from "./types";

/** So many lines are listed. */
const MOST = 300;

type Key = "own" | "growth" | "spike" | "peak" | "hits";
const HEADS: [Key, string, string][] = [
  ["own", "own", "growth in the line itself, over all hits"], ["growth", "growth", "with all that it called"], ["spike", "spike", "the most in use for a while, beyond what there was before and after"], ["peak", "peak", "the most in use while it was executed"], ["hits", "hits", "how often it was executed"],
];

export class Memory {
  private readonly root = find("memory");
  private readonly canvas = make("canvas", "curve");
  private readonly said = make("p", "said");
  private readonly body = make("tbody", "");
  private readonly head = make("tr", "");
  private sorted: Key = "own";
  private recording: Recording | null = null;
  private readonly scroll = make("div", "scroll", make("table", "lines", make("thead", "", this.head), this.body));
  private readonly types: Types;

  constructor(point: (lines: string[] | null, x: number, y: number) => void) {
    this.types = new Types(point);
    this.canvas.setAttribute("role", "img");
    this.root.append(this.said, this.canvas, this.scroll, this.types.root);
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  say(text: string): void {
    this.recording = null;
    this.said.textContent = text;
    this.canvas.hidden = this.scroll.hidden = this.types.root.hidden = true;
  }

  show(recording: Recording): void {
    this.recording = recording;
    const { types } = recording;
    this.types.root.hidden = types === undefined;
    this.scroll.hidden = types !== undefined;
    if (types !== undefined) return this.showTypes(types);
    const { summit, now, most, records, dropped, memory } = recording;
    this.canvas.hidden = !memory;
    const parts = [
      now === null ? "" : `${bytes(now)} now`,
      summit === null ? (most === null ? "" : `${bytes(most)} at most`) : `${bytes(summit.rss)} at most, ${age(summit.time)} after the first record${summit.line === null ? "" : `, at ${summit.line}`}`,
      `${grouped(records)} records`,
      dropped > 0 ? `${grouped(dropped)} lost` : "",
    ];
    this.said.textContent = parts.filter((part) => part !== "").join("  ·  ");
    this.canvas.setAttribute("aria-label", `memory in use: ${this.said.textContent}`);
    this.draw();
    this.list();
  }

  private showTypes(types: TypeColumns): void {
    this.canvas.hidden = true;
    const last = types.past.time.length - 1;
    const parts = [
      last < 0 || types.alive.every((value) => value === null) ? "" : `${counted(types.past.alive[last]!, "object")} with ${bytes(types.past.bytes[last]!)} more than when counting began`,
      counted(types.id.length, "type"),
      types.unlisted > 0 ? `${grouped(types.unlisted)} more are not told apart` : "",
    ];
    this.said.textContent = parts.filter((part) => part !== "").join("  ·  ");
    this.types.show(types);
  }

  draw(): void {
    this.types.draw();
    const { canvas, recording } = this;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (recording === null || width === 0 || !recording.memory) return;
    const scale = devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const context = canvas.getContext("2d")!;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    const isDark = isDarkNow();
    const { time, least, greatest, last } = recording.curve;
    if (time.length === 0) return;
    const [from, to] = [time[0]!, time[time.length - 1]!];
    const most = Math.max(...greatest) * 1.12;
    const x = (at: number): number => ((at - from) / (to - from || 1)) * width;
    const y = (value: number): number => height - (value / most) * height;
    context.font = "11px system-ui, sans-serif";
    for (const part of [0.25, 0.5, 0.75]) {
      context.fillStyle = isDark ? "#2c2d31" : "#e6e3dd";
      context.fillRect(0, y(most * part), width, 1);
      context.fillStyle = isDark ? "#938f88" : "#77736a";
      context.fillText(bytes(most * part), 4, y(most * part) - 4);
    }
    context.beginPath();
    time.forEach((at, place) => context.lineTo(x(at), y(greatest[place]!)));
    for (let place = time.length - 1; place >= 0; place -= 1) context.lineTo(x(time[place]!), y(least[place]!));
    context.fillStyle = isDark ? "#7fb2ff55" : "#1d5fbf33";
    context.fill();
    context.beginPath();
    time.forEach((at, place) => context.lineTo(x(at), y(last[place]!)));
    context.strokeStyle = isDark ? "#7fb2ff" : "#1d5fbf";
    context.lineWidth = 1.6;
    context.stroke();
    context.lineTo(width, height);
    context.lineTo(0, height);
    context.fillStyle = isDark ? "#7fb2ff22" : "#1d5fbf18";
    context.fill();
    this.drawSummit(context, x, y, width, isDark);
  }

  private drawSummit(context: CanvasRenderingContext2D, x: (at: number) => number, y: (value: number) => number, width: number, isDark: boolean): void {
    const summit = this.recording?.summit;
    if (!summit) return;
    const [left, top] = [x(summit.time), y(summit.rss)];
    const text = `${bytes(summit.rss)}${summit.line === null ? "" : `  ${summit.line}`}`;
    context.fillStyle = isDark ? "#f5a54a" : "#b45309";
    context.beginPath();
    context.arc(left, top, 4, 0, 7);
    context.fill();
    context.font = "600 12px system-ui, sans-serif";
    // Where there is no room on its right, it stands on its left.
    const size = context.measureText(text).width;
    context.fillText(text, left + 9 + size <= width ? left + 9 : Math.max(left - 9 - size, 4), Math.max(top - 4, 12));
  }

  private list(): void {
    const { lines, functions } = this.recording!;
    const columns = HEADS.filter(([key]) => lines[key] !== undefined);
    if (lines[this.sorted] === undefined) this.sorted = "own";
    const figure = (at: number, key = this.sorted): number | null => lines[key]?.[at] ?? null;
    this.head.replaceChildren(
      ...heads(columns, this.sorted, (key) => {
        this.sorted = key;
        this.list();
      }),
      make("th", "text c-place", functions ? "function" : "line"),
      make("th", "text", functions ? "" : "source"),
    );
    const order = lines.place.map((_, at) => at).sort((a, b) => (figure(b) ?? 0) - (figure(a) ?? 0)).slice(0, MOST);
    const greatest = Math.max(...order.map((at) => figure(at) ?? 0), 1);
    this.body.replaceChildren(
      ...order.map((at) => {
        const cell = (key: Key): HTMLElement => {
          const value = figure(at, key);
          const shown = make("td", `c-${key}`, make("span", "", value == null ? "–" : key === "hits" ? grouped(value) : bytes(value)));
          if (key === this.sorted) {
            const bar = make("i", "bar");
            bar.style.width = `${(100 * Math.max(value ?? 0, 0)) / greatest}%`;
            shown.prepend(bar);
          }
          return shown;
        };
        return make("tr", "", ...columns.map(([key]) => cell(key)), make("td", "text c-place", lines.place[at]!), make("td", "text source", lines.source[at] || lines.function[at]!));
      }),
    );
  }
}
