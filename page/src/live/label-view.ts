// The label sets of a scope: its threads have a part for each, and these are added up.

import { find } from "../elements";
import { LabelSets } from "../labels";
import type { LabelSet } from "../labels";
import { program } from "../words";
import type { Process } from "./events";
import { processOf, state } from "./state";

/** The processes of a scope. */
function processesOf(wanted: string): Process[] {
  const process = processOf(wanted);
  return process !== null ? [process] : wanted === "all" ? (state.told?.processes ?? []).filter(({ kind }) => kind === "live") : [];
}

/** Whether anything in a scope has a label. */
export function hasLabels(wanted: string): boolean {
  return processesOf(wanted).some(({ threads }) => threads.some(({ labels }) => labels !== undefined));
}

export class LabelView {
  private readonly sets: LabelSets;
  private drawn = "";

  constructor(choose: (scope: string) => void) {
    this.sets = new LabelSets(choose, true);
    const root = find("labels");
    root.classList.add("tables");
    root.append(this.sets.root);
  }

  show(): void {
    const processes = processesOf(state.scope);
    const told = processes.flatMap((process) => process.threads.map((thread) => ({ process, thread })));
    const hasSeveral = processes.length > 1;
    const sets = told.map(({ process, thread }): LabelSet => {
      const figures = { own: thread.own ?? 0, calls: thread.calls ?? 0, now: thread.share };
      const name = hasSeveral ? `${program(process.title)}: ${thread.name}` : thread.name;
      // Number 0 is the sum of those that are no longer kept apart.
      return { labels: thread.labels ?? [], isMixed: thread.id === 0 && thread.over && thread.labels === undefined, ...figures, parts: [{ scope: `${process.id}:${thread.id}`, name, ...figures }] };
    });
    const drawn = JSON.stringify(sets);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.sets.show(sets.sort((a, b) => b.own - a.own), null);
  }
}
