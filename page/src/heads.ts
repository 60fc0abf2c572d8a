// The heads of a table whose rows stand in the order of one column, from its greatest figure on.

import { make } from "./elements";

/** A column: its key, what stands on it, and what it says. */
export type Head<K extends string> = readonly [key: K, label: string, title: string, ...more: unknown[]];

/** A cell for each column; a click on one sorts by it. */
export function heads<K extends string>(columns: readonly Head<K>[], sorted: K, sort: (key: K) => void): HTMLElement[] {
  return columns.map(([key, label, title]) => {
    const button = make("button", "", label, make("span", "arrow", key === sorted ? "▼" : ""));
    button.title = title;
    button.addEventListener("click", () => sort(key));
    const cell = make("th", `c-${key}`, button);
    cell.setAttribute("aria-sort", key === sorted ? "descending" : "none");
    return cell;
  });
}
