#!/usr/bin/env node
// The `plimsoll` command: finds the code to run (built, or the sources of a checkout) and hands over.
import { existsSync } from 'node:fs'
// As a whole: older versions of Node.js, which are to be told so below, have no such export, and would not even start.
import nodeModule from 'node:module'
import { fileURLToPath } from 'node:url'

const lowestMajor = 24
const major = Number(process.versions.node.split('.')[0])
if (major < lowestMajor) {
  process.stderr.write(
    `plimsoll needs Node.js ${lowestMajor} or newer, and this is ${process.version} (${process.execPath}).\n` +
      'In a checkout of Plimsoll, run it through npm, which brings its own: npm ci && npm start\n'
  )
  process.exit(69)
}

const sources = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
if (existsSync(sources)) {
  // A checkout runs its sources, never a stale build. `plimsoll/*` imports in examples then resolve to
  // src/ as well, by an export condition that only takes effect at the start of a process; execve
  // replaces this process, so pid, signals and exit code stay those of the command.
  const flags = ['--conditions=plimsoll-source', '--disable-warning=ExperimentalWarning']
  // Stripped of their types and compiled once, not at each start.
  const cache = fileURLToPath(new URL('../node_modules/.cache/plimsoll', import.meta.url))
  process.execve(
    process.execPath,
    [process.execPath, ...process.execArgv, ...flags, sources, ...process.argv.slice(2)],
    { NODE_COMPILE_CACHE: cache, ...process.env }
  )
} else {
  nodeModule.enableCompileCache()
  await import('../dist/cli/main.js')
}
