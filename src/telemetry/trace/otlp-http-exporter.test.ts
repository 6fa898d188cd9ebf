import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Clock, type ManualClock, manualClock, SettingError } from '../../kernel/index.ts'
import { type Collector, openCollector } from './collector.fixture.ts'
import { SpanExportError } from './exporter.ts'
import { memoryExporter } from './memory-exporter.ts'
import { otlpHttpExporter } from './otlp-http-exporter.ts'
import type { FinishedSpan } from './span.ts'
import { Tracer } from './tracer.ts'

const trace = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  sampled: true,
  state: 'v=1',
}

/** Two spans with all that a span can have. */
async function spans (): Promise<readonly FinishedSpan[]> {
  const exporter = memoryExporter()
  const clock = manualClock(1_700_000_000_000)
  const tracer = new Tracer({ exporter, clock, resource: { name: 'shop', version: '1.2.3' } })
  const first = tracer.start({
    name: 'GET /x',
    kind: 'server',
    trace,
    parentSpanId: '00f067aa0ba902b7',
    attributes: { text: 'x', whole: 200, part: 0.5, yes: true, list: ['a', 2], far: Infinity },
  })
  clock.advance(1.25)
  first.event('cache.miss', { key: 'k' })
  first.end()
  const failed = tracer.start({ name: 'SELECT', kind: 'client', trace: { ...trace, state: undefined } })
  failed.fail('no such table')
  failed.end()
  await tracer.close()
  return exporter.spans
}

/**
 * Real time for the requests, but a wait ends at once: what would be waited for is written down, and the
 * clock is ahead by it.
 */
function hastyClock (): Clock & { readonly waits: number[] } {
  const clock: ManualClock = manualClock(1_700_000_000_000)
  const waits: number[] = []
  return {
    ...clock,
    waits,
    after (ms, run) {
      if (ms === timeoutMs) return () => {}
      waits.push(ms)
      const immediate = setImmediate(() => {
        clock.advance(ms)
        run()
      })
      return () => clearImmediate(immediate)
    },
  }
}

const timeoutMs = 10_000
const serverSpan = 2
const clientSpan = 3

test('the document is OTLP JSON: hex ids, nanoseconds as text, numbered enums, typed values', async () => {
  await using collector = await openCollector(() => ({ status: 200 }))
  const exporter = otlpHttpExporter({ url: collector.url, headers: { 'x-api-key': 'k' } })
  await exporter.export(await spans())
  await exporter.close()
  const [{ url, headers, body } = { url: '', headers: {}, body: '' }] = collector.received
  assert.equal(url, '/v1/traces')
  assert.equal(headers['content-type'], 'application/json')
  assert.equal(headers['x-api-key'], 'k')
  const exception = { 'exception.type': 'string', 'exception.message': 'no such table' }
  assert.deepEqual(JSON.parse(body), {
    resourceSpans: [{
      resource: {
        attributes: [
          { key: 'service.name', value: { stringValue: 'shop' } },
          { key: 'service.version', value: { stringValue: '1.2.3' } },
          { key: 'process.pid', value: { intValue: String(process.pid) } },
          { key: 'telemetry.sdk.name', value: { stringValue: 'plimsoll' } },
          { key: 'telemetry.sdk.language', value: { stringValue: 'nodejs' } },
        ],
      },
      scopeSpans: [{
        scope: { name: 'plimsoll' },
        spans: [
          {
            traceId: trace.traceId,
            spanId: trace.spanId,
            traceState: 'v=1',
            parentSpanId: '00f067aa0ba902b7',
            flags: 1,
            name: 'GET /x',
            kind: serverSpan,
            startTimeUnixNano: '1700000000000000000',
            endTimeUnixNano: '1700000000001250000',
            attributes: [
              { key: 'text', value: { stringValue: 'x' } },
              { key: 'whole', value: { intValue: '200' } },
              { key: 'part', value: { doubleValue: 0.5 } },
              { key: 'yes', value: { boolValue: true } },
              { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { intValue: '2' }] } } },
              { key: 'far', value: { doubleValue: 'Infinity' } },
            ],
            droppedAttributesCount: 0,
            events: [{
              timeUnixNano: '1700000000001250000',
              name: 'cache.miss',
              attributes: [{ key: 'key', value: { stringValue: 'k' } }],
            }],
            droppedEventsCount: 0,
            status: { code: 0 },
          },
          {
            traceId: trace.traceId,
            spanId: trace.spanId,
            flags: 1,
            name: 'SELECT',
            kind: clientSpan,
            startTimeUnixNano: '1700000000001250000',
            endTimeUnixNano: '1700000000001250000',
            attributes: [{ key: 'error.type', value: { stringValue: 'string' } }],
            droppedAttributesCount: 0,
            events: [{
              timeUnixNano: '1700000000001250000',
              name: 'exception',
              attributes: Object.entries(exception).map(([key, text]) => ({
                key,
                value: { stringValue: text },
              })),
            }],
            droppedEventsCount: 0,
            status: { code: 2, message: 'no such table' },
          },
        ],
      }],
    }],
  })
})

test('429 and 503 are tried again after Retry-After, in seconds or as a date', async () => {
  const clock = hastyClock()
  const replies = [
    { status: 429, headers: { 'retry-after': '2' } },
    { status: 503, headers: { 'retry-after': 'Tue, 14 Nov 2023 22:13:25 GMT' } }, // 5 s after the clock's start
    { status: 200 },
  ]
  await using collector = await openCollector((nth) => replies[nth])
  await otlpHttpExporter({ url: collector.url, timeoutMs, clock }).export(await spans())
  assert.equal(collector.received.length, 3)
  assert.deepEqual(clock.waits, [2_000, 3_000])
  assert.equal(new Set(collector.received.map(({ body }) => body)).size, 1)
})

test('without Retry-After the waits are jittered and grow, and end with the time for the batch', async () => {
  const clock = hastyClock()
  await using collector = await openCollector(() => ({ status: 502 }))
  const exporter = otlpHttpExporter({ url: collector.url, timeoutMs, clock, random: () => 0.5 })
  await assert.rejects(exporter.export(await spans()), {
    code: 'SPAN_EXPORT_FAILED',
    lost: 2,
    message: /answered 502/,
  })
  assert.deepEqual(clock.waits, [500, 1_000, 2_000, 4_000])
  assert.equal(collector.received.length, 5)
})

test('a Retry-After beyond the time for the batch is not waited for', async () => {
  const clock = hastyClock()
  await using collector = await openCollector(() => ({ status: 429, headers: { 'retry-after': '60' } }))
  const exporter = otlpHttpExporter({ url: collector.url, timeoutMs, clock })
  await assert.rejects(exporter.export(await spans()), SpanExportError)
  assert.deepEqual([collector.received.length, clock.waits], [1, []])
})

test('a refusal that will not pass is not tried again', async () => {
  await using collector = await openCollector(() => ({ status: 400 }))
  await assert.rejects(otlpHttpExporter({ url: collector.url }).export(await spans()), { lost: 2 })
  assert.equal(collector.received.length, 1)
})

test('of a batch that is partly refused only the refused spans are lost', async () => {
  await using collector = await openCollector(() => ({
    status: 200,
    body: '{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}',
  }))
  await assert.rejects(otlpHttpExporter({ url: collector.url }).export(await spans()), { lost: 1 })
})

test('a collector that is not there is tried again, then the batch is lost with the reason', async () => {
  const collector: Collector = await openCollector(() => undefined)
  await collector[Symbol.asyncDispose]()
  const exporter = otlpHttpExporter({ url: collector.url, timeoutMs, clock: hastyClock(), random: () => 0.5 })
  await assert.rejects(exporter.export(await spans()), { lost: 2, message: /ECONNREFUSED/ })
})

test('a collector that never answers is given up after the time for the batch', async () => {
  const clock = manualClock()
  const arrived = Promise.withResolvers<void>()
  await using collector = await openCollector(() => {
    arrived.resolve()
    return undefined
  })
  const lost = assert.rejects(
    otlpHttpExporter({ url: collector.url, timeoutMs, clock }).export(await spans()),
    { lost: 2, message: /no answer within 10000 ms/ }
  )
  await arrived.promise
  clock.advance(timeoutMs)
  await lost
  assert.equal(clock.pending(), 0)
})

test("closing gives up what is under way, and so does the caller's signal", async () => {
  const arrived = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  await using collector = await openCollector((nth) => {
    arrived[nth]?.resolve()
    return undefined
  })
  const exporter = otlpHttpExporter({ url: collector.url })
  const caller = new AbortController()
  const byCaller = assert.rejects(exporter.export(await spans(), caller.signal), { message: /not wanted/ })
  await arrived[0]?.promise
  caller.abort(new Error('not wanted'))
  await byCaller
  const byClose = assert.rejects(exporter.export(await spans()), { message: /was closed/ })
  await arrived[1]?.promise
  await exporter.close()
  await byClose
})

test('the path /v1/traces is added once, also under a path', async () => {
  await using collector = await openCollector(() => ({ status: 200 }))
  for (const path of ['', '/', '/v1/traces', '/otlp', '/otlp/?tenant=1']) {
    await otlpHttpExporter({ url: collector.url + path }).export(await spans())
  }
  assert.deepEqual(collector.received.map(({ url }) => url), [
    '/v1/traces',
    '/v1/traces',
    '/v1/traces',
    '/otlp/v1/traces',
    '/otlp/v1/traces?tenant=1',
  ])
})

test('a URL that is none is refused, and one with a password without showing it', () => {
  assert.throws(() => otlpHttpExporter({ url: 'localhost:4318' }), SettingError)
  assert.throws(() => otlpHttpExporter({ url: 'not a url' }), SettingError)
  assert.throws(() => otlpHttpExporter({ url: 'http://me:secret@host' }), (error: Error) => {
    return error instanceof SettingError && !error.message.includes('secret')
  })
})
