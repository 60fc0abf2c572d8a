// What the Rust code would write into a report of the fake server's worker, and a file of it.

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { World } from "./world.mjs";

const PAGE = fileURLToPath(new URL("../../pstats-compat/src/formats/page/page.html", import.meta.url));

export function dataOf({ hasTasks = true, hasLabels = true, hasDurations = false, hasLines = false, findings = [] }) {
  const world = new World({ functions: 300, stacks: 600, hasDurations });
  const { groups, labels, functions: { id: _, ...figures }, stacks } = world.full(true);
  const { slow, coroutines } = world.tasks("p1");
  const tasks = { slow_from: 0.05, slow_count: 31, slow_seconds: 4.5, slow: slow.map(({ process: __, ...step }) => step), coroutines };
  return {
    heading: { title: "worker.py", command: "worker.py", started: null, elapsed: 61, cpu: 40, threads: 1, total: 46, calls: 9, functions: 300, before: null, waiting: [], facts: [], findings, notes: [] },
    unit: null, counted: true, timed_edges: true, groups, functions: { ...labels, ...figures, folded: null, before: null, left: [0, 0] },
    stacks: { parent: stacks.parent, function: stacks.function, own: stacks.own, calls: stacks.calls, before: null, rest: { parent: [], count: [], time: [], before: null } },
    threads: [["MainThread", 0]], edges: { caller: [], callee: [], calls: [], own: [], cumulative: [], before: null, left: 0 }, sources: hasLines ? [sourceOf(labels, world.source(4))] : null,
    ...(hasTasks ? { tasks } : {}),
    ...(hasLabels ? { labels: [{ labels: [["route", "/pay"], ["tenant", "a"]], own: 30, calls: 9000 }, { labels: [["route", "/pay"], ["tenant", "<b>b</b>"]], own: 10, calls: 700 }, { labels: [], own: 10, calls: 12 }] } : {}),
  };
}

/** The source of one function, `read_order`, with what is known of its lines. */
const sourceOf = ({ id }, { first, lines }) => ({
  function: id[4], first, lines, more: false, changed: false,
  figures: { what: "time", hits: [null, null, 12345, null, 40], with_calls: [null, null, 0.25, null, 0.75], own: [null, null, 0.25, null, 0.002] },
});

/** Writes a page with this in it. */
export async function writeReport(file, options) {
  const data = JSON.stringify(dataOf(options)).replaceAll("<", "\\u003c");
  await writeFile(file, (await readFile(PAGE, "utf8")).replace("{{data}}", () => data).replace("{{profile}}", ""));
}
