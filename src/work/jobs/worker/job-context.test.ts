import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Deadline, formatTraceparent, manualClock, newTrace, seededRandom } from '../../../kernel/index.ts'
import { JobCancelledError } from '../errors.ts'
import { JobContext, type JobContextParts } from './job-context.ts'

function open (parts: Partial<JobContextParts> = {}): JobContext {
  return new JobContext({
    id: 'job',
    tenant: 'acme',
    deadline: Deadline.none,
    carried: {},
    sample: () => false,
    random: seededRandom(3),
    ...parts,
  })
}

test('a job goes on in the trace of what enqueued it, under a span of its own, as background work', () => {
  const trace = newTrace(true, seededRandom(1))
  const context = open({ carried: { traceparent: formatTraceparent(trace), tracestate: 'vendor=1' } })
  assert.equal(context.trace.traceId, trace.traceId)
  assert.equal(context.parentSpanId, trace.spanId)
  assert.notEqual(context.trace.spanId, trace.spanId)
  assert.equal(context.trace.sampled, true)
  assert.equal(context.trace.state, 'vendor=1')
  assert.equal(context.trace, context.trace)
  assert.equal(context.criticality, 'background')
})

test('a job that nothing traced begins a trace, sampled as others are', () => {
  for (const sampled of [true, false]) {
    const context = open({ carried: { traceparent: 'nonsense' }, sample: () => sampled })
    assert.equal(context.parentSpanId, undefined)
    assert.equal(context.trace.sampled, sampled)
  }
})

test('its signal aborts at the deadline, whether it is asked for before or after', () => {
  const clock = manualClock()
  const early = open({ deadline: Deadline.in(100, clock) })
  const { signal } = early
  clock.advance(99)
  assert.equal(signal.aborted, false)
  clock.advance(1)
  assert.equal((signal.reason as { code: string }).code, 'DEADLINE_EXCEEDED')
  const late = open({ deadline: Deadline.in(0, clock) })
  assert.equal(late.signal.aborted, true)
  assert.equal(clock.pending(), 0)
})

test('the first reason to stop counts, and is heard by a signal that is asked for later', () => {
  const clock = manualClock()
  const context = open({ deadline: Deadline.in(100, clock) })
  context.abort(new JobCancelledError('job'))
  clock.advance(200)
  assert.equal(context.signal.reason, context.stopReason)
  assert.equal(context.stopReason?.name, 'JobCancelledError')
})

test('after the end of the run nothing aborts, and no timer is left', () => {
  const clock = manualClock()
  const context = open({ deadline: Deadline.in(100, clock) })
  const { signal } = context
  context.settle()
  assert.equal(clock.pending(), 0)
  context.abort(new JobCancelledError('job'))
  assert.equal(signal.aborted, false)
  assert.equal(open().signal.aborted, false)
})
