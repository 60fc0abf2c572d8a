// The table of functions: which rows it has, and when they may move.

import { differenceColumns } from "../columns";
import { find } from "../elements";
import { Table } from "../table";
import { counted } from "../words";
import { liveColumns } from "./live-columns";
import type { Model } from "./model";
import { state } from "./state";

/** So long after a pointer moved over the table its rows keep their order: what is about to be clicked doesn't run away. */
const HELD_MS = 1500;

export class Functions {
  private readonly table: Table;
  private listed: Model | null = null;
  /** What its columns depend on. */
  private shape = "";
  /** Columns that come when there is something in them. */
  private extras = "";
  private pointed = 0;

  constructor(choose: (at: number) => void) {
    this.table = new Table(choose);
    find("rows").addEventListener("pointermove", () => (this.pointed = performance.now()), { passive: true });
    find("rows").addEventListener("pointerleave", () => (this.pointed = 0));
  }

  mark(at: number | null, isShown: boolean): void {
    this.table.mark(at, isShown);
  }

  /** Other rows of the same figures. */
  select(): void {
    if (this.listed !== null && state.view === "functions") this.table.select();
  }

  show(): void {
    // Those of another scope stay in the background until the new ones are here.
    find("rows").classList.toggle("stale", state.shown === null);
    if (state.shown === null) return void (find("rows-count").textContent = "The figures are on their way …");
    const { model } = state.shown;
    const shape = [model.isDifference, model.isLive, model.counted, model.sampled, model.unit].join();
    const isNew = shape !== this.shape;
    const isHeld = performance.now() - this.pointed < HELD_MS;
    find("held").hidden = !isHeld;
    const before = this.listed;
    const extras = [model.hasGilWaits, model.hasDurations, model.hasCpu].join();
    find("rows").classList.toggle("with-durations", model.hasDurations && !model.isDifference);
    const hadExtras = this.extras;
    [this.listed, this.shape, this.extras] = [model, shape, extras];
    if (isNew) {
      const columns = model.isDifference ? differenceColumns(model) : liveColumns(() => this.listed!);
      this.table.show({ columns, rows: () => this.rows(), kind: (at) => this.listed!.kind[at] ?? "builtin", counted: (count) => (count === 0 ? this.noRows() : counted(count, "function")) }, model.isDifference ? "change" : model.isLive ? "now" : "own");
    } else {
      if (model.isDifference && before !== model) this.table.recolumn(differenceColumns(model));
      else if (!model.isDifference && hadExtras !== extras) this.table.recolumn(liveColumns(() => this.listed!));
      if (state.isOther) this.table.select();
      else this.table.refresh(isHeld);
    }
  }

  private noRows(): string {
    if (this.listed === null || this.listed.listed.length === 0) return "No function has been called yet.";
    return "No function matches.";
  }

  /** Those that the fields and switches leave. */
  private rows(): number[] {
    const { functions, kind } = this.listed!;
    if (state.pattern === null && state.without === null && !state.isMine) return [...this.listed!.listed];
    const fits = (by: RegExp, at: number): boolean => by.test(functions.name[at]!) || by.test(functions.place[at]!);
    return this.listed!.listed.filter((at) => (!state.isMine || kind[at] === "own") && (state.pattern === null || fits(state.pattern, at)) && (state.without === null || !fits(state.without, at)));
  }
}
