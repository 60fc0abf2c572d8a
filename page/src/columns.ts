// The columns of a report's table of functions.

import type { Figures, Profile } from "./data";
import type { Column } from "./table";
import { amount, grouped, percent } from "./words";

export function columnsOf(profile: Profile, isMine: () => boolean): Column[] {
  const { functions, unit, heading } = profile;
  const own = (at: number): number => (isMine() ? functions.folded?.[at] : undefined) ?? functions.own[at] ?? 0;
  const whole = heading.total || 1;
  // The head has the unit, where it is always the same.
  const time = (value: number): string => (unit === null ? amount(value, null) : grouped(value));
  const calls = (at: number): string => {
    const [all, primitive] = [functions.calls[at]!, functions.primitive[at]!];
    return all === primitive ? grouped(all) : `${grouped(all)} / ${grouped(primitive)}`;
  };
  const columns: Column[] = [
    { key: "own", label: named("own", unit), title: "time in the function itself", value: own, shown: (at) => [time(own(at)), own(at) / whole] },
    { key: "share", label: "own %", title: "its part of the whole", value: own, shown: (at) => [percent(own(at) / whole), null] },
    { key: "cumulative", label: named("cumulative", unit), title: "time in it and all that it called", value: (at) => functions.cumulative[at]!, shown: (at) => [time(functions.cumulative[at]!), null] },
  ];
  if (profile.counted) {
    const each = (at: number): number => functions.cumulative[at]! / (functions.primitive[at]! || 1);
    columns.push(
      { key: "calls", label: "calls", title: "all calls / those that were not recursive", value: (at) => functions.calls[at]!, shown: (at) => [calls(at), null] },
      { key: "each", label: "per call", title: "cumulative time of one call", value: each, shown: (at) => [time(each(at)), null] },
    );
  }
  const { p50, p99, max } = functions;
  if (p50 !== undefined && p99 !== undefined && max !== undefined) columns.push(...durationColumns(() => ({ p50, p99, max }), time));
  return [...columns, ...nameColumns(() => functions)];
}

export function differenceColumns(profile: Figures): Column[] {
  const { functions, unit } = profile;
  const before = functions.before!;
  const own = (at: number): number => functions.own[at] ?? 0;
  const change = (at: number): number => own(at) - before.own[at]!;
  const whole = (at: number): number => functions.cumulative[at]! - before.cumulative[at]!;
  let greatest = 0;
  for (let at = 0; at < functions.own.length; at += 1) greatest = Math.max(greatest, Math.abs(change(at)));
  greatest ||= 1;
  // The head has the unit, where it is always the same.
  const time = (value: number): string => (unit === null ? amount(value, null) : grouped(value));
  const columns: Column[] = [
    { key: "change", label: named("Δ own", unit), title: "time in the function itself, after less before", value: change, shown: (at) => [sign(change(at)) + time(change(at)), change(at) / greatest] },
    { key: "was", label: "before", title: "own time in the older profile", value: (at) => before.own[at]!, shown: (at) => [time(before.own[at]!), null] },
    { key: "is", label: "after", title: "own time in the newer profile", value: own, shown: (at) => [time(own(at)), null] },
    { key: "cumulative", label: named("Δ cumulative", unit), title: "with all that it called", value: whole, shown: (at) => [sign(whole(at)) + time(whole(at)), null] },
  ];
  if (profile.counted) {
    const calls = (at: number): number => functions.calls[at]! - before.calls[at]!;
    columns.push({ key: "calls", label: "Δ calls", title: "calls after less calls before", value: calls, shown: (at) => [sign(calls(at)) + grouped(calls(at)), null] });
  }
  return [...columns, ...nameColumns(() => functions)];
}

const sign = (value: number): string => (value > 0 ? "+" : "");

const named = (label: string, unit: string | null): string => (unit === null ? label : `${label}, ${unit}`);

/** Seconds of functions, where they are known. */
type Known = { readonly [at: number]: number | null };

/** How long calls took, each by itself. */
export function durationColumns(functions: () => { p50: Known; p99: Known; max: Known }, time: (value: number) => string): Column[] {
  const column = (key: "p50" | "p99" | "max", title: string): Column => {
    const value = (at: number): number => functions()[key][at] ?? 0;
    return { key, label: key, title, value, shown: (at) => [value(at) > 0 ? time(value(at)) : "", null] };
  };
  return [column("p50", "what half of its calls took at most"), column("p99", "what 99 of 100 of its calls took at most"), column("max", "its slowest call")];
}

export function nameColumns(functions: () => Pick<Figures["functions"], "name" | "place">): Column[] {
  const [name, place] = [(at: number): string => functions().name[at]!, (at: number): string => functions().place[at]!];
  return [
    { key: "name", label: "function", title: "its name", isText: true, value: name, shown: (at) => [name(at), null] },
    { key: "place", label: "where", title: "its file and line", isText: true, value: place, shown: (at) => [place(at), null] },
  ];
}
