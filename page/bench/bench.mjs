// Measures the live page in Chromium against its limits, beside a server with made-up data: `npm run bench`.
// Fails if a limit is missed. Times are those of the page itself; in a browser without a GPU, drawing is the processor's, too.

import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { launch, pageOf } from "../test/browser.mjs";
import { serve } from "../test/fake-server.mjs";

const results = [];
const report = (name, value, limit, unit = "ms") => {
  results.push({ name, value, limit });
  console.log(`${value <= limit ? "  ok  " : "MISSED"} ${name.padEnd(64)} ${value.toFixed(1).padStart(7)} ${unit} of ${limit}`);
};
const middle = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const late = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length * 0.95)];

/** How long an act takes in the page, until what it did is drawn. */
const timed = (page, act, argument) => page.evaluate(async ([source, given]) => {
  const begun = performance.now();
  await new Function("given", source)(given);
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - begun;
}, [act, argument]);

/** What the browser's processes have for themselves. */
function megabytes(browserPid) {
  const children = new Map();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const parent = /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1];
      children.set(parent, [...(children.get(parent) ?? []), pid]);
    } catch {
      // It is gone.
    }
  }
  let sum = 0;
  const add = (pid) => {
    try {
      sum += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))[1]) / 1024;
    } catch {
      // It is gone, or its memory isn't ours to see.
    }
    for (const child of children.get(pid) ?? []) add(child);
  };
  add(String(browserPid));
  return sum;
}

/** From when the page is asked for to the frame in which its rows are; and what had happened by when. */
async function firstPicture(server, what) {
  const turns = [];
  for (let turn = 0; turn < 5; turn += 1) {
    const page = await pageOf(browser);
    // A new window loads pages of the browser's own first; whoever opens a link has it already.
    await page.waitForTimeout(1500);
    await page.goto(server.url, { waitUntil: "commit" });
    turns.push(await page.evaluate(() => new Promise((done) => {
      const at = (name) => performance.getEntriesByName(name)[0]?.startTime ?? NaN;
      const tell = () => done([performance.getEntriesByType("navigation")[0].responseStart, at("begun"), at("told"), performance.now()]);
      const look = () => (document.querySelectorAll("#body td.c-name").length > 5 ? requestAnimationFrame(tell) : setTimeout(look, 2));
      look();
    })));
    await page.context().close();
  }
  const [answered, begun, told, drawn] = [0, 1, 2, 3].map((place) => middle(turns.map((turn) => turn[place])));
  report(`first picture, ${what}`, drawn, 300);
  console.log(`       the page is there after ${answered.toFixed(0)} ms, its script has begun after ${begun.toFixed(0)}, figures are told after ${told.toFixed(0)}`);
}

const browser = await launch();
const pids = () => execFileSync("ps", ["-eo", "pid,ppid,args"], { encoding: "utf8" }).split("\n").map((line) => line.trim().split(/\s+/)).filter(([, ppid, command]) => ppid === String(process.pid) && /chrom/.test(command ?? "")).map(([pid]) => pid);

const memory = () => pids().reduce((sum, pid) => sum + megabytes(pid), 0);
{
  const empty = await pageOf(browser);
  await empty.goto("about:blank");
  const without = memory();
  await empty.context().close();
  const small = await serve({ processes: 1, functions: 900, stacks: 2_000 });
  await firstPicture(small, "one process of 900 functions");
  await small.close();
  const server = await serve({ processes: 20, functions: 10_000, stacks: 2_000 });
  await firstPicture(server, "20 processes of 10,000 functions");

  const page = await pageOf(browser);
  await page.goto(server.url);
  await page.waitForSelector("#body td.c-name");
  await page.waitForTimeout(1500);
  const acts = {
    "a row clicked": "document.querySelectorAll('#body tr:not(.gap)')[given % 10].click()",
    "a column clicked": "document.querySelectorAll('#head button')[given % 8].click()",
    "a letter searched": "const field = document.getElementById('search'); field.value = 'pars'.slice(0, given % 4 + 1); field.dispatchEvent(new Event('input'))",
    "a key: your code": "dispatchEvent(new KeyboardEvent('keydown', { key: 'u' }))",
    "scrolled": "document.getElementById('rows').scrollTop = given * 3000",
  };
  for (const [name, act] of Object.entries(acts)) {
    const times = [];
    for (let turn = 0; turn < 20; turn += 1) {
      times.push(await timed(page, act, turn));
      await page.waitForTimeout(40);
    }
    report(`${name}, until it is drawn (95 of 100)`, late(times), 50);
  }
  await page.waitForTimeout(5000);
  report(`memory beside them (the browser has ${without.toFixed(0)} MB when empty)`, memory() - without, 300, "MB");
  await page.context().close();
  await server.close();
}
{
  const server = await serve({ processes: 1, functions: 50_000, stacks: 200_000, isStill: true });
  const page = await pageOf(browser);
  await page.goto(`${server.url}#scope=p0&view=functions`);
  await page.waitForSelector("#body td.c-name");
  const frames = await page.evaluate(async () => {
    const times = [];
    for (let step = 0; step < 60; step += 1) {
      const rows = document.getElementById("rows");
      await new Promise((done) => requestAnimationFrame(done));
      const begun = performance.now();
      rows.scrollTop += 900;
      // Its event comes with the next frame, and a frame lasts until the display's next tick: what counts is the work in it.
      rows.dispatchEvent(new Event("scroll"));
      void document.body.offsetHeight;
      times.push(performance.now() - begun);
    }
    return times;
  });
  report("50,000 rows scrolled, work of a frame (95 of 100)", late(frames), 16);
  await page.evaluate(() => document.getElementById("tab-flame").click());
  await page.waitForFunction(() => pikos.boxes().length > 1000);
  await page.waitForTimeout(500);
  const draws = await page.evaluate(() => {
    const times = [];
    for (let turn = 0; turn < 15; turn += 1) {
      const begun = performance.now();
      pikos.show();
      times.push(performance.now() - begun);
    }
    return times;
  });
  report(`flame graph of 200,000 stacks, first draw (worst)`, Math.max(...draws), 200);
  const moves = await page.evaluate(async () => {
    const canvas = document.getElementById("canvas");
    const { left, top, width } = canvas.getBoundingClientRect();
    const times = [];
    for (let step = 0; step < 60; step += 1) {
      canvas.dispatchEvent(new WheelEvent("wheel", { deltaY: step < 30 ? -60 : 60, ctrlKey: true, clientX: left + width * (0.2 + step / 100), clientY: top + 30, cancelable: true }));
      const begun = performance.now();
      pikos.draw();
      // What the canvas was told is done when it is read.
      canvas.getContext("2d").getImageData(0, 0, 1, 1);
      times.push(performance.now() - begun);
      await new Promise((done) => requestAnimationFrame(done));
    }
    return times;
  });
  report("flame graph of 200,000 stacks, pan and zoom, a frame (middle)", middle(moves), 16);
  report("flame graph of 200,000 stacks, pan and zoom, a frame (95 of 100)", late(moves), 16);
  const turned = await timed(page, "document.getElementById('up').click()");
  report("200,000 stacks turned round", turned, 1000);
  console.log(`       the browser's memory with it: ${memory().toFixed(0)} MB`);
  console.log(`       boxes drawn: ${await page.evaluate(() => pikos.boxes().length)}`);
  await page.context().close();
  await server.close();
}
await browser.close();
const missed = results.filter(({ value, limit }) => !(value <= limit));
if (missed.length > 0) {
  console.error(`missed: ${missed.map(({ name }) => name).join("; ")}`);
  process.exitCode = 1;
}
