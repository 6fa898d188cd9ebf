import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fetchText, isAlive, Running, waitUntil } from './running.fixture.ts'

test('a worker killed with -9 is replaced, and the report counts the requests it held', async () => {
  await using running = new Running({
    flags: {
      admin: '127.0.0.1:0',
      workers: '1',
      'heartbeat-interval': '100ms',
      'heartbeat-stuck-after': '10s',
    },
  })
  const origin = await running.origin()
  const { host, port } = await running.event('admin-listening')
  const { pid } = await running.event('worker-ready')
  await running.event('booted')
  const held = [1, 2, 3].map(() => assert.rejects(fetchText(new URL('/hang', origin))))
  await waitUntil(
    'a heartbeat has said it',
    async () => /"inFlight": 3/.test(await fetchText(new URL(`http://${host}:${port}/status`)))
  )
  process.kill(pid, 'SIGKILL')
  const lost = await running.event('worker-lost')
  assert.deepEqual([lost.reason, lost.signal, lost.inFlight], ['crashed', 'SIGKILL', 3])
  await Promise.all(held)
  await running.event('worker-ready', { count: 2 })
  assert.notEqual(JSON.parse(await fetchText(origin)).pid, pid)
})

test('a client that connects while no worker lives is answered by the next one', async () => {
  await using running = new Running({ flags: { workers: '1' } })
  const origin = await running.origin()
  const { pid } = await running.event('worker-ready')
  await running.event('booted')
  process.kill(pid, 'SIGKILL')
  await waitUntil('the worker is gone', () => !isAlive(pid))
  const answer = await fetchText(origin)
  assert.notEqual(JSON.parse(answer).pid, pid)
})

test('a worker that throws ends with 70, and says why', async () => {
  await using running = new Running({ flags: { workers: '1' } })
  const origin = await running.origin()
  await running.event('booted')
  await assert.rejects(fetchText(new URL('/throw', origin)))
  const lost = await running.event('worker-lost')
  assert.equal(lost.code, 70)
  assert.equal(lost.error?.message, 'thrown on purpose')
})

test('a stuck worker is replaced, and the report says where it was stuck', async () => {
  await using running = new Running({
    flags: { workers: '1', 'heartbeat-interval': '100ms', 'heartbeat-stuck-after': '1s' },
  })
  const origin = await running.origin()
  const { pid } = await running.event('worker-ready')
  await running.event('booted')
  const stuck = assert.rejects(fetchText(new URL('/stuck', origin)))
  const { stack, silentMs, stackError } = await running.event('worker-stuck')
  assert.equal(stackError, undefined)
  assert.ok(silentMs >= 1_000)
  assert.equal(stack[0]?.function, 'spinForEver')
  assert.match(stack[0]?.file ?? '', /service\.mjs$/)
  assert.ok((stack[0]?.line ?? 0) > 1)
  assert.equal((await running.event('worker-lost')).reason, 'stuck')
  await stuck
  await running.event('worker-ready', { count: 2 })
  assert.ok(!isAlive(pid))
  assert.match(await fetchText(origin), /"generation":1/)
  // The inspector's own words are not the service's.
  assert.doesNotMatch(running.stderr, /Debugger|inspector/)
})

test('a crash loop backs off, says so, and gives up when it is told to', async () => {
  const flags = {
    'crash-backoff-base': '50ms',
    'crash-backoff-cap': '500ms',
    'crash-give-up-after': '5',
    workers: '1',
  }
  await using running = new Running({ flags })
  const { pid } = await running.event('worker-ready')
  await running.event('booted')
  running.writeModule('throw new Error("broken after the boot")')
  process.kill(pid, 'SIGKILL')
  assert.equal(await running.exited, 70)
  const loops = running.told('crash-loop')
  assert.deepEqual(loops.map(({ crashes }) => crashes), [3, 4, 5])
  assert.equal(loops.at(-1)?.givenUp, true)
  assert.equal(running.told('worker-started').length, 5)
})

test('a first boot that fails ends with 1 and the error, without a second try', async () => {
  await using running = new Running({ module: 'throw new RangeError("no way to start")' })
  assert.equal(await running.exited, 1)
  const [failed] = running.told('boot-failed')
  assert.equal(failed?.error.name, 'RangeError')
  assert.match(failed?.error.message ?? '', /no way to start/)
  assert.equal(running.told('worker-started').length, 1)
})

test('a supervisor killed with -9 leaves no orphans, and requests under way are answered', async () => {
  await using running = new Running()
  const origin = await running.origin()
  await running.event('booted')
  const pids = running.told('worker-ready').map(({ pid }) => pid)
  const answer = fetchText(new URL('/slow', origin))
  await fetchText(origin)
  running.signal('SIGKILL')
  assert.equal(await answer, 'slow')
  await waitUntil('the workers are gone', () => !pids.some(isAlive))
})
