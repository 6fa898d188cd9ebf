import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../kernel/index.ts'
import { get, type JourneyDefinition, post } from './definition.ts'
import { JourneyRun } from './journey-run.ts'
import { StepResponse } from './response.ts'
import { resolveScenario } from './scenario.ts'
import { between, pick } from './turn.ts'

function runOf (journey: Omit<JourneyDefinition, 'name'>, seed = 1): JourneyRun {
  const { journeys: [only] } = resolveScenario({
    target: 'http://127.0.0.1:3000',
    journeys: [{ name: 'j', ...journey }],
  })
  assert.ok(only !== undefined)
  return new JourneyRun(only, seededRandom(seed), 42)
}

function answered (body: unknown, headers: Record<string, string> = {}, status = 200): StepResponse {
  return new StepResponse(status, headers, Buffer.from(JSON.stringify(body)))
}

test('a step makes its request from the answers before: status, headers and JSON body', () => {
  const run = runOf({
    steps: [
      get('/products', { name: 'page' }),
      get(({ previous }) => `/products/${previous.json<{ items: { id: number }[] }>().items[0]?.id}`, {
        name: 'one',
      }),
      post('/orders', ({ response, previous }) => ({
        productId: response('page').json<{ items: { id: number }[] }>().items[0]?.id,
        status: previous.status,
      }), { headers: ({ previous }) => ({ 'if-match': previous.headers['etag'] ?? '' }) }),
    ],
  })
  assert.equal(run.next()?.request.path, '/products')
  assert.equal(run.next(answered({ items: [{ id: 7 }] }))?.request.path, '/products/7')
  const third = run.next(answered({}, { etag: '"x"' }))?.request
  assert.equal(third?.body, '{"productId":7,"status":200}')
  assert.equal(third?.headers?.['if-match'], '"x"')
  assert.equal(run.next(answered({})), undefined)
})

test('a path that is undefined ends the journey', () => {
  const run = runOf({ steps: [get('/'), get(() => undefined, { name: 'maybe' }), get('/never')] })
  run.next()
  assert.equal(run.next(answered({})), undefined)
})

test('bodies and think times repeat themselves for a seed, and differ for another', () => {
  const bodies = (seed: number): unknown[] => {
    const run = runOf({
      think: { mean: '1s' },
      steps: [
        post(
          '/',
          ({ random, journey }) => ({ journey, id: between(random, 1, 1e6), of: pick(random, ['a', 'b']) })
        ),
        get('/'),
      ],
    }, seed)
    const [first, second] = [run.next(), run.next(answered({}))]
    return [first?.request.body, second?.thinkMs]
  }
  assert.deepEqual(bodies(5), bodies(5))
  assert.notDeepEqual(bodies(5), bodies(6))
  assert.match(String(bodies(5)[0]), /"journey":42/)
})

test('a function that throws is told with step, journey, file and line', () => {
  const run = runOf({ steps: [get(() => JSON.parse('no json'), { name: 'bad' })] })
  assert.throws(() => run.next(), {
    code: 'SCENARIO_STEP_FAILED',
    message: /^step "bad" of journey "j" failed: .*JSON.* \(at .*journey-run\.test\.ts:\d+:\d+\)$/,
  })
})

test('what cannot be sent is told too: a path with a line break, a header with one', () => {
  assert.throws(() => runOf({ steps: [get(() => '/a\r\nx: y', { name: 'bad' })] }).next(), {
    code: 'SCENARIO_STEP_FAILED',
    message: /step "bad" of journey "j" failed: journeys\[0\]\.steps\[0\]\.path must be a path/,
  })
  assert.throws(() => runOf({ steps: [get('/', { headers: () => ({ a: 'b\nc: d' }) })] }).next(), {
    code: 'SCENARIO_STEP_FAILED',
    message: /headers a must be text of one line/,
  })
})

test('the first step has no previous response, and no step one that has not been', () => {
  const first = runOf({ steps: [get(({ previous }) => previous.text(), { name: 'first' })] })
  assert.throws(() => first.next(), { message: /the first step of a journey has no previous response/ })
  const other = runOf({ steps: [get('/a'), get(({ response }) => response('b').text(), { name: 'c' })] })
  other.next()
  assert.throws(() => other.next(answered({})), {
    message: /there is no response of a step "b" yet \(there is: GET \/a\)/,
  })
})
