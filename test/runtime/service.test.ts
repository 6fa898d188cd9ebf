import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fetchText, Running } from './running.fixture.ts'

/** A plain Fastify plugin, served by the real worker. */
const module = `
export default async function service (app) {
  app.get('/count', async () => ({ count: await app.local.increment('count', 1), pid: process.pid }))
}
`

async function adminOf (running: Running): Promise<URL> {
  const { host, port } = await running.event('admin-listening')
  return new URL(`http://${host}:${port}`)
}

test('a service in several workers: shared state, merged metrics, health and status, over a reload', async () => {
  await using running = new Running({ module, service: true, flags: { admin: '127.0.0.1:0' } })
  const origin = await running.origin()
  const admin = await adminOf(running)
  await running.event('booted')
  const count = async (): Promise<number> =>
    JSON.parse(await fetchText(new URL('/count', origin))).count as number
  for (let expected = 1; expected <= 10; expected++) assert.equal(await count(), expected)
  running.signal('SIGHUP')
  await running.event('reload-done')
  await running.event('worker-drained', { count: 2 })
  assert.equal(await count(), 11)

  const metrics = await fetchText(new URL('/metrics', admin))
  // Of two workers that have gone and one that lives; the totals have not fallen.
  assert.match(metrics, /^http_server_request_duration_seconds_count\{.*http_route="\/count".*\} 11$/m)
  assert.match(metrics, /^plimsoll_workers\{state="ready"\} 2$/m)
  assert.match(metrics, /^plimsoll_reloads_total\{outcome="done"\} 1$/m)
  assert.equal(JSON.parse(await fetchText(new URL('/readyz', admin))).status, 'pass')
  assert.equal(JSON.parse(await fetchText(new URL('/status', admin))).generation, 2)
})

test('readiness fails for drain.delay while requests are still served', async () => {
  const flags = { admin: '127.0.0.1:0', workers: '1', 'drain-delay': '2s' }
  await using running = new Running({ module, service: true, flags })
  const origin = await running.origin()
  const admin = await adminOf(running)
  await running.event('booted')
  const startedAtMs = performance.now()
  running.signal('SIGTERM')
  await running.event('worker-draining')
  assert.equal(JSON.parse(await fetchText(new URL('/readyz', admin))).state, 'draining')
  assert.match(await fetchText(new URL('/count', origin)), /"count":1/)
  await running.event('worker-drained')
  assert.ok(performance.now() - startedAtMs > 1_900, 'it served for the delay')
  assert.equal(await running.exited, 0)
})

test('a module that is missing fails the boot with 1 and its path', async () => {
  await using running = new Running({
    module: `import './nowhere.mjs'`,
    service: true,
    flags: { workers: '1' },
  })
  assert.equal(await running.exited, 1)
  assert.match(running.told('boot-failed')[0]?.error.message ?? '', /nowhere\.mjs/)
})
