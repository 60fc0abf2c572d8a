// What is told of the chosen function: its callers, callees and source, as the server knows them or as stacks tell.

import type { Edge, Figures, Source, Surroundings } from "../data";
import { Detail } from "../detail";
import type { Doors } from "../detail";
import { find, make } from "../elements";
import { ask, why } from "./asks";
import { edgesBeside, edgesOfTree } from "./compare";
import type { EdgeColumns } from "./events";
import { current, scaleTo, state } from "./state";

interface Answer {
  file: string;
  first: number;
  lines: string[];
  changed: boolean;
  more?: boolean;
}

export class Chosen {
  private readonly detail: Detail;
  private drawn = { version: -1, around: null as Surroundings | null, model: null as Figures | null };

  constructor(doors: Doors, private readonly close: () => void, private readonly later: () => void) {
    this.detail = new Detail(doors);
  }

  /** Colours have changed. */
  forget(): void {
    this.drawn.version = -1;
  }

  /** Callers and callees, and at first the source. */
  async learn(at: number, isFirst: boolean): Promise<void> {
    const wanted = state.scope;
    const isStill = (): boolean => state.chosen === at && state.scope === wanted && state.around !== null;
    const isOfServer = !state.isComparing && (state.range !== null || state.frozen === null);
    if (isOfServer) {
      const time = state.range?.brushed;
      const within = time === undefined ? {} : { from: time.from, to: time.to };
      const answer = await ask<{ callers: EdgeColumns; callees: EdgeColumns }>("/api/edges", { scope: state.scope, function: at, ...within }).catch((error: unknown) => why(error));
      if (!isStill() || state.range?.brushed !== time) return;
      state.around = typeof answer === "string" ? { ...state.around!, callers: answer, callees: answer } : { ...state.around!, callers: edges(answer.callers), callees: edges(answer.callees) };
    } else state.around = { ...state.around!, ...edgesOfStill(at) };
    this.later();
    if (!isFirst) return;
    const source = await ask<Answer>("/api/source", { scope: state.scope, function: at }).catch((error: unknown) => why(error));
    if (!isStill()) return;
    const isText = typeof source === "string";
    const code: Source | null = isText ? null : { function: at, first: source.first, lines: source.lines, more: source.more ?? false, changed: source.changed };
    state.around = { ...state.around!, source: code, without: isText ? source : "" };
    this.later();
  }

  show(): void {
    if (state.shown === null || state.chosen === null || state.around === null) return;
    const { model } = state.shown;
    // What somebody marks with the mouse, or has reached by the keyboard, isn't taken away.
    const isBusy = (getSelection()?.toString() ?? "") !== "" || find("detail").contains(document.activeElement) || find("detail").matches(":active");
    const isNew = this.drawn.around !== state.around || this.drawn.model !== model;
    if (!isNew && (isBusy || this.drawn.version === model.version)) return;
    if (isBusy && this.drawn.model === model && this.drawn.around?.callers != null && this.drawn.around.source === state.around.source) return;
    this.drawn = { version: model.version, around: state.around, model };
    this.detail.show(model, state.chosen, state.around);
    const close = make("button", "icon close", "×");
    close.setAttribute("aria-label", "close");
    close.addEventListener("click", this.close);
    find("detail").prepend(close);
  }
}

function edges(rows: EdgeColumns): Edge[] {
  const made = rows.id.map((other, at) => ({ other, calls: rows.calls[at] ?? 0, own: rows.own[at] ?? 0, cumulative: rows.cumulative[at] ?? 0, before: 0 }));
  return made.sort((a, b) => b.cumulative - a.cumulative || b.calls - a.calls);
}

/** Of figures that stand still, what their stacks tell. */
function edgesOfStill(at: number): Pick<Surroundings, "callers" | "callees"> {
  const still = current();
  const tree = still?.model.tree ?? null;
  const old = state.marked?.model.tree ?? null;
  if (still === null || tree === null || tree.state !== "kept" || (state.isComparing && old === null)) {
    const sentence = "Without full stacks this is known of the whole profile alone.";
    return { callers: sentence, callees: sentence };
  }
  const now = edgesOfTree(tree, at);
  if (!state.isComparing || old === null) return now;
  const was = edgesOfTree(old, at);
  const scale = scaleTo(still);
  return { callers: edgesBeside(was.callers, now.callers, scale), callees: edgesBeside(was.callees, now.callees, scale) };
}
