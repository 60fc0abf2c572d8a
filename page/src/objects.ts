// Objects by type: how many were made, how many are still there, and the lines that made them. Who chooses a type sees its lines alone.

import { make } from "./elements";
import { SortedTable } from "./sorted";
import { bytes, counted, grouped } from "./words";

type Known = (number | null)[];

/** Columns by type, and by line; null: nobody tells. */
export interface ObjectColumns {
  type: string[];
  created: number[];
  destroyed: Known;
  alive: Known;
  peak: Known;
  bytes: Known;
  /** Types that aren't here. */
  left: number;
  /** `of` is a place in the columns above. */
  places: { of: number[]; place: string[]; function: string[]; created: number[]; alive: Known };
}

/** A row of either table: its place in the columns. */
type At = number;

export class Objects {
  readonly types: HTMLElement;
  readonly lines: HTMLElement;
  private readonly said = make("p", "hint");
  private readonly saidLines = make("p", "hint");
  private readonly table: SortedTable<At>;
  private readonly places: SortedTable<At>;
  private columns: ObjectColumns | null = null;
  private fits: (text: string) => boolean = () => true;
  private chosen: At | null = null;

  constructor() {
    const figure = (key: "created" | "destroyed" | "alive" | "peak" | "bytes", label: string, title: string) => ({
      key, label, title,
      value: (at: At) => this.columns?.[key][at] ?? 0,
      shown: (at: At) => said(this.columns?.[key][at], key === "bytes" ? bytes : grouped),
    });
    this.table = new SortedTable<At>({
      name: "of-types",
      label: "objects by type",
      key: String,
      choose: (at) => this.choose(at),
      figures: [
        figure("bytes", "bytes", "of those that are still there, without what they refer to"),
        figure("alive", "alive", "how many more there are than when counting began"),
        figure("created", "made", "objects made"),
        figure("destroyed", "gone", "objects that are gone"),
        figure("peak", "peak", "the most that there were at once"),
      ],
      texts: [{ key: "type", label: "type", title: (at) => this.columns?.type[at] ?? "", fill: (at) => [make("span", "name", this.columns?.type[at] ?? "")] }],
    });
    const made = (key: "created" | "alive", label: string, title: string) => ({
      key, label, title,
      value: (at: At) => this.columns?.places[key][at] ?? 0,
      shown: (at: At) => said(this.columns?.places[key][at], grouped),
    });
    const where = (at: At): string => this.columns?.places.place[at] ?? "";
    this.places = new SortedTable<At>({
      name: "of-places",
      label: "lines that made objects",
      key: String,
      choose: () => undefined,
      figures: [made("alive", "alive", "about how many of those that it made are still there"), made("created", "made", "objects that it made")],
      texts: [
        { key: "line", label: "line", title: where, fill: (at) => [make("span", "name", this.columns?.places.function[at] ?? ""), make("span", "where", where(at))] },
        { key: "type", label: "type", title: (at) => this.typeOf(at), fill: (at) => [this.typeOf(at)] },
      ],
    });
    this.types = make("section", "", make("h2", "", "Objects"), this.said, this.table.root);
    this.lines = make("section", "", make("h2", "", "Lines that made them"), this.saidLines, this.places.root);
  }

  private typeOf(at: At): string {
    return this.columns?.type[this.columns.places.of[at]!] ?? "";
  }

  /** Chosen once more, all are there again. */
  private choose(at: At): void {
    this.chosen = this.chosen === at ? null : at;
    this.list();
  }

  show(columns: ObjectColumns, fits: (text: string) => boolean): void {
    if (columns !== this.columns) this.chosen = null;
    [this.columns, this.fits] = [columns, fits];
    this.list();
  }

  private list(): void {
    const { type, left, places } = this.columns!;
    const types = type.map((_, at) => at).filter((at) => this.fits(type[at]!));
    const more = left > 0 ? `; ${counted(left, "type")} more aren't in this page` : "";
    this.said.textContent = types.length === 0 ? "No type matches." : `${counted(types.length, "type")}${more}.`;
    this.table.root.hidden = types.length === 0;
    this.table.show(types);
    const fits = (at: At): boolean => (this.chosen === null ? [this.typeOf(at), places.place[at]!, places.function[at]!].some(this.fits) : places.of[at] === this.chosen);
    const lines = places.of.map((_, at) => at).filter(fits);
    const of = this.chosen === null ? "" : ` of ${type[this.chosen]}`;
    const none = places.of.length === 0 ? "Lines were not counted: --where does." : `No line${of} is known.`;
    this.saidLines.textContent = lines.length === 0 ? none : `${counted(lines.length, "line")}${of}.`;
    this.places.root.hidden = lines.length === 0;
    this.places.show(lines);
  }
}

function said(value: number | null | undefined, shown: (value: number) => string): string {
  return value == null ? "–" : shown(value);
}
