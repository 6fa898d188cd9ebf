import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import {
  type Context,
  Deadline,
  DeadlineExceededError,
  manualClock,
  newTrace,
  runWithContext,
  SettingError,
  systemRandom,
} from '../../kernel/index.ts'
import { MetricsRegistry, renderMetrics } from '../../telemetry/index.ts'
import {
  type Compute,
  ComputeCancelledError,
  ComputeClosedError,
  ComputeDataError,
  ComputeModuleError,
  type ComputeOptions,
  ComputeQueueFullError,
  type ComputeRecord,
  ComputeTaskError,
  ComputeThreadLostError,
  ComputeUnknownTaskError,
  openCompute,
} from './index.ts'

type Tasks = typeof import('./tasks.fixture.ts')

const module = new URL('./tasks.fixture.ts', import.meta.url)

function open (options: Partial<ComputeOptions> = {}): Promise<Compute<Tasks>> {
  return openCompute<Tasks>({ module, threads: 1, ...options })
}

/** Memory that a task spins on until the test lets it go. */
function spinner (): { flag: Int32Array; started: () => Promise<void>; tell: () => void } & Disposable {
  const flag = new Int32Array(new SharedArrayBuffer(8))
  const tell = (): void => void Atomics.store(flag, 0, 1)
  return {
    flag,
    started: () => waitUntil(() => Atomics.load(flag, 1) === 1),
    tell,
    // So that a test that fails does not leave a thread at work, which would keep the pool from closing.
    [Symbol.dispose]: tell,
  }
}

/** A real thread is the subject, so this polls, with a bound. */
async function waitUntil (condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries += 1) {
    assert.ok(tries < 2_000, 'the condition did not come true in time')
    await pause(5)
  }
}

test('tasks run, whether they are async or not, with names and types of the module', async () => {
  await using compute = await open()
  const doubled: number = await compute.run('double', 21)
  assert.equal(doubled, 42)
  assert.equal(await compute.run('doubleLater', 4), 8)
})

test('what structured clone carries arrives as it was', async () => {
  await using compute = await open()
  const input = {
    map: new Map([[1, new Set(['a'])]]),
    date: new Date(5),
    bytes: new Uint8Array([1, 2]),
    n: 1n,
  }
  assert.deepEqual(await compute.run('echo', input), input)
  assert.equal(await compute.run('echo', undefined), undefined)
})

test('the event loop turns while a task burns CPU', async () => {
  await using compute = await open()
  using spin = spinner()
  const { flag, started, tell } = spin
  const running = compute.run('spinUntilTold', flag)
  await started()
  for (let turns = 0; turns < 1_000; turns += 1) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(compute.stats().running, 1)
  tell()
  assert.equal(await running, 'told')
})

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

test('a task that throws rejects with name, message and code of its error', async () => {
  await using compute = await open()
  await assert.rejects(compute.run('fail', undefined), (error) => {
    assert.ok(error instanceof ComputeTaskError)
    assert.equal(error.name, 'RangeError')
    assert.equal(error.message, 'no such page')
    assert.equal(error.code, 'PAGE_MISSING')
    assert.match(error.stack ?? '', /tasks\.fixture/)
    return true
  })
  await assert.rejects(compute.run('failWithText', undefined), {
    name: 'Error',
    message: 'just text',
    code: 'COMPUTE_TASK_FAILED',
  })
})

test('a task that ends its thread rejects alone, and the pool goes on', async () => {
  await using compute = await open({ threads: 2, memoryBytes: 64 * 2 ** 20 })
  using spin = spinner()
  const { flag, started, tell } = spin
  const neighbour = compute.run('spinUntilTold', flag)
  await started()
  const expected = {
    exit: /exited with code: 3; a task must return or throw/,
    eatMemory: /ran out of memory/,
    throwLater: /nobody caught Error: left behind; a task must await all that it starts/,
  } as const
  for (const [name, message] of Object.entries(expected)) {
    await assert.rejects(compute.run(name as keyof typeof expected, undefined), (error) => {
      assert.ok(error instanceof ComputeThreadLostError, name)
      assert.match(error.message, message)
      return true
    })
    assert.equal(await compute.run('double', 2), 4)
  }
  tell()
  assert.equal(await neighbour, 'told')
})

test('input and results that cannot pass between threads are told so, and cost no thread', async () => {
  const lost: Error[] = []
  await using compute = await open({ onThreadLost: (error) => lost.push(error) })
  await assert.rejects(compute.run('echo', () => {}), (error) => {
    assert.ok(error instanceof ComputeDataError)
    assert.match(error.message, /^the input of compute task echo cannot pass between threads: /)
    return true
  })
  await assert.rejects(compute.run('returnFunction', undefined), {
    code: 'COMPUTE_DATA_UNCLONABLE',
    message: /^the result of compute task returnFunction cannot pass between threads: .*could not be cloned/,
  })
  assert.equal(await compute.run('double', 2), 4)
  assert.deepEqual(lost, [])
})

test('an unknown name is an error that lists the names, constants and the default export left out', async () => {
  await using compute = await open()
  const untyped: Compute = compute as unknown as Compute
  for (const name of ['treble', 'version', 'default', 'toString']) {
    await assert.rejects(untyped.run(name, 1), (error) => {
      assert.ok(error instanceof ComputeUnknownTaskError)
      assert.ok(error.tasks.includes('double'))
      assert.ok(!error.tasks.includes('version'))
      assert.match(error.message, new RegExp(`no compute task "${name}"; the module exports .*double`))
      return true
    })
  }
})

test('a module that cannot be loaded, has no functions or ends its thread stops the boot', async () => {
  const expected = {
    'broken.fixture.ts': /broken\.fixture\.ts cannot be loaded: no licence file/,
    'missing.fixture.ts': /missing\.fixture\.ts cannot be loaded: Cannot find module/,
    'empty.fixture.ts': /exports no function/,
    'exiting.fixture.ts': /ended its thread while loading: worker exited with code: 9/,
  }
  for (const [file, message] of Object.entries(expected)) {
    await assert.rejects(open({ module: new URL(`./${file}`, import.meta.url) }), (error) => {
      assert.ok(error instanceof ComputeModuleError, file)
      assert.match(error.message, message)
      return true
    })
  }
})

test('the task gets its deadline and the id of the request it works for', async () => {
  const clock = manualClock(1_000)
  await using compute = await open({ clock })
  const context: Context = {
    id: 'request-7',
    trace: newTrace(false, systemRandom),
    tenant: undefined,
    criticality: 'normal',
    deadline: Deadline.in(250, clock),
  }
  assert.deepEqual(await runWithContext(context, () => compute.run('tell', undefined)), {
    deadlineMs: 1_250,
    requestId: 'request-7',
  })
  assert.equal(clock.pending(), 0, 'the deadline of a task that is over is still waited for')
  assert.deepEqual(await compute.run('tell', undefined), {
    deadlineMs: Number.POSITIVE_INFINITY,
    requestId: undefined,
  })
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

test('each task that is over is recorded once, with its outcome and times', async () => {
  const clock = manualClock()
  const records: ComputeRecord[] = []
  await using compute = await open({ clock, queue: 1, record: (record) => records.push(record) })
  using spin = spinner()
  const { flag, started, tell } = spin
  const running = compute.run('spinUntilTold', flag)
  await started()
  const waiting = compute.run('double', 1)
  await assert.rejects(compute.run('double', 1))
  clock.advance(30)
  tell()
  await running
  await waiting
  await assert.rejects(compute.run('fail', undefined))
  await assert.rejects(compute.run('exit', undefined))
  await assert.rejects(compute.run('double', 1, { signal: AbortSignal.abort() }))
  await assert.rejects(compute.run('double', 1, { deadline: Deadline.in(0, clock) }))
  assert.deepEqual(records, [
    { task: 'double', outcome: 'refused', waitMs: 0, runMs: 0 },
    { task: 'spinUntilTold', outcome: 'done', waitMs: 0, runMs: 30 },
    { task: 'double', outcome: 'done', waitMs: 30, runMs: 0 },
    { task: 'fail', outcome: 'failed', waitMs: 0, runMs: 0 },
    { task: 'exit', outcome: 'lost', waitMs: 0, runMs: 0 },
    { task: 'double', outcome: 'cancelled', waitMs: 0, runMs: 0 },
    { task: 'double', outcome: 'deadline', waitMs: 0, runMs: 0 },
  ])
  assert.equal(clock.pending(), 0)
})

test('the metrics tell who runs, who waits, and how long tasks took', async () => {
  const clock = manualClock()
  const registry = new MetricsRegistry({ clock })
  const read = async (): Promise<string> => {
    let text = ''
    for await (const chunk of renderMetrics(registry.snapshot(), 'prometheus')) text += chunk
    return text
  }
  await using compute = await open({ clock, registry })
  using spin = spinner()
  const { flag, started, tell } = spin
  const running = compute.run('spinUntilTold', flag)
  await started()
  const waiting = compute.run('double', 1)
  const during = await read()
  assert.match(during, /^compute_tasks_running 1$/m)
  assert.match(during, /^compute_tasks_waiting 1$/m)
  clock.advance(2_000)
  tell()
  await Promise.all([running, waiting])
  const after = await read()
  assert.match(after, /^compute_tasks_running 0$/m)
  assert.match(
    after,
    /^compute_task_duration_seconds_sum\{(task="spinUntilTold",outcome="done"|outcome="done",task="spinUntilTold")\} 2$/m
  )
  assert.match(after, /^compute_task_wait_seconds_sum\{task="double"\} 2$/m)
})

test('a thread that ends without a task is told, and the next task runs', async () => {
  const lost = Promise.withResolvers<Error>()
  await using compute = await openCompute({
    module: new URL('./leftover.fixture.ts', import.meta.url),
    threads: 1,
    onThreadLost: lost.resolve,
  })
  assert.equal(await compute.run('leaveBehind', undefined), 'done')
  assert.match((await lost.promise).message, /left behind/)
  assert.equal(await compute.run('fine', undefined), 'fine')
})

test('bad bounds stop the boot', async () => {
  for (const options of [{ threads: 0 }, { threads: 1.5 }, { queue: -1 }, { queue: Number.NaN }]) {
    await assert.rejects(open(options), SettingError)
  }
})
