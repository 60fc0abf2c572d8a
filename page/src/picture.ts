// What a flame graph says: the name, colour and figures of each box, and what a search finds. Of a report and live alike.

import { groupInk, heatInk, isDarkNow, restInk, shadeOf, threadInk } from "./colours";
import type { Ink } from "./colours";
import type { Figures } from "./data";
import type { Drawn, Subject } from "./graph";
import { partOf } from "./layout";
import type { Layout } from "./layout";
import { OUTSIDE, REST, threadOf } from "./stacks";
import type { Choice } from "./stacks";
import { amount, counted, grouped, percent, signed } from "./words";

export interface Picture {
  figures: Figures;
  layout: Layout;
  choice: Choice;
  /** Names of threads, where these stand side by side. */
  threads: [string, number][];
  pattern: RegExp | null;
  /** The group that alone is bright. */
  lit: number | null;
  chosen: number | null;
  /** Colours of functions that were asked for: kept as long as neither theme nor groups change. */
  inks: Map<number, Ink>;
}

export function subjectOf(picture: Picture): Subject {
  const isDark = isDarkNow();
  const { figures, layout, pattern, lit, chosen, inks } = picture;
  const { boxes } = layout;
  const { functions } = figures;
  const greatest = figures.isDifference ? greatestChange(layout) : 0;
  const inkOf = (place: number): Ink => {
    const what = boxes.what[place]!;
    if (what < 0) return what === OUTSIDE ? restInk(isDark) : threadInk(isDark);
    if (figures.isDifference) return heatInk(greatest > 0 ? (boxes.own[place]! - boxes.wasOwn[place]!) / greatest : 0, isDark);
    let ink = inks.get(what);
    if (ink === undefined) {
      ink = groupInk(figures, functions.group[what]!, isDark, shadeOf(functions.place[what]!));
      inks.set(what, ink);
    }
    return ink;
  };
  const isAny = pattern !== null || lit !== null;
  const isMatch = matcher(picture);
  return {
    ink: inkOf,
    label: (place) => labelOf(picture, place),
    share: (place) => percent(partOf(layout, place)),
    isFound: (place) => {
      if (!isAny) return null;
      const what = place < 0 ? -1 : boxes.what[place]!;
      if (what < 0) return false;
      const isLit = lit === null || functions.group[what] === lit;
      return isLit && (pattern === null || isMatch(what));
    },
    isChosen: (place) => chosen !== null && boxes.what[place] === chosen,
    restInk: restInk(isDark),
    ring: isDark ? "#ffffff" : "#16130f",
  };
}

/** Whether a function's name or place fits; each is asked once. */
function matcher({ pattern, figures: { functions } }: Picture): (what: number) => boolean {
  const known = new Map<number, boolean>();
  return (what) => {
    let fits = known.get(what);
    if (fits === undefined) {
      fits = pattern !== null && (pattern.test(functions.name[what]!) || pattern.test(functions.place[what]!));
      known.set(what, fits);
    }
    return fits;
  };
}

function greatestChange({ boxes }: Layout): number {
  let greatest = 0;
  for (let at = 0; at < boxes.what.length; at += 1) {
    if (boxes.what[at] !== REST) greatest = Math.max(greatest, Math.abs(boxes.own[at]! - boxes.wasOwn[at]!));
  }
  return greatest;
}

function nameOf({ figures, layout, threads }: Picture, place: number): [string, string] {
  const what = layout.boxes.what[place]!;
  if (what === OUTSIDE) return ["outside of your code", ""];
  if (what === REST) return ["more", ""];
  if (what < 0) return [threads[threadOf(what)]![0], "thread"];
  return [figures.functions.name[what]!, figures.functions.place[what]!];
}

/** What stands on a box: of a module's code, which module. */
function labelOf(picture: Picture, place: number): [string, string] {
  const [name, where] = nameOf(picture, place);
  const module = where.replace(/:\d+$/, "");
  return name === "<module>" && module !== "" ? [module, "<module>"] : [name, where];
}

/** What is said of a box: its name, its place, its figures. */
export function told(picture: Picture, box: Drawn): string[] {
  const { figures, layout, choice } = picture;
  const { unit } = figures;
  if (box.rest !== null) {
    const { count, time, part } = box.rest;
    return [`${grouped(count)} more`, "each too narrow to draw", `${amount(time, unit)} (${percent(part)})`];
  }
  const { boxes } = layout;
  const at = box.place;
  const [name, place] = nameOf(picture, at);
  const lines = [name, place];
  if (figures.isDifference) {
    const moved = (was: number, is: number): string => `${amount(was, unit)} → ${amount(is, unit)} (${signed(is - was, unit)})`;
    lines.push(moved(boxes.wasCumulative[at]!, boxes.cumulative[at]!));
    if (!choice.inverted) lines.push(`own ${moved(boxes.wasOwn[at]!, boxes.own[at]!)}`);
  } else {
    const own = choice.inverted ? "" : `, own ${amount(boxes.own[at]!, unit)}`;
    lines.push(`${amount(boxes.cumulative[at]!, unit)} (${percent(partOf(layout, at))})${own}`);
    const beside = choice.inverted ? "" : ofCaller(picture, at);
    if (beside !== "") lines.push(beside);
    if (boxes.calls[at]! > 0) lines.push(counted(boxes.calls[at]!, "call"));
  }
  return lines;
}

/** Its part of the box above, where that says more than its part of all. */
function ofCaller(picture: Picture, at: number): string {
  const { layout } = picture;
  const above = layout.boxes.parent[at]!;
  if (above < 0 || layout.boxes.what[above]! < 0 || partOf(layout, above) > 0.995) return "";
  return `${percent(layout.boxes.cumulative[at]! / (layout.boxes.cumulative[above]! || 1))} of ${nameOf(picture, above)[0]}`;
}

/** What a search found, and the share of the time that goes through it. */
export function found(picture: Picture): string {
  const { layout, pattern } = picture;
  if (pattern === null) return "";
  const { boxes, size } = layout;
  const isMatch = matcher(picture);
  const isCovered = new Uint8Array(boxes.what.length);
  let [count, part] = [0, 0];
  for (let at = 0; at < boxes.what.length; at += 1) {
    const [what, above] = [boxes.what[at]!, boxes.parent[at]!];
    const covered = above >= 0 && isCovered[above] === 1;
    const isFound = what >= 0 && size[at]! > 0 && isMatch(what);
    isCovered[at] = covered || isFound ? 1 : 0;
    if (isFound) count += 1;
    // What is found inside a found box is not counted twice.
    if (isFound && !covered) part += partOf(layout, at);
  }
  return `${counted(count, "stack")}, ${percent(part)} of the time`;
}

export function hasRecursion({ boxes }: Layout): boolean {
  for (let at = 0; at < boxes.what.length; at += 1) {
    const what = boxes.what[at]!;
    // What comes again only after more callers than this is no recursion that anybody sees.
    for (let above = boxes.parent[at]!, steps = 0; above >= 0 && steps < 256; above = boxes.parent[above]!, steps += 1) {
      if (boxes.what[above] === what && what >= 0) return true;
    }
  }
  return false;
}

/** The pattern that a field of the page holds; what is no pattern, it says itself. */
export function patternIn(field: HTMLInputElement): RegExp | null {
  field.setCustomValidity("");
  if (field.value === "") return null;
  try {
    return new RegExp(field.value, "i");
  } catch (error) {
    field.setCustomValidity((error as Error).message);
    return null;
  }
}
