// Loads files as Chrome's own tools do, and prints what these found in each function, as JSON.
//
//     node chrome.mjs PACKAGE FILE.cpuprofile FILE.trace.json
//
// PACKAGE is the unpacked npm package of the engine that is in Chrome's developer tools. Times are microseconds.
import fs from 'node:fs'
import path from 'node:path'

const [folder, profile, trace] = process.argv.slice(2).map(name => path.resolve(name))
const engine = name => import(path.join(folder, 'models', name))
const { CPUProfileDataModel } = await engine('cpu_profile/CPUProfileDataModel.js')
const { treify } = await engine('trace/helpers/TreeHelpers.js')
const { sortTraceEventsInPlace } = await engine('trace/helpers/Trace.js')
const read = file => JSON.parse(fs.readFileSync(file))

const profiled = new CPUProfileDataModel(read(profile))
const nodes = []
const open = [profiled.profileHead]
while (open.length) {
  const { callFrame, self, children } = open.pop()
  nodes.push({ file: callFrame.url, line: callFrame.lineNumber + 1, name: callFrame.functionName, self: self * 1000 })
  open.push(...children)
}

const traced = read(trace).traceEvents.filter(event => event.ph === 'X')
sortTraceEventsInPlace(traced)
const { entryToNode } = treify(traced, { filter: { has: () => true } })
const calls = [...entryToNode].map(([{ name, args }, { selfTime }]) => (
  { file: args?.filename ?? '', line: args?.line ?? 0, name, self: selfTime ?? 0 }))

process.stdout.write(JSON.stringify([nodes, calls]))
