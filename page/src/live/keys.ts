// The list of all keys.

import { find, make } from "../elements";

const KEYS: [string, string][] = [
  ["1 2 3 4 5", "the views that there are, in their order"], ["/", "show and mark what matches a regular expression"], ["x", "leave out what matches"], ["u", "your own code only"],
  ["↑ ↓", "the function above, below"], ["i", "flame graph: callers in place of callees"], ["← ↑ ↓ →", "flame graph: the next box; Enter zooms"], ["+ −", "flame graph: zoom"],
  ["← →", "on a band of time: choose a range; Shift makes it longer"], ["m d", "mark; compare with what was marked"], ["p", "freeze the picture, and let it go on"],
  ["P", "pause the profile, and resume it"], ["c", "clear: count from zero"], ["Esc", "back"], ["?", "these keys"],
];

export function showKeys(): void {
  const dialog = find<HTMLDialogElement>("keys");
  const close = make("button", "quiet", "Close");
  close.addEventListener("click", () => dialog.close());
  dialog.replaceChildren(
    make("h2", "", "Keys"),
    make("dl", "", ...KEYS.map(([keys, what]) => make("div", "", make("dt", "", ...keys.split(" ").map((key) => make("kbd", "", key))), make("dd", "", what)))),
    close,
  );
  dialog.showModal();
}
