import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { hold, ramp } from './arrivals.ts'
import { get, type LoadDefinition } from './definition.ts'
import { planOf } from './plan-of.ts'
import { resolveScenario } from './scenario.ts'

const plain: LoadDefinition = {
  target: 'http://127.0.0.1:3000/api',
  journeys: [{ name: 'j', weight: 2, think: { mean: '1s' }, steps: [get('/a', { expect: 404 }), get('/b')] }],
}
const plan = (definition: Partial<LoadDefinition>): ReturnType<typeof planOf> =>
  planOf(resolveScenario({ ...plain, ...definition }))

test('a scenario without functions is plain data, that a thread can be given and JSON can hold', () => {
  const { traffic, targets } = plan({})
  assert.deepEqual(targets, ['http://127.0.0.1:3000'])
  assert.deepEqual(traffic, {
    kind: 'journeys',
    journeys: [{
      name: 'j',
      weight: 2,
      steps: [
        { request: { name: 'GET /a', method: 'GET', path: '/api/a', headers: {}, expect: [404] }, think: 0 },
        { request: { name: 'GET /b', method: 'GET', path: '/api/b', headers: {} }, think: { meanMs: 1_000 } },
      ],
    }],
  })
  assert.deepEqual(structuredClone(traffic), traffic)
})

test('one with a function is loaded by each thread, with what the command line said', () => {
  const functions: readonly LoadDefinition['journeys'][] = [
    [{ name: 'j', steps: [get(() => '/a', { name: 'a' })] }],
    [{ name: 'j', steps: [get('/a', { expect: () => true })] }],
    [{ name: 'p', steps: [get('/a')] }, { name: 'j', steps: [get('/a', { headers: () => ({}) })] }],
  ]
  for (const journeys of functions) {
    const source = { module: pathToFileURL('/load.ts').href, overrides: { seed: 3 } }
    const { traffic } = planOf(resolveScenario({ ...plain, journeys }), source)
    assert.ok(traffic.kind === 'module')
    assert.match(traffic.url, /^file:.*\/scenario\/traffic\.ts$/)
    assert.deepEqual([traffic.exportName, traffic.input], ['scenarioTraffic', source])
  }
})

test('the arrival process holds for rates and ramps; a warm-up is at the first rate, and not counted', () => {
  const arrivals = [hold(20, '1s'), ramp(20, 40, '2s')]
  assert.deepEqual(plan({ arrivals, process: 'constant', warmUp: '3s' }).phases, [
    { kind: 'constant', name: 'warm-up', warmUp: true, perSecond: 20, durationMs: 3_000 },
    { kind: 'constant', name: '20/s', perSecond: 20, durationMs: 1_000 },
    {
      kind: 'ramp',
      name: 'ramp 20/s to 40/s',
      fromPerSecond: 20,
      toPerSecond: 40,
      durationMs: 2_000,
      spread: 'even',
    },
  ])
  const [held, ramped] = plan({ arrivals }).phases
  assert.deepEqual([held?.kind, ramped?.kind === 'ramp' && ramped.spread], ['poisson', 'poisson'])
})

test('connections, patience, threads, seed and the lag that is allowed reach the engine', () => {
  assert.deepEqual(plan({ connections: 5 }).connections, { kind: 'keep-alive', open: 5, maximum: 5 })
  assert.deepEqual(plan({ fresh: true }).connections, { kind: 'fresh' })
  assert.deepEqual(plan({}).connections, { kind: 'keep-alive' })
  const { patienceMs, threads, seed, honesty } = plan({
    timeout: '1s',
    threads: 3,
    seed: 9,
    allowLag: '50ms',
  })
  assert.deepEqual([patienceMs, threads, seed, honesty], [1_000, 3, 9, { lagP99Ms: 50, lagMaxMs: 1_000 }])
  assert.equal(plan({}).honesty, undefined)
})
