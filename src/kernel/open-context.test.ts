import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runWithContext } from './context.ts'
import { Deadline } from './deadline.ts'
import { manualClock } from './manual-clock.ts'
import { carryContext, openContext, readCarried, resumeContext } from './open-context.ts'
import { seededRandom } from './random.ts'
import { newTrace } from './trace-context.ts'

const random = seededRandom(7)

test('work that was left by a request goes on in its trace and for its tenant, under a span of its own', () => {
  const trace = newTrace(true, random)
  const request = openContext({ id: 'request-1', trace, tenant: 'acme', criticality: 'critical' })
  const carried = readCarried(JSON.parse(JSON.stringify(carryContext(request))))
  const job = resumeContext(carried, { id: 'job-1' })
  assert.equal(job.trace.traceId, trace.traceId)
  assert.notEqual(job.trace.spanId, trace.spanId)
  assert.equal(job.trace.sampled, true)
  assert.equal(job.tenant, 'acme')
  assert.equal(job.id, 'job-1')
  assert.equal(carried.cause, 'request-1')
})

test('it is background work, whatever has left it, and has no deadline but its own', () => {
  const clock = manualClock()
  const request = openContext({ id: 'a', criticality: 'critical', deadline: Deadline.in(50, clock) })
  const carried = carryContext(request)
  const job = resumeContext(carried, { id: 'job' })
  assert.equal(job.criticality, 'background')
  assert.equal(job.deadline.atMs, Number.POSITIVE_INFINITY)
  const timed = resumeContext(carried, {
    id: 'job',
    criticality: 'normal',
    deadline: Deadline.in(100, clock),
  })
  assert.equal(timed.criticality, 'normal')
  const { signal } = timed
  clock.advance(99)
  assert.equal(signal.aborted, false)
  clock.advance(1)
  assert.equal(signal.aborted, true)
})

test('a settled context never aborts', () => {
  const clock = manualClock()
  const job = openContext({ id: 'job', deadline: Deadline.in(10, clock) })
  const { signal } = job
  job.settle()
  clock.advance(20)
  assert.equal(signal.aborted, false)
})

test('what cannot be read of what was carried is left out', () => {
  for (const value of [undefined, null, 'x', 7, [], { traceparent: 3, tenant: {}, cause: null }])
    assert.deepEqual(readCarried(value), {})
  const job = resumeContext({ traceparent: 'nonsense', tenant: 'acme' }, { id: 'job' })
  assert.equal(job.tenant, 'acme')
  assert.match(job.trace.traceId, /^[\da-f]{32}$/)
})

test('outside of any unit of work nothing is carried', () => {
  assert.deepEqual(carryContext(undefined), {})
  const job = openContext({ id: 'job' })
  assert.equal(runWithContext(job, () => carryContext(job)).cause, 'job')
})
