import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { loadScenario } from './load-scenario.ts'

let directory = ''
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'plimsoll-scenario-'))
})
after(() => rm(directory, { recursive: true }))

const mark = `[Symbol.for('plimsoll.load')]: true`

async function moduleOf (name: string, text: string): Promise<URL> {
  const path = join(directory, name)
  await writeFile(path, text)
  return pathToFileURL(path)
}

test('a module in TypeScript is loaded, and what the command line says wins over it or adds to it', async () => {
  const url = await moduleOf(
    'good.ts',
    `const seed: number = 7
     export default { ${mark}, target: 'http://localhost:1', seed, thresholds: ['errors < 1'],
       headers: { a: '1', b: '1' }, journeys: [{ name: 'j', steps: [{ path: '/' }] }] }`
  )
  const overrides = { target: 'http://127.0.0.1:3000', headers: { b: '2' }, thresholds: ['p99 < 1s'] }
  const scenario = await loadScenario(url, overrides)
  assert.deepEqual([scenario.seed, scenario.target.origin], [7, 'http://127.0.0.1:3000'])
  assert.deepEqual(scenario.thresholds, ['errors < 1', 'p99 < 1s'])
  assert.deepEqual(scenario.journeys[0]?.steps[0]?.fixed?.headers, { a: '1', b: '2' })
})

test('a missing module is told apart from one that misses an import of its own', async () => {
  await assert.rejects(loadScenario(pathToFileURL(join(directory, 'none.ts'))), {
    code: 'SCENARIO_NOT_FOUND',
    message: /^there is no scenario .*none\.ts$/,
  })
  await assert.rejects(loadScenario(await moduleOf('import.ts', `import './not-there.ts'`)), {
    code: 'SCENARIO_THREW',
  })
})

test('a module that throws is told with file and line', async () => {
  await assert.rejects(loadScenario(await moduleOf('throws.ts', `\nthrow new Error('no data')`)), {
    code: 'SCENARIO_THREW',
    message: /threw while loading: no data \(at .*throws\.ts:2:7\)$/,
  })
})

test('a default that is no load test, and a wrong value in one, are told', async () => {
  await assert.rejects(loadScenario(await moduleOf('other.ts', 'export default 7')), {
    code: 'SCENARIO_INVALID',
    message: /export default defineLoad\(\{ \.\.\. \}\); it exports a default that is number$/,
  })
  const wrong = await moduleOf('wrong.ts', `export default { ${mark}, target: 'x', journeys: [] }`)
  await assert.rejects(loadScenario(wrong), {
    code: 'SCENARIO_INVALID',
    message: /wrong\.ts: journeys must be/,
  })
})
