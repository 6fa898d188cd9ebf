import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../kernel/index.ts'
import { get, type LoadDefinition, post } from './definition.ts'
import { StepResponse } from './response.ts'
import { pickJourney, resolveScenario } from './scenario.ts'

const none = new Uint8Array()

const plain: LoadDefinition = {
  target: 'http://127.0.0.1:3000/api/',
  headers: { Accept: 'application/json', 'x-from': 'scenario' },
  journeys: [{
    name: 'browse',
    think: '1s',
    headers: { 'X-From': 'journey' },
    steps: [get('/products?limit=20'), post('/orders', { items: [] }, { headers: { 'x-from': 'step' } })],
  }],
}

test('defaults are 50/s for 10 s, Poisson arrivals and a patience of 10 s', () => {
  const { arrivals, process, timeoutMs, warmUpMs, fresh, thresholds } = resolveScenario(plain)
  assert.deepEqual(arrivals, [{ name: '50/s', fromPerSecond: 50, toPerSecond: 50, durationMs: 10_000 }])
  assert.deepEqual([process, timeoutMs, warmUpMs, fresh, thresholds], ['poisson', 10_000, 0, false, []])
})

test('a step without functions is one fixed request: base path, merged headers, encoded body', () => {
  const [journey] = resolveScenario(plain).journeys
  assert.deepEqual(journey?.steps.map(({ name, fixed }) => [name, fixed]), [
    ['GET /products', {
      name: 'GET /products',
      method: 'GET',
      path: '/api/products?limit=20',
      headers: { accept: 'application/json', 'x-from': 'journey' },
    }],
    ['POST /orders', {
      name: 'POST /orders',
      method: 'POST',
      path: '/api/orders',
      headers: { accept: 'application/json', 'content-type': 'application/json', 'x-from': 'step' },
      body: '{"items":[]}',
    }],
  ])
})

test('nobody thinks before the first request; a step can have a think time of its own', () => {
  const steps = [get('/a'), get('/b'), get('/c', { think: '2s' })]
  const [journey] = resolveScenario({ ...plain, journeys: [{ name: 'j', think: '1s', steps }] }).journeys
  assert.deepEqual(journey?.steps.map(({ think }) => think), [
    { kind: 'fixed', ms: 0 },
    { kind: 'fixed', ms: 1_000 },
    { kind: 'fixed', ms: 2_000 },
  ])
})

test('an answer is good by status, by a list of them, or by a function', () => {
  const steps = [
    get('/a'),
    get('/b', { expect: 404 }),
    get('/c', { expect: [200, 409] }),
    get('/d', { expect: ({ status }) => status === 200 || status === 500 && 'broken' }),
  ]
  const [journey] = resolveScenario({ ...plain, journeys: [{ name: 'j', steps }] }).journeys
  assert.deepEqual(journey?.steps.map(({ fixed }) => fixed?.expect), [
    undefined,
    [404],
    [200, 409],
    undefined,
  ])
  const judge = journey?.steps[3]?.judge
  const judged = [200, 500, 404].map((status) => judge?.(new StepResponse(status, {}, none)))
  assert.deepEqual(judged, [undefined, 'broken', 'not as expected'])
})

test('journeys begin in proportion to their weights', () => {
  const { journeys } = resolveScenario({
    ...plain,
    journeys: [
      { name: 'a', weight: 6, steps: [get('/a')] },
      { name: 'b', weight: 3, steps: [get('/b')] },
      { name: 'c', steps: [get('/c')] },
    ],
  })
  const random = seededRandom(1)
  const names = Array.from({ length: 20_000 }, () => pickJourney(journeys, random).name)
  const share = (name: string): number => names.filter((each) => each === name).length / names.length
  for (const [name, expected] of [['a', 0.6], ['b', 0.3], ['c', 0.1]] as const) {
    assert.ok(Math.abs(share(name) - expected) < 0.01, `${name} ${share(name)}`)
  }
  assert.equal(pickJourney(journeys, () => 1 - 2 ** -53).name, 'c')
})

const wrong: readonly (readonly [what: string, part: unknown, says: RegExp])[] = [
  ['no URL', { target: 'localhost:3000' }, /^target must be a URL such as/],
  ['another protocol', { target: 'ftp://localhost' }, /^target must be a URL/],
  ['a password in the URL', { target: 'http://u:p@localhost' }, /^target must be a URL/],
  ['a user in the URL', { target: 'http://u@localhost' }, /^target must be a URL/],
  ['an unknown process', { process: 'pareto' }, /^process must be constant or poisson, got "pareto"/],
  ['no journeys', { journeys: [] }, /^journeys must be a list with at least one journey/],
  ['no steps', { journeys: [{ name: 'j', steps: [] }] }, /^journeys\[0\]\.steps must be a list/],
  ['no name', { journeys: [{ steps: [get('/')] }] }, /^journeys\[0\]\.name must be a name, got nothing/],
  [
    'a weight of 0',
    { journeys: [{ name: 'j', weight: 0, steps: [get('/')] }] },
    /^journeys\[0\]\.weight must be/,
  ],
  [
    'a relative path',
    { journeys: [{ name: 'j', steps: [get('x')] }] },
    /^journeys\[0\]\.steps\[0\]\.path must be/,
  ],
  [
    'a path with a space',
    { journeys: [{ name: 'j', steps: [get('/a b')] }] },
    /path must be .*percent-encoded/,
  ],
  [
    'a function for a path without a name',
    { journeys: [{ name: 'j', steps: [get(() => '/')] }] },
    /steps\[0\]\.name/,
  ],
  [
    'a header that ends the line',
    { headers: { a: 'b\r\nc: d' } },
    /^journeys\[0\]\.headers a must be text of one line/,
  ],
  [
    'a header name with a space',
    { headers: { 'a b': 'c' } },
    /^journeys\[0\]\.headers name must be a header name/,
  ],
  [
    'a body that is a number',
    { journeys: [{ name: 'j', steps: [post('/', 7 as never)] }] },
    /body must be text, bytes/,
  ],
  [
    'an unknown method',
    { journeys: [{ name: 'j', steps: [{ path: '/', method: 'SEND' }] }] },
    /method must be GET, HEAD/,
  ],
  [
    'a status of 99',
    { journeys: [{ name: 'j', steps: [get('/', { expect: 99 })] }] },
    /expect must be a status/,
  ],
  ['half a thread', { threads: 0.5 }, /^threads must be a whole number of at least 1/],
  ['no patience', { timeout: 0 }, /^timeout must be above 0/],
  ['a negative seed', { seed: -1 }, /^seed must be a whole number/],
]
for (const [what, part, says] of wrong) {
  test(`${what} is refused, with its place and the rule`, () => {
    assert.throws(() => resolveScenario({ ...plain, ...(part as object) }), {
      code: 'SETTING_INVALID',
      message: says,
    })
  })
}
