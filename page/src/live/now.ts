// The open calls of every thread, now: the bottom of a stack first.

import { find, make } from "../elements";
import { amount } from "../words";
import type { OpenCalls } from "./events";
import type { Model } from "./model";

/** Of a deep stack, so many calls of each end are listed. */
const MOST = 60;

export class Now {
  private readonly root = find("now");

  constructor(private readonly choose: (at: number) => void) {
    this.root.addEventListener("click", (event) => {
      const row = (event.target as Element).closest<HTMLElement>("[data-at]");
      if (row !== null) this.choose(Number(row.dataset["at"]));
    });
  }

  say(text: string): void {
    this.root.replaceChildren(make("p", "hint", text));
  }

  show(told: OpenCalls, { functions, kind, unit }: Model): void {
    if (told.threads.length === 0) return this.say("No call is open: nothing runs that is recorded.");
    const note = told.exact ? [] : [make("p", "hint", "Approximate: without full stacks nobody knows who called whom, so these are the functions that are open, the oldest first. Start the program with --tree to see the calls themselves.")];
    const threads = told.threads.map(({ name, calls }) => {
      const list = make("ol", "calls");
      const put = (from: number, to: number): void => {
        for (const { function: at, since } of calls.slice(from, to)) {
          const button = make("button", kind[at] ?? "", make("span", "name", functions.name[at] ?? "?"), make("span", "where", functions.place[at] ?? ""), make("span", "figures", since === null ? "" : amount(since, unit)));
          button.dataset["at"] = String(at);
          list.append(make("li", "", button));
        }
      };
      if (calls.length <= 2 * MOST) put(0, calls.length);
      else {
        put(0, MOST);
        list.append(make("li", "hint", `… ${calls.length - 2 * MOST} more calls …`));
        put(calls.length - MOST, calls.length);
      }
      const depth = calls.length === 0 ? "no open call" : `${calls.length} deep`;
      return make("section", "stack", make("h2", "", name, make("small", "", ` ${depth}`)), list);
    });
    const at = document.activeElement instanceof HTMLElement ? document.activeElement.dataset["at"] : undefined;
    const top = this.root.scrollTop;
    this.root.replaceChildren(...note, make("div", "stacks", ...threads));
    this.root.scrollTop = top;
    // The keyboard stays on the function that it stood on.
    if (at !== undefined) this.root.querySelector<HTMLElement>(`[data-at="${at}"]`)?.focus({ preventScroll: true });
  }
}
