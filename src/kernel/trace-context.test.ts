import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from './random.ts'
import { childTrace, formatTraceparent, newTrace, parseTraceparent } from './trace-context.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const spanId = 'b7ad6b7169203331'

test('a valid traceparent is read: ids, the sampled flag, the state', () => {
  assert.deepEqual(parseTraceparent(`00-${traceId}-${spanId}-01`, 'vendor=1'), {
    traceId,
    spanId,
    sampled: true,
    state: 'vendor=1',
  })
  assert.equal(parseTraceparent(`00-${traceId}-${spanId}-00`)?.sampled, false)
})

test('only the lowest flag bit says sampled', () => {
  assert.equal(parseTraceparent(`00-${traceId}-${spanId}-02`)?.sampled, false)
  assert.equal(parseTraceparent(`00-${traceId}-${spanId}-03`)?.sampled, true)
})

test('a later version is read by its first four fields', () => {
  assert.equal(parseTraceparent(`01-${traceId}-${spanId}-01-more`)?.traceId, traceId)
})

test('what the specification calls invalid is no trace', () => {
  const invalid = [
    '',
    'nonsense',
    `ff-${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}-01-more`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId}-${spanId}`,
    `00-${traceId}-${spanId}-1`,
    ` 00-${traceId}-${spanId}-01`,
  ]
  for (const header of invalid) assert.equal(parseTraceparent(header), undefined, header)
})

test('reading never throws, whatever the header holds', () => {
  fc.assert(fc.property(fc.string(), fc.string(), (header, state) => {
    const trace = parseTraceparent(header, state)
    return trace === undefined || formatTraceparent(trace).length === 55
  }))
})

test('a state too long to pass on is dropped', () => {
  assert.equal(parseTraceparent(`00-${traceId}-${spanId}-01`, 'x'.repeat(513))?.state, undefined)
})

test('a new trace is valid and is read back as it was written', () => {
  fc.assert(fc.property(fc.integer(), fc.boolean(), (seed, sampled) => {
    const trace = newTrace(sampled, seededRandom(seed))
    assert.deepEqual(parseTraceparent(formatTraceparent(trace)), trace)
  }))
})

test('even a source of zeros makes ids that are valid', () => {
  const trace = newTrace(true, () => 0)
  assert.deepEqual(parseTraceparent(formatTraceparent(trace)), trace)
})

test('a child keeps trace, decision and state, and has its own span', () => {
  const parent = { traceId, spanId, sampled: true, state: 'vendor=1' }
  const child = childTrace(parent, seededRandom(1))
  assert.deepEqual({ ...child, spanId }, parent)
  assert.notEqual(child.spanId, spanId)
})
