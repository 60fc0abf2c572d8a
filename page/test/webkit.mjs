// WebKit in a window that nobody sees, by WebDriver: Debian's webkit2gtk-driver brings both, xvfb a screen for it.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

const inPath = (name) => (process.env.PATH ?? "").split(delimiter).map((folder) => `${folder}/${name}`).find(existsSync);

export const foundWebKit = () => inPath("WebKitWebDriver") !== undefined && inPath("Xvfb") !== undefined;

/** An element's name in a message. */
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

const freePort = () => new Promise((done) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => done(port));
  });
});

/** A browser of this size, with a folder of its own. */
export async function launchWebKit(width, height) {
  const folder = await mkdtemp(join(tmpdir(), "pikos-webkit-"));
  const started = [];
  const end = async () => {
    // Each leads a group of its own: WebKit's processes go with the driver.
    for (const one of started.reverse()) {
      try {
        process.kill(-one.pid, "SIGKILL");
      } catch {
        // It has ended.
      }
    }
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const start = (command, options, env, stdio) => {
    const child = spawn(command, options, { env: { ...process.env, ...env }, stdio, detached: true });
    started.push(child);
    return child;
  };
  try {
    const screen = start("Xvfb", ["-displayfd", "3", "-screen", "0", `${width + 100}x${height + 200}x24`, "-nolisten", "tcp"], {}, ["ignore", "ignore", "ignore", "pipe"]);
    const display = await new Promise((done, failed) => {
      screen.stdio[3].once("data", (number) => done(String(number).trim()));
      screen.once("exit", (code) => failed(new Error(`Xvfb ended with ${code}`)));
    });
    const port = await freePort();
    const driver = start("WebKitWebDriver", ["--host=127.0.0.1", `--port=${port}`], {
      DISPLAY: `:${display}`, HOME: folder, XDG_RUNTIME_DIR: folder, NO_AT_BRIDGE: "1", GTK_A11Y: "none", WEBKIT_DISABLE_DMABUF_RENDERER: "1", LIBGL_ALWAYS_SOFTWARE: "1",
    }, "ignore");
    const ask = async (method, path, what) => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, ...(what === undefined ? {} : { body: JSON.stringify(what) }) });
      const { value } = await answer.json();
      if (value?.error !== undefined) throw new Error(`${value.error}: ${value.message}`);
      return value;
    };
    for (;;) {
      if (driver.exitCode !== null) throw new Error(`WebKitWebDriver ended with ${driver.exitCode}`);
      if ((await ask("GET", "/status").catch(() => null))?.ready) break;
      await new Promise((later) => setTimeout(later, 100));
    }
    const { sessionId } = await ask("POST", "/session", { capabilities: {} });
    const tell = (path, what = {}) => ask("POST", `/session/${sessionId}/${path}`, what);
    const element = async (selector) => (await tell("element", { using: "css selector", value: selector }))[ELEMENT];
    await tell("window/rect", { width, height });
    return {
      goto: (url) => tell("url", { url }),
      run: (script, ...args) => tell("execute/sync", { script, args }),
      /** Clicks what a selector finds first, as a mouse would. */
      click: async (selector) => tell(`element/${await element(selector)}/click`),
      press: async (selector, text) => tell(`element/${await element(selector)}/value`, { text }),
      shoot: async () => Buffer.from(await ask("GET", `/session/${sessionId}/screenshot`), "base64"),
      end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}
