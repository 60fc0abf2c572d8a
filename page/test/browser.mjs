// Chromium without a window, for tests, pictures and measurements. It takes Debian's: playwright-core brings none.

import { existsSync } from "node:fs";
import { delimiter } from "node:path";
import { chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "chrome"];

export function found() {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.flatMap((folder) => NAMES.map((name) => `${folder}/${name}`)).find(existsSync);
}

export async function launch(options = []) {
  return chromium.launch({ executablePath: found(), args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", ...options] });
}

/** A page of a size and theme, that keeps what went wrong in it. */
export async function pageOf(browser, { width = 1440, height = 900, theme = "light" } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, reducedMotion: "reduce" });
  const page = await context.newPage();
  page.errors = [];
  page.on("pageerror", (error) => page.errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && page.errors.push(message.text()));
  page.on("dialog", (dialog) => dialog.type() === "alert" && page.errors.push(`alert: ${dialog.message()}`));
  return page;
}
