import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { testDatabase } from '../../src/engines/embedded/embedded.fixture.ts'
import { testProxy } from '../../src/engines/proxy.fixture.ts'
import { runCommand, type Running, startCommand, workspace } from './command.fixture.ts'

const plugin = `export default async function (app) { app.get('/', async () => ({ says: 'hello' })) }`
const anyPort = ['--listen', '127.0.0.1:0', '--admin', 'off', '--workers', '1']
const face = fileURLToPath(new URL('../../src/index.ts', import.meta.url))
const jobsFace = fileURLToPath(new URL('../../src/work/jobs/index.ts', import.meta.url))

async function addressOf (running: Running): Promise<string> {
  const [, address] = await running.says(/^listening (\S+)$/m)
  return `http://${address}`
}

test('serve says where it listens, answers there, and ends with 0 when asked to stop', async () => {
  await using place = await workspace({ 'app.mjs': plugin })
  await using running = startCommand(['serve', 'app.mjs', ...anyPort.with(3, '127.0.0.1:0')], place)
  const [, admin] = await running.says(/^admin (\S+)/m)
  const response = await fetch(await addressOf(running))
  assert.deepEqual(await response.json(), { says: 'hello' })
  await running.says(/^1 worker ready/m)
  assert.equal((await fetch(`http://${admin}/readyz`)).status, 200)
  running.process.kill('SIGTERM')
  const { exitCode, stderr } = await running.finished
  assert.equal(exitCode, 0)
  assert.match(stderr, /stopping \(SIGTERM\)/)
})

test('serve --json tells events as JSON lines on standard output, and nothing on standard error', async () => {
  await using place = await workspace({ 'app.mjs': plugin })
  await using running = startCommand(['serve', 'app.mjs', '--json', ...anyPort], place)
  await running.says(/"event":"booted"/)
  running.process.kill('SIGINT')
  const { exitCode, stdout, stderr } = await running.finished
  assert.deepEqual([exitCode, stderr], [0, ''])
  const lines = stdout.trimEnd().split('\n')
  const events = new Set(lines.map((line) => (JSON.parse(line) as { event?: string }).event))
  for (const event of ['started', 'worker-ready', 'listening', 'booted', 'stopping', 'stopped']) {
    assert.ok(events.has(event), event)
  }
})

test('serve listens on a UNIX socket and an address at once', async () => {
  await using place = await workspace({ 'app.mjs': plugin })
  await using running = startCommand(['serve', 'app.mjs', '--listen', 'unix:app.sock', ...anyPort], place)
  const address = await addressOf(running)
  await running.says(/^1 worker ready/m)
  assert.match(running.written().stderr, /^listening unix:app\.sock$/m)
  const tcp = running.written().stderr.match(/^listening (127\S+)$/m)?.[1]
  assert.equal((await fetch(`http://${tcp ?? address}`)).status, 200)
  const asked = request({ socketPath: join(place.directory, 'app.sock') }).end()
  const [response] = await once(asked, 'response') as [{ statusCode: number; resume: () => void }]
  assert.equal(response.statusCode, 200)
  response.resume()
})

test('SIGHUP reloads the config file; a wrong one is told, and the old settings serve on', async () => {
  await using place = await workspace({
    'app.mjs': plugin,
    'plimsoll.config.mjs': 'export default { workers: 1 }',
  })
  await using running = startCommand(['serve', 'app.mjs', ...anyPort.slice(0, 4)], place)
  const address = await addressOf(running)
  await running.says(/^1 worker ready/m)
  await place.write('plimsoll.config.mjs', 'export default { workres: 2 }')
  running.process.kill('SIGHUP')
  await running.says(
    /^reload failed, generation \d+ serves on: workres is not a setting; did you mean workers\?/m
  )
  assert.equal((await fetch(address)).status, 200)
  await place.write('plimsoll.config.mjs', 'export default { workers: 2 }')
  running.process.kill('SIGHUP')
  await running.says(/^reloaded: generation \d+ serves/m)
  assert.equal((await fetch(address)).status, 200)
})

const withDatabase = `import { defineService } from '${face}'
import { defineJob } from '${jobsFace}'
import { Type } from '${import.meta.resolve('typebox')}'
const migrations = new URL('./migrations/', import.meta.url)
const rest = defineJob('rest', { input: Type.Object({}), async run () {} })
export default defineService({
  name: 'shop', database: { schema: 'shop', migrations }, jobs: [rest],
  routes (app) { app.get('/', async () => (await app.data.query('select 7 as lucky')).rows[0]) },
})`
const migration = { 'migrations/0001_start.sql': 'select 1' }

for (const role of ['all', 'work'] as const) {
  test(`a database that is not up yet is waited for, in role ${role}: not ready, then ready`, async () => {
    await using database = await testDatabase()
    const url = new URL(database.url)
    await using proxy = await testProxy(Number(url.port))
    url.search = '' // the path of its socket
    url.port = String(proxy.port)
    await proxy.shut()
    await using place = await workspace({ 'app.mjs': withDatabase, ...migration })
    const args = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--workers', '1']
    const env = { DATABASE_URL: url.href, PLIMSOLL_ROLE: role }
    await using running = startCommand(['serve', 'app.mjs', ...args], { ...place, env })
    const [, admin] = await running.says(/^admin (\S+)/m)
    await running.says(/is unavailable: nothing listens there; .*waiting for it/)
    assert.equal((await fetch(`http://${admin}/readyz`)).status, 503)
    await proxy.open()
    await running.says(/^1 worker ready/m)
    assert.equal((await fetch(`http://${admin}/readyz`)).status, 200)
    if (role === 'all')
      assert.deepEqual(await (await fetch(await addressOf(running))).json(), { lucky: 7 })
  })
}

test('who waits for a database ends at once when asked to stop', async () => {
  await using place = await workspace({ 'app.mjs': withDatabase, ...migration })
  const env = { DATABASE_URL: 'postgres://shop:s3cret@127.0.0.1:1/shop' }
  await using running = startCommand(['serve', 'app.mjs', ...anyPort], { ...place, env })
  await running.says(/waiting for it/)
  running.process.kill('SIGTERM')
  const { stdout, stderr } = await running.finished
  assert.doesNotMatch(stdout + stderr, /s3cret/)
})

test('a database that is not there: one clear message, and 1', async () => {
  await using database = await testDatabase()
  const url = new URL(database.url)
  url.pathname = '/nowhere'
  await using place = await workspace({ 'app.mjs': withDatabase, ...migration })
  const env = { DATABASE_URL: url.href }
  const { exitCode, stderr } = await runCommand(['serve', 'app.mjs', ...anyPort], { ...place, env })
  assert.equal(exitCode, 1)
  assert.match(stderr, /postgres at .*\/nowhere is unavailable: the database does not exist/)
})

const failures: [claim: string, module: string, args: string[], message: RegExp][] = [
  [
    'a module that throws while loading',
    `const port = 1\nthrow new Error('no luck')`,
    [],
    /app\.mjs threw while loading: no luck \(at .*app\.mjs:2:7\)/,
  ],
  ['a module that imports what is not there', `import './gone.mjs'`, [], /threw while loading: .*gone\.mjs/],
  ['a module without a service', 'export const a = 1', [], /app\.mjs must export a service as its default/],
  [
    'a schema that cannot compile',
    `export default async (app) => app.get('/', { schema: { querystring: { type: 'strnig' } } }, async () => 1)`,
    [],
    /the service "app" failed to start: Failed building the validation schema for GET: \//,
  ],
  [
    'a database that was not given',
    `import { defineService } from '${face}'
     const migrations = new URL('./', import.meta.url)
     export default defineService({ name: 'shop', database: { schema: 'shop', migrations }, routes () {} })`,
    [],
    /database\.url must be the URL of a PostgreSQL/,
  ],
]
for (const [claim, module, args, message] of failures) {
  test(`${claim}: one clear message, and 1`, async () => {
    await using place = await workspace({ 'app.mjs': module })
    const { exitCode, stderr } = await runCommand(['serve', 'app.mjs', ...anyPort, ...args], place)
    assert.equal(exitCode, 1)
    assert.match(stderr, message)
    assert.equal(stderr.match(new RegExp(message, 'g'))?.length, 1, `said once:\n${stderr}`)
    assert.doesNotMatch(stderr, /s3cret|\n {4}at /)
  })
}

for (const flag of ['--listen', '--admin'] as const) {
  test(`a port in use (${flag}): one clear message, and 1`, async () => {
    await using place = await workspace({ 'app.mjs': plugin })
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const address = `127.0.0.1:${(taken.address() as AddressInfo).port}`
    try {
      const args = flag === '--listen' ? [...anyPort.slice(2), flag, address] : [...anyPort, flag, address]
      const { exitCode, stderr } = await runCommand(['serve', 'app.mjs', ...args], place)
      assert.equal(exitCode, 1)
      assert.match(stderr, new RegExp(`${address.replaceAll('.', '\\.')}[^]*(in use|uses this port)`))
      assert.doesNotMatch(stderr, /\n {4}at /)
    } finally {
      taken.close()
    }
  })
}
