// The live page in Firefox: that it works there as well. What it does in all its parts, `page.test.mjs` tries in Chromium.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { serve } from "./fake-server.mjs";
import { foundFirefox, launchFirefox } from "./firefox.mjs";

if (!foundFirefox()) console.log("\n######## NOT TESTED: the live page in Firefox: it is not here (Debian: firefox-esr)\n");

describe("the live page in Firefox", { skip: !foundFirefox(), timeout: 600_000 }, () => {
  test("figures, a function, a flame graph, a brushed time and types", async () => {
    const server = await serve({});
    const firefox = await launchFirefox(1440, 900);
    const until = async (what, script) => {
      for (let tries = 0; tries < 600; tries += 1) {
        if (await firefox.run(`return ${script}`)) return;
        await new Promise((done) => setTimeout(done, 100));
      }
      assert.fail(`never: ${what}`);
    };
    const shoot = async (name) => process.env.PIKOS_PICTURES && writeFile(`${process.env.PIKOS_PICTURES}/firefox-${name}.png`, await firefox.shoot());
    try {
      await firefox.goto(server.url);
      await firefox.run("window.wrong = []; addEventListener('error', ({ message }) => wrong.push(message)); addEventListener('unhandledrejection', ({ reason }) => wrong.push(String(reason)))");
      await until("rows", "document.querySelectorAll('#body td.c-name').length > 5");
      await firefox.click('[data-scope="p0"] .name');
      await until("the scope", "document.querySelector('[data-scope=\"p0\"]').getAttribute('aria-selected') === 'true' && document.querySelectorAll('#body td.c-name').length > 5");
      await firefox.click("#body tr.own td.c-name");
      await until("callers and source", "/Called by 4/.test(document.getElementById('detail').textContent) && document.querySelector('#detail .source pre') !== null");
      await shoot("function");
      await firefox.press("body", "\uE00C"); // Escape
      await firefox.press("body", "2");
      await until("boxes", "pikos.boxes().length > 20");
      await firefox.press("body", "i");
      await until("turned round", "document.getElementById('up').getAttribute('aria-pressed') === 'true'");
      await until("a band", "document.querySelector('#bands canvas')?.clientWidth > 100");
      await firefox.press("#bands canvas", "\uE012"); // the arrow to the left
      await until("a range", "!document.getElementById('range').hidden");
      await shoot("flame");
      await firefox.click('[data-scope="r1"] .name');
      await until("types", "document.querySelectorAll('#memory tr[data-id]').length > 5");
      await shoot("types");
      assert.deepEqual(await firefox.run("return wrong"), []);
    } finally {
      await firefox.end();
      await server.close();
    }
  });
});
