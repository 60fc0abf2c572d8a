// The pages in Firefox and in WebKit: that they work there as well. What they do in all their parts, the other tests try in Chromium.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { serve } from "./fake-server.mjs";
import { foundFirefox, launchFirefox } from "./firefox.mjs";
import { writeReport } from "./report-data.mjs";
import { foundWebKit, launchWebKit } from "./webkit.mjs";

const ENGINES = [
  { name: "Firefox", isFound: Boolean(foundFirefox()), launch: launchFirefox, packages: "firefox-esr" },
  { name: "WebKit", isFound: foundWebKit(), launch: launchWebKit, packages: "webkit2gtk-driver, xvfb" },
];
const WATCH = "window.wrong = []; addEventListener('error', ({ message }) => wrong.push(message)); addEventListener('unhandledrejection', ({ reason }) => wrong.push(String(reason)))";

for (const { name: engine, isFound, launch, packages } of ENGINES) {
  if (!isFound) console.log(`\n######## NOT TESTED: the pages in ${engine}: it is not here (Debian: ${packages})\n`);

  describe(`the pages in ${engine}`, { skip: !isFound, timeout: 600_000 }, () => {
    async function visit(act) {
      const browser = await launch(1440, 900);
      const until = async (what, script) => {
        for (let tries = 0; tries < 600; tries += 1) {
          if (await browser.run(`return ${script}`)) return;
          await new Promise((done) => setTimeout(done, 100));
        }
        assert.fail(`never: ${what}`);
      };
      const shoot = async (name) => process.env.PIKOS_PICTURES && writeFile(`${process.env.PIKOS_PICTURES}/${engine.toLowerCase()}-${name}.png`, await browser.shoot());
      try {
        await act(browser, until, shoot);
        assert.deepEqual(await browser.run("return wrong"), []);
      } finally {
        await browser.end();
      }
    }

    test("live: figures, a function, a flame graph, a brushed time and types", async () => {
      const server = await serve({});
      try {
        await visit(async (browser, until, shoot) => {
          await browser.goto(server.url);
          await browser.run(WATCH);
          await until("rows", "document.querySelectorAll('#body td.c-name').length > 5");
          await browser.click('[data-scope="p0"] .name');
          await until("the scope", "document.querySelector('[data-scope=\"p0\"]').getAttribute('aria-selected') === 'true' && document.querySelectorAll('#body td.c-name').length > 5");
          await browser.click("#body tr.own td.c-name");
          await until("callers and source", "/Called by 4/.test(document.getElementById('detail').textContent) && document.querySelector('#detail .source pre') !== null");
          await shoot("function");
          await browser.press("body", "\uE00C"); // Escape
          await browser.press("body", "2");
          await until("boxes", "pikos.boxes().length > 20");
          await browser.press("body", "i");
          await until("turned round", "document.getElementById('up').getAttribute('aria-pressed') === 'true'");
          await until("a band", "document.querySelector('#bands canvas')?.clientWidth > 100");
          await browser.press("#bands canvas", "\uE012"); // the arrow to the left
          await until("a range", "!document.getElementById('range').hidden");
          await shoot("flame");
          await browser.click('[data-scope="r1"] .name');
          await until("types", "document.querySelectorAll('#memory tr[data-id]').length > 5");
          await shoot("types");
        });
      } finally {
        await server.close();
      }
    });

    test("a report: a finding, a function with its lines, a flame graph that is zoomed and turned round", async () => {
      const folder = await mkdtemp(join(tmpdir(), "pikos-engines-"));
      const file = join(folder, "report.html");
      await writeReport(file, { hasLines: true, findings: ["read_order (shop/stock.py:38) itself takes most of the time."] });
      try {
        await visit(async (browser, until, shoot) => {
          await browser.goto(String(pathToFileURL(file)));
          await browser.run(WATCH);
          await until("boxes", "pikos.boxes().length > 20");
          await browser.click("#findings .link");
          await until("its lines", "document.querySelectorAll('#detail .source .row .took').length > 3");
          await shoot("report-function");
          await browser.press("body", "i");
          await until("turned round", "document.getElementById('up').getAttribute('aria-pressed') === 'true'");
          await browser.run("document.getElementById('canvas').focus()");
          await browser.press("#canvas", "\uE015"); // the arrow down
          await browser.press("#canvas", "\uE007"); // Enter
          await until("zoomed", "!document.getElementById('reset').disabled");
          await shoot("report");
        });
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
  });
}
