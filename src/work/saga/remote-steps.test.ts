import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { newTrace, openContext, runWithContext, seededRandom } from '../../kernel/index.ts'
import { memoryExporter, Tracer } from '../../telemetry/index.ts'
import { type DefinedSaga, defineSaga } from './define-saga.ts'
import { openScriptedServer, type ScriptedAnswer, type SentRequest } from './http-server.fixture.ts'
import { type Harbour, openHarbour } from './sagas.fixture.ts'

const quick = { attempts: 2, base: '1ms', cap: '2ms' } as const
const Payment = Type.Object({ payment: Type.Optional(Type.String()) })

/** Charges, and then fails or not. */
function checkout (
  url: string,
  part: { pivot?: boolean; keyed?: boolean; fails?: boolean } = {}
): DefinedSaga<{ payment?: string }> {
  const { pivot = false, keyed = true, fails = false } = part
  return defineSaga('checkout', {
    version: 1,
    data: Payment,
    deadline: '1m',
    steps: [
      {
        name: 'charge',
        retry: quick,
        deadline: '150ms',
        pivot,
        runbook: 'Ask the bank.',
        http: {
          keyed,
          request: () => ({ url: `${url}/charges`, body: { cents: 5 } }),
          take: ({ body }) => ({ payment: (body as { id: string }).id }),
        },
        ...(pivot ? {} : {
          compensate: {
            retry: quick,
            runbook: 'Refund by hand.',
            http: { request: (_, { outcome }) => ({ url: `${url}/refunds`, body: { outcome } }) },
          },
        }),
      },
      {
        name: 'ship',
        retry: { attempts: 1 },
        ...(pivot ? {} : { compensate: 'nothing' as const }),
        async local () {
          if (fails) throw new Error('no ship')
        },
      },
    ],
  })
}

type Script = (request: SentRequest, nth: number) => ScriptedAnswer

async function sail (
  script: Script,
  part: Parameters<typeof checkout>[1],
  look: (harbour: Harbour, id: string, requests: readonly SentRequest[]) => Promise<void>
): Promise<void> {
  await using server = await openScriptedServer(script)
  const saga = checkout(server.url, part)
  await using harbour = await openHarbour({ sagas: [saga] })
  const { id } = await harbour.inTransaction((tx) => saga.start(tx, {}))
  await look(harbour, id, server.requests)
}

const charged: ScriptedAnswer = { status: 201, body: { id: 'p1' } }

test('an answer that is lost is asked for again with the same key, and the saga goes on', () =>
  sail((_, nth) => nth === 1 ? 'lost' : charged, {}, async (harbour, id, requests) => {
    const { state, data } = await harbour.ended(id)
    assert.deepEqual([state.status, data], ['completed', { payment: 'p1' }])
    assert.equal(requests.length, 2)
    assert.deepEqual(requests.map(({ headers }) => headers['idempotency-key']), [
      `"${id}:charge"`,
      `"${id}:charge"`,
    ])
  }))

test('what is unknown after all tries is asked for again, and undone when nobody can say', () =>
  sail(({ url }) => url === '/charges' ? 'lost' : { status: 200 }, {}, async (harbour, id, requests) => {
    assert.equal((await harbour.ended(id)).state.status, 'compensated')
    const paths = requests.map(({ url }) => url)
    // 2 tries, 5 questions, and the refund, under a key of its own, that says what is known.
    assert.deepEqual(paths, [...Array.from({ length: 7 }, () => '/charges'), '/refunds'])
    assert.equal(requests.at(-1)?.headers['idempotency-key'], `"${id}:charge:undo"`)
    assert.equal(requests.at(-1)?.body, '{"outcome":"unknown"}')
  }))

test('what is refused is not undone', () =>
  sail(() => ({ status: 402 }), {}, async (harbour, id, requests) => {
    assert.equal((await harbour.ended(id)).state.status, 'compensated')
    assert.deepEqual(requests.map(({ url }) => url), ['/charges'])
  }))

test('what is done is undone when a later step fails', () =>
  sail(() => charged, { fails: true }, async (harbour, id, requests) => {
    assert.equal((await harbour.ended(id)).state.status, 'compensated')
    assert.deepEqual(requests.map(({ body }) => body), ['{"cents":5}', '{"outcome":"done"}'])
  }))

test('a service that knows no keys is never sent the same request again', () =>
  sail(
    ({ url }) => url === '/charges' ? 'lost' : { status: 200 },
    { keyed: false },
    async (harbour, id, requests) => {
      assert.equal((await harbour.ended(id)).state.status, 'compensated')
      assert.deepEqual(requests.map(({ url }) => url), ['/charges', '/refunds'])
    }
  ))

test('a point of no return of unknown outcome is parked with its runbook, and goes on by resume', async () => {
  let isUp = false
  await sail(() => isUp ? charged : 'lost', { pivot: true }, async (harbour, id) => {
    const parked = await harbour.ended(id)
    assert.equal(parked.state.status, 'parked')
    assert.match(
      parked.runbook ?? '',
      /^Ask the bank\.\nFind out whether charge has happened; its key is .*:charge\./
    )
    await assert.rejects(harbour.sagas.cancel(id, { reason: 'x' }), /may have passed its point of no return/)
    isUp = true
    await harbour.sagas.resume(id, { by: 'mate' })
    assert.equal((await harbour.ended(id)).state.status, 'completed')
    const trail = await harbour.sagas.trail(id)
    assert.equal(trail.find(({ kind }) => kind === 'resumed')?.actor, 'mate')
  })
})

test('a compensation that fails is parked with its runbook, and goes on when it is skipped', () =>
  sail(
    ({ url }) => url === '/charges' ? charged : { status: 500 },
    { fails: true },
    async (harbour, id, requests) => {
      const parked = await harbour.ended(id)
      assert.deepEqual([parked.state.status, parked.state.parked?.failure.code], ['parked', 'HTTP_500'])
      assert.match(
        parked.runbook ?? '',
        /^Refund by hand\.\nRemove what keeps the compensation of charge from working/
      )
      assert.equal(requests.filter(({ url }) => url === '/refunds').length, quick.attempts)
      await harbour.sagas.skip(id, { by: 'mate' })
      assert.equal((await harbour.ended(id)).state.status, 'compensated')
    }
  ))

test('a service that never answers is given up at the deadline of the step', () =>
  sail((_, nth) => nth === 1 ? 'never' : charged, {}, async (harbour, id) => {
    assert.equal((await harbour.ended(id)).state.status, 'completed')
    const failed = (await harbour.sagas.trail(id)).find(({ kind }) => kind === 'try failed')
    assert.equal(failed?.detail?.['code'], 'SAGA_STEP_TIMEOUT')
  }))

test('every step is a span in the trace of the request that started the saga', async () => {
  await using server = await openScriptedServer(() => charged)
  const saga = checkout(server.url)
  const exporter = memoryExporter()
  const tracer = new Tracer({ exporter })
  await using harbour = await openHarbour({ sagas: [saga], tracer })
  const request = openContext({ id: 'request-1', trace: newTrace(true, seededRandom(3)), tenant: 'acme' })
  const { id } = await runWithContext(request, () => harbour.inTransaction((tx) => saga.start(tx, {})))
  await harbour.ended(id)
  await tracer.close()
  const spans = exporter.spans.filter(({ name }) => name.startsWith('saga '))
  assert.deepEqual(spans.map(({ name }) => name).toSorted(), ['saga checkout charge', 'saga checkout ship'])
  for (const { trace } of spans) assert.equal(trace.traceId, request.trace.traceId)
  const [sent] = server.requests
  assert.equal(sent?.headers['traceparent']?.slice(3, 35), request.trace.traceId)
  assert.equal(
    sent?.headers['traceparent']?.slice(36, 52),
    spans.find(({ name }) => name.endsWith('charge'))?.trace.spanId
  )
  for (const { traceId } of await harbour.sagas.trail(id)) assert.equal(traceId, request.trace.traceId)
})
