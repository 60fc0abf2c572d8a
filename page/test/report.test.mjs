// The report's page in Chromium with made-up data: what it has where coroutines were followed, labels set, or calls kept by how long they took.
// The rest of it is tested from Python, with profiles of its own.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { found, launch, pageOf } from "./browser.mjs";
import { writeReport } from "./report-data.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

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
    const file = join(folder, "report.html");
    await writeReport(file, options);
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

  test("a function that stands out is chosen where it is named", () =>
    visit({ findings: ["find_order (shop/price.py:45) itself takes 9 % of the time, in 12 calls.", "nobody (no/file.py:1) and {no builtin} are in no table."] }, async (page) => {
      assert.equal(await page.locator("#findings .link").count(), 1);
      await page.click("#findings .link");
      assert.equal(await page.textContent("#detail h2.name"), "find_order");
      assert.match(await page.textContent("#findings li"), /^find_order \(shop\/price.py:45\) itself takes/);
    }));

  test("figures of lines stand beside the source where they are known", () =>
    visit({ hasLines: true }, async (page) => {
      await page.fill("#search", "^read_order$");
      await page.locator("#body tr:not(.gap)").first().click();
      const rows = page.locator("#detail .source .row:not(.head)");
      assert.deepEqual(await rows.locator(".hits").allTextContents(), ["", "", "12.3 k", "", "40"]);
      assert.deepEqual(await rows.locator(".took").allTextContents(), ["", "", "250 ms", "", "750 ms"]);
      assert.equal(await rows.nth(4).getAttribute("title"), "40 hits, 750 ms with what it calls (75.0%), 2.00 ms in the line itself");
      const heat = (at) => rows.nth(at).evaluate((row) => getComputedStyle(row).backgroundColor);
      assert.notEqual(await heat(0), await heat(4));
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
