// Runs the supervisor over the fixture worker, and tells its events as JSON lines.
// Usage: node supervisor.fixture.ts MODULE_URL [FLAGS_AS_JSON]; settings are read anew from the file that
// FIXTURE_FLAGS names, if it is set, at each reload.
import { readFileSync, writeSync } from 'node:fs'
import { runSupervisor } from '../../src/serve/runtime/index.ts'
import { type Flags, resolveSettings } from '../../src/serve/settings/index.ts'

const [module = '', flags = '{}'] = process.argv.slice(2)

const { exitCode } = await runSupervisor({
  module: new URL(module),
  mode: 'serve',
  watch: process.env['FIXTURE_WATCH'] === '1',
  ...(process.env['FIXTURE_SERVICE'] === '1' ?
    {} :
    { workerMain: new URL('worker.fixture.ts', import.meta.url) }),
  async resolve () {
    const file = process.env['FIXTURE_FLAGS']
    const text = file === undefined ? flags : readFileSync(file, 'utf8')
    return resolveSettings({ flags: JSON.parse(text) as Flags })
  },
  report: (event) => void writeSync(1, `${JSON.stringify(event)}\n`),
})
process.exit(exitCode)
