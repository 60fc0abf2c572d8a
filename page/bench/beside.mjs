// Measures a flame graph of ours and pages of other tools, of the same stacks: `python -m benchmarks.views.beside` makes them,
// and says what the figures mean.

import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { launch, pageOf } from "../test/browser.mjs";

const [folded, given, packages] = process.argv.slice(2);
const pages = JSON.parse(given);
const KINDS = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".folded": "text/plain", ".json": "application/json", ".woff2": "font/woff2" };
const TURNS = Number(process.env.TURNS ?? 3);
/** Nothing is drawn any more if the main thread did no more than this in so long, in ms. */
const [QUIET, STILL] = [1500, 60];

/** speedscope asks for what it shows: a server of its own folder, with the stacks in it. */
function serve(folder) {
  const server = createServer(({ url }, response) => {
    const path = normalize(new URL(url, "http://localhost").pathname);
    const file = path === "/stacks.folded" ? folded : join(folder, path === "/" ? "index.html" : path);
    if (!existsSync(file)) return void response.writeHead(404).end();
    response.writeHead(200, { "Content-Type": KINDS[extname(file)] ?? "application/octet-stream" });
    createReadStream(file).pipe(response);
  });
  return new Promise((done) => server.listen(0, "127.0.0.1", () => done({ server, url: `http://127.0.0.1:${server.address().port}` })));
}

const wheel = (selector) => (page) => page.evaluate(async (wanted) => {
  const canvas = document.querySelector(wanted);
  const { left, top, width, height } = canvas.getBoundingClientRect();
  for (let step = 0; step < 10; step += 1) {
    canvas.dispatchEvent(new WheelEvent("wheel", { deltaY: step < 5 ? -80 : 80, ctrlKey: true, bubbles: true, cancelable: true, clientX: left + width * 0.3, clientY: top + Math.min(height / 3, 60) }));
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  }
  return 10;
}, selector);
/** d3-flame-graph zooms where one clicks, and glides there. */
const click = async (page) => {
  await page.evaluate(() => {
    const boxes = [...document.querySelectorAll(".d3-flame-graph g.frame, g.frame")].filter((box) => box.getBoundingClientRect().width > 30);
    boxes[Math.min(4, boxes.length - 1)].dispatchEvent(new MouseEvent("click", { bubbles: true }));
  });
  return 1;
};
const boxes = (selector) => (page) => page.evaluate((wanted) => document.querySelectorAll(wanted).length, selector);

const TOOLS = {
  pikos: { name: "pikos serve", open: async (url) => ({ url: `${url}#scope=f0&view=flame` }), drawn: () => globalThis.pikos?.boxes().length > 100, zoom: wheel("#canvas"), boxes: (page) => page.evaluate(() => pikos.boxes().length) },
  speedscope: { name: "speedscope", open: async (folder) => { const { server, url } = await serve(folder); return { server, url: `${url}/#profileURL=${encodeURIComponent(`${url}/stacks.folded`)}` }; }, drawn: () => document.querySelector("canvas") !== null, zoom: wheel("canvas:last-of-type"), boxes: async () => NaN },
  memray: { name: "memray (d3-flame-graph)", open: async (file) => ({ url: `file://${file}` }), drawn: () => document.querySelectorAll("g.frame").length > 1, zoom: click, boxes: boxes("g.frame") },
  sampling: { name: "3.15's profiling.sampling", open: async (file) => ({ url: `file://${file}` }), drawn: () => document.querySelectorAll("g.frame").length > 1, zoom: click, boxes: boxes("g.frame") },
};

const middle = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

const browser = await launch(["--js-flags=--max-old-space-size=3000"]);
const row = (...cells) => console.log(cells.map((cell, at) => (at === 0 ? String(cell).padEnd(28) : String(cell).padStart(16))).join(""));
row("", "first draw, ms", "a zoom, ms", "memory, MB", "boxes drawn");
for (const [tool, what] of Object.entries(pages)) {
  const { name, open, drawn, zoom, boxes: count } = TOOLS[tool];
  const [firsts, zooms, heaps] = [[], [], []];
  let shown = NaN;
  for (let turn = 0; turn < TURNS; turn += 1) {
    const page = await pageOf(browser);
    page.setDefaultTimeout(300_000);
    // What a page would fetch from elsewhere comes from npm's folder, so that nobody's network is measured.
    await page.route(/^https:/, (route) => {
      const path = /^\/npm\/((?:@[^/]+\/)?[^@/]+)@[^/]+\/(.+)$/.exec(new URL(route.request().url()).pathname);
      const file = path === null ? "" : join(packages, path[1], normalize(`/${path[2]}`));
      return existsSync(file) ? route.fulfill({ path: file }) : route.abort();
    });
    const { url, server } = await open(what);
    const session = await page.context().newCDPSession(page);
    await session.send("Performance.setTimeDomain", { timeDomain: "threadTicks" });
    await session.send("Performance.enable");
    const spent = async () => {
      const { metrics } = await session.send("Performance.getMetrics");
      const of = (key) => metrics.find((metric) => metric.name === key).value;
      return { time: of("TaskDuration") * 1000, heap: of("JSHeapUsedSize") / 2 ** 20 };
    };
    /** The CPU time until it is still; what shows that is not counted. */
    const settled = async () => {
      for (let before = await spent(); ; ) {
        await page.waitForTimeout(QUIET);
        const now = await spent();
        if (now.time - before.time < STILL) return before;
        before = now;
      }
    };
    const begun = await spent();
    await page.goto(url, { waitUntil: "commit" });
    await page.waitForFunction(drawn);
    const first = await settled();
    firsts.push(first.time - begun.time);
    heaps.push(first.heap);
    shown = await count(page);
    const steps = await zoom(page);
    zooms.push(((await settled()).time - first.time) / steps);
    await page.context().close();
    server?.close();
  }
  const size = existsSync(what) && statSync(what).isFile() ? `, ${(statSync(what).size / 2 ** 20).toFixed(0)} MB` : "";
  row(name + size, middle(firsts).toFixed(0), middle(zooms).toFixed(1), middle(heaps).toFixed(0), Number.isNaN(shown) ? "on a canvas" : shown);
}
await browser.close();
