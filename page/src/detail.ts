// All of one function: its figures, who called it, whom it called, its source.

import { groupInk, isDarkNow } from "./colours";
import type { Edge, Figures, LineFigures, Source, Surroundings } from "./data";
import { find, make } from "./elements";
import { amount, bytes, counted, grouped, percent, short, signed } from "./words";

/** So many callers and callees are listed at first. */
const FEW = 12;

export interface Doors {
  choose(at: number): void;
  focus(at: number): void;
}

export class Detail {
  private readonly root = find("detail");
  private shown: number | null = null;
  /** Lists that somebody opened, by their titles, as long as the function is the same. */
  private open = new Set<string>();

  constructor(private readonly doors: Doors) {}

  show(profile: Figures, at: number | null, around: Surroundings | null): void {
    if (at === null || around === null) {
      const hint = "Choose a function, in the graph or in the table: who called it, whom it called, and its source stand here.";
      this.root.replaceChildren(make("p", "hint", hint));
      return;
    }
    if (this.shown !== at) this.open.clear();
    const { functions } = profile;
    const group = profile.groups[functions.group[at]!]!;
    const dot = make("i", "dot");
    dot.style.background = groupInk(profile, functions.group[at]!, isDarkNow()).fill;
    const only = make("button", "quiet", "Only this in the graph");
    only.addEventListener("click", () => this.doors.focus(at));
    const place = functions.place[at]!;
    this.root.replaceChildren(
      make("h2", "name", functions.name[at]!),
      make("p", "where", dot, group.name, place === "" ? "" : ` · ${place}`),
      figures(profile, at),
      make("p", "doors", only),
      this.edges(profile, "Called by", around.callers, "Nobody called it, as far as was recorded."),
      this.edges(profile, "Calls", around.callees, "It called nothing that was recorded."),
      sourceOf(profile, at, around),
    );
    if (this.shown !== at) this.root.scrollTop = 0;
    this.shown = at;
  }

  private edges(profile: Figures, title: string, edges: Edge[] | string | null, none: string): HTMLElement {
    const count = typeof edges === "object" && edges !== null && edges.length > 0 ? ` ${grouped(edges.length)}` : "";
    const section = make("section", "edges", make("h3", "", title, make("small", "", count)));
    if (edges === null || typeof edges === "string") {
      section.append(make("p", "hint", edges ?? "…"));
      return section;
    }
    if (edges.length === 0) {
      section.append(make("p", "hint", none));
      return section;
    }
    const sum = edges.reduce((all, edge) => all + Math.max(edge.cumulative, 0), 0) || 1;
    const list = make("ul", "");
    const put = (from: number, to: number): void => {
      for (const edge of edges.slice(from, to)) list.append(this.edge(profile, edge, sum));
    };
    put(0, FEW);
    section.append(list);
    const rest = (): void => put(FEW, Math.min(edges.length, 500));
    if (edges.length > FEW && this.open.has(title)) rest();
    else if (edges.length > FEW) {
      const more = make("button", "quiet", `${grouped(edges.length - FEW)} more`);
      more.addEventListener("click", () => {
        this.open.add(title);
        rest();
        more.remove();
      });
      section.append(more);
    }
    return section;
  }

  private edge(profile: Figures, edge: Edge, sum: number): HTMLElement {
    const { functions, unit } = profile;
    const bar = make("i", "bar");
    bar.style.width = `${(100 * Math.max(edge.cumulative, 0)) / sum}%`;
    const parts: string[] = [];
    if (profile.timed_edges) parts.push(profile.isDifference ? signed(edge.cumulative - edge.before, unit) : amount(edge.cumulative, unit));
    if (profile.counted) parts.push(counted(edge.calls, "call"));
    const button = make(
      "button",
      profile.kind[edge.other]!,
      bar,
      make("span", "name", functions.name[edge.other]!),
      make("span", "where", functions.place[edge.other]!),
      make("span", "figures", parts.join(" · ")),
    );
    button.addEventListener("click", () => this.doors.choose(edge.other));
    return make("li", "", button);
  }
}

function figures(profile: Figures, at: number): HTMLElement {
  const { functions, unit, total } = profile;
  const list = make("dl", "figures");
  const put = (name: string, value: string, more = ""): void => {
    list.append(make("div", "", make("dt", "", name), make("dd", "", value, make("small", "", more))));
  };
  const own = functions.own[at];
  const before = functions.before;
  if (own === null || own === undefined) {
    put("figures", "none", "named as a caller only");
  } else if (before !== null) {
    put("own", signed(own - before.own[at]!, unit), `${amount(before.own[at]!, unit)} → ${amount(own, unit)}`);
    const [was, is] = [before.cumulative[at]!, functions.cumulative[at]!];
    put("cumulative", signed(is - was, unit), `${amount(was, unit)} → ${amount(is, unit)}`);
    if (profile.counted) put("calls", grouped(functions.calls[at]!), `${grouped(before.calls[at]!)} before`);
  } else {
    const whole = total || 1;
    put("own", amount(own, unit), percent(own / whole));
    const folded = functions.folded?.[at];
    if (folded !== undefined && profile.kind[at] === "own" && folded > own) put("with others' code", amount(folded, unit), percent(folded / whole));
    put("cumulative", amount(functions.cumulative[at]!, unit), percent(functions.cumulative[at]! / whole));
    if (profile.counted) {
      const [calls, primitive] = [functions.calls[at]!, functions.primitive[at]!];
      put("calls", grouped(calls), calls === primitive ? "" : `${grouped(calls - primitive)} recursive`);
      put("per call", amount(functions.cumulative[at]! / (primitive || 1), unit), "cumulative");
    }
  }
  return list;
}

function sourceOf(profile: Figures, at: number, { source, without }: Surroundings): HTMLElement | string {
  if (source !== null) return listing(source);
  if (profile.isDifference || profile.functions.place[at] === "" || without === "") return "";
  return make("section", "source", make("h3", "", "Source"), make("p", "hint", without));
}

function listing(source: Source): HTMLElement {
  const code = make("pre", "");
  code.tabIndex = 0; // so that the keyboard can scroll it
  const told = source.figures === undefined ? null : toldOf(source.figures);
  if (told !== null) code.append(make("span", "row head", make("span", "number", "line"), make("span", "hits", "hits"), make("span", "took", told.label)));
  source.lines.forEach((line, at) => {
    const words = [make("span", "number", String(source.first + at)), ...(told?.cells(at) ?? []), ...coloured(line), "\n"];
    if (told === null) return code.append(...words);
    const row = make("span", "row", ...words);
    row.style.setProperty("--part", told.part(at).toFixed(3));
    row.title = told.title(at);
    code.append(row);
  });
  const notes = [
    source.changed ? "The file was changed after this profile was made: lines may have moved." : "",
    source.more ? "It has more lines." : "",
  ].filter((note) => note !== "");
  const section = make("section", "source", make("h3", "", "Source"));
  if (notes.length > 0) section.append(make("p", "hint", notes.join(" ")));
  section.append(code);
  return section;
}

/** What stands beside each line, and how warm it is. */
function toldOf({ what, hits, with_calls: whole, own }: LineFigures): { label: string; cells(at: number): Node[]; part(at: number): number; title(at: number): string } {
  const isTime = what === "time";
  const shown = (value: number): string => (isTime ? amount(value, null) : value === 0 ? "0 B" : `${value > 0 ? "+" : "−"}${bytes(Math.abs(value))}`);
  const sum = whole.reduce<number>((all, value) => all + Math.max(value ?? 0, 0), 0) || 1;
  const part = (at: number): number => Math.max(whole[at] ?? 0, 0) / sum;
  return {
    label: isTime ? "time" : "growth",
    cells: (at) => {
      const [count, value] = [hits[at] ?? null, whole[at] ?? null];
      return [make("span", "hits", count === null ? "" : short(count)), make("span", "took", value === null ? "" : shown(value))];
    },
    part,
    title: (at) => {
      const [count, value, alone] = [hits[at] ?? null, whole[at] ?? null, own[at] ?? null];
      if (count === null) return "";
      const parts = [counted(count, "hit"), value === null ? "" : `${shown(value)} with what it calls (${percent(part(at))})`, alone === null ? "" : `${shown(alone)} in the line itself`];
      return parts.filter((one) => one !== "").join(", ");
    },
  };
}

const TOKENS =
  /(?<comment>#.*)|(?<string>[rbfuRBFU]{0,2}(?:"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?))|(?<word>\b(?:False|None|True|and|as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|in|is|lambda|nonlocal|not|or|pass|raise|return|try|while|with|yield)\b)/g;

/** A line of Python with its keywords, strings and comments set apart, each line by itself. */
function coloured(line: string): (Node | string)[] {
  const parts: (Node | string)[] = [];
  let end = 0;
  for (const match of line.matchAll(TOKENS)) {
    const kind = Object.entries(match.groups ?? {}).find(([, text]) => text !== undefined)?.[0] ?? "";
    if (match[0] === "") continue;
    parts.push(line.slice(end, match.index), make("span", kind, match[0]));
    end = match.index + match[0].length;
  }
  return [...parts, line.slice(end)];
}
