// Builds the page: src/ becomes one file, with no reference to anything outside of it, which the Rust code includes.
// `--check` writes nothing, and fails if the file that is there is not what would be written.

import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const target = at("../pstats-compat/src/formats/page/page.html");

async function bundled(entry) {
  const { outputFiles } = await build({
    entryPoints: [at(entry)],
    bundle: true,
    minify: true,
    write: false,
    charset: "ascii", // a terminal or a proxy may not pass on the rest
    format: "iife",
    target: "es2022",
    legalComments: "none",
  });
  return outputFiles[0].text.trim();
}

const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

const [template, script, style] = await Promise.all([
  readFile(at("src/report.html"), "utf8"),
  bundled("src/report.ts"),
  bundled("src/page.css"),
]);
// Nothing runs and nothing is fetched but what stands here, whatever a profile's names say.
const policy = `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; base-uri 'none'; form-action 'none'`;
const parts = { policy, style, script };
const page = template.replace(/\{\{(policy|style|script)\}\}/g, (_, name) => parts[name]);

if (process.argv.includes("--check")) {
  const there = await readFile(target, "utf8").catch(() => "");
  if (there !== page) {
    console.error(`${target} is not what page/ builds: run \`npm run build\` in page/, and commit it`);
    process.exit(1);
  }
} else {
  await writeFile(target, page);
  console.log(`${target}: ${page.length} bytes`);
}
