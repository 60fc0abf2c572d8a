// Imports files with speedscope's own importer and prints what it found, as JSON.
//
//     node speedscope.js PACKAGE FILE...
//
// PACKAGE is speedscope's unpacked npm package: one script for browsers, in which the importer has no name that could be
// asked for. So the script runs up to the place where it would draw its page, and hands the importer out instead.
const fs = require('node:fs')
const path = require('node:path')
const vm = require('node:vm')

const folder = path.join(process.argv[2], 'dist', 'release')
const name = fs.readdirSync(folder).find(file => /^speedscope-\w+\.js$/.test(file))
const source = fs.readFileSync(path.join(folder, name), 'utf8')

// The page's hook for files that are opened from the command line leads to the importer.
const importer = /loadFileFromBase64:\((\w+),(\w+)\)=>\{this\.loadProfile\(\(\)=>(\w+)\(\1,\2\)\)\}/.exec(source)
// The last thing that the script does is to draw.
const drawing = /\w+\(\w+\(\w+,null,\w+\(\w+,null\)\),document\.body,document\.body\.lastElementChild\|\|void 0\);\}\)\(\);/
if (!importer || !drawing.test(source)) {
  throw new Error(`${name}: not the script that this was written for`)
}

// Whatever the script looks at before it draws.
const browser = {
  console: { ...console, log: () => {}, warn: () => {} },
  atob, TextDecoder, TextEncoder, URL, setTimeout, clearTimeout, WebAssembly, performance,
  document: { createElement: () => ({ style: {}, getContext: () => null }), addEventListener() {}, body: {} },
  location: { hash: '', protocol: 'file:' },
  navigator: { userAgent: '', platform: '' },
  localStorage: { getItem: () => null, setItem() {} },
  matchMedia: () => ({ matches: false, addListener() {}, addEventListener() {} }),
  addEventListener() {},
  requestAnimationFrame() {},
}
browser.window = browser.self = browser
vm.runInNewContext(source.replace(drawing, `globalThis.importFile=${importer[3]};})();`), browser)

function walk(profile) {
  const found = { name: profile.getName(), unit: profile.getWeightUnit(), total: profile.getTotalWeight(), frames: [] }
  profile.forEachFrame(frame => {
    const { name, file, line } = frame
    found.frames.push({ name, file, line, self: frame.getSelfWeight(), total: frame.getTotalWeight() })
  })
  return found
}

async function main() {
  const all = []
  for (const file of process.argv.slice(3)) {
    const group = await browser.importFile(path.basename(file), fs.readFileSync(file).toString('base64'))
    all.push(group && group.profiles.map(walk))
  }
  process.stdout.write(JSON.stringify(all))
}
main()
