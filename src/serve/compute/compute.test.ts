import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Context,
  Deadline,
  manualClock,
  newTrace,
  runWithContext,
  SettingError,
  systemRandom,
} from '../../kernel/index.ts'
import { MetricsRegistry, renderMetrics } from '../../telemetry/index.ts'
import { open, spinner } from './compute.fixture.ts'
import {
  type Compute,
  ComputeDataError,
  ComputeModuleError,
  type ComputeRecord,
  ComputeTaskError,
  ComputeThreadLostError,
  ComputeUnknownTaskError,
  openCompute,
} from './index.ts'

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
    signal: Deadline.none.signal,
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
