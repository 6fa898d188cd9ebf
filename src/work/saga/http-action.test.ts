import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Deadline, newTrace, openContext, runWithContext, seededRandom } from '../../kernel/index.ts'
import { createLogger } from '../../telemetry/index.ts'
import { type HttpAction, runHttp } from './http-action.ts'
import { openScriptedServer, type ScriptedAnswer } from './http-server.fixture.ts'
import type { RunOutcome, SagaData } from './machine/index.ts'
import type { StepRun } from './step-run.ts'

const run = (signal: AbortSignal): StepRun => ({
  saga: 's',
  sagaKey: 'k',
  key: 's:charge',
  attempt: 1,
  signal,
  data: undefined as never,
  logger: createLogger({ level: 'silent' }),
  app: {} as StepRun['app'],
})

async function ask (
  answer: ScriptedAnswer,
  action: Partial<HttpAction<SagaData>> = {},
  { isAsking = false, signal = new AbortController().signal } = {}
): Promise<RunOutcome> {
  await using server = await openScriptedServer(() => answer)
  const request = (): { url: string } => ({ url: `${server.url}/charges` })
  return await runHttp({ request, ...action }, {}, run(signal), isAsking, fetch)
}

test('what an answer says: done, refused, later, or nothing for certain', async () => {
  const verdicts: readonly (readonly [number, Record<string, string>, string, boolean])[] = [
    [200, {}, 'done', false],
    [204, {}, 'done', false],
    [302, { location: '/elsewhere' }, 'refused', false],
    [402, {}, 'refused', false],
    [404, {}, 'refused', false],
    [409, {}, 'refused', false],
    [409, { 'retry-after': '1' }, 'none', true],
    [425, {}, 'none', true],
    [429, { 'retry-after': '2' }, 'none', true],
    [408, {}, 'unknown', true],
    [500, {}, 'unknown', true],
    [503, { 'retry-after': '3' }, 'unknown', true],
  ]
  for (const [status, headers, expected, retryable] of verdicts) {
    const outcome = await ask({ status, headers })
    if (outcome.kind === 'done') {
      assert.equal(expected, 'done', String(status))
      continue
    }
    assert.deepEqual([outcome.effect, outcome.retryable], [expected, retryable], String(status))
    const seconds = headers['retry-after']
    assert.equal(outcome.retryAfterMs, seconds === undefined ? undefined : Number(seconds) * 1_000)
  }
})

test('a connection that breaks leaves the outcome unknown', async () => {
  const lost = await ask('lost')
  assert.deepEqual(lost.kind === 'failed' && [lost.effect, lost.retryable], ['unknown', true])
})

test('nobody listens: nothing was sent', async () => {
  const server = await openScriptedServer(() => 'lost')
  await server[Symbol.asyncDispose]()
  const outcome = await runHttp(
    { request: () => ({ url: server.url }) },
    {},
    run(new AbortController().signal),
    false,
    fetch
  )
  assert.deepEqual(outcome.kind === 'failed' && [outcome.failure.code, outcome.effect], [
    'ECONNREFUSED',
    'none',
  ])
})

test('no answer by the deadline leaves the outcome unknown', async () => {
  const signal = AbortSignal.timeout(30)
  const outcome = await ask('never', {}, { signal })
  assert.deepEqual(outcome.kind === 'failed' && [outcome.effect, outcome.retryable], ['unknown', true])
})

test('a problem document says why', async () => {
  const outcome = await ask({
    status: 402,
    body: { code: 'CARD_DECLINED', title: 'Declined', detail: 'no funds' },
  })
  assert.deepEqual(outcome.kind === 'failed' && outcome.failure, {
    code: 'CARD_DECLINED',
    message: 'it was answered with 402: Declined: no funds',
  })
})

test('each request carries key, deadline, trace and JSON; its own headers come last', async () => {
  await using server = await openScriptedServer(() => ({ status: 200, body: { id: 'p1' } }))
  const trace = newTrace(true, seededRandom(1))
  const context = openContext({ id: 'x', trace, deadline: Deadline.in(5_000) })
  const outcome = await runWithContext(context, () =>
    runHttp(
      {
        request: () => ({
          url: server.url,
          body: { cents: 5 },
          headers: { 'Idempotency-Key': 'own', 'x-a': 'b' },
        }),
        take: ({ body }) => ({ payment: (body as { id: string }).id }),
      },
      {},
      run(context.signal),
      false,
      fetch
    ))
  context.settle()
  assert.deepEqual(outcome, { kind: 'done', patch: { payment: 'p1' } })
  const [{ method, headers, body }] = server.requests as [typeof server.requests[number]]
  assert.deepEqual([method, body, headers['content-type']], ['POST', '{"cents":5}', 'application/json'])
  assert.deepEqual([headers['idempotency-key'], headers['x-a']], ['own', 'b'])
  assert.equal(headers['traceparent']?.slice(3, 35), trace.traceId)
  assert.ok(Number(headers['plimsoll-timeout-ms']) > 4_000)
})

test('the key is a string of structured headers', async () => {
  await using server = await openScriptedServer(() => ({ status: 200 }))
  await runHttp({ request: () => ({ url: server.url }) }, {}, run(new AbortController().signal), false, fetch)
  assert.equal(server.requests[0]?.headers['idempotency-key'], '"s:charge"')
})

test('what became of a request is asked where the service says it, and 404 says: nothing', async () => {
  const action: Partial<HttpAction<SagaData>> = {
    ask: () => ({ url: 'http://127.0.0.1:1/never' }),
  }
  await using server = await openScriptedServer(({ method }) => ({ status: method === 'GET' ? 404 : 200 }))
  const own = { ...action, request: () => ({ url: server.url }), ask: () => ({ url: server.url }) }
  const outcome = await runHttp(own, {}, run(new AbortController().signal), true, fetch)
  assert.deepEqual(outcome.kind === 'failed' && outcome.effect, 'refused')
  assert.equal(server.requests[0]?.method, 'GET')
})

test('a request that cannot be made up is not tried again', async () => {
  const broken = (): never => {
    throw new TypeError('cents of undefined')
  }
  const outcome = await runHttp({ request: broken }, {}, run(new AbortController().signal), false, fetch)
  assert.deepEqual(outcome.kind === 'failed' && [outcome.failure.code, outcome.effect, outcome.retryable], [
    'SAGA_REQUEST_FAILED',
    'none',
    false,
  ])
})

test('the judge of an action has the first word', async () => {
  const outcome = await ask({ status: 404 }, { judge: ({ status }) => status === 404 ? 'done' : undefined })
  assert.equal(outcome.kind, 'done')
})

test('of an answer that is too long the status counts, and the rest is not read', async () => {
  const outcome = await ask({ status: 200, body: 'x'.repeat(2 * 1024 * 1024) }, {
    take: ({ body }) => ({ length: String(body).length }),
  })
  assert.ok(outcome.kind === 'done' && Number(outcome.patch?.['length']) <= 1024 * 1024)
})
