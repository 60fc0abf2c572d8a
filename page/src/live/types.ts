// What a recorder of objects sends: a chart of which types there were over time, the types, and the lines that make them.

import { isDarkNow, restInk } from "../colours";
import { make } from "../elements";
import { bytes, clock, counted, grouped, short } from "../words";
import type { TypeColumns } from "./events";
import { heads } from "../heads";

/** So many types are listed. */
const MOST = 300;
/** Types told apart in the chart. */
const CHARTED = 8;
const HUES = [32, 262, 168, 332, 200, 110, 232, 350];

type Measure = "bytes" | "alive";
type Key = "bytes" | "alive" | "created" | "destroyed" | "peak" | "made_per_s" | "gone_per_s";
const HEADS: [Key, string, string, (value: number) => string][] = [
  ["bytes", "bytes", "of those that are alive, without what they refer to", bytes],
  ["alive", "alive", "how many more there are than when counting began", figure],
  ["created", "made", "objects made", figure],
  ["destroyed", "gone", "objects that are gone", figure],
  ["peak", "peak", "the most that there were at once", figure],
  ["made_per_s", "made/s", "made in a second, lately", (value) => short(Math.round(value))],
  ["gone_per_s", "gone/s", "gone in a second, lately", (value) => short(Math.round(value))],
];

/** With all its digits, as long as these fit. */
function figure(value: number): string {
  return Math.abs(value) < 1e7 ? grouped(value) : short(value);
}

interface Layer {
  name: string;
  fill: string;
  values: number[];
}

export class Types {
  readonly root = make("div", "types");
  private readonly canvas = make("canvas", "curve");
  private readonly legend = make("p", "charted");
  private readonly measures = make("span", "segments");
  private readonly head = make("tr", "");
  private readonly body = make("tbody", "");
  private readonly places = make("div", "places");
  private readonly missing = make("p", "hint");
  private sorted: Key = "bytes";
  private measure: Measure = "bytes";
  private chosen: number | null = null;
  private types: TypeColumns | null = null;

  constructor(point: (lines: string[] | null, x: number, y: number) => void) {
    this.canvas.setAttribute("role", "img");
    this.measures.setAttribute("role", "group");
    this.measures.setAttribute("aria-label", "what the chart is of");
    for (const [measure, label] of [["bytes", "Bytes"], ["alive", "Objects"]] as const) {
      const button = make("button", "", label);
      button.type = "button";
      button.addEventListener("click", () => {
        this.measure = measure;
        this.draw();
      });
      this.measures.append(button);
    }
    const scroll = make("div", "scroll", make("table", "lines", make("thead", "", this.head), this.body));
    this.root.append(make("div", "chart-line", this.measures, this.legend), this.canvas, this.missing, make("div", "split", scroll, this.places));
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    this.canvas.addEventListener("pointermove", (event) => point(this.told(event.offsetX), event.clientX, event.clientY));
    this.canvas.addEventListener("pointerleave", () => point(null, 0, 0));
    this.body.addEventListener("click", (event) => {
      const row = (event.target as Element).closest<HTMLElement>("tr[data-id]");
      if (row !== null) this.choose(Number(row.dataset["id"]));
    });
    this.body.addEventListener("keydown", (event) => this.key(event));
  }

  show(types: TypeColumns): void {
    this.types = types;
    // Who doesn't tell what is gone says how many were made.
    if (types[this.sorted].every((value) => value === null)) this.sorted = "created";
    this.chosen ??= this.order()[0] ?? null;
    this.draw();
    this.list();
    this.listPlaces();
  }

  /** The places of types in the columns, those with the most first. */
  private order(): number[] {
    const { id, [this.sorted]: figures } = this.types!;
    const places = id.map((_, at) => at).sort((a, b) => (figures[b] ?? 0) - (figures[a] ?? 0) || a - b);
    return places.slice(0, MOST).map((at) => id[at]!);
  }

  private choose(id: number): void {
    this.chosen = id;
    this.list();
    this.listPlaces();
  }

  private key(event: KeyboardEvent): void {
    const row = (event.target as Element).closest<HTMLElement>("tr[data-id]");
    const next = { ArrowDown: row?.nextElementSibling, ArrowUp: row?.previousElementSibling }[event.key] as HTMLElement | null | undefined;
    if (next == null) return;
    event.preventDefault();
    this.choose(Number(next.dataset["id"]));
    this.body.querySelector<HTMLElement>("tr.chosen")?.focus();
  }

  private layers(isDark: boolean): Layer[] {
    const { past, id, name } = this.types!;
    const sum = (values: number[]): number => values.reduce((whole, value) => whole + value, 0);
    const most = [...past.types].sort((a, b) => sum(b[this.measure]) - sum(a[this.measure])).slice(0, CHARTED).filter((series) => sum(series[this.measure]) > 0);
    const layers = most.map((series, at) => ({
      name: name[id.indexOf(series.id)] ?? "?",
      fill: isDark ? `hsl(${HUES[at]} 46% 50%)` : `hsl(${HUES[at]} 62% 68%)`,
      values: series[this.measure],
    }));
    const rest = past[this.measure].map((whole, at) => Math.max(whole - layers.reduce((part, { values }) => part + values[at]!, 0), 0));
    return rest.some((value) => value > 0) ? [...layers, { name: "others", fill: restInk(isDark).fill, values: rest }] : layers;
  }

  draw(): void {
    const { canvas, types } = this;
    const buttons = [...this.measures.children] as HTMLElement[];
    buttons.forEach((button, at) => button.setAttribute("aria-pressed", String((at === 0) === (this.measure === "bytes"))));
    if (types === null) return;
    const { time } = types.past;
    const isDark = isDarkNow();
    const layers = this.layers(isDark);
    const has = time.length > 1 && layers.length > 0;
    canvas.hidden = !has;
    this.measures.hidden = this.legend.hidden = !has;
    this.missing.hidden = has;
    this.missing.textContent = types.alive.every((value) => value === null) && types.id.length > 0 ? "This Python doesn't tell which objects are gone, so nothing is known of how many there were." : "Nothing has changed since counting began.";
    this.legend.replaceChildren(...layers.map(({ name, fill }) => {
      const dot = make("i", "");
      dot.style.background = fill;
      return make("span", "", dot, name);
    }));
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!has || width === 0) return;
    const said = (value: number): string => (this.measure === "bytes" ? bytes(value) : short(Math.round(value)));
    const scale = devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.setAttribute("aria-label", `${this.measure === "bytes" ? "bytes" : "number"} of objects by type: ${said(types.past[this.measure][time.length - 1]!)} now`);
    const context = canvas.getContext("2d")!;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    const [from, to] = [time[0]!, time[time.length - 1]!];
    const most = Math.max(...types.past[this.measure], 1) * 1.08;
    const x = (at: number): number => ((time[at]! - from) / (to - from || 1)) * width;
    const y = (value: number): number => height - (value / most) * height;
    const base = new Float64Array(time.length);
    for (const { fill, values } of layers) {
      context.beginPath();
      time.forEach((_, at) => context.lineTo(x(at), y(base[at]! + values[at]!)));
      for (let at = time.length - 1; at >= 0; at -= 1) context.lineTo(x(at), y(base[at]!));
      context.fillStyle = fill;
      context.fill();
      values.forEach((value, at) => (base[at]! += value));
    }
    context.font = "11px system-ui, sans-serif";
    for (const part of [0.25, 0.5, 0.75]) {
      context.fillStyle = isDark ? "#ffffff1c" : "#0000001a";
      context.fillRect(0, y(most * part), width, 1);
      context.fillStyle = isDark ? "#d8d4cc" : "#4a463f";
      context.fillText(said(most * part), 4, y(most * part) - 4);
    }
  }

  /** What there was at a place of the chart. */
  private told(left: number): string[] | null {
    const { types, canvas } = this;
    if (types === null || types.past.time.length === 0) return null;
    const { time } = types.past;
    const moment = time[0]! + (left / (canvas.clientWidth || 1)) * (time[time.length - 1]! - time[0]!);
    const nearest = time.reduce((best, one, at) => (Math.abs(one - moment) < Math.abs(time[best]! - moment) ? at : best), 0);
    const said = (value: number): string => (this.measure === "bytes" ? bytes(value) : grouped(value));
    const lines = this.layers(isDarkNow()).filter(({ values }) => values[nearest]! > 0).map(({ name, values }) => `${said(values[nearest]!)}  ${name}`);
    return [clock(time[nearest]!), `${said(types.past[this.measure][nearest]!)} in all`, ...lines];
  }

  private list(): void {
    const types = this.types!;
    const isTold = (key: Key): boolean => types[key === "gone_per_s" ? "destroyed" : key].some((value) => value !== null);
    const columns = HEADS.filter(([key]) => isTold(key));
    this.head.replaceChildren(
      make("th", "text c-type", "type"),
      ...heads(columns, this.sorted, (key) => {
        this.sorted = key;
        this.list();
      }),
    );
    const order = this.order();
    const places = new Map(types.id.map((id, at) => [id, at]));
    const greatest = Math.max(...order.map((id) => types[this.sorted][places.get(id)!] ?? 0), 1);
    const isFocused = this.body.contains(document.activeElement);
    this.body.replaceChildren(
      ...order.map((id) => {
        const at = places.get(id)!;
        const cell = ([key, , , said]: (typeof HEADS)[number]): HTMLElement => {
          const value = types[key][at];
          const shown = make("td", `c-${key}`, make("span", "", value == null ? "–" : said(value)));
          if (key === this.sorted) {
            const bar = make("i", "bar");
            bar.style.width = `${(100 * Math.max(value ?? 0, 0)) / greatest}%`;
            shown.prepend(bar);
          }
          return shown;
        };
        const name = make("td", "text c-type", types.name[at]!);
        name.title = types.name[at]!;
        const row = make("tr", id === this.chosen ? "chosen" : "", name, ...columns.map(cell));
        row.dataset["id"] = String(id);
        row.tabIndex = id === this.chosen ? 0 : -1;
        return row;
      }),
    );
    if (isFocused) this.body.querySelector<HTMLElement>("tr.chosen")?.focus();
  }

  private listPlaces(): void {
    const { places, id, name } = this.types!;
    const title = make("h2", "", this.chosen === null ? "" : (name[id.indexOf(this.chosen)] ?? ""));
    const of = places.of.map((type, at) => [type, at] as const).filter(([type]) => type === this.chosen).map(([, at]) => at);
    const most = Math.max(...of.map((at) => places.created[at]!), 1);
    const rows = of.map((at) => {
      const alive = places.alive[at];
      const bar = make("i", "bar");
      bar.style.width = `${(100 * places.created[at]!) / most}%`;
      return make("li", "", bar, make("span", "name", places.function[at]!), make("span", "where", places.place[at]!), make("span", "figures", `${grouped(places.created[at]!)} made${alive == null ? "" : `, ${grouped(alive)} still there`}`));
    });
    const hint = places.of.length === 0 ? "Start it with --where to see the lines that make objects." : "No line made any since counting began.";
    this.places.replaceChildren(title, make("p", "hint", rows.length > 0 ? `made by ${counted(rows.length, "line")}` : hint), make("ul", "", ...rows));
  }
}
