// How the live page looks, beside pictures that somebody has looked at: `test/looks/`, a quarter of the size. What is compared are
// patches, for letters are drawn otherwise on each machine: a part of the page that is missing, moved or of another colour is
// seen, a figure is not. `PIKOS_BLESS=1 node --test test/looks.test.mjs` accepts what there is; look at it then.

import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { found, launch, pageOf } from "./browser.mjs";
import { serve } from "./fake-server.mjs";

const FOLDER = fileURLToPath(new URL("./looks/", import.meta.url));
const SIZES = [[1440, 900], [800, 600], [390, 844]];
const VIEWS = ["functions", "function", "flame", "objects"];
/** A patch is so many pixels of the page wide and high, */
const PATCH = 20;
/** is another one where any colour differs by more than this, of 255, */
const FAR = 28;
/** and of all patches no larger part may: 0.001 do from one run to the next. */
const MOST = 0.03;
/** Letters of another width would move what stands behind them, so they are of this font, */
const FONT = "DejaVu Sans";
/** which draws this text so wide at 100 pixels. */
const [SAMPLE, WIDTH] = ["Where the time went", 1055.5];

/** What each picture shows. */
async function arrange(page, view) {
  if (view === "objects") {
    await page.locator('[data-scope="r1"] .name').click();
    await page.waitForSelector("#memory tr[data-id]");
    return;
  }
  if (view === "functions") {
    await page.locator('[data-scope="p0"] .name').click();
    await page.waitForFunction(() => document.querySelectorAll("#body td.c-name").length > 5 && document.querySelector("#bands canvas")?.clientWidth > 100);
  }
  if (view === "function") {
    await page.locator("#body tr.own").nth(2).click();
    await page.waitForSelector("#detail .source pre");
  }
  if (view === "flame") {
    await page.keyboard.press("Escape");
    await page.keyboard.press("2");
    await page.waitForFunction(() => pikos.boxes().length > 20);
  }
}

/** A quarter of it, in both ways. */
const quarter = (page, shot) => page.evaluate(async (source) => {
  const image = await createImageBitmap(await (await fetch(source)).blob());
  const canvas = new OffscreenCanvas(Math.round(image.width / 4), Math.round(image.height / 4));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/webp", quality: 0.85 })).arrayBuffer());
  return btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ""));
}, `data:image/png;base64,${shot}`);

/** The part of the patches of two quarters that differ; all of them, if their sizes do. */
const differing = (page, one, other) => page.evaluate(async ([sources, patch, far]) => {
  const [a, b] = await Promise.all(sources.map(async (source) => {
    const image = await createImageBitmap(await (await fetch(source)).blob());
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, image.width, image.height);
  }));
  if (a.width !== b.width || Math.abs(a.height - b.height) > patch) return 1;
  const height = Math.min(a.height, b.height);
  let [all, others] = [0, 0];
  for (let top = 0; top + patch <= height; top += patch) {
    for (let left = 0; left + patch <= a.width; left += patch) {
      const sums = [0, 0, 0];
      for (let y = top; y < top + patch; y += 1) {
        for (let x = left; x < left + patch; x += 1) {
          const at = 4 * (y * a.width + x);
          for (let colour = 0; colour < 3; colour += 1) sums[colour] += a.data[at + colour] - b.data[at + colour];
        }
      }
      all += 1;
      if (sums.some((sum) => Math.abs(sum) / patch ** 2 > far)) others += 1;
    }
  }
  return others / all;
}, [[one, other].map((picture) => `data:image/webp;base64,${picture}`), PATCH / 4, FAR]);

describe("how the live page looks", { skip: !found(), timeout: 900_000 }, () => {
  let browser, server, blank, hasFont;
  before(async () => {
    browser = await launch();
    server = await serve({ isStill: true });
    blank = await pageOf(browser);
    const width = await blank.evaluate(([font, sample]) => {
      const context = document.createElement("canvas").getContext("2d");
      context.font = `100px "${font}"`;
      return context.measureText(sample).width;
    }, [FONT, SAMPLE]);
    hasFont = Math.abs(width / WIDTH - 1) < 0.01;
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  for (const [width, height] of SIZES) {
    for (const theme of ["light", "dark"]) {
      test(`at ${width}×${height}, ${theme}`, async (context) => {
        if (!hasFont) return context.skip(`NOT COMPARED: ${FONT} is not here (Debian: fonts-dejavu-core)`);
        const page = await pageOf(browser, { width, height, theme });
        page.setDefaultTimeout(60_000);
        await page.goto(server.url);
        await page.waitForSelector('[data-scope="p0"] .name');
        await page.evaluate((font) => (document.body.style.fontFamily = font), FONT);
        const pictures = {};
        for (const view of VIEWS) {
          await arrange(page, view);
          // What is narrow is long: the view is looked at, not what stands above it.
          if (width < 700) await page.evaluate(() => document.querySelector(".views").scrollIntoView());
          // Two frames: one to be asked for, one to be drawn.
          await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
          await page.waitForTimeout(400);
          pictures[view] = await quarter(blank, (await page.screenshot({ animations: "disabled" })).toString("base64"));
        }
        await page.context().close();
        const accepted = (view) => `${FOLDER}${view}-${width}-${theme}.webp`;
        if (process.env.PIKOS_BLESS) {
          await mkdir(FOLDER, { recursive: true });
          for (const view of VIEWS) await writeFile(accepted(view), Buffer.from(pictures[view], "base64"));
        }
        const known = Object.fromEntries(await Promise.all(VIEWS.map(async (view) => [view, (await readFile(accepted(view))).toString("base64")])));
        for (const view of VIEWS) {
          const part = await differing(blank, known[view], pictures[view]);
          assert.ok(part <= MOST, `${view}: ${(100 * part).toFixed(1)} % of the patches look otherwise`);
          // One that fits every view would tell nothing.
          const other = VIEWS[(VIEWS.indexOf(view) + 2) % VIEWS.length];
          assert.ok((await differing(blank, known[other], pictures[view])) > MOST, `${view} looks like ${other}`);
        }
      });
    }
  }
});
