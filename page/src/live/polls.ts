// What comes by questions, not by the stream: what ran when, open calls, recordings.

import { find } from "../elements";
import { program } from "../words";
import { ask, why } from "./asks";
import type { Band, Bands } from "./bands";
import type { Buckets, OpenCalls, Process, Recording, Tasks as Told } from "./events";
import type { Memory } from "./memory";
import type { Now } from "./now";
import { processOf, state } from "./state";
import type { Tasks } from "./tasks";

export const POLL_MS = 500;
/** Of so many times once: what changes slowly. */
const SLOWLY = 4;
/** Bands of so many processes are shown. */
const MOST_BANDS = 6;

export class Polls {
  private isPolling = false;
  private isAgain = false;
  private polled = 0;
  private readonly known = new Map<string, Buckets>();

  constructor(
    private readonly bands: Bands,
    private readonly now: Now,
    private readonly tasks: Tasks,
    private readonly memory: Memory,
    private readonly learn: (chosen: number) => Promise<void>,
  ) {}

  async poll(isAtOnce: boolean): Promise<void> {
    if (this.isPolling && isAtOnce) this.isAgain = true;
    if (state.told === null || document.hidden || this.isPolling) return;
    this.isPolling = true;
    const wanted = state.scope;
    try {
      const isSlow = isAtOnce || (this.polled += 1) % SLOWLY === 0;
      if (isSlow) await this.remember();
      if (wanted === state.scope && state.view === "now") {
        const open = await ask<OpenCalls>("/api/now", { scope: state.scope.split(":")[0]! });
        if (wanted === state.scope && state.live !== null) this.now.show(open, state.live);
      }
      if (wanted === state.scope && state.view === "tasks" && state.frozen === null) {
        const told = await ask<Told>("/api/tasks", { scope: state.scope });
        if (wanted === state.scope) this.tasks.show(told, state.live);
      }
      if (wanted === state.scope && state.view === "memory") {
        const recording = await ask<Recording>("/api/recording", { scope: state.scope });
        if (wanted === state.scope) this.memory.show(recording);
      }
      if (isSlow && wanted === state.scope && state.chosen !== null && state.range === null && state.frozen === null) await this.learn(state.chosen);
    } catch (error) {
      if (state.view === "now") this.now.say(why(error));
      if (state.view === "tasks") this.tasks.say(why(error));
      if (state.view === "memory") this.memory.say(why(error));
    } finally {
      this.isPolling = false;
      if (this.isAgain) {
        this.isAgain = false;
        void this.poll(true);
      }
    }
  }

  private async remember(): Promise<void> {
    const process = processOf(state.scope);
    if (process?.kind === "file" || state.scope === "files" || process?.kind === "recorder") return void (find("time").hidden = true);
    const busy = (one: Process): number => Number(one.phase === "running") * 1e15 + (one.calls ?? 0);
    const live = state.told!.processes.filter(({ kind }) => kind === "live");
    const wanted = process === null ? [...live].sort((a, b) => busy(b) - busy(a)).slice(0, MOST_BANDS) : [process];
    const buckets = Math.max(60, Math.min(400, Math.round(find("bands").clientWidth / 3)));
    const asked = state.scope;
    const made = await Promise.all(
      wanted.map(async (one): Promise<Band> => {
        // A process, or the thread of it that is looked at.
        const scope = process === null ? one.id : asked;
        const answer = await ask<Buckets>("/api/history", { scope, buckets }).catch((error: unknown) => why(error));
        if (typeof answer !== "string") this.known.set(scope, answer);
        // What was told before stays when nobody answers.
        return { scope, title: program(one.title), history: this.known.get(scope) ?? null, without: typeof answer === "string" ? answer : "Nothing ran yet." };
      }),
    );
    if (asked !== state.scope) return;
    find("time").hidden = wanted.length === 0;
    this.bands.show(made, state.shown?.model ?? null);
  }
}
