import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newTrace, seededRandom } from '../../kernel/index.ts'
import { otlpDocument } from './otlp-document.ts'
import type { FinishedSpan, TraceResource } from './span.ts'

function span (
  startMs: number,
  resource: TraceResource = { name: 'shop', version: undefined }
): FinishedSpan {
  return {
    name: 'work',
    kind: 'internal',
    trace: newTrace(true, seededRandom(1)),
    parentSpanId: undefined,
    startMs,
    endMs: startMs,
    attributes: {},
    events: [],
    status: 'unset',
    statusMessage: undefined,
    droppedAttributes: 0,
    droppedEvents: 0,
    resource,
  }
}

test('times keep the nanoseconds that a double of milliseconds holds, and leading zeros', () => {
  // 1795381722623.965 ms is stored as 1795381722623.965087890625; its product with 1e6 would be rounded to 256 ns.
  for (
    const [ms, text] of [
      [1_795_381_722_623.965, '1795381722623965088'],
      [1_795_381_722_623.000_5, '1795381722623000488'],
      [0.25, '250000'],
    ] as const
  ) {
    assert.match(JSON.stringify(otlpDocument([span(ms)])), new RegExp(`"startTimeUnixNano":"${text}"`))
  }
})

test('spans stand under the resource that recorded them', () => {
  const [shop, mail] = [{ name: 'shop', version: undefined }, { name: 'mail', version: undefined }]
  const document = otlpDocument([span(1, shop), span(2, mail), span(3, shop)]) as {
    readonly resourceSpans: readonly {
      readonly scopeSpans: readonly { readonly spans: readonly unknown[] }[]
    }[]
  }
  assert.deepEqual(document.resourceSpans.map(({ scopeSpans }) => scopeSpans[0]?.spans.length), [2, 1])
})
