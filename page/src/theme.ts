// Light and dark: as the system says, until somebody chooses.

import { find } from "./elements";
import { isDarkNow } from "./colours";

const KEY = "pikos-theme";

export function followTheme(changed: () => void): void {
  const root = document.documentElement;
  const button = find("theme");
  const label = (): void => {
    button.setAttribute("aria-label", isDarkNow() ? "light colours" : "dark colours");
    button.title = isDarkNow() ? "light colours" : "dark colours";
  };
  const chosen = remembered();
  if (chosen !== null) root.dataset["theme"] = chosen;
  label();
  button.addEventListener("click", () => {
    root.dataset["theme"] = isDarkNow() ? "light" : "dark";
    remember(root.dataset["theme"]);
    label();
    changed();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    label();
    changed();
  });
  // Paper is white.
  let before: string | undefined;
  addEventListener("beforeprint", () => {
    before = root.dataset["theme"];
    root.dataset["theme"] = "light";
    changed();
  });
  addEventListener("afterprint", () => {
    if (before === undefined) delete root.dataset["theme"];
    else root.dataset["theme"] = before;
    changed();
  });
}

/** What was chosen before. In the frame of a notebook nothing is kept. */
function remembered(): string | null {
  try {
    const known = localStorage.getItem(KEY);
    return known === "light" || known === "dark" ? known : null;
  } catch {
    return null;
  }
}

function remember(theme: string): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Then it lasts as long as the page is open.
  }
}
