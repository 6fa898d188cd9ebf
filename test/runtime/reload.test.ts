import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { fetchText, plainModule, Running } from './running.fixture.ts'

/** Asks again and again until told to stop; rejects with the first request that fails. */
function client (origin: URL, agent?: Agent): { readonly stop: () => Promise<number> } {
  const asking = new AbortController()
  const done = (async () => {
    let answered = 0
    while (!asking.signal.aborted) {
      await fetchText(origin, agent)
      answered++
    }
    return answered
  })()
  // Looked at in stop; until then it must not count as unhandled.
  done.catch(() => {})
  return {
    stop () {
      asking.abort()
      return done
    },
  }
}

for (const acceptMode of ['shared', 'round-robin'] as const) {
  test(`reloads under load lose no request, on new and on kept connections (${acceptMode})`, async () => {
    await using running = new Running({ flags: { 'accept-mode': acceptMode } })
    const origin = await running.origin()
    await running.event('booted')
    const agent = new Agent({ keepAlive: true })
    const clients = [client(origin), client(origin), client(origin, agent), client(origin, agent)]
    const slow = client(new URL('/slow', origin))
    for (let reload = 1; reload <= 4; reload++) {
      running.signal('SIGHUP')
      await running.event('reload-done', { count: reload })
    }
    const answered = await Promise.all([...clients, slow].map((each) => each.stop()))
    agent.destroy()
    assert.ok(answered.every((count) => count > 0), `answered: ${answered}`)
    await running.event('worker-drained', { count: 8 })
    assert.equal(JSON.parse(await fetchText(origin)).generation, 5)
    assert.deepEqual(running.told('worker-lost'), [])
  })
}

test('a generation that throws while loading is rolled back, and the old one serves on', async () => {
  await using running = new Running()
  const origin = await running.origin()
  await running.event('booted')
  const before = running.told('worker-ready').map(({ pid }) => pid)
  running.writeModule('throw new TypeError("broken on purpose")')
  running.signal('SIGHUP')
  const { error, kept } = await running.event('reload-rolled-back')
  assert.equal(kept, 1)
  assert.match(error.message, /broken on purpose/)
  assert.match(error.stack ?? '', /service\.mjs/)
  assert.ok(before.includes(JSON.parse(await fetchText(origin)).pid))
  assert.deepEqual(running.told('worker-draining'), [])

  running.writeModule(plainModule)
  running.signal('SIGHUP')
  await running.event('worker-drained', { count: 2 })
  assert.equal(JSON.parse(await fetchText(origin)).generation, 3)
})

test('a generation that makes no progress is rolled back after boot.timeout', async () => {
  await using running = new Running({ flags: { workers: '1' } })
  await running.event('booted')
  // Shorter only from here on: the first boot takes as long as a busy machine makes it.
  running.writeFlags({ workers: '1', 'boot-timeout': '2s' })
  running.writeModule(
    'export default async () => { setInterval(() => {}, 1000); await new Promise(() => {}) }'
  )
  running.signal('SIGHUP')
  const { error } = await running.event('reload-rolled-back')
  assert.equal(error.code, 'BOOT_TIMEOUT')
})

test('settings that are wrong roll back before anything starts', async () => {
  await using running = new Running({ flags: { workers: '1' } })
  await running.event('booted')
  running.writeFlags({ workers: '1', 'drain-grace': 'soon' })
  running.signal('SIGHUP')
  const { error } = await running.event('reload-rolled-back')
  assert.match(error.message, /drain\.grace/)
  assert.equal(running.told('worker-started').length, 1)
})

test('reloads asked for during a reload become one more', async () => {
  await using running = new Running({ flags: { workers: '1' } })
  await running.event('booted')
  // The first reload cannot end before it is let.
  const gate = join(running.directory, 'gate')
  running.writeModule(`
    import { existsSync } from 'node:fs'
    while (!existsSync(${JSON.stringify(gate)})) await new Promise((resolve) => setTimeout(resolve, 10))
    ${plainModule}
  `)
  running.signal('SIGHUP')
  await running.event('worker-started', { where: ({ generation }) => generation === 2 })
  running.signal('SIGHUP')
  running.signal('SIGHUP')
  running.signal('SIGHUP')
  writeFileSync(gate, '')
  await running.event('reload-done', { count: 2 })
  running.signal('SIGTERM')
  await running.exited
  assert.equal(running.told('reload-started').length, 2)
})

test('a reload takes new settings: another address and another size, and the old address is closed', async () => {
  await using running = new Running({ flags: { workers: '1' } })
  const old = await running.origin()
  await running.event('booted')
  running.writeFlags({ workers: '2', listen: '127.0.0.2:0' })
  running.signal('SIGHUP')
  const { addresses } = await running.event('listening', { count: 2 })
  await running.event('reload-done')
  assert.match(addresses[0] ?? '', /^127\.0\.0\.2:/)
  assert.match(await fetchText(new URL(`http://${addresses[0]}`)), /"generation":2/)
  await running.event('worker-drained')
  await assert.rejects(fetchText(old), { code: 'ECONNREFUSED' })
})

test('a change of the module reloads, and what is hidden or installed does not', async () => {
  await using running = new Running({ flags: { workers: '1' }, watch: true })
  const origin = await running.origin()
  await running.event('booted')
  running.writeModule(plainModule.replace("'slow'", "'new'"))
  assert.match((await running.event('reload-started')).cause, /service\.mjs/)
  await running.event('worker-drained')
  assert.equal(await fetchText(new URL('/slow', origin)), 'new')
})
