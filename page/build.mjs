// Builds both pages of src/: the report, one file with no reference to anything outside of it, and the live page, which is
// served, so that its script and style are files of their own. `--check` writes nothing, and fails if a file that is there
// is not what would be written.

import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const REPORT = at("../pstats-compat/src/formats/page/");
const LIVE = at("../crates/pikos-serve/page/");
/** What a browser has to fetch of the live page at most, packed. */
const MOST_PACKED = 150_000;

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

const filled = (template, parts) => template.replace(/\{\{(policy|style|script|icon|mark)\}\}/g, (_, name) => parts[name]);

/** The picture of Pikos, on the tab and at the top of the page. */
async function icons() {
  const svg = (await readFile(at("src/icon.svg"), "utf8")).trim();
  return { icon: `data:image/svg+xml,${encodeURIComponent(svg)}`, mark: svg.replace("<svg ", '<svg width="15" height="15" aria-hidden="true" ') };
}

async function report(icons) {
  const [template, script, style] = await Promise.all([readFile(at("src/report.html"), "utf8"), bundled("src/report.ts"), bundled("src/page.css")]);
  // Nothing runs and nothing is fetched but what stands here, whatever a profile's names say.
  const policy = `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; img-src data:; base-uri 'none'; form-action 'none'`;
  return filled(template, { policy, style, script, ...icons });
}

const made = await icons();
const [template, script, style] = await Promise.all([readFile(at("src/live.html"), "utf8"), bundled("src/live.ts"), bundled("src/live.css")]);
const live = filled(template, made);
const files = { [`${REPORT}page.html`]: await report(made), [`${LIVE}page.html`]: live, [`${LIVE}page.js`]: `${script}\n`, [`${LIVE}page.css`]: `${style}\n` };

const packed = gzipSync(live + script + style).length;
if (packed > MOST_PACKED) {
  console.error(`the live page is ${packed} bytes when packed: ${MOST_PACKED} at most`);
  process.exit(1);
}
for (const [path, text] of Object.entries(files)) {
  if (process.argv.includes("--check")) {
    if ((await readFile(path, "utf8").catch(() => "")) === text) continue;
    console.error(`${path} is not what page/ builds: run \`npm run build\` in page/, and commit it`);
    process.exit(1);
  }
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  console.log(`${path}: ${text.length} bytes, ${gzipSync(text).length} packed`);
}
