// The live page in Chromium, used as a person does, beside a server with made-up data.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { found, launch, pageOf } from "./browser.mjs";
import { serve } from "./fake-server.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

if (!found()) console.log("\n######## NOT TESTED: the live page in a browser: Chromium is not here (Debian: chromium)\n");

describe("the live page", { skip: !found(), timeout: 900_000 }, () => {
  let browser;
  before(async () => (browser = await launch()));
  after(() => browser?.close());

  /** A page of a server, and what both said in the end. */
  async function visit(options, act, size = {}) {
    const server = await serve(options);
    const page = await pageOf(browser, size);
    page.setDefaultTimeout(15_000);
    try {
      await page.goto(server.url);
      await act(page, server);
      // A source that is not to be had is answered with 404, which the browser calls an error.
      assert.deepEqual(page.errors.filter((error) => !/404|ERR_|409/.test(error)), []);
    } finally {
      await page.context().close();
      await server.close();
    }
  }

  const names = (page) => page.locator("#body td.c-name").allTextContents();
  const choose = async (page, scope) => {
    await page.locator(`[data-scope="${scope}"] .name`).first().click();
    await page.waitForFunction((wanted) => document.querySelector(`[data-scope="${wanted}"]`)?.getAttribute("aria-selected") === "true" && document.querySelectorAll("#body td.c-name").length > 5, scope);
  };
  /** What waits until it is true, for at most ten seconds. */
  const until = async (what, is) => {
    for (let tries = 0; tries < 200; tries += 1) {
      if (await is()) return;
      await new Promise((done) => setTimeout(done, 50));
    }
    assert.fail(`never: ${what}`);
  };
  /** The middle of a box that is wide enough, in the second row. */
  const widest = (page) => page.evaluate(() => {
    const all = pikos.boxes();
    const top = Math.min(...all.map((box) => box.top));
    const box = all.filter((one) => one.top > top && !one.name.endsWith(" more")).sort((a, b) => b.width - a.width)[0];
    return { ...box, x: box.left + box.width / 2, y: box.top + 11 };
  });
  const drawn = (page) => page.waitForFunction(() => pikos.boxes().length > 20);

  test("all processes are added up at first, and each is in the list with its state", () =>
    visit({}, async (page) => {
      await page.waitForSelector("#body td.c-name");
      assert.equal(await page.textContent("#title"), "All processes");
      const rows = await page.locator("#processes li").allTextContents();
      assert.equal(rows.length, 7);
      assert.match(rows[3], /nightly\.py <b>--all<\/b>.*ended/);
      assert.equal(await page.locator("#processes .lost").count(), 1);
      assert.equal(await page.locator('[data-scope="p1"]').getAttribute("aria-level"), "2", "a child stands below its parent");
    }));

  test("figures change by themselves, and the chosen function stays chosen", () =>
    visit({}, async (page) => {
      await choose(page, "p0");
      await page.click("#head .c-calls button");
      await page.locator("#body tr:not(.gap)").nth(2).click();
      const chosen = () => page.locator("#body tr.chosen td.c-name").textContent();
      const figure = () => page.locator("#body tr.chosen td.c-calls").textContent();
      const [name, calls] = [await chosen(), await figure()];
      await until("other figures", async () => (await figure()) !== calls);
      assert.equal(await chosen(), name);
    }));

  test("rows are sorted by any column, and left in and out by regular expressions", () =>
    visit({ isStill: true }, async (page) => {
      await choose(page, "p0");
      await page.click("#head .c-name button");
      const sorted = await names(page);
      assert.deepEqual(sorted, [...sorted].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
      await page.keyboard.press("/");
      await page.keyboard.type("^parse|^LOAD");
      assert.ok((await names(page)).every((name) => /^(parse|load)/.test(name)));
      await page.keyboard.press("Escape");
      await page.keyboard.press("Escape");
      await page.keyboard.press("x");
      await page.keyboard.type("shop/");
      const places = await page.locator("#body td.c-place").allTextContents();
      assert.ok(places.length > 5 && places.every((place) => !place.startsWith("shop/")));
      await page.fill("#leave", "(");
      assert.match(await page.textContent("#found"), /group/i, "what is no expression is told");
    }));

  test("how long calls took has columns where it is kept", () =>
    visit({ isStill: true, hasDurations: true }, async (page) => {
      await choose(page, "p0");
      await page.click("#head .c-p99 button");
      const column = async (key) => page.locator(`#body td.c-${key}`).allTextContents();
      assert.deepEqual((await column("p99")).slice(0, 3), ["3.00 s", "2.99 s", "2.98 s"]);
      assert.deepEqual((await column("p50")).slice(0, 2), ["1.50 s", "1.50 s"]);
      assert.deepEqual((await column("max")).slice(0, 2), ["9.00 s", "8.97 s"]);
      assert.deepEqual((await column("cpu")).slice(0, 2), ["500 ms", "500 ms"]);
    }));

  test("your own code alone", () =>
    visit({ isStill: true }, async (page) => {
      await choose(page, "p0");
      await page.keyboard.press("u");
      const kinds = await page.locator("#body tr:not(.gap)").evaluateAll((rows) => rows.map((row) => row.className));
      assert.ok(kinds.length > 5 && kinds.every((kind) => kind.startsWith("own")));
    }));

  test("a function has its callers, callees and source, and leads to them", () =>
    visit({ isStill: true }, async (page) => {
      await choose(page, "p0");
      await page.locator("#body tr.own").first().click();
      await page.waitForSelector("#detail .source pre");
      assert.match(await page.textContent("#detail"), /Called by 4/);
      assert.match(await page.textContent("#detail .source"), /return 0/);
      const other = await page.locator("#detail .edges .name").first().textContent();
      await page.locator("#detail .edges button").first().click();
      assert.equal(await page.textContent("#detail h2.name"), other);
      await page.click("#detail .close");
      assert.equal(await page.isVisible("#detail"), false);
    }));

  test("names are text, whatever they are", () =>
    visit({ isStill: true }, async (page) => {
      await choose(page, "p0");
      await page.fill("#search", "alert|evil|constructor|lt;b|^a{400}");
      const all = (await names(page)).join("\n");
      for (const name of ["<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "javascript:alert(3)", "{{constructor}}", "&lt;b&gt;"]) assert.ok(all.includes(name), name);
      assert.equal(await page.locator("main img, main script, main b").count(), 1, "the one <b> is our own");
      await page.locator("#body tr:not(.gap)").first().click();
      await page.keyboard.press("2");
      await page.keyboard.press("3");
      await page.waitForSelector("#now li");
    }));

  test("the flame graph zooms by click, wheel and key, and what is seen stays while it grows", () =>
    visit({}, async (page) => {
      await choose(page, "p0");
      await page.keyboard.press("2");
      await drawn(page);
      const box = await widest(page);
      await page.mouse.click(box.x, box.y);
      // What stands above the graph may take more room or less.
      const zoomed = () => page.evaluate(({ name }) => {
        const all = pikos.boxes();
        const top = Math.min(...all.map((one) => one.top));
        return all.find((one) => one.name === name && Math.abs(one.top - top - 22) < 1);
      }, box);
      // What is told of the function takes room beside the graph.
      const fills = async () => Math.abs((await zoomed()).width - (await page.evaluate(() => document.getElementById("canvas").clientWidth))) < 1;
      await until("the box fills the width", fills);
      const figures = await page.textContent("#figures");
      await until("newer figures", async () => (await page.textContent("#figures")) !== figures);
      await page.waitForTimeout(600);
      assert.ok(await fills(), "it still does");
      await page.keyboard.press("Escape");
      assert.equal(await page.isDisabled("#reset"), true);
      const there = await zoomed();
      const canvas = await page.locator("#canvas").boundingBox();
      await page.mouse.move(Math.max(there.left, canvas.x) + 10, canvas.y + 33);
      await page.keyboard.down("Control");
      await page.mouse.wheel(0, -300);
      await page.keyboard.up("Control");
      await until("zoomed by the wheel", async () => (await zoomed()).width > there.width * 1.5);
      assert.equal(await page.isDisabled("#reset"), false);
      assert.match(await page.textContent("#exact"), /Exact/);
    }));

  test("callees stand in the order in which they were met, tick after tick", () =>
    visit({}, async (page) => {
      await choose(page, "p0");
      await page.keyboard.press("2");
      await drawn(page);
      const row = async () => (await page.evaluate(() => {
        const all = pikos.boxes();
        const top = Math.min(...all.map((box) => box.top));
        return all.filter((box) => Math.abs(box.top - top - 22) < 1 && box.width > 8 && !box.name.endsWith(" more")).sort((a, b) => a.left - b.left).map((box) => box.name);
      }));
      const early = await row();
      await page.waitForTimeout(1500);
      const late = await row();
      const both = early.filter((name) => late.includes(name));
      assert.ok(both.length > 5);
      assert.deepEqual(late.filter((name) => both.includes(name)), both);
    }));

  test("a search says the share that it finds; callers can be looked at", () =>
    visit({ isStill: true }, async (page) => {
      await choose(page, "p0");
      await page.keyboard.press("2");
      await drawn(page);
      await page.fill("#search", "order");
      await until("the share", async () => /stacks?, [\d.]+% of the time/.test(await page.textContent("#found")));
      await page.click("#title");
      await page.keyboard.press("i");
      await until("turned round", async () => (await page.evaluate(() => pikos.boxes().filter((box) => box.top === pikos.boxes()[0].top).length)) > 5);
      await page.hover("#canvas", { position: { x: 20, y: 10 } });
      assert.match(await page.textContent("#tip"), /\d/);
    }));

  test("a brushed time is what table and graph show, until it ends", () =>
    visit({}, async (page, { world }) => {
      await choose(page, "p0");
      await page.waitForFunction(() => document.querySelector("#bands canvas")?.clientWidth > 100);
      await page.waitForTimeout(300);
      const { x, y, width } = await page.locator("#bands canvas").first().boundingBox();
      await page.mouse.move(x + width * 0.2, y + 30);
      await page.mouse.down();
      await page.mouse.move(x + width * 0.5, y + 30, { steps: 4 });
      await page.mouse.up();
      await page.waitForSelector("#range:not([hidden])");
      assert.match(await page.textContent("#range-said"), /^Only \d\d:\d\d:\d\d – \d\d:\d\d:\d\d/);
      assert.ok(world.asked.some((one) => one.startsWith("GET /api/range?scope=p0&from=")));
      await page.locator("#body tr.own").first().click();
      // What is asked for is of that time alone; the whole has other numbers.
      await page.waitForFunction(() => /Called by 4[^]*\b77\b/.test(document.getElementById("detail").textContent));
      assert.ok(world.asked.some((one) => /^GET \/api\/edges\?scope=p0&function=\d+&from=[\d.]+&to=[\d.]+$/.test(one)));
      const own = () => page.locator("#body td.c-own").first().textContent();
      const once = await own();
      await page.waitForTimeout(700);
      assert.equal(await own(), once, "it stands still");
      await page.click("#range-end");
      await until("back", async () => !(await page.isVisible("#range")));
      // The same by keyboard.
      await page.focus("#bands canvas");
      await page.keyboard.press("ArrowRight");
      await page.waitForSelector("#range:not([hidden])");
      await page.keyboard.press("Escape");
      await until("back again", async () => !(await page.isVisible("#range")));
    }));

  test("what was marked is compared with what is shown then", () =>
    visit({}, async (page) => {
      await choose(page, "p0");
      assert.equal(await page.isDisabled("text=Compare"), true);
      await page.click("text=Mark");
      assert.match(await page.textContent("#done"), /^Marked all until/);
      await page.waitForTimeout(600);
      await page.click("text=Compare");
      await page.waitForSelector("#body td.c-change");
      assert.match(await page.textContent("#range-said"), /red grew, blue shrank/);
      await page.keyboard.press("2");
      await drawn(page);
      await page.keyboard.press("d");
      assert.equal(await page.isVisible("#range"), false);
    }));

  test("controls say when they were done, or why not", () =>
    visit({}, async (page, { world }) => {
      await choose(page, "p0");
      await page.click("text=Pause");
      await until("paused", async () => /^Paused at \d\d:\d\d:\d\d\.$/.test(await page.textContent("#done")));
      await until("the button", async () => (await page.locator("text=Resume").count()) === 1);
      await page.keyboard.press("Shift+P");
      await until("resumed", async () => /^Resumed/.test(await page.textContent("#done")));
      await page.selectOption("[aria-label=interval]", "0.5");
      await until("the interval", () => world.interval === 0.5);
      page.once("dialog", (dialog) => void dialog.accept());
      await page.click("text=Stop");
      await until("accepted", async () => /^Accepted .*main thread/.test(await page.textContent("#done")));
      await page.click("text=Clear");
      await until("cleared", async () => /^Cleared/.test(await page.textContent("#done")));
      world.control = () => ({ error: "The process is over: it can't be asked." });
      await page.click("text=Clear");
      await until("why not", async () => (await page.textContent("#done")) === "The process is over: it can't be asked.");
    }));

  test("a profile is saved in any format", () =>
    visit({ isStill: true }, async (page, { world }) => {
      await choose(page, "p0");
      const [download] = await Promise.all([page.waitForEvent("download"), page.selectOption("[aria-label='save as']", "speedscope")]);
      assert.equal(download.suggestedFilename(), "profile.speedscope");
      assert.equal(await readFile(await download.path(), "utf8"), "a profile as speedscope");
      assert.ok(world.asked.includes("GET /api/processes/p0/profile?format=speedscope"));
    }));

  test("who may only look has no controls, but may save", () =>
    visit({ isReadOnly: true }, async (page) => {
      await choose(page, "p0");
      for (const name of ["Pause", "Clear", "Stop"]) assert.equal(await page.isVisible(`#control >> text=${name}`), false, name);
      assert.equal(await page.isVisible("[aria-label='save as']"), true);
    }));

  test("open calls are listed by thread", () =>
    visit({}, async (page) => {
      await choose(page, "p0");
      await page.keyboard.press("3");
      await page.waitForSelector("#now .stack");
      assert.match((await page.locator("#now h2").allTextContents()).join(), /MainThread 5 deep.*idle no open call/);
      await page.locator("#now button").nth(1).click();
      assert.equal(await page.textContent("#detail h2.name"), await page.locator("#now button .name").nth(1).textContent());
    }));

  const tasksOf = async (page, server, scope = "p1") => {
    await page.goto(`${server.url}#scope=${scope}&view=tasks`);
    await page.waitForSelector("#tasks .kinds > li");
  };

  test("tasks are shown where they are followed alone", () =>
    visit({}, async (page) => {
      await choose(page, "p0");
      assert.equal(await page.isVisible("#tab-tasks"), false);
      await choose(page, "p1");
      await page.keyboard.press("4");
      await page.waitForSelector("#tasks .kinds > li");
      assert.equal(await page.locator("#tab-tasks").getAttribute("aria-selected"), "true");
      assert.match(page.url(), /view=tasks/);
      await choose(page, "p0");
      assert.equal(await page.isVisible("#tasks"), false, "there is none of the kind here");
    }));

  test("who blocks the loop is what one sees first: step, task, when, and the calls that took the time", () =>
    visit({ isStill: true }, async (page, server) => {
      await tasksOf(page, server);
      const { name } = server.world.labels;
      assert.match(await page.textContent("#tasks .blocked > .hint"), /31 steps of 50\.0 ms or longer took 4\.50 s; the longest 14 are here/);
      const kinds = page.locator("#tasks .kinds > li");
      assert.equal(await kinds.count(), 5);
      const first = kinds.first();
      assert.equal(await first.locator(".step .took").textContent(), "410 ms");
      assert.match(await first.locator(".step .task").textContent(), /^7 times, the longest in request-0, after\u00a020\u00a0s[a-z/]+\.py:\d+$/);
      assert.deepEqual(await first.locator(".calls .name").allTextContents(), [name[4], name[9]], "the step's own function stands above");
      assert.equal(await first.locator(".calls .last .name").textContent(), name[9]);
      assert.match(await kinds.nth(1).textContent(), /in a callback/);
      assert.match(await kinds.nth(2).locator(".calls .hint").textContent(), /6 calls/);
      assert.match(await page.textContent("#tasks button.keeps"), /310 ms.*in request-5: keeps its loop right now/);
      await first.locator("summary").click();
      assert.equal(await first.locator(".each tr").count(), 7);
      assert.match(await first.locator(".each").textContent(), /<img src=x onerror=alert\(5\)>/);
      await page.waitForTimeout(1200);
      assert.equal(await first.locator(".each tr").count(), 7, "what was opened stays open");
      await page.click("#tasks .blocked > button");
      assert.equal(await kinds.count(), 8);
      await first.locator(".calls .last").click();
      assert.equal(await page.textContent("#detail h2.name"), name[9]);
    }));

  test("tasks are sorted by how long they wait, their longest step, and how long they ran", () =>
    visit({ isStill: true }, async (page, server) => {
      await tasksOf(page, server);
      const names = () => page.locator("#tasks td.c-task").allTextContents();
      assert.equal((await names()).length, 20);
      await page.click("#tasks .sorted > button >> text=20 more");
      assert.match(await page.textContent("#tasks .tables .hint"), /480 tasks, 1 of them running; 40 are here/);
      assert.deepEqual((await names()).slice(0, 4), ["request-0", "request-1", "request-2", "<img src=x onerror=alert(5)>"]);
      assert.equal((await names()).includes("#7"), true, "one without a name has a number");
      assert.equal((await names()).at(-1), "request-5", "one that runs doesn't wait");
      assert.match(await page.locator("#tasks td.c-waits.keeps").textContent(), /runs 310 ms/);
      await page.locator("#tasks th.c-longest button").first().click();
      assert.equal((await names())[0], "request-29", "11 × 29 is 39 in 40");
      assert.equal(await page.locator("#tasks th.c-longest").first().getAttribute("aria-sort"), "descending");
      assert.equal(await page.evaluate(() => document.activeElement.closest("th")?.className), "c-longest", "the keyboard stays there");
      await page.locator("#tasks th.c-run button").first().click();
      assert.equal((await names())[0], "request-17", "7 × 17 is 39 in 40");
      await page.fill("#search", "request-1$");
      assert.deepEqual(await names(), ["request-1"]);
      await page.fill("#search", "");
      await page.fill("#leave", "request");
      assert.deepEqual((await names()).sort(), ["#7", "<img src=x onerror=alert(5)>"]);
    }));

  test("tasks stand below those that made them, and say who waits for them", () =>
    visit({ isStill: true }, async (page, server) => {
      await tasksOf(page, server);
      await page.click("#tasks .sorted > button >> text=20 more");
      const names = () => page.locator("#tasks td.c-task").allTextContents();
      const from = (all) => all.slice(all.indexOf("request-37"), all.indexOf("request-37") + 3);
      assert.deepEqual(from(await names()), ["request-37", "└ request-38", "  └ request-39"]);
      assert.equal((await names()).includes("request-36"), true, "the one that made it is over");
      assert.deepEqual((await page.locator("#tasks td.c-by").allTextContents()).filter((text) => text !== ""), ["request-37 +1"]);
      assert.equal(await page.locator("#tasks td.c-by", { hasText: "request-37" }).getAttribute("title"), "request-37\n#99");
      await page.locator("#tasks th.c-longest button").first().click();
      const at = (await names()).indexOf("request-37");
      assert.deepEqual(from(await names()), ["request-37", "└ request-38", "  └ request-39"]);
      await page.click("#tasks .segments >> text=List");
      assert.equal((await names()).some((name) => name.includes("└")), false);
      assert.ok((await names()).indexOf("request-37") > at, "what those below took doesn't count for it");
      assert.equal(await page.locator("#tasks .segments button", { hasText: "List" }).getAttribute("aria-pressed"), "true");
      await page.click("#tasks .segments >> text=Tree");
      assert.equal((await names()).indexOf("request-37"), at);
    }));

  test("a task leads to its coroutine, and to what it awaits; by the keyboard, too", () =>
    visit({ isStill: true }, async (page, server) => {
      await tasksOf(page, server);
      const { name } = server.world.labels;
      const rows = page.locator("#tasks .sorted tbody tr");
      await rows.nth(1).locator(".c-task").click();
      assert.equal(await page.textContent("#detail h2.name"), name[12]);
      await rows.nth(1).locator(".c-awaits").click();
      assert.equal(await page.textContent("#detail h2.name"), name[21]);
      await page.locator("#tasks tr[aria-current]").focus();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("ArrowDown");
      assert.equal(await page.textContent("#detail h2.name"), name[17], "that of the fourth task");
      await page.waitForTimeout(1200);
      assert.equal(await page.evaluate(() => document.activeElement.dataset.key), "p1 3", "new figures don't take the keyboard away");
      await page.keyboard.press("ArrowUp");
      assert.equal(await page.evaluate(() => document.activeElement.dataset.key), "p1 2");
    }));

  test("a press that began before new figures came ends where it began", () =>
    visit({}, async (page, server) => {
      await tasksOf(page, server);
      const { asked, labels } = server.world;
      await page.locator("#tasks .of-tasks tbody tr").nth(3).locator(".c-task").hover();
      await page.mouse.down();
      const before = asked.length;
      await until("new figures", async () => asked.slice(before).filter((one) => one.includes("/api/tasks")).length > 2);
      await page.mouse.up();
      await until("chosen", async () => (await page.textContent("#detail")).includes(labels.name[17]));
    }));

  test("coroutines have their figures by function, and what became of them", () =>
    visit({ isStill: true }, async (page, server) => {
      await tasksOf(page, server);
      const { name } = server.world.labels;
      const table = page.locator("#tasks table[aria-label='coroutines by function']");
      const row = (at) => table.locator("tbody tr").nth(at);
      const cells = async (at) => (await row(at).locator("td:not(.text)").allTextContents()).join(" | ");
      assert.equal(await cells(0), "93.9 s | 3.90 s | 90.0 s | 410 ms | 480 | 1,400");
      assert.equal(await row(0).locator(".c-ends").textContent(), "480 not over");
      assert.equal(await row(1).locator(".c-ends").textContent(), "4 raised, 6 cancelled");
      assert.match(await row(1).locator(".c-function").getAttribute("title"), /longest step: 4\.00 ms, after 3\.0 s/);
      await table.locator("th.c-started button").click();
      assert.equal(await row(0).locator(".name").textContent(), name[21]);
      await row(0).click();
      assert.equal(await page.textContent("#detail h2.name"), name[21]);
      await page.fill("#search", "matches nothing at all");
      assert.equal(await table.isVisible(), false);
    }));

  test("label sets have their part of the whole, and lead to their functions", () =>
    visit({ isStill: true }, async (page, { world }) => {
      await choose(page, "p0");
      assert.equal(await page.isVisible("#tab-labels"), false);
      await choose(page, "p1");
      await page.click("#tab-labels");
      const rows = page.locator("#labels tbody tr");
      await until("three", async () => (await rows.count()) === 3);
      assert.deepEqual(await page.locator("#labels td.c-labels").allTextContents(), ["route=/paytenant=a", "tenant=<b>b</b>route=/pay", "without labels"]);
      assert.deepEqual(await page.locator("#labels td.c-share").allTextContents(), ["61.3%", "31.0%", "7.7%"]);
      await page.click("#labels .segments button >> text=route");
      assert.deepEqual(await page.locator("#labels td.c-labels").allTextContents(), ["route=/pay", "└ MainThread", "└ pool-1_0", "without route"]);
      assert.deepEqual(await page.locator("#labels td.c-own").allTextContents(), ["121 s", "80.0 s", "40.5 s", "10.0 s"]);
      await page.click("#labels .segments button >> text=All labels");
      await rows.nth(1).click();
      await until("its functions", async () => world.asked.some((one) => one.startsWith("GET /api/events?scope=p1%3A2")));
      assert.match(page.url(), /scope=p1%3A2&view=functions/);
      await page.click("#tab-labels");
      await page.click("#labels .segments button >> text=route");
      await page.locator("#labels tbody tr", { hasText: "MainThread" }).click();
      await until("that thread's", async () => /scope=p1%3A1&view=functions/.test(page.url()));
    }));

  test("in a sum, each task says whose it is only where there are several", () =>
    visit({ isStill: true }, async (page, server) => {
      await tasksOf(page, server, "all");
      assert.equal(await page.locator("#tasks td.c-task").first().textContent(), "request-0");
      await server.world.addTasks();
      await until("both", async () => (await page.locator("#tasks td.c-task").allTextContents()).includes("server.py --port 8000: request-0"));
      assert.match(await page.textContent("#tasks .tables .hint"), /960 tasks/);
    }));

  test("a thread is shown alone", () =>
    visit({}, async (page, { world }) => {
      await page.locator('[data-scope="p0"] .twist').click();
      await choose(page, "p0:2");
      assert.match(await page.textContent("#under"), /thread pool-1_0/);
      assert.ok(world.asked.some((one) => one.startsWith("GET /api/events?scope=p0%3A2")));
    }));

  test("a thread has a band of its own, of which a time can be brushed", () =>
    visit({}, async (page, { world }) => {
      await page.locator('[data-scope="p0"] .twist').click();
      await choose(page, "p0:2");
      await until("its history", async () => world.asked.some((one) => one.startsWith("GET /api/history?scope=p0%3A2")));
      await page.waitForFunction(() => document.querySelector("#bands canvas")?.clientWidth > 100);
      await page.focus("#bands canvas");
      await page.keyboard.press("ArrowLeft");
      await page.waitForSelector("#range:not([hidden])");
      assert.ok(world.asked.some((one) => one.startsWith("GET /api/range?scope=p0%3A2&from=")));
    }));

  test("types of objects have a chart over time, and the lines that make them", () =>
    visit({}, async (page) => {
      await page.locator('[data-scope="r1"] .name').click();
      await page.waitForSelector("#memory tr[data-id]");
      assert.equal(await page.textContent("#tab-memory"), "Objects");
      assert.match(await page.textContent("#memory .said"), /objects with .* more than when counting began/);
      assert.equal(await page.isVisible("#memory .types .curve"), true);
      assert.match(await page.textContent("#memory .charted"), /shop\.Session/);
      await page.click("#memory th.c-alive button");
      const alive = (await page.locator("#memory td.c-alive").allTextContents()).map((text) => Number(text.replaceAll(",", "")));
      assert.deepEqual(alive, [...alive].sort((a, b) => b - a));
      await page.click("#memory tr[data-id='0']");
      assert.match(await page.textContent("#memory .places"), /open_session.*shop\/session\.py:41.*14,000 made, 4,700 still there/);
      assert.match(await page.textContent("#memory .places"), /<img src=x/);
      await page.keyboard.press("ArrowDown");
      assert.equal(await page.locator("#memory tr.chosen").count(), 1);
      await page.click("#memory .chart-line button >> text=Objects");
      await page.hover("#memory .types .curve", { position: { x: 200, y: 60 } });
      assert.match(await page.textContent("#tip"), /in all/);
    }));

  test("a record of memory has its chart, its peak and its lines", () =>
    visit({}, async (page) => {
      await page.locator('[data-scope="r0"] .name').click();
      await page.waitForSelector("#memory tbody tr");
      assert.match(await page.textContent("#memory .said"), /163 M at most.*memory_spike\.py:14/);
      assert.equal(await page.isVisible("#tab-functions"), false);
    }));

  test("when the server is gone that is said; when it is back, figures go on", () =>
    visit({}, async (page, first) => {
      await choose(page, "p0");
      const { port } = first;
      await first.close();
      await until("told", async () => /doesn't answer.*Trying again/.test(await page.textContent("#broken")));
      const again = await serve({ port });
      try {
        await until("heard again", async () => !(await page.isVisible("#broken")));
        const figures = await page.textContent("#figures");
        await until("figures go on", async () => (await page.textContent("#figures")) !== figures);
      } finally {
        await again.close();
      }
    }));

  test("many pages in one browser leave each other room to ask", () =>
    visit({}, async (page) => {
      // What a browser does with pages in the background; without a window all of them are in front.
      const show = (one, isHidden) => one.evaluate((wanted) => {
        Object.defineProperty(document, "hidden", { configurable: true, get: () => wanted });
        document.dispatchEvent(new Event("visibilitychange"));
      }, isHidden);
      const { context, url } = { context: page.context(), url: page.url() };
      const pages = [page];
      for (let count = 0; count < 6; count += 1) {
        await show(pages.at(-1), true);
        const another = await context.newPage();
        pages.push(another);
        await another.goto(url);
        await another.waitForSelector("#body td.c-name");
      }
      await show(pages.at(-1), true);
      await show(page, false);
      const figures = await page.textContent("#figures");
      await until("figures go on in the first", async () => (await page.textContent("#figures")) !== figures);
    }));

  test("where nothing is live, it says what to type", () =>
    visit({ isEmpty: true }, async (page) => {
      await page.waitForSelector("#empty:not([hidden])");
      assert.match(await page.textContent("#empty pre"), /python -m pikos\.cprofile --live/);
      assert.equal(await page.isVisible("#scope"), false);
    }));

  test("the address says what is seen, and back goes back", () =>
    visit({}, async (page) => {
      await choose(page, "p1");
      await page.click("#tab-flame");
      assert.match(page.url(), /#scope=p1&view=flame$/);
      await page.goBack();
      assert.equal(await page.isVisible("#functions"), true);
      await page.reload();
      await until("the same", async () => (await page.textContent("#title")) === "shop/worker.py");
    }));

  test("by the keyboard alone: list, tabs, table, graph, keys", () =>
    visit({}, async (page) => {
      await page.waitForSelector("#body td.c-name");
      await page.focus("#processes li[tabindex='0']");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await until("chosen", async () => (await page.textContent("#title")) === "shop/server.py --port 8000");
      await page.keyboard.press("ArrowRight");
      assert.equal(await page.locator('[data-scope="p0:1"]').count(), 1, "threads are unfolded");
      await page.focus("#rows");
      await page.waitForFunction(() => document.querySelectorAll("#body td.c-name").length > 5);
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("ArrowDown");
      await page.waitForSelector("#detail h2.name");
      await page.focus("#tab-functions");
      await page.keyboard.press("ArrowRight");
      await drawn(page);
      await page.focus("#canvas");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("ArrowDown");
      assert.notEqual(await page.textContent("#said"), "");
      await page.keyboard.press("Enter");
      await until("zoomed", async () => !(await page.isDisabled("#reset")));
      await page.keyboard.press("?");
      assert.equal(await page.isVisible("#keys"), true);
      await page.keyboard.press("Escape");
      assert.equal(await page.isVisible("#keys"), false);
    }));

  test("50,000 functions: only rows that are seen are there, at any place", () =>
    visit({ functions: 50_000, stacks: 1000, isStill: true }, async (page) => {
      await choose(page, "p0");
      assert.match(await page.textContent("#rows-count"), /50,000 functions/);
      assert.ok((await page.locator("#body tr").count()) < 70);
      await page.evaluate(() => (document.getElementById("rows").scrollTop = 1e9));
      await until("the last rows", async () => (await page.locator("#body tr:not(.gap)").last().boundingBox())?.y < 900);
      assert.ok((await page.locator("#body tr").count()) < 70);
    }));

  for (const theme of ["light", "dark"]) {
    test(`nothing that axe knows of stands in the way of who can't see or point (${theme})`, () =>
      visit({ isStill: true }, async (page) => {
        await choose(page, "p0");
        const wrong = async () => {
          await page.waitForTimeout(300);
          const { violations } = await page.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"] }));
          return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ target, failureSummary }) => `${target} ${failureSummary.split("\n")[1] ?? ""}`).join("; ")}`);
        };
        await page.evaluate(await readFile(AXE, "utf8"));
        await page.locator("#body tr.own").first().click();
        await page.waitForSelector("#detail .source");
        assert.deepEqual(await wrong(), [], "functions");
        await page.keyboard.press("2");
        await drawn(page);
        assert.deepEqual(await wrong(), [], "flame graph");
        await page.keyboard.press("3");
        await page.waitForSelector("#now .stack");
        assert.deepEqual(await wrong(), [], "now");
        await page.locator('[data-scope="p1"] .name').click();
        await page.keyboard.press("4");
        await page.waitForSelector("#tasks .kinds > li");
        await page.locator("#tasks summary").first().click();
        assert.deepEqual(await wrong(), [], "tasks");
        await page.click("#tab-labels");
        await page.waitForSelector("#labels tbody tr");
        assert.deepEqual(await wrong(), [], "labels");
        await page.locator('[data-scope="r0"] .name').click();
        await page.waitForSelector("#memory tbody tr");
        assert.deepEqual(await wrong(), [], "memory");
        await page.keyboard.press("?");
        assert.deepEqual(await wrong(), [], "keys");
      }, { theme }));
  }

  for (const [width, height] of [[390, 844], [800, 600], [1440, 900], [3840, 2160]]) {
    test(`everything is within a window of ${width} × ${height}`, () =>
      visit({ isStill: true }, async (page) => {
        await choose(page, "p1");
        for (const view of ["1", "2", "3", "4", "5"]) {
          await page.keyboard.press(view);
          await page.waitForTimeout(200);
          const [wide, out] = await page.evaluate(() => [
            document.documentElement.scrollWidth,
            [...document.querySelectorAll("button, input, select, h1, #figures div, canvas")].filter((one) => one.checkVisibility() && !one.closest("#rows, #memory, .skip") && one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.id || one.textContent),
          ]);
          assert.ok(wide <= width, `${wide} pixels wide`);
          assert.deepEqual(out, []);
        }
      }, { width, height }));
  }
});
