// The flame graph: draws a layout on a canvas, and takes what mouse, touch and keyboard do with it.

import type { Ink } from "./colours";
import { find } from "./elements";
import { follow, partOf, pathOf, startOf } from "./layout";
import type { Layout } from "./layout";
import { REST } from "./stacks";
import { grouped } from "./words";

export const ROW = 22;
/** Narrower boxes are drawn as one grey one. */
const MIN_PIXELS = 0.6;
const PADDING = 6;
/** A row counts for the graph's height if its boxes are this part of the width. */
const TELLING = 0.04;
const LEAST_ROWS = 8;
/** A pointer that is moved by so many pixels drags. */
const DRAG = 4;

/** What the graph asks of whoever knows what the boxes are. */
export interface Subject {
  ink(place: number): Ink;
  /** Name, and where it is. */
  label(place: number): [string, string];
  share(place: number): string;
  /** Whether it is to stand out, or not, or nothing is. */
  isFound(place: number): boolean | null;
  isChosen(place: number): boolean;
  restInk: Ink;
  ring: string;
}

/** A box as it is drawn now, in pixels of the graph. */
export interface Drawn {
  place: number;
  left: number;
  top: number;
  width: number;
  /** How many it stands for that are too narrow, their time and their part of the whole; of one box, nothing. */
  rest: { count: number; time: number; part: number } | null;
  name: string;
}

export interface Events {
  /** Chosen by a click, a tap or Enter. */
  choose(box: Drawn): void;
  /** Pointed at, or reached by the keyboard; null: no more. */
  point(box: Drawn | null, x: number, y: number): void;
  /** Something else is seen of it. */
  moved?(): void;
}

export class Graph {
  private layout: Layout | null = null;
  private subject: Subject | null = null;
  /** The smallest box that holds what is seen (-1: all), and what of it is seen: so the view stays where it is while boxes grow. */
  private anchor = -1;
  private seen: [number, number] = [0, 1];
  private cursor = -1;
  drawn: Drawn[] = [];
  private readonly canvas = find<HTMLCanvasElement>("canvas");
  private readonly scroller = find("graph");
  private readonly spacer = find("spacer");
  private readonly context: CanvasRenderingContext2D;
  private readonly widths = new Map<string, number>();
  private isWaiting = false;

  constructor(private readonly events: Events) {
    const context = this.canvas.getContext("2d");
    if (context === null) throw new Error("this browser draws nothing");
    this.context = context;
    this.listen();
  }

  show(layout: Layout, subject: Subject): void {
    this.layout = layout;
    this.subject = subject;
    [this.anchor, this.seen, this.cursor] = [-1, [0, 1], -1];
    this.scroller.scrollTop = 0;
    this.draw();
  }

  /** The same graph, grown: what is seen of it stays. */
  grow(layout: Layout, subject: Subject): void {
    const old = this.layout;
    if (old !== null && old.boxes !== layout.boxes) {
      const again = (place: number): number => (place < 0 ? -1 : follow(layout, pathOf(old, place)));
      [this.anchor, this.cursor] = [again(this.anchor), again(this.cursor)];
    }
    this.layout = layout;
    this.subject = subject;
    this.later();
  }

  /** The same boxes in other colours. */
  paint(subject: Subject): void {
    this.subject = subject;
    this.draw();
  }

  zoom(place: number): void {
    [this.anchor, this.seen] = [place, [0, 1]];
    this.draw();
  }

  get isZoomed(): boolean {
    return this.anchor >= 0 || this.seen[0] > 0 || this.seen[1] < 1;
  }

  /** What of the whole width is seen. */
  private get view(): [number, number] {
    const { layout, anchor, seen } = this;
    if (layout === null || anchor < 0) return seen;
    const [start, part] = [startOf(layout, anchor), partOf(layout, anchor)];
    return part > 0 ? [start + seen[0] * part, start + seen[1] * part] : [0, 1];
  }

  private look(from: number, to: number): void {
    const { layout } = this;
    if (layout === null) return;
    const { first, next, root } = layout;
    let [anchor, start, part] = [-1, 0, 1];
    // Deeper than this, boxes that fill the whole view tell nothing more.
    for (let depth = 0; depth < 1000; depth += 1) {
      let [at, left] = [anchor < 0 ? root : first[anchor]!, start];
      while (at >= 0 && left + partOf(layout, at) <= from) {
        left += partOf(layout, at);
        at = next[at]!;
      }
      if (at < 0 || left > from || left + partOf(layout, at) < to) break;
      [anchor, start, part] = [at, left, partOf(layout, at)];
    }
    [this.anchor, this.seen] = [anchor, [(from - start) / part, (to - start) / part]];
    this.events.moved?.();
    this.later();
  }

  /** Draws at the next frame. */
  later(): void {
    if (this.isWaiting) return;
    this.isWaiting = true;
    requestAnimationFrame(() => {
      this.isWaiting = false;
      this.draw();
    });
  }

  draw(isAgain = false): void {
    const { layout, subject, scroller, canvas, context } = this;
    if (layout === null || subject === null) return;
    const pixels = scroller.clientWidth;
    this.place(layout, pixels);
    const covered: number[] = [];
    for (const { top, width } of this.drawn) covered[top / ROW] = (covered[top / ROW] ?? 0) + width;
    const rows = Math.max(covered.length, 1);
    // Deep stacks that take next to no time hang below the others: these are scrolled to.
    const telling = covered.reduce((most, width, row) => (width >= TELLING * pixels ? row + 1 : most), 0);
    this.spacer.style.height = `${rows * ROW}px`;
    scroller.style.height = `${Math.min(rows, Math.max(telling + 2, LEAST_ROWS)) * ROW}px`;
    const height = Math.max(scroller.clientHeight, ROW);
    canvas.style.height = `${height}px`;
    // A scroll bar came or went with the height.
    if (scroller.clientWidth !== pixels && !isAgain) return this.draw(true);
    const scale = devicePixelRatio || 1;
    const [wide, high] = [Math.round(pixels * scale), Math.round(height * scale)];
    if (canvas.width !== wide || canvas.height !== high) {
      [canvas.width, canvas.height] = [wide, high];
      canvas.style.width = `${pixels}px`;
    } else {
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, wide, high);
    }
    context.setTransform(scale, 0, 0, scale, 0, -scroller.scrollTop * scale);
    context.textBaseline = "middle";
    const [top, bottom] = [scroller.scrollTop - ROW, scroller.scrollTop + height];
    for (const box of this.drawn) if (box.top > top && box.top < bottom) this.drawBox(box, pixels, subject);
    canvas.dispatchEvent(new Event("drawn"));
  }

  /** Which boxes are seen, and where. */
  private place(layout: Layout, pixels: number): void {
    const { boxes, first, next, size, total } = layout;
    const [from, to] = this.view;
    const scale = pixels / (to - from);
    const drawn: Drawn[] = (this.drawn = []);
    if (total <= 0) return;
    const least = (MIN_PIXELS / scale) * total;
    const hasRest = boxes.count.length > 0;
    // The first sibling, where it begins, and how deep it is.
    const open: [number, number, number][] = [[layout.root, 0, 0]];
    while (open.length > 0) {
      const [sibling, begin, depth] = open.pop()!;
      let sum = begin * total;
      // Neighbours that are too narrow are one box together.
      let [run, runFrom, count] = [-1, 0, 0];
      const finish = (): void => {
        const [left, right] = [(runFrom / total - from) * scale, (sum / total - from) * scale];
        if (run >= 0 && left < pixels - 0.01 && right > 0.01 && right - left >= MIN_PIXELS) {
          const rest = { count, time: sum - runFrom, part: (sum - runFrom) / total };
          drawn.push({ place: run, left, top: depth * ROW, width: right - left, rest, name: `${grouped(count)} more` });
        }
        [run, count] = [-1, 0];
      };
      for (let at = sibling; at >= 0; at = next[at]!) {
        const time = size[at]!;
        if (time < least || (hasRest && boxes.what[at] === REST)) {
          if (run < 0) [run, runFrom] = [at, sum];
          count += hasRest && boxes.what[at] === REST ? boxes.count[at]! : 1;
          sum += time;
          continue;
        }
        finish();
        const left = (sum / total - from) * scale;
        const width = (time / total) * scale;
        if (left >= pixels - 0.01) break;
        if (left + width > 0.01) {
          drawn.push({ place: at, left, top: depth * ROW, width, rest: null, name: this.subject!.label(at)[0] });
          if (first[at]! >= 0) open.push([first[at]!, sum / total, depth + 1]);
        }
        sum += time;
      }
      finish();
    }
  }

  private drawBox(box: Drawn, pixels: number, subject: Subject): void {
    const { context } = this;
    const left = Math.max(box.left, 0);
    const right = Math.min(box.left + box.width, pixels);
    const gap = right - left > 2 ? 1 : 0;
    const ink = box.rest === null ? subject.ink(box.place) : subject.restInk;
    const found = box.rest === null ? subject.isFound(box.place) : subject.isFound(-1);
    context.globalAlpha = found === false ? 0.28 : 1;
    context.fillStyle = ink.fill;
    if (right - left > 8) {
      context.beginPath();
      context.roundRect(left, box.top + 0.5, right - left - gap, ROW - 1, 3);
      context.fill();
    } else context.fillRect(left, box.top + 0.5, right - left - gap, ROW - 1);
    context.globalAlpha = found === false ? 0.7 : 1;
    context.fillStyle = found === false ? subject.restInk.text : ink.text;
    this.drawText(box, left, right - left - gap, subject);
    context.globalAlpha = 1;
    const isAtCursor = box.place === this.cursor && document.activeElement === this.canvas;
    if (found === true || isAtCursor || (box.rest === null && subject.isChosen(box.place))) {
      context.strokeStyle = subject.ring;
      context.lineWidth = isAtCursor ? 2.5 : 1.5;
      const inner = context.lineWidth / 2;
      context.strokeRect(left + inner, box.top + 0.5 + inner, Math.max(right - left - gap - 2 * inner, 0.5), ROW - 1 - 2 * inner);
    }
  }

  /** Name, place and share, as far as there is room. */
  private drawText(box: Drawn, left: number, width: number, subject: Subject): void {
    const room = width - 2 * PADDING;
    if (room < 14) return;
    const { context } = this;
    const middle = box.top + ROW / 2 + 0.5;
    const [name, place] = box.rest === null ? subject.label(box.place) : [box.name, ""];
    const nameFont = "500 12px " + FONT;
    const nameWidth = this.measure(name, nameFont);
    context.font = nameFont;
    if (nameWidth > room) {
      context.fillText(this.cut(name, room, nameFont), left + PADDING, middle);
      return;
    }
    context.fillText(name, left + PADDING, middle);
    const small = "11px " + FONT;
    context.font = small;
    const alpha = context.globalAlpha;
    context.globalAlpha = alpha * 0.68;
    let used = nameWidth + 10;
    const share = box.rest === null ? subject.share(box.place) : "";
    const shareWidth = this.measure(share, small);
    const hasShare = share !== "" && used + shareWidth <= room;
    if (hasShare) context.fillText(share, left + PADDING + room - shareWidth, middle);
    const placeRoom = room - used - (hasShare ? shareWidth + 10 : 0);
    if (place !== "" && this.measure(place, small) <= placeRoom) context.fillText(place, left + PADDING + used, middle);
    context.globalAlpha = alpha;
  }

  private measure(text: string, font: string): number {
    const key = font + text;
    let width = this.widths.get(key);
    if (width === undefined) {
      if (this.widths.size > 20_000) this.widths.clear();
      this.context.font = font;
      width = this.context.measureText(text).width;
      this.widths.set(key, width);
    }
    return width;
  }

  private cut(text: string, room: number, font: string): string {
    let [low, high] = [0, text.length];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.measure(text.slice(0, middle) + "…", font) <= room) low = middle;
      else high = middle - 1;
    }
    this.context.font = font;
    return low === 0 ? "" : text.slice(0, low) + "…";
  }

  private boxAt(event: { clientX: number; clientY: number }): Drawn | null {
    const { left, top } = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top + this.scroller.scrollTop];
    return this.drawn.find((box) => y >= box.top && y < box.top + ROW && x >= box.left && x < box.left + box.width) ?? null;
  }

  private listen(): void {
    const { canvas } = this;
    let tapped = -1;
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerType === "touch") return;
      const box = this.boxAt(event);
      canvas.style.cursor = box === null ? "default" : "pointer";
      this.events.point(box, event.clientX, event.clientY);
    });
    canvas.addEventListener("pointerleave", (event) => {
      if (event.pointerType !== "touch") this.events.point(null, 0, 0);
    });
    let isTouch = false;
    let [held, isDragged] = [null as PointerEvent | null, false];
    canvas.addEventListener("pointerdown", (event) => {
      isTouch = event.pointerType === "touch";
      [held, isDragged] = [isTouch || event.button !== 0 ? null : event, false];
    });
    canvas.addEventListener("pointermove", (event) => {
      if (held === null || (!isDragged && Math.hypot(event.clientX - held.clientX, event.clientY - held.clientY) < DRAG)) return;
      if (!isDragged) canvas.setPointerCapture(event.pointerId);
      isDragged = true;
      this.events.point(null, 0, 0);
      this.pan(held.clientX - event.clientX);
      this.scroller.scrollTop += held.clientY - event.clientY;
      held = event;
    });
    for (const end of ["pointerup", "pointercancel"] as const) canvas.addEventListener(end, () => (held = null));
    canvas.addEventListener("click", (event) => {
      if (isDragged) return;
      const box = this.boxAt(event);
      if (box === null) return this.events.point(null, 0, 0);
      this.cursor = box.place;
      // A finger covers what it points at: the first tap tells, the second one leads there.
      if (isTouch && tapped !== box.place) {
        tapped = box.place;
        this.events.point(box, event.clientX, event.clientY);
        this.draw();
        return;
      }
      tapped = -1;
      this.events.point(null, 0, 0);
      this.go(box);
    });
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) {
        if (Math.abs(event.deltaX) <= Math.abs(event.deltaY) || !this.isZoomed) return;
        event.preventDefault();
        return this.pan(event.deltaX);
      }
      event.preventDefault();
      this.zoomAt(event.clientX - canvas.getBoundingClientRect().left, Math.exp(event.deltaY / 300));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("focus", () => {
      if (canvas.matches(":focus-visible")) this.reach(this.drawn.find((box) => box.place === this.cursor) ?? this.drawn[0]);
    });
    canvas.addEventListener("blur", () => {
      this.events.point(null, 0, 0);
      this.draw();
    });
    this.scroller.addEventListener("scroll", () => this.later());
    new ResizeObserver(() => this.later()).observe(this.scroller);
  }

  private go(box: Drawn): void {
    if (box.rest === null) this.zoom(box.place);
    this.events.choose(box);
  }

  private zoomAt(x: number, factor: number): void {
    const [from, to] = this.view;
    const size = to - from;
    const point = from + (x / this.scroller.clientWidth) * size;
    const next = Math.min(Math.max(size * factor, 1e-7), 1);
    const start = Math.max(0, Math.min(point - ((point - from) / size) * next, 1 - next));
    this.look(start, start + next);
  }

  private pan(pixels: number): void {
    const [from, to] = this.view;
    const by = (pixels / this.scroller.clientWidth) * (to - from);
    const start = Math.max(0, Math.min(from + by, 1 - (to - from)));
    this.look(start, start + to - from);
  }

  private key(event: KeyboardEvent): void {
    const now = this.drawn.find((box) => box.place === this.cursor);
    if (event.key === "Enter" || event.key === " ") {
      if (now !== undefined) this.go(now);
      const again = this.drawn.find((box) => box.place === this.cursor);
      this.reach(again);
    } else if (event.key.startsWith("Arrow")) {
      this.reach(now === undefined ? this.drawn[0] : this.neighbour(now, event.key));
    } else if (event.key === "Home") {
      this.reach(this.drawn[0]);
    } else if (event.key === "+" || event.key === "-") {
      this.zoomAt(now === undefined ? 0 : Math.max(now.left, 0) + now.width / 2, event.key === "+" ? 0.7 : 1.4);
    } else {
      return;
    }
    event.preventDefault();
  }

  /** The box that lies beside this one in the direction of an arrow key. */
  private neighbour(box: Drawn, key: string): Drawn | undefined {
    const middle = Math.max(box.left, 0) + box.width / 2;
    const top = box.top + ({ ArrowUp: -ROW, ArrowDown: ROW }[key] ?? 0);
    const distance = (other: Drawn): number => {
      if (key === "ArrowLeft") return other.left < box.left ? box.left - other.left : Infinity;
      if (key === "ArrowRight") return other.left > box.left ? other.left - box.left : Infinity;
      return Math.max(other.left - middle, middle - other.left - other.width, 0);
    };
    let best: Drawn | undefined;
    for (const other of this.drawn) {
      if (other.top !== top || other === box || distance(other) === Infinity) continue;
      if (best === undefined || distance(other) < distance(best)) best = other;
    }
    return best;
  }

  /** Lets the keyboard stand on a box, and shows it. */
  private reach(box: Drawn | undefined): void {
    if (box === undefined) return;
    this.cursor = box.place;
    const { scroller } = this;
    if (box.top < scroller.scrollTop) scroller.scrollTop = box.top;
    if (box.top + ROW > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = box.top + ROW - scroller.clientHeight;
    this.draw();
    const { left, top } = this.canvas.getBoundingClientRect();
    this.events.point(box, left + Math.max(box.left, 0) + 12, top + box.top - scroller.scrollTop + ROW / 2);
  }
}

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif";
