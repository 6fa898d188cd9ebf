import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { SupervisorStatus } from '../../src/serve/runtime/index.ts'
import { fetchText, Running, waitUntil } from './running.fixture.ts'

test('it boots, serves from every worker, and SIGTERM ends it with 0', async () => {
  await using running = new Running()
  const origin = await running.origin()
  await running.event('booted')
  assert.equal(running.told('worker-ready').length, 2)
  assert.equal(JSON.parse(await fetchText(origin)).generation, 1)
  running.signal('SIGTERM')
  assert.equal(await running.exited, 0)
  assert.equal(running.told('worker-drained').length, 2)
})

test('SIGTERM to all processes: a request under way is answered, and new connections are refused', async () => {
  await using running = new Running()
  const origin = await running.origin()
  await running.event('booted')
  const answer = fetchText(new URL('/slow', origin))
  await fetchText(origin)
  // As systemd does it, and Ctrl-C in a terminal.
  for (const { pid } of running.told('worker-ready')) process.kill(pid, 'SIGTERM')
  running.signal('SIGTERM')
  await waitUntil(
    'new connections are refused',
    () => fetchText(origin).then(() => false, (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED')
  )
  assert.equal(running.process.exitCode, null, 'refused while it still drains')
  assert.equal(await answer, 'slow')
  assert.equal(await running.exited, 0)
  assert.deepEqual(running.told('worker-lost'), [])
})

test('SIGTTIN adds a worker and SIGTTOU removes one, but never the last', async () => {
  await using running = new Running({ flags: { workers: '1' } })
  const origin = await running.origin()
  await running.event('booted')
  running.signal('SIGTTIN')
  const { slot } = await running.event('worker-ready', { count: 2 })
  assert.equal(slot, 1)
  running.signal('SIGTTOU')
  assert.equal((await running.event('worker-drained')).slot, 1)
  running.signal('SIGTTOU')
  assert.equal((await running.event('scaled', { count: 3 })).workers, 1)
  assert.match(await fetchText(origin), /"slot":0/)
})

test('a second SIGINT ends it at once, with 130', async () => {
  await using running = new Running({ flags: { workers: '1' } })
  const origin = await running.origin()
  await running.event('booted')
  const hanging = assert.rejects(fetchText(new URL('/hang', origin)))
  await fetchText(origin)
  running.signal('SIGINT')
  await running.event('worker-draining')
  running.signal('SIGINT')
  assert.equal(await running.exited, 130)
  await hanging
})

test('SIGUSR2 writes the status to the state directory', async () => {
  await using running = new Running()
  await running.event('booted')
  running.signal('SIGUSR2')
  const { file } = await running.event('status-written')
  const status = JSON.parse(readFileSync(file, 'utf8')) as SupervisorStatus
  assert.equal(status.state, 'serving')
  assert.deepEqual(status.workers.map(({ slot, state }) => [slot, state]), [[0, 'ready'], [1, 'ready']])
})

test('workers are rotated after their requests, one at a time, each replaced before it drains', async () => {
  await using running = new Running({
    flags: {
      'rotate-requests': '20',
      'rotate-jitter': '0',
      'heartbeat-interval': '50ms',
      'heartbeat-stuck-after': '10s',
    },
  })
  const origin = await running.origin()
  await running.event('booted')
  while (running.told('worker-drained').length < 2) await fetchText(origin)
  const kinds = running.events
    .filter(({ kind }) => kind === 'worker-ready' || kind === 'worker-draining' || kind === 'worker-drained')
    .map(({ kind }) => kind)
  assert.deepEqual(kinds.slice(2, 8), [
    'worker-ready',
    'worker-draining',
    'worker-drained',
    'worker-ready',
    'worker-draining',
    'worker-drained',
  ])
  assert.deepEqual(running.told('rotation').slice(0, 2).map(({ reason }) => reason), ['requests', 'requests'])
})

test('a UNIX socket has the mode that was asked for, and is removed at the end', async () => {
  const path = join(tmpdir(), `plimsoll-${process.pid}.sock`)
  await using running = new Running({ flags: { listen: `unix:${path}`, 'socket-mode': '600', workers: '1' } })
  await running.event('booted')
  await waitUntil('the mode is set', () => (statSync(path).mode & 0o777) === 0o600)
  running.signal('SIGHUP')
  await running.event('reload-done')
  assert.ok(existsSync(path))
  running.signal('SIGTERM')
  assert.equal(await running.exited, 0)
  assert.ok(!existsSync(path))
})

test('a port that is taken fails the boot with 1 and names it', async () => {
  await using other = new Running({ flags: { workers: '1' } })
  const { host } = await other.origin()
  await using running = new Running({ flags: { listen: host, workers: '1' } })
  assert.equal(await running.exited, 1)
  assert.match(running.told('boot-failed')[0]?.error.message ?? '', new RegExp(host))
})
