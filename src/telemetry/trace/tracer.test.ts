import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ManualClock, manualClock, newTrace, seededRandom, SettingError } from '../../kernel/index.ts'
import { type SpanExporter, SpanExportError } from './exporter.ts'
import { memoryExporter } from './memory-exporter.ts'
import type { FinishedSpan } from './span.ts'
import { Tracer, type TracerOptions } from './tracer.ts'

const random = seededRandom(1)

function end (tracer: Tracer, name = 'work'): void {
  tracer.start({ name, kind: 'internal', trace: newTrace(true, random) }).end()
}

/** Lets all promises that can settle do so. */
async function settle (): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** An exporter whose batches wait until the test answers them. */
class HeldExporter implements SpanExporter {
  readonly batches: { readonly size: number; readonly signal: AbortSignal | undefined }[] = []
  closed = 0
  #answers: PromiseWithResolvers<void>[] = []

  export (spans: readonly FinishedSpan[], signal?: AbortSignal): Promise<void> {
    const answer = Promise.withResolvers<void>()
    this.batches.push({ size: spans.length, signal })
    this.#answers.push(answer)
    return answer.promise
  }

  async close (): Promise<void> {
    this.closed++
  }

  async answer (error?: Error): Promise<void> {
    const answer = this.#answers.shift()
    if (error === undefined) answer?.resolve()
    else answer?.reject(error)
    await settle()
  }
}

function held (options: TracerOptions = {}): { tracer: Tracer; exporter: HeldExporter; clock: ManualClock } {
  const clock = manualClock()
  const exporter = new HeldExporter()
  return { tracer: new Tracer({ exporter, clock, ...options }), exporter, clock }
}

test('a span carries what it was told until its end, and nothing after', async () => {
  const clock = manualClock(1_000_000)
  const exporter = memoryExporter()
  const tracer = new Tracer({ exporter, clock, resource: { name: 'shop', version: '1.2.3' } })
  const trace = newTrace(true, random)
  const span = tracer.start({
    name: 'GET /x',
    kind: 'server',
    trace,
    parentSpanId: 'a'.repeat(16),
    attributes: { 'http.route': '/x', 'url.query': undefined },
  })
  clock.advance(5)
  span.event('cache.miss', { key: 'k' })
  span.set('http.response.status_code', 200)
  clock.advance(10)
  clock.stepEpoch(-60_000)
  span.end()
  span.set('late', true)
  span.event('late')
  span.fail(new Error('late'))
  span.end(9e12)
  await tracer.close()
  assert.deepEqual(exporter.spans, [{
    name: 'GET /x',
    kind: 'server',
    trace,
    parentSpanId: 'a'.repeat(16),
    startMs: 1_000_000,
    endMs: 1_000_015,
    attributes: { 'http.route': '/x', 'http.response.status_code': 200 },
    events: [{ name: 'cache.miss', atMs: 1_000_005, attributes: { key: 'k' } }],
    status: 'unset',
    statusMessage: undefined,
    droppedAttributes: 0,
    droppedEvents: 0,
    resource: { name: 'shop', version: '1.2.3' },
  }])
})

test('a failed span names the error, its type and its stack; anything can be thrown', async () => {
  const exporter = memoryExporter()
  const tracer = new Tracer({ exporter })
  for (const error of [new RangeError('too far'), 'a text', undefined]) {
    const span = tracer.start({ name: 'work', kind: 'internal', trace: newTrace(true, random) })
    span.fail(error)
    span.end()
  }
  await tracer.close()
  assert.deepEqual(
    exporter.spans.map(({ status, statusMessage, attributes }) => [status, statusMessage, attributes]),
    [
      ['error', 'too far', { 'error.type': 'RangeError' }],
      ['error', 'a text', { 'error.type': 'string' }],
      ['error', 'undefined', { 'error.type': 'undefined' }],
    ]
  )
  assert.match(
    String(exporter.spans[0]?.events[0]?.attributes['exception.stacktrace']),
    /RangeError: too far\n/
  )
})

test('a span keeps 128 attributes and events, and counts the rest', async () => {
  const exporter = memoryExporter()
  const tracer = new Tracer({ exporter })
  const span = tracer.start({ name: 'work', kind: 'internal', trace: newTrace(true, random) })
  for (let n = 0; n < 130; n++) {
    span.set(`key${n}`, n)
    span.event(`event${n}`)
  }
  span.set('key0', 'changed')
  span.end()
  await tracer.close()
  const [finished] = exporter.spans
  assert.equal(Object.keys(finished?.attributes ?? {}).length, 128)
  assert.equal(finished?.attributes['key0'], 'changed')
  assert.deepEqual([finished?.events.length, finished?.droppedAttributes, finished?.droppedEvents], [
    128,
    2,
    2,
  ])
})

test('a span never ends before it starts', async () => {
  const exporter = memoryExporter()
  const tracer = new Tracer({ exporter })
  tracer.start({ name: 'work', kind: 'internal', trace: newTrace(true, random), startMs: 5_000 }).end(4_000)
  await tracer.close()
  assert.equal(exporter.spans[0]?.endMs, 5_000)
})

test('the share of traces that is decided for is the ratio; without an exporter it is none', () => {
  const exporter = memoryExporter()
  const share = (options: TracerOptions): number => {
    const tracer = new Tracer({ random: seededRandom(3), ...options })
    return Array.from({ length: 10_000 }, () => tracer.decide()).filter(Boolean).length
  }
  assert.ok(Math.abs(share({ exporter, sampleRatio: 0.1 }) - 1_000) < 100)
  assert.ok(Math.abs(share({ exporter }) - 100) < 30)
  assert.deepEqual([share({ exporter, sampleRatio: 0 }), share({ exporter, sampleRatio: 1 })], [0, 10_000])
  assert.equal(share({ sampleRatio: 1 }), 0)
})

for (
  const [claim, options] of Object.entries({
    'a ratio above 1': { sampleRatio: 1.1 },
    'a ratio that is no number': { sampleRatio: Number.NaN },
    'an empty queue': { queueLimit: 0 },
    'half a batch': { batchSize: 0.5 },
  })
) {
  test(`refused: ${claim}`, () => assert.throws(() => new Tracer(options), SettingError))
}

test('a lone span is sent after 5 s', async () => {
  const { tracer, exporter, clock } = held()
  end(tracer)
  clock.advance(4_999)
  assert.equal(exporter.batches.length, 0)
  clock.advance(1)
  assert.deepEqual(exporter.batches.map(({ size }) => size), [1])
  await exporter.answer()
  assert.deepEqual([tracer.exported, tracer.dropped], [1, 0])
})

test("512 spans are sent at once, though not within the last one's end", () => {
  const { tracer, exporter, clock } = held()
  for (let n = 0; n < 512; n++) end(tracer)
  assert.equal(exporter.batches.length, 0)
  clock.advance(0)
  assert.deepEqual(exporter.batches.map(({ size }) => size), [512])
})

test('one batch is under way at a time; full ones follow at once, the rest after 5 s', async () => {
  const { tracer, exporter, clock } = held({ batchSize: 2 })
  for (let n = 0; n < 5; n++) end(tracer)
  clock.advance(0)
  await settle()
  assert.deepEqual(exporter.batches.map(({ size }) => size), [2])
  await exporter.answer()
  assert.deepEqual(exporter.batches.map(({ size }) => size), [2, 2])
  await exporter.answer()
  assert.deepEqual(exporter.batches.map(({ size }) => size), [2, 2])
  clock.advance(5_000)
  assert.deepEqual(exporter.batches.map(({ size }) => size), [2, 2, 1])
})

test('a batch that fills while one is under way waits for it', async () => {
  const { tracer, exporter, clock } = held({ batchSize: 2 })
  for (const expected of [1, 1]) {
    for (let n = 0; n < 2; n++) end(tracer)
    clock.advance(0)
    await settle()
    assert.equal(exporter.batches.length, expected)
  }
  await exporter.answer()
  assert.equal(exporter.batches.length, 2)
})

test('while the collector is slow 2,048 spans wait, and further ones are dropped and counted', async () => {
  const { tracer, exporter, clock } = held()
  end(tracer)
  clock.advance(5_000)
  for (let n = 0; n < 2_050; n++) end(tracer)
  assert.equal(tracer.dropped, 2)
  const closed = tracer.close()
  for (let n = 0; n < 6; n++) await exporter.answer()
  await closed
  assert.deepEqual([tracer.exported, tracer.dropped], [2_049, 2])
})

test('a batch without an answer is given up after its time, and the next one goes out', async () => {
  const { tracer, exporter, clock } = held({ exportTimeoutMs: 1_000 })
  end(tracer)
  clock.advance(5_000)
  end(tracer)
  clock.advance(1_000)
  await settle()
  assert.equal(exporter.batches[0]?.signal?.aborted, true)
  assert.equal(tracer.dropped, 1)
  clock.advance(5_000)
  assert.equal(exporter.batches.length, 2)
})

test('a failed batch is dropped and counted; of a partly refused one only what was refused', async () => {
  const { tracer, exporter, clock } = held()
  const failures = [new Error('down'), new SpanExportError('refused', 1)]
  for (const failure of failures) {
    for (let n = 0; n < 3; n++) end(tracer)
    clock.advance(5_000)
    await exporter.answer(failure)
  }
  assert.deepEqual([tracer.exported, tracer.dropped], [2, 4])
})

test('closing sends what waits, closes the exporter once, and drops what ends later', async () => {
  const { tracer, exporter, clock } = held()
  end(tracer)
  const closed = Promise.all([tracer.close(), tracer.close()])
  await settle()
  await exporter.answer()
  await closed
  end(tracer)
  assert.deepEqual([exporter.batches.length, exporter.closed, tracer.dropped], [1, 1, 1])
  assert.equal(clock.pending(), 0)
})

test('closing waits no longer than its bound for a collector that does not answer, and leaves no timer', async () => {
  const { tracer, exporter, clock } = held({ closeTimeoutMs: 2_000, batchSize: 1 })
  for (let n = 0; n < 3; n++) end(tracer)
  const closed = tracer.close()
  await settle()
  clock.advance(2_000)
  await closed
  assert.equal(exporter.batches[0]?.signal?.aborted, true)
  assert.deepEqual([tracer.dropped, exporter.closed, clock.pending()], [3, 1, 0])
})

test('closing does not throw when the exporter does', async () => {
  const tracer = new Tracer({
    exporter: {
      export: () => Promise.reject(new Error('down')),
      close: () => Promise.reject(new Error('cannot close')),
    },
  })
  end(tracer)
  await tracer.close()
  assert.equal(tracer.dropped, 1)
})

test('a tracer without an exporter takes spans and keeps none', async () => {
  const clock = manualClock()
  await using tracer = new Tracer({ clock })
  end(tracer)
  assert.deepEqual([clock.pending(), tracer.dropped], [0, 0])
})
