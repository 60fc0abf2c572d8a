// Pictures of the live page, to be looked at: `node test/pictures.mjs FOLDER [URL]`, of a URL or of a server with made-up data.

import { launch, pageOf } from "./browser.mjs";
import { serve } from "./fake-server.mjs";

const [folder = ".", url] = process.argv.slice(2);
const SIZES = [[1440, 900], [800, 600], [390, 844]];
const fake = url === undefined ? await serve() : null;
const browser = await launch();
for (const [width, height] of SIZES) {
  for (const theme of ["light", "dark"]) {
    const page = await pageOf(browser, { width, height, theme });
    await page.goto(url ?? fake.url);
    await page.waitForTimeout(1500);
    if (fake) await page.locator('[data-scope="p0"] .name').click();
    await page.waitForTimeout(1500);
    const shoot = (name) => page.screenshot({ path: `${folder}/${name}-${width}-${theme}.png`, fullPage: width < 700 });
    await shoot("functions");
    await page.locator("#body tr:not(.gap)").nth(3).click();
    await page.waitForTimeout(700);
    await shoot("detail");
    await page.keyboard.press("Escape");
    await page.keyboard.press("2");
    await page.waitForTimeout(900);
    await shoot("flame");
    await page.keyboard.press("3");
    await page.waitForTimeout(900);
    await shoot("now");
    if (fake) {
      await page.locator('[data-scope="all"]').click();
      await page.waitForTimeout(900);
      await shoot("all");
      await page.locator('[data-scope="r0"]').click();
      await page.waitForTimeout(900);
      await shoot("memory");
    }
    if (page.errors.length) console.log(width, theme, page.errors);
    await page.context().close();
  }
}
await browser.close();
await fake?.close();
