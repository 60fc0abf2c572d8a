// The head of the page: what ran, where and when, how long, whose code took the time, and what stands out.

import { groupInk, isDarkNow } from "./colours";
import type { Figures, Profile } from "./data";
import { find, make } from "./elements";
import { amount, counted, grouped, percent, short, signed } from "./words";

/** Waiting that took a smaller part of the time isn't told. */
const LEAST_WAIT = 0.01;

/** A group that took a smaller part of the time is in no legend. */
const LEAST = 0.001;

export function showHead(profile: Profile, light: (group: number | null) => void, choose: (at: number) => void): void {
  const { heading } = profile;
  document.title = heading.title;
  // A title that somebody gave it comes first.
  const isTitled = heading.command === null || !heading.title.startsWith(heading.command);
  find("title").textContent = isTitled ? heading.title : heading.command;
  const fact = (name: string): string => heading.facts.find(([known]) => known === name)?.[1] ?? "";
  const under = [
    isTitled ? (heading.command ?? "") : "",
    heading.started ?? "",
    fact("python"),
    fact("host") === "" ? "" : `on ${fact("host")}`,
    fact("system"),
  ].filter((part) => part !== "");
  find("under").textContent = under.join("  ·  ");
  find("figures").replaceChildren(...(profile.isDifference ? changes(profile) : figures(profile)));
  showShares(profile, null, light);
  const findings = find("findings");
  findings.hidden = heading.findings.length === 0;
  findings.replaceChildren(make("h2", "", "What stands out"), make("ul", "", ...heading.findings.map((text) => make("li", "", ...linked(text, profile, choose)))));
  find("notes").replaceChildren(...heading.notes.map((note) => make("p", "note", note)));
  const facts = find("facts");
  facts.hidden = heading.facts.length === 0;
  find("facts-list").replaceChildren(
    ...heading.facts.map(([name, value]) => make("div", "", make("dt", "", name), make("dd", "", value))),
  );
}

/** A sentence in which functions can be chosen: they stand there as `name (place)`, or as `{name}` where they have no place. */
function linked(text: string, { functions: { name, place } }: Profile, choose: (at: number) => void): (Node | string)[] {
  const known = new Map(name.map((one, at) => [place[at] === "" ? one : `${one} (${place[at]})`, at]));
  const parts: (Node | string)[] = [];
  let end = 0;
  for (const { index, 0: found } of text.matchAll(/ \([^()]+\)|\{[^{}]+\}/g)) {
    const close = index + found.length;
    // A name may have spaces in it: of those that end here, the longest.
    const starts = found.startsWith("{") ? [index] : [...text.slice(end, index).matchAll(/(?<!\S)\S/g)].map((word) => end + word.index);
    const start = starts.find((one) => known.has(text.slice(one, close)));
    if (start === undefined || start < end) continue;
    const at = known.get(text.slice(start, close))!;
    const button = make("button", "link", text.slice(start, found.startsWith("{") ? close : index));
    button.type = "button";
    button.addEventListener("click", () => choose(at));
    parts.push(text.slice(end, start), button);
    end = start + button.textContent.length;
  }
  return [...parts, text.slice(end)];
}

function card(name: string, value: string, more: string): HTMLElement {
  return make("div", "card", make("span", "label", name), make("strong", "", value), make("span", "more", more));
}

function figures(profile: Profile): HTMLElement[] {
  const { heading, unit } = profile;
  const cards: HTMLElement[] = [];
  const threads = heading.threads ?? profile.threads.length;
  const waits = heading.waiting.reduce((sum, [, time]) => sum + time, 0);
  if (heading.elapsed !== null) cards.push(card("elapsed", amount(heading.elapsed, null), "from start to end"));
  if (heading.cpu !== null) {
    const part = heading.elapsed ? `${percent(heading.cpu / heading.elapsed)} of a processor` : "of processors";
    cards.push(card("CPU", amount(heading.cpu, null), part));
  }
  cards.push(card("recorded", amount(heading.total, unit), threads > 1 ? `in ${grouped(threads)} threads together` : "in all functions"));
  if (waits >= LEAST_WAIT * heading.total && heading.total > 0) {
    const most = heading.waiting.reduce((most, one) => (one[1] > most[1] ? one : most));
    cards.push(card("waiting", percent(waits / heading.total), `${amount(waits, unit)}, most ${most[0]}`));
  }
  // It is in no function's time.
  const gil = Number(heading.facts.find(([name]) => name === "gil wait")?.[1] ?? 0);
  if (gil > 0 && gil >= LEAST_WAIT * heading.total) cards.push(card("waiting for the GIL", amount(gil, null), "beside what was recorded"));
  const of = `of ${counted(heading.functions, "function")}`;
  if (profile.counted) cards.push(card("calls", short(heading.calls), of));
  else cards.push(card("functions", grouped(heading.functions), "calls weren't counted"));
  return cards;
}

function changes(profile: Profile): HTMLElement[] {
  const { heading, unit } = profile;
  const [total, calls, functions] = heading.before!;
  const change = heading.total - total;
  const cards = [
    card("before", amount(total, unit), `${counted(functions, "function")}`),
    card("after", amount(heading.total, unit), `${counted(heading.functions, "function")}`),
    card("change", signed(change, unit), total > 0 ? `${change > 0 ? "+" : ""}${((100 * change) / total).toFixed(1)}%, ${change > 0 ? "slower" : "faster"}` : ""),
  ];
  if (change !== 0) cards[2]!.classList.add(change > 0 ? "slower" : "faster");
  if (profile.counted) {
    const more = heading.calls - calls;
    cards.push(card("calls", (more > 0 ? "+" : "") + grouped(more), `${short(calls)} → ${short(heading.calls)}`));
  }
  return cards;
}

/** Whose code took the time: a bar that is the legend of the graph, too. */
export function showShares(profile: Figures, chosen: number | null, light: (group: number | null) => void): void {
  const root = find("legend");
  if (profile.isDifference) {
    root.replaceChildren(
      make("p", "heat", make("i", "blue"), "faster", make("i", "none"), "as before", make("i", "red"), "slower", make("span", "hint", "each by the own time of this very stack")),
    );
    return;
  }
  const times = profile.groups.map(() => 0);
  const { own, group } = profile.functions;
  for (let at = 0; at < group.length; at += 1) times[group[at]!]! += Math.max(own[at] || 0, 0);
  const total = times.reduce((sum, time) => sum + time, 0) || 1;
  const order = times.map((_, group) => group).filter((group) => times[group]! >= LEAST * total || (profile.groups[group]!.kind === "own" && times[group]! > 0));
  // Beyond these, a legend is no help.
  const shown = [...order].sort((a, b) => times[b]! - times[a]!).slice(0, 9);
  const isDark = isDarkNow();
  const bar = make("div", "shares");
  const chips = make("div", "chips");
  let lit = chosen;
  for (const group of order.filter((one) => shown.includes(one))) {
    const { name, kind } = profile.groups[group]!;
    const { fill } = groupInk(profile, group, isDark);
    const part = make("i", "");
    part.style.width = `${(100 * times[group]!) / total}%`;
    part.style.background = fill;
    part.title = `${name}: ${percent(times[group]! / total)}`;
    bar.append(part);
    const dot = make("i", "dot");
    dot.style.background = fill;
    const chip = make("button", `chip ${kind}`, dot, name, make("span", "share", percent(times[group]! / total)));
    chip.title = `${amount(times[group]!, profile.unit)} own time; click to set these boxes apart`;
    chip.setAttribute("aria-pressed", String(lit === group));
    chip.addEventListener("click", () => {
      lit = lit === group ? null : group;
      for (const other of chips.children) other.setAttribute("aria-pressed", String(other === chip && lit !== null));
      light(lit);
    });
    chips.append(chip);
  }
  const left = order.length - shown.length;
  if (left > 0) chips.append(make("span", "hint", `and ${counted(left, "more package")}`));
  root.replaceChildren(bar, chips);
}
