import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DeadlineExceededError } from '../../../kernel/index.ts'
import { JobCancelledError, JobLeaseLostError, WorkerDrainedError } from '../errors.ts'
import type { JobOutcome } from '../store/index.ts'
import { NeverRetry, RetryLater, Snooze } from '../verdicts.ts'
import { type FailedRun, judge } from './judge.ts'

const backoff = { baseMs: 1_000, capMs: 60_000 }

function judged (
  run: Partial<Omit<FailedRun, 'job'>> & { attempt?: number; attempts?: number }
): JobOutcome | undefined {
  const { attempt = 1, attempts = 5, ...rest } = run
  return judge({
    job: { id: 'a', attempt, attempts },
    backoff,
    error: new Error('no'),
    stopReason: undefined,
    nowMs: 1_000_000,
    random: () => 0.5,
    version: '1.2.3',
    ...rest,
  })
}

function waitOf (outcome: JobOutcome | undefined): number {
  assert.ok(outcome?.kind === 'retry' || outcome?.kind === 'snooze')
  return outcome.atMs - 1_000_000
}

test('a failure is tried again after full jitter, which grows up to its cap', () => {
  assert.deepEqual([1, 2, 3, 4].map((attempt) => waitOf(judged({ attempt }))), [500, 1_000, 2_000, 4_000])
  assert.equal(waitOf(judged({ attempt: 20, attempts: 30 })), 30_000)
  assert.equal(waitOf(judged({ random: () => 0 })), 0)
})

test('the last attempt is final, and what came of it is kept', () => {
  const outcome = judged({ attempt: 5 })
  assert.equal(outcome?.kind, 'dead')
  assert.ok(outcome.kind === 'dead')
  assert.equal(outcome.error.message, 'no')
  assert.match(outcome.error.fingerprint, /^[\da-f]{12}$/)
})

test('an error that says that it cannot be retried is final at once', () => {
  assert.equal(judged({ error: new NeverRetry('the card is stolen') })?.kind, 'dead')
  assert.equal(judged({ error: Object.assign(new Error('no'), { retryable: false }) })?.kind, 'dead')
  assert.equal(judged({ error: Object.assign(new Error('no'), { retryable: true }) })?.kind, 'retry')
})

test('a wait that was asked for is never shortened, is spread, and bounded by a day', () => {
  fc.assert(fc.property(fc.nat(86_400_000), fc.double({ min: 0, max: 0.999, noNaN: true }), (ms, share) => {
    const waitMs = waitOf(judged({ error: new RetryLater({ after: ms }), random: () => share }))
    assert.ok(waitMs >= ms && waitMs <= ms + backoff.baseMs)
  }))
  const endless = Object.assign(new Error('busy'), { retryAfterMs: 1e12 })
  assert.ok(waitOf(judged({ error: endless })) <= 86_400_000 + backoff.baseMs)
  for (const retryAfterMs of [Number.NaN, -1, Infinity, '5s'])
    assert.equal(waitOf(judged({ error: Object.assign(new Error('busy'), { retryAfterMs }) })), 500)
  assert.equal(judged({ attempt: 5, error: new RetryLater({ after: 1 }) })?.kind, 'dead')
})

test('a snooze waits as long as it said, even on the last attempt', () => {
  assert.deepEqual(judged({ attempt: 5, error: new Snooze('30s') }), {
    id: 'a',
    kind: 'snooze',
    atMs: 1_030_000,
  })
})

test('why the run was stopped counts for more than what it threw on that', () => {
  const error = new DeadlineExceededError()
  assert.equal(judged({ error, stopReason: new JobCancelledError('a') })?.kind, 'cancelled')
  assert.deepEqual(judged({ error, attempt: 5, stopReason: new WorkerDrainedError() }), {
    id: 'a',
    kind: 'snooze',
    atMs: 1_000_000,
  })
  assert.equal(judged({ error, stopReason: new JobLeaseLostError('a') }), undefined)
  assert.equal(judged({ error: new JobLeaseLostError('a') }), undefined)
  assert.equal(judged({ error, stopReason: new DeadlineExceededError() })?.kind, 'retry')
})

test('whatever is thrown is understood', () => {
  for (const error of [undefined, null, 'text', 7, {}, Symbol('x'), () => {}]) {
    const outcome = judged({ error })
    assert.ok(outcome?.kind === 'retry')
    assert.equal(typeof outcome.error.message, 'string')
  }
})
