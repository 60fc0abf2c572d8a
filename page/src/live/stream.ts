// The stream of events of one scope: read, told apart, and opened again when it breaks. The browser sends the id of the
// last event, so that nothing is missed.

import type { Processes, Told } from "./events";

export interface Listener {
  processes(told: Processes): void;
  told(event: Told): void;
  /** Whether the server is heard; false while it is tried again. */
  heard(isHeard: boolean): void;
}

/** The browser gives up on some failures (a proxy's error page, say): then we try again ourselves after so long. */
const AGAIN_MS = 1000;

export class Stream {
  private source: EventSource | null = null;
  private address = "";
  private timer = 0;

  constructor(private readonly listener: Listener) {}

  /** Listens to a scope in place of the one before. */
  open(scope: string, hasStacks: boolean): void {
    const address = `/api/events?scope=${encodeURIComponent(scope)}${hasStacks ? "&stacks=1" : ""}`;
    if (address === this.address && this.source !== null && this.source.readyState !== EventSource.CLOSED) return;
    this.close();
    const { listener } = this;
    const source = new EventSource(address);
    [this.source, this.address] = [source, address];
    const on = (name: string, act: (text: string) => void): void => {
      source.addEventListener(name, (event) => {
        if (this.source !== source) return;
        listener.heard(true);
        act((event as MessageEvent<string>).data);
      });
    };
    on("processes", (text) => listener.processes(JSON.parse(text) as Processes));
    on("full", (text) => listener.told({ kind: "full", full: JSON.parse(text) }));
    on("delta", (text) => listener.told({ kind: "delta", delta: JSON.parse(text) }));
    on("reset", () => listener.told({ kind: "reset" }));
    source.addEventListener("open", () => this.source === source && listener.heard(true));
    source.addEventListener("error", () => {
      if (this.source !== source) return;
      listener.heard(false);
      if (source.readyState === EventSource.CLOSED) this.timer = window.setTimeout(() => this.open(scope, hasStacks), AGAIN_MS);
    });
  }

  close(): void {
    window.clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }
}
