import assert from 'node:assert/strict'
import { test } from 'node:test'
import { finishing, finishingNow, unitOf, withDeadline, within } from './context-part.ts'
import { WorkSignal } from './context-signal.ts'
import { type Context, currentContext, runWithContext } from './context.ts'
import { Deadline } from './deadline.ts'
import { type ManualClock, manualClock } from './manual-clock.ts'
import { seededRandom } from './random.ts'
import { newTrace } from './trace-context.ts'

interface Work {
  readonly clock: ManualClock
  readonly context: Context
  readonly leave: () => void
}

function workOf (deadlineMs: number): Work {
  const clock = manualClock()
  const deadline = Deadline.in(deadlineMs, clock)
  const signal = new WorkSignal({ deadline })
  const trace = newTrace(false, seededRandom(1))
  const context: Context = {
    id: 'whole',
    trace,
    tenant: 'acme',
    criticality: 'critical',
    deadline,
    get signal () {
      return signal.signal
    },
  }
  return { clock, context, leave: () => signal.leave(clock.now()) }
}

test('a part has its own deadline and shares the rest with its whole', () => {
  const { clock, context } = workOf(100)
  const part = withDeadline(context, context.deadline.within(40))
  const { id, trace, tenant, criticality } = part
  assert.deepEqual({ id, trace, tenant, criticality }, {
    id: 'whole',
    trace: context.trace,
    tenant: 'acme',
    criticality: 'critical',
  })
  assert.equal(part.signal.aborted, false)
  clock.advance(40)
  assert.equal(part.signal.reason.code, 'DEADLINE_EXCEEDED')
  assert.equal(context.signal.aborted, false)
})

test('work within a limit sees the shorter deadline, and leaves no timer behind', async () => {
  const { clock, context } = workOf(100)
  await runWithContext(context, () =>
    within(40, async () => {
      assert.equal(currentContext()?.deadline.remainingMs(), 40)
      assert.equal(currentContext()?.signal.aborted, false)
    }))
  await runWithContext(
    context,
    () => within(400, async () => assert.equal(currentContext()?.deadline.remainingMs(), 100))
  )
  assert.equal(clock.pending(), 1, 'that of the whole alone, which a part asked for')
  assert.equal(await within(40, async () => currentContext()), undefined)
})

test('work that must finish has no deadline and does not hear that the caller left', async () => {
  const { clock, context, leave } = workOf(100)
  let counted = 0
  await runWithContext(context, () =>
    finishing(async () => {
      leave()
      clock.advance(200)
      await undefined
      const inside = currentContext()
      counted = finishingNow()
      assert.equal(inside?.id, 'whole')
      assert.equal(inside?.deadline.remainingMs(), Infinity)
      assert.equal(inside?.signal.aborted, false)
    }))
  assert.equal(context.signal.reason.code, 'CALLER_GONE')
  assert.equal(counted, 1)
  assert.equal(finishingNow(), 0)
})

test('work that must finish is counted until it does, also when it throws or has no context', async () => {
  const failing = finishing(async () => {
    await undefined
    assert.equal(currentContext(), undefined)
    throw new Error('disk full')
  })
  assert.equal(finishingNow(), 1)
  await assert.rejects(failing, /disk full/)
  assert.equal(finishingNow(), 0)
})

test('a part of a part, and work that must finish in it, belong to one unit', async () => {
  const { context } = workOf(1_000)
  assert.equal(unitOf(context), context)
  const part = withDeadline(withDeadline(context, context.deadline), context.deadline)
  assert.equal(unitOf(part), context)
  await runWithContext(part, () =>
    finishing(async () => {
      const inside = currentContext()
      assert.notEqual(inside, part)
      assert.equal(inside === undefined ? undefined : unitOf(inside), context)
    }))
})
