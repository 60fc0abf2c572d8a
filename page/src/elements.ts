// Elements of the page, made and found. Text is only ever put in as text.

export function find<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found as T;
}

type Child = Node | string | null;

/** An element with a class, and what is in it. */
export function make<K extends keyof HTMLElementTagNameMap>(
  name: K,
  className: string,
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  if (className !== "") element.className = className;
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Whether somebody is pressing on what is in an element: what is made anew meanwhile would never be clicked. */
export function pressedIn(root: HTMLElement): () => boolean {
  let isPressed = false;
  root.addEventListener("pointerdown", () => (isPressed = true));
  for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => (isPressed = false));
  return () => isPressed;
}
