// The stream of events of one scope: read, told apart, and opened again when it breaks. The browser sends the id of the
// last event, so that nothing is missed.

import { answer } from "./asks";
import type { Full, Processes, Told } from "./events";

export interface Listener {
  processes(told: Processes): void;
  told(event: Told): void;
  /** Whether the server is heard; false while it is tried again. */
  heard(isHeard: boolean): void;
}

/** What a stream begins with, and the id from which it goes on. */
interface Begun {
  id: string;
  processes: Processes;
  full: Full;
}

/** The browser gives up on some failures (a proxy's error page, say): then we try again ourselves after so long. */
const AGAIN_MS = 1000;

export class Stream {
  private source: EventSource | null = null;
  private address = "";
  private timer = 0;
  /** Whether it is asked what the stream begins with. */
  private isBeginning = false;
  private hasBegun = false;

  constructor(private readonly listener: Listener) {}

  /** Listens to a scope in place of the one before. */
  open(scope: string, hasStacks: boolean): void {
    const address = `/api/events?scope=${encodeURIComponent(scope)}${hasStacks ? "&stacks=1" : ""}`;
    const isOpen = this.isBeginning || (this.source !== null && this.source.readyState !== EventSource.CLOSED);
    if (address === this.address && isOpen) return;
    this.close();
    this.address = address;
    // The browser has asked for that before there was a script.
    const begin = document.querySelector<HTMLLinkElement>("#begin");
    if (this.hasBegun || hasStacks || begin?.dataset["scope"] !== scope) return this.listen(scope, hasStacks, "");
    this.hasBegun = true;
    this.isBeginning = true;
    void this.begin(begin.href).then((id) => {
      if (this.address !== address || !this.isBeginning) return;
      this.isBeginning = false;
      this.listen(scope, hasStacks, id);
    });
  }

  /** Tells what it begins with. Returns the id of that; nothing if it isn't to be had. */
  private async begin(address: string): Promise<string> {
    const begun = await fetch(address).then((response) => answer<Begun>(response)).catch(() => null);
    if (begun === null || !this.isBeginning) return "";
    this.listener.processes(begun.processes);
    if (this.isBeginning) this.listener.told({ kind: "full", full: begun.full });
    return `&since=${begun.id}`;
  }

  private listen(scope: string, hasStacks: boolean, since: string): void {
    const { listener } = this;
    const source = (this.source = new EventSource(this.address + since));
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
    this.isBeginning = false;
    this.source?.close();
    this.source = null;
  }
}
