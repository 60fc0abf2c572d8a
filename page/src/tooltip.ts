// What a box says when it is pointed at, or reached by the keyboard.

import { find, make } from "./elements";

export class Tooltip {
  private readonly root = find("tip");

  /** Shows lines beside a point: the first is the name, the second the place. */
  show(lines: string[], x: number, y: number): void {
    const [name = "", place = "", ...rest] = lines;
    this.root.replaceChildren(
      make("strong", "", name),
      ...(place === "" ? [] : [make("span", "where", place)]),
      ...rest.map((line) => make("span", "", line)),
    );
    this.root.hidden = false;
    const { offsetWidth, offsetHeight } = this.root;
    const left = Math.max(8, Math.min(x + 14, innerWidth - offsetWidth - 8));
    const below = y + 18;
    const top = below + offsetHeight > innerHeight - 8 ? Math.max(8, y - offsetHeight - 12) : below;
    this.root.style.left = `${left}px`;
    this.root.style.top = `${top}px`;
  }

  hide(): void {
    this.root.hidden = true;
  }
}
