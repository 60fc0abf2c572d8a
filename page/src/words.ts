// Numbers as people read them.

export function grouped(value: number): string {
  const [whole, rest] = String(value).split(".") as [string, string?];
  return whole.replace(/(?<=\d)(?=(\d{3})+$)/g, ",") + (rest === undefined ? "" : "." + rest);
}

/** A time or another quantity, with three digits or more and a unit that suits its size. */
export function amount(value: number, unit: string | null): string {
  if (unit !== null) return `${grouped(Math.round(value * 1e6) / 1e6)} ${unit}`;
  const size = Math.abs(value);
  if (size >= 99_999.5) return `${grouped(Math.round(value))} s`;
  const [scaled, name] = size >= 0.9995 ? [value, "s"] : size >= 0.9995e-3 ? [value * 1e3, "ms"] : [value * 1e6, "µs"];
  const shown = Math.abs(scaled);
  if (shown === 0) return "0 s";
  return `${scaled.toFixed(shown >= 99.95 ? 0 : shown >= 9.995 ? 1 : 2)} ${name}`;
}

export function percent(part: number): string {
  const value = 100 * part;
  if (!Number.isFinite(value)) return "–";
  if (value > 0 && value < 0.05) return "<0.1%";
  return `${value.toFixed(1)}%`;
}

export function signed(value: number, unit: string | null): string {
  return (value > 0 ? "+" : "") + amount(value, unit);
}

export function counted(count: number, word: string): string {
  return `${grouped(count)} ${word}${count === 1 ? "" : "s"}`;
}

/** A large count in few letters. */
export function short(count: number): string {
  for (const [size, letter] of [[1e9, "G"], [1e6, "M"], [1e4, "k"]] as const) {
    if (count >= size) return `${(count / (letter === "k" ? 1e3 : size)).toPrecision(3).replace(/\.0+$/, "")} ${letter}`;
  }
  return grouped(count);
}

/** A moment, as clocks here show it. */
export function clock(seconds: number): string {
  const date = new Date(seconds * 1000);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}

/** How long ago, or how long, to the second. */
export function age(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(seconds < 9.95 ? 1 : 0)} s`;
  const [minutes, rest] = [Math.floor(seconds / 60), Math.floor(seconds % 60)];
  if (minutes < 60) return `${minutes} min ${rest} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Bytes; K, M and G are KiB, MiB and GiB. */
export function bytes(count: number): string {
  const size = Math.abs(count);
  for (const [least, letter] of [[2 ** 30, "G"], [2 ** 20, "M"], [2 ** 10, "K"]] as const) {
    if (size >= least) return `${(count / least).toFixed(size / least >= 99.5 ? 0 : 1)} ${letter}`;
  }
  return `${count.toFixed(0)} B`;
}

/** A program with its arguments, without the folder that it stands in: what tells apart comes first. */
export function program(title: string): string {
  return title.replace(/^\S*\/(?=\S)/, "");
}
