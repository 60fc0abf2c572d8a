// A server that speaks what docs/serve.md says, with profiles that it makes up: for tests of the page alone.
// `node test/fake-server.mjs [--port N] [--functions N] [--stacks N] [--processes N] [--read-only] [--empty] [--still]`

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { World } from "./world.mjs";

const STATIC = fileURLToPath(new URL("../../crates/pikos-serve/page/", import.meta.url));
const KINDS = { "page.html": "text/html", "page.js": "text/javascript", "page.css": "text/css" };
const POLICY = "default-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export async function serve({ port = 0, ...options } = {}) {
  const world = new World(options);
  const streams = new Set();
  const server = createServer((request, response) => void answer(request, response).catch((error) => say(response, 500, { error: String(error) })));
  const say = (response, status, value) => {
    const text = JSON.stringify(value);
    response.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) }).end(text);
  };

  /** What the page begins with is asked for as soon as it is named. */
  const begin = () => {
    const scope = world.count === 1 ? "p0" : "all";
    return `<link id="begin" rel="preload" as="fetch" crossorigin href="/api/begin?scope=${scope}" data-scope="${scope}">`;
  };

  async function answer(request, response) {
    const url = new URL(request.url, "http://localhost");
    const { pathname: path, searchParams: wanted } = url;
    world.asked.push(`${request.method} ${request.url}`);
    const asset = path === "/" ? "page.html" : path.replace(/^\/assets\//, "");
    if (KINDS[asset]) {
      const headers = { "Content-Type": `${KINDS[asset]}; charset=utf-8`, "Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff" };
      const content = await readFile(STATIC + asset);
      return response.writeHead(200, headers).end(asset === "page.html" ? String(content).replace("<!--begin-->", begin()) : content);
    }
    const scope = wanted.get("scope") ?? "all";
    if (path === "/api/events") return stream(request, response, scope, wanted.has("stacks"), wanted.get("since"));
    if (path === "/api/processes") return say(response, 200, world.processes());
    const control = /^\/api\/processes\/([^/]+)\/(control|profile)$/.exec(path);
    if (control?.[2] === "control") {
      let body = "";
      for await (const part of request) body += part;
      const done = world.control(control[1], JSON.parse(body));
      say(response, done.error ? 409 : 200, done);
      if (JSON.parse(body).command === "clear") for (const one of streams) one.reset();
      return;
    }
    if (control?.[2] === "profile") {
      const name = `profile.${wanted.get("format")}`;
      return response.writeHead(200, { "Content-Type": "application/octet-stream", "Content-Disposition": `attachment; filename="${name}"` }).end(`a profile as ${wanted.get("format")}`);
    }
    const answers = {
      "/api/begin": () => ({ id: `s.0.${world.tick}`, processes: world.processes(), full: world.isEmpty ? world.empty() : world.full(false) }),
      "/api/picture": () => world.full(wanted.has("stacks")),
      "/api/edges": () => world.edges(Number(wanted.get("function")), wanted.has("from")),
      "/api/source": () => world.source(Number(wanted.get("function"))),
      "/api/now": () => world.now(scope),
      "/api/tasks": () => world.tasks(scope),
      "/api/history": () => world.history(scope),
      "/api/range": () => world.range(Number(wanted.get("from")), Number(wanted.get("to")), wanted.has("stacks"), wanted.get("labels") !== "0"),
      "/api/recording": () => world.recording(scope),
    };
    const made = answers[path]?.();
    if (made === undefined) return say(response, 404, { error: "There is nothing here." });
    say(response, made.error ? 404 : 200, made);
  }

  function stream(request, response, scope, hasStacks, since) {
    if (!world.has(scope)) return say(response, 404, { error: "No such process." });
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    const put = (event, value, id) => response.write(`${id ? `id: ${id}\n` : ""}event: ${event}\ndata: ${JSON.stringify(value)}\n\n`);
    put("processes", world.processes());
    if (world.isEmpty) put("full", world.empty());
    else if (since === null || request.headers["last-event-id"] !== undefined) put("full", world.full(hasStacks), `s.0.${world.tick}`);
    let count = 0;
    const timer = setInterval(() => {
      if (world.isStill) return;
      if ((count += 1) % 2 === 0) put("processes", world.processes());
      if (!world.isEmpty && !world.isPaused) put("delta", world.delta(hasStacks), `s.0.${world.tick}`);
    }, world.interval * 1000);
    const one = {
      end: () => response.destroy(),
      reset: () => {
        put("reset", {});
        put("full", world.full(hasStacks), `s.1.${world.tick}`);
      },
    };
    streams.add(one);
    request.on("close", () => {
      clearInterval(timer);
      streams.delete(one);
    });
  }

  await new Promise((done) => server.listen(port, "127.0.0.1", done));
  return {
    world,
    port: server.address().port,
    url: `http://127.0.0.1:${server.address().port}/`,
    async close() {
      for (const one of streams) one.end();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const number = (name, otherwise) => (process.argv.includes(`--${name}`) ? Number(process.argv[process.argv.indexOf(`--${name}`) + 1]) : otherwise);
  const is = (name) => process.argv.includes(`--${name}`);
  const { url } = await serve({
    port: number("port", 7460), functions: number("functions", 900), stacks: number("stacks", 6000), processes: number("processes", 4),
    isReadOnly: is("read-only"), isEmpty: is("empty"), isStill: is("still"),
  });
  console.log(url);
}
