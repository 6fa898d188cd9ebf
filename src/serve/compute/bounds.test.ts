import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Context,
  Deadline,
  DeadlineExceededError,
  manualClock,
  newTrace,
  runWithContext,
  systemRandom,
} from '../../kernel/index.ts'
import { open, spinner } from './compute.fixture.ts'
import { ComputeCancelledError, ComputeClosedError, ComputeQueueFullError } from './index.ts'

test('at most `threads` run and `queue` wait; one more is refused at once with 503', async () => {
  await using compute = await open({ threads: 2, queue: 1 })
  using first = spinner()
  using second = spinner()
  using third = spinner()
  const running = [first, second, third].map(({ flag }) => compute.run('spinUntilTold', flag))
  await Promise.all([first.started(), second.started()])
  const { threads, running: runningNow, waiting } = compute.stats()
  assert.deepEqual({ threads, runningNow, waiting }, { threads: 2, runningNow: 2, waiting: 1 })
  await assert.rejects(compute.run('double', 1), (error) => {
    assert.ok(error instanceof ComputeQueueFullError)
    assert.equal(error.code, 'COMPUTE_QUEUE_FULL')
    assert.equal(error.statusCode, 503)
    return true
  })
  assert.equal(Atomics.load(third.flag, 1), 0, 'the waiting task has started')
  for (const { tell } of [first, second, third]) tell()
  assert.deepEqual(await Promise.all(running), ['told', 'told', 'told'])
  assert.deepEqual(compute.stats(), { threads: 2, running: 0, waiting: 0, completed: 3, rejected: 1 })
})

test('a task whose deadline passes while it waits never starts', async () => {
  const clock = manualClock()
  await using compute = await open({ clock })
  using first = spinner()
  using second = spinner()
  const running = compute.run('spinUntilTold', first.flag)
  await first.started()
  const waiting = compute.run('spinUntilTold', second.flag, { deadline: Deadline.in(50, clock) })
  clock.advance(50)
  await assert.rejects(waiting, DeadlineExceededError)
  assert.equal(compute.stats().waiting, 0)
  first.tell()
  await running
  assert.equal(await compute.run('double', 1), 2)
  assert.equal(Atomics.load(second.flag, 1), 0)
})

test("nor does it when the loop was too busy for the deadline's timer", async () => {
  const clock = manualClock()
  await using compute = await open({ clock: manualClock() }) // whose timers never fire
  using first = spinner()
  using second = spinner()
  const running = compute.run('spinUntilTold', first.flag)
  await first.started()
  const waiting = compute.run('spinUntilTold', second.flag, { deadline: Deadline.in(50, clock) })
  clock.advance(50)
  first.tell()
  await running
  await assert.rejects(waiting, DeadlineExceededError)
  assert.equal(Atomics.load(second.flag, 1), 0)
})

test('a deadline that has passed is told as that, also when the queue is full', async () => {
  await using compute = await open({ queue: 0 })
  using spin = spinner()
  const running = compute.run('spinUntilTold', spin.flag)
  await assert.rejects(compute.run('double', 1, { deadline: Deadline.in(0) }), DeadlineExceededError)
  spin.tell()
  await running
})

test('a task past its deadline is ended for real, and its thread is replaced', async () => {
  const clock = manualClock()
  await using compute = await open({ clock })
  using spin = spinner()
  const { flag, started } = spin
  const running = compute.run('spinUntilTold', flag, { deadline: Deadline.in(50, clock) })
  await started()
  clock.advance(49)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(compute.stats().running, 1)
  clock.advance(1)
  await assert.rejects(running, { code: 'DEADLINE_EXCEEDED', statusCode: 504 })
  // The one thread there may be spins for ever, unless it was terminated.
  assert.equal(await compute.run('double', 1), 2)
})

test('a deadline that has passed already, and a signal that has aborted, start nothing', async () => {
  await using compute = await open()
  using spin = spinner()
  const { flag } = spin
  await assert.rejects(
    compute.run('spinUntilTold', flag, { deadline: Deadline.in(0) }),
    DeadlineExceededError
  )
  const signal = AbortSignal.abort()
  await assert.rejects(compute.run('spinUntilTold', flag, { signal }), ComputeCancelledError)
  assert.equal(await compute.run('double', 1), 2)
  assert.equal(Atomics.load(flag, 1), 0)
})

test('a deadline farther away than a timer can reach sets none, which would fire at once', async () => {
  const clock = manualClock()
  await using compute = await open({ clock })
  using spin = spinner()
  const running = compute.run('spinUntilTold', spin.flag, { deadline: Deadline.in(2 ** 31, clock) })
  assert.equal(clock.pending(), 0)
  spin.tell()
  assert.equal(await running, 'told')
})

test('a signal cancels a running and a waiting task, and those after them run', async () => {
  await using compute = await open()
  using spin = spinner()
  const { flag, started } = spin
  const controller = new AbortController()
  const { signal } = controller
  const running = compute.run('spinUntilTold', flag, { signal })
  const waiting = compute.run('double', 1, { signal })
  const after = compute.run('double', 2)
  await started()
  const reason = new Error('the client has gone')
  controller.abort(reason)
  for (const cancelled of [running, waiting]) {
    await assert.rejects(cancelled, (error) => {
      assert.ok(error instanceof ComputeCancelledError)
      assert.equal(error.cause, reason)
      return true
    })
  }
  assert.equal(await after, 4)
})

test('the deadline of the current context holds when none is given', async () => {
  const clock = manualClock()
  await using compute = await open({ clock })
  const context: Context = {
    id: 'request-7',
    trace: newTrace(false, systemRandom),
    tenant: undefined,
    criticality: 'normal',
    deadline: Deadline.in(250, clock),
    signal: Deadline.none.signal,
  }
  using spin = spinner()
  const { flag, started } = spin
  const running = runWithContext(context, () => compute.run('spinUntilTold', flag))
  await started()
  clock.advance(250)
  await assert.rejects(running, DeadlineExceededError)
})

test('close refuses what waits and what comes, and lets what runs end', async () => {
  const clock = manualClock()
  const compute = await open({ clock })
  using spin = spinner()
  const { flag, started, tell } = spin
  const running = compute.run('spinUntilTold', flag)
  await started()
  const waiting = compute.run('double', 1)
  const closing = compute.close()
  await assert.rejects(waiting, ComputeClosedError)
  await assert.rejects(compute.run('double', 1), { code: 'COMPUTE_CLOSED', statusCode: 503 })
  tell()
  assert.equal(await running, 'told')
  await closing
  assert.equal(clock.pending(), 0)
})

test('close with several threads at work ends none of them early', async () => {
  const compute = await open({ threads: 2 })
  using first = spinner()
  using second = spinner()
  const running = [first, second].map(({ flag }) => compute.run('spinUntilTold', flag))
  await Promise.all([first.started(), second.started()])
  const closing = compute.close()
  first.tell()
  assert.equal(await running[0], 'told')
  second.tell()
  assert.equal(await running[1], 'told')
  await closing
})

test('close terminates what still runs after its bound', async () => {
  const clock = manualClock()
  const compute = await open({ clock, closeTimeoutMs: 5_000 })
  using spin = spinner()
  const { flag, started } = spin
  const running = compute.run('spinUntilTold', flag)
  await started()
  const closing = compute.close()
  clock.advance(5_000)
  await assert.rejects(running, ComputeClosedError)
  await closing
  assert.equal(clock.pending(), 0)
})
