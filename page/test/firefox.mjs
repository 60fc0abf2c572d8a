// Firefox without a window, by the protocol that it has built in (Marionette): Debian's firefox-esr, or what PIKOS_FIREFOX names.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

export function foundFirefox() {
  if (process.env.PIKOS_FIREFOX) return process.env.PIKOS_FIREFOX;
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.flatMap((folder) => ["firefox-esr", "firefox"].map((name) => `${folder}/${name}`)).find(existsSync);
}

/** A message is its length in bytes, a colon, and JSON: `[0, id, command, what]` there, `[1, id, error, result]` back. */
class Connection {
  constructor(socket) {
    this.socket = socket;
    this.waiting = new Map();
    this.count = 0;
    let bytes = Buffer.alloc(0);
    socket.on("data", (more) => {
      bytes = Buffer.concat([bytes, more]);
      for (;;) {
        const colon = bytes.indexOf(":");
        const length = colon < 0 ? NaN : Number(bytes.subarray(0, colon));
        if (!(bytes.length >= colon + 1 + length)) return;
        const message = JSON.parse(bytes.subarray(colon + 1, colon + 1 + length));
        bytes = bytes.subarray(colon + 1 + length);
        // The first message only says who it is.
        if (!Array.isArray(message)) continue;
        const [, id, error, result] = message;
        const { done, failed } = this.waiting.get(id);
        this.waiting.delete(id);
        if (error === null) done(result);
        else failed(new Error(`${error.error}: ${error.message}`));
      }
    });
    socket.on("close", () => this.waiting.forEach(({ failed }) => failed(new Error("Firefox has gone"))));
    socket.on("error", () => {});
  }

  send(command, what = {}) {
    const id = (this.count += 1);
    const text = JSON.stringify([0, id, command, what]);
    this.socket.write(`${Buffer.byteLength(text)}:${text}`);
    return new Promise((done, failed) => this.waiting.set(id, { done, failed }));
  }
}

/** A browser of this size, with a folder of its own. */
export async function launchFirefox(width, height) {
  const folder = await mkdtemp(join(tmpdir(), "pikos-firefox-"));
  await writeFile(join(folder, "user.js"), `user_pref("marionette.port", 0);\nuser_pref("browser.shell.checkDefaultBrowser", false);\nuser_pref("datareporting.policy.dataSubmissionEnabled", false);\n`);
  const firefox = spawn(foundFirefox(), ["--headless", "--marionette", "--no-remote", "--profile", folder, `--width=${width}`, `--height=${height}`], { stdio: "ignore" });
  const end = async () => {
    firefox.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    // Which port it has taken, it writes down.
    let port = "";
    while (port === "") {
      if (firefox.exitCode !== null) throw new Error(`Firefox ended with ${firefox.exitCode}`);
      await new Promise((later) => setTimeout(later, 100));
      port = await readFile(join(folder, "MarionetteActivePort"), "utf8").catch(() => "");
    }
    const socket = createConnection(Number(port), "127.0.0.1");
    await new Promise((done, failed) => socket.once("connect", done).once("error", failed));
    const connection = new Connection(socket);
    await connection.send("WebDriver:NewSession", { strictFileInteractability: true });
    return {
      goto: (url) => connection.send("WebDriver:Navigate", { url }),
      run: async (script, ...args) => (await connection.send("WebDriver:ExecuteScript", { script, args })).value,
      /** Clicks what a selector finds first, as a mouse would. */
      click: async (selector) => {
        const { value } = await connection.send("WebDriver:FindElement", { using: "css selector", value: selector });
        await connection.send("WebDriver:ElementClick", { id: Object.values(value)[0] });
      },
      press: async (selector, text) => {
        const { value } = await connection.send("WebDriver:FindElement", { using: "css selector", value: selector });
        await connection.send("WebDriver:ElementSendKeys", { id: Object.values(value)[0], text });
      },
      shoot: async () => Buffer.from((await connection.send("WebDriver:TakeScreenshot", { full: false })).value, "base64"),
      end: async () => {
        socket.destroy();
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}
