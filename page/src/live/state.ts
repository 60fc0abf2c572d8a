// What the live page knows and shows. Whoever changes it has it drawn.

import type { Surroundings } from "../data";
import type { Brushed } from "./bands";
import type { Process, Processes } from "./events";
import type { Model } from "./model";

export const VIEWS = ["functions", "flame", "now", "tasks", "labels", "memory"] as const;
export type View = (typeof VIEWS)[number];

/** Figures, and the time that they are of, where it is known. */
export interface Still {
  model: Model;
  span: number | null;
  label: string;
}

interface State {
  /** What was told of processes; null: nothing yet. */
  told: Processes | null;
  scope: string;
  view: View;
  /** What the stream says of the scope; null: nothing yet. */
  live: Model | null;
  /** Whether the stream tells stacks as well. */
  hasStacks: boolean;
  /** A time that is shown alone. */
  range: (Still & { brushed: Brushed }) | null;
  frozen: Still | null;
  marked: Still | null;
  isComparing: boolean;
  /** The function that was chosen, and what is told of it. */
  chosen: number | null;
  around: Surroundings | null;
  pattern: RegExp | null;
  without: RegExp | null;
  isMine: boolean;
  /** What the views show; of a comparison, what each stack took before. */
  shown: { model: Model; was: Float64Array | null } | null;
  /** Whether that is something else than it was when it was drawn last, not only newer. */
  isOther: boolean;
}

export const state: State = {
  told: null, scope: "", view: "functions", live: null, hasStacks: false, range: null, frozen: null, marked: null, isComparing: false,
  chosen: null, around: null, pattern: null, without: null, isMine: false, shown: null, isOther: true,
};

/** The process of a scope; null: a sum. */
export function processOf(wanted: string): Process | null {
  return state.told?.processes.find(({ id }) => id === wanted.split(":")[0]) ?? null;
}

/** Whether tasks are followed in a scope. */
export function hasTasks(wanted: string): boolean {
  const process = processOf(wanted);
  if (process !== null) return process.tasks === true;
  const all = state.told?.processes ?? [];
  const kind = wanted === "files" || !all.some((one) => one.kind === "live") ? "file" : "live";
  return all.some((one) => one.kind === kind && one.tasks === true);
}

/** What is to be shown of all that is there. */
export function current(): Still | null {
  if (state.range !== null) return state.range;
  if (state.frozen !== null) return state.frozen;
  return state.live === null ? null : { model: state.live, span: state.live.age, label: "now" };
}

/** What figures of the mark are to be taken times, so that both are of the same length. */
export function scaleTo({ span }: Still): number {
  return span && state.marked?.span ? span / state.marked.span : 1;
}
