// Colours of boxes. One's own code is bright, packages have a hue each, and what came with Python stays in the background.

import type { Figures, Kind } from "./data";

export interface Ink {
  fill: string;
  text: string;
}

/** Hues of packages, by the time in them; the rest share the last one. */
const HUES = [262, 168, 332, 200, 110, 300, 232, 140, 284, 184, 350, 76];

const text = (isDark: boolean): string => (isDark ? "#f1eee8" : "#1f1d1a");

/** The colour of a group; own files differ a little by `shade`, from -1 to 1. */
export function groupInk(profile: Pick<Figures, "groups">, group: number, isDark: boolean, shade = 0): Ink {
  const { kind } = profile.groups[group]!;
  const packages = profile.groups.filter((one) => one.kind === "package");
  const hue = HUES[Math.min(packages.indexOf(profile.groups[group]!), HUES.length - 1)] ?? 0;
  const fills: Record<Kind, [number, number, number]> = isDark
    ? { own: [30 + 7 * shade, 82, 56 + 4 * shade], package: [hue, 30, 38], library: [214, 18, 32], builtin: [220, 6, 27] }
    : { own: [32 + 7 * shade, 94, 66 + 4 * shade], package: [hue, 48, 80], library: [212, 30, 85], builtin: [220, 8, 90] };
  const [h, s, l] = fills[kind];
  return { fill: `hsl(${h} ${s}% ${l}%)`, text: kind === "own" ? "#231503" : text(isDark) };
}

/** Grey: what is no function. */
export function restInk(isDark: boolean): Ink {
  return isDark ? { fill: "#26272b", text: "#a3a19c" } : { fill: "#e4e2dd", text: "#65625c" };
}

export function threadInk(isDark: boolean): Ink {
  return isDark ? { fill: "#3b3c42", text: "#f1eee8" } : { fill: "#d5d2cb", text: "#1f1d1a" };
}

/** What changed by a smaller part of the greatest change is as before. */
const LEAST_HEAT = 0.002;

/** Red where it grew, blue where it shrank, by the part of the greatest change. Small ones are seen, too. */
export function heatInk(heat: number, isDark: boolean): Ink {
  if (Math.abs(heat) < LEAST_HEAT) return isDark ? { fill: "#2b2c30", text: text(true) } : { fill: "#efede9", text: text(false) };
  const hue = heat > 0 ? 6 : 214;
  const strength = Math.sqrt(Math.abs(heat));
  const fill = isDark ? `hsl(${hue} ${12 + 68 * strength}% ${24 + 24 * strength}%)` : `hsl(${hue} 85% ${93 - 30 * strength}%)`;
  return { fill, text: text(isDark) };
}

/** The same number between -1 and 1 for each file, whatever runs it. */
export function shadeOf(place: string): number {
  const file = place.replace(/:\d+$/, "");
  let hash = 0x811c9dc5;
  for (let at = 0; at < file.length; at += 1) hash = Math.imul(hash ^ file.charCodeAt(at), 0x01000193);
  return ((hash >>> 8) % 201) / 100 - 1;
}

export function isDarkNow(): boolean {
  const chosen = document.documentElement.dataset["theme"];
  return chosen === undefined ? matchMedia("(prefers-color-scheme: dark)").matches : chosen === "dark";
}
