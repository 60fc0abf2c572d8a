// The report's page in Chromium with made-up data: what it has where coroutines were followed, labels set, or calls kept by how long they took.
// The rest of it is tested from Python, with profiles of its own.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { found, launch, pageOf } from "./browser.mjs";
import { World } from "./world.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const PAGE = fileURLToPath(new URL("../../pstats-compat/src/formats/page/page.html", import.meta.url));

/** What the Rust code would write of the fake server's worker. */
function dataOf({ hasTasks = true, hasLabels = true, hasDurations = false }) {
  const world = new World({ functions: 300, stacks: 600, hasDurations });
  const { groups, labels, functions: { id: _, ...figures }, stacks } = world.full(true);
  const { slow, coroutines } = world.tasks("p1");
  const tasks = { slow_from: 0.05, slow_count: 31, slow_seconds: 4.5, slow: slow.map(({ process: __, ...step }) => step), coroutines };
  return {
    heading: { title: "worker.py", command: "worker.py", started: null, elapsed: 61, cpu: 40, threads: 1, total: 46, calls: 9, functions: 300, before: null, waiting: [], facts: [], findings: [], notes: [] },
    unit: null, counted: true, timed_edges: true, groups, functions: { ...labels, ...figures, folded: null, before: null, left: [0, 0] },
    stacks: { parent: stacks.parent, function: stacks.function, own: stacks.own, calls: stacks.calls, before: null, rest: { parent: [], count: [], time: [], before: null } },
    threads: [["MainThread", 0]], edges: { caller: [], callee: [], calls: [], own: [], cumulative: [], before: null, left: 0 }, sources: null,
    ...(hasTasks ? { tasks } : {}),
    ...(hasLabels ? { labels: [{ labels: [["route", "/pay"], ["tenant", "a"]], own: 30, calls: 9000 }, { labels: [["route", "/pay"], ["tenant", "<b>b</b>"]], own: 10, calls: 700 }, { labels: [], own: 10, calls: 12 }] } : {}),
  };
}

describe("the report's page", { skip: !found(), timeout: 600_000 }, () => {
  let [browser, folder] = [null, ""];
  before(async () => {
    browser = await launch();
    folder = await mkdtemp(join(tmpdir(), "pikos-report-"));
  });
  after(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function visit(options, act, size = {}) {
    const data = JSON.stringify(dataOf(options)).replaceAll("<", "\\u003c");
    const file = join(folder, "report.html");
    await writeFile(file, (await readFile(PAGE, "utf8")).replace("{{data}}", () => data).replace("{{profile}}", ""));
    const page = await pageOf(browser, size);
    page.setDefaultTimeout(15_000);
    try {
      await page.goto(String(pathToFileURL(file)));
      await act(page);
      assert.deepEqual(page.errors, []);
    } finally {
      await page.context().close();
    }
  }

  test("what blocked the loop, and coroutines, are shown where they were followed", () =>
    visit({}, async (page) => {
      const first = page.locator("#tasks .kinds > li").first();
      assert.match(await first.locator(".step").textContent(), /^410 ms.*7 times, the longest in request-0/);
      const name = await first.locator(".calls .last .name").textContent();
      await first.locator(".calls .last").click();
      assert.equal(await page.textContent("#detail h2.name"), name);
      assert.equal(await page.locator("#tasks .keeps").count(), 0, "nothing runs any more");
      const rows = page.locator("#tasks .of-coroutines tbody tr");
      assert.equal(await rows.count(), 3);
      assert.equal(await rows.first().locator(".c-elapsed").textContent(), "93.9 s");
      await page.fill("#search", "matches nothing at all");
      assert.equal(await page.locator("#tasks .kinds > li").count(), 0);
      assert.equal(await page.isVisible("#tasks .of-coroutines"), false);
    }));

  test("label sets have their part of the whole", () =>
    visit({}, async (page) => {
      assert.deepEqual(await page.locator("#labels td.c-share").allTextContents(), ["60.0%", "20.0%", "20.0%"]);
      await page.click("#labels .segments button >> text=route");
      assert.deepEqual(await page.locator("#labels td.c-labels").allTextContents(), ["route=/pay", "without route"]);
      assert.deepEqual(await page.locator("#labels td.c-own").allTextContents(), ["40.0 s", "10.0 s"]);
    }));

  test("where there is none of it, there is no place for it", () =>
    visit({ hasTasks: false, hasLabels: false }, async (page) => {
      assert.equal((await page.isVisible("#tasks")) || (await page.isVisible("#labels")), false);
      assert.equal(await page.locator("#head .c-p99").count(), 0);
    }));

  test("how long calls took has columns where it was kept", () =>
    visit({ hasDurations: true }, async (page) => {
      await page.click("#head .c-p99 button");
      assert.deepEqual((await page.locator("#body td.c-p99").allTextContents()).slice(0, 2), ["3.00 s", "2.99 s"]);
      assert.deepEqual((await page.locator("#body td.c-max").allTextContents()).slice(0, 2), ["9.00 s", "8.97 s"]);
      assert.ok((await page.locator("#body td.c-name").first().boundingBox()).width > 100, "names have room");
    }));

  for (const [theme, width] of [["light", 1440], ["dark", 1440], ["dark", 390]]) {
    test(`nothing is too wide, and nothing stands in the way of who can't see (${theme}, ${width})`, () =>
      visit({ hasDurations: true }, async (page) => {
        assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width);
        await page.evaluate(await readFile(AXE, "utf8"));
        const wrong = await page.evaluate(async () => {
          const { violations } = await axe.run({ include: [["#tasks"], ["#labels"]] }, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"] });
          return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join("; ")}`);
        });
        assert.deepEqual(wrong, []);
      }, { theme, width, height: 900 }));
  }
});
