// The live flame graph: the tree as it is, or what its controls make of it. The tree as it is costs nothing to show; what
// has to be made anew (turned round, folded) is made no more often than leaves the page at rest most of the time.

import type { Ink } from "../colours";
import { find } from "../elements";
import { Graph } from "../graph";
import { layoutAsMet, layoutOf } from "../layout";
import type { Layout } from "../layout";
import { found, subjectOf, told } from "../picture";
import type { Picture } from "../picture";
import { boxesOf } from "../stacks";
import type { Boxes, Choice } from "../stacks";
import type { Tooltip } from "../tooltip";
import { amount, grouped } from "../words";
import { importingOf, layoutOfTree } from "./model";
import type { Model } from "./model";

/** Of the time, the most that goes into making the graph anew. */
const MOST_BUSY = 1 / 6;

export class Flame {
  choice: Choice = { thread: "", mine: false, inverted: false, collapsed: false, importing: false, focus: null, older: false };
  pattern: RegExp | null = null;
  lit: number | null = null;
  chosen: number | null = null;
  readonly graph: Graph;
  private model: Model | null = null;
  private layout: Layout | null = null;
  private inks = new Map<number, Ink>();
  private made: Choice | null = null;
  private notBefore = 0;
  private version = -1;

  constructor(tooltip: Tooltip, events: { choose(at: number): void; zoomed(): void }) {
    this.graph = new Graph({
      choose: (box) => {
        const what = this.layout!.boxes.what[box.place]!;
        if (box.rest === null && what >= 0) events.choose(what);
        events.zoomed();
      },
      point: (box, x, y) => {
        const picture = this.picture();
        if (box === null || picture === null) return tooltip.hide();
        const lines = [...told(picture, box), ...this.more(box.place, box.rest !== null)];
        tooltip.show(lines, x, y);
        find("said").textContent = lines.join(", ");
      },
      moved: () => events.zoomed(),
    });
  }

  /** Newer figures, or other ones; `isStill`: they don't grow. */
  show(model: Model | null, was: Float64Array | null, isOther: boolean, isStill: boolean): void {
    const { choice } = this;
    if (model?.groups !== this.model?.groups) this.inks = new Map();
    const isUnknown = model !== null && model.isDifference && was === null;
    const tree = isUnknown ? null : (model?.tree ?? null);
    find("graph-empty").hidden = tree !== null && tree.total > 0;
    find("graph").hidden = tree === null || tree.total <= 0;
    find("graph-empty").textContent = isUnknown ? "One of the two has no stacks, so there is no graph of both." : emptiness(model);
    find("exact").textContent = model === null ? "" : exactness(model);
    if (model === null || tree === null) {
      this.model = model;
      this.layout = null;
      return;
    }
    const isPlain = !choice.inverted && !choice.mine && !choice.importing && choice.focus === null && was === null;
    const isSame = !isOther && this.made === choice && this.model === model && this.layout !== null;
    const isCheap = isPlain && !isStill;
    if (isSame && (model.version === this.version || (!isCheap && performance.now() < this.notBefore))) return;
    const begun = performance.now();
    const plain = isPlain ? layoutOfTree(tree) : null;
    const boxes = plain?.boxes ?? this.boxes(model, was);
    // What doesn't grow can't jump, and callers are read from the widest on.
    this.layout = isStill || choice.inverted ? layoutOf(boxes, false) : (plain ?? layoutAsMet(boxes, false));
    if (!isCheap) this.notBefore = performance.now() + (performance.now() - begun) / MOST_BUSY;
    const isKept = isSame || (this.made === choice && !isOther);
    [this.model, this.made, this.version] = [model, choice, model.version];
    if (isKept) this.graph.grow(this.layout, this.subject()!);
    else this.graph.show(this.layout, this.subject()!);
  }

  private boxes(model: Model, was: Float64Array | null): Boxes {
    const tree = model.tree!;
    const stacks = {
      parent: tree.parent.subarray(0, tree.count), function: tree.function, own: tree.own, calls: tree.calls, before: was,
      rest: { parent: [], count: [], time: [], before: null },
    };
    return boxesOf({ kind: model.kind, isImporting: importingOf(model), threads: [], stacks }, this.choice);
  }

  change(what: Partial<Choice>): void {
    this.choice = { ...this.choice, ...what };
  }

  /** The same boxes in other colours. */
  paint(): void {
    const subject = this.subject();
    if (subject !== null) this.graph.paint(subject);
  }

  recolour(): void {
    this.inks = new Map();
    this.paint();
  }

  found(): string {
    const picture = this.picture();
    return picture === null ? "" : found(picture);
  }

  picture(): Picture | null {
    const { model, layout, choice, pattern, lit, chosen, inks } = this;
    return model === null || layout === null ? null : { figures: model, layout, choice, threads: [], pattern, lit, chosen, inks };
  }

  private subject(): ReturnType<typeof subjectOf> | null {
    const picture = this.picture();
    return picture === null ? null : subjectOf(picture);
  }

  /** What of a box is known of a live tree alone. */
  private more(place: number, isRest: boolean): string[] {
    const { model, layout } = this;
    const tree = model?.tree;
    if (isRest || !tree || layout?.size !== tree.cumulative || tree.open[place] === 0) return [];
    return [`${grouped(tree.open[place]!)} open now, for ${amount(tree.inFlight[place]!, model!.unit)}`];
  }
}

function emptiness(model: Model | null): string {
  const state = model?.tree?.state;
  if (model === null || model.tree === null) return "The stacks are on their way …";
  if (state === "none") return "Nobody keeps full stacks here. Start the program with --tree, and its flame graph grows in this place.";
  if (state === "awaited") return "The stacks come with the next message that holds any …";
  return "Nothing took any time here yet.";
}

function exactness(model: Model): string {
  const { tree } = model;
  if (tree === null || tree.state !== "kept") return "";
  const cut = tree.cut[0] > 0 ? ` ${grouped(tree.cut[0])} calls (${amount(tree.cut[1], model.unit)}) were beyond the tree's limits.` : "";
  const note = tree.note === null ? "Exact: each stack was recorded." : `${tree.note.charAt(0).toUpperCase()}${tree.note.slice(1)}.`;
  return note + cut;
}
