import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Running, startCommand, workspace } from './command.fixture.ts'

const face = fileURLToPath(new URL('../../src/index.ts', import.meta.url))
const counter = (step: number): string =>
  `import { defineService } from '${face}'
export default defineService({
  name: 'counter',
  database: {
    schema: 'counter',
    migrations: new URL('./migrations/', import.meta.url),
    seed: new URL('./seed.sql', import.meta.url),
  },
  routes (app) {
    app.post('/', async () => (await app.data.query('update counter set n = n + ${step} returning n')).rows[0])
  },
})`
const files = {
  'service.ts': counter(1),
  'migrations/0001_counter.sql': 'create table counter (n int);',
  'seed.sql': 'insert into counter values (40);',
}
const anyPort = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']

async function placesOf (running: Running): Promise<Map<string, string>> {
  await running.says(/Ctrl-C stops it/)
  const rows = running.written().stderr.matchAll(
    /^ {2}(API page|API|OpenAPI|metrics|health|SQL|data) +(\S.*)$/gm
  )
  return new Map([...rows].map(([, name = '', place = '']) => [name, place]))
}

async function bump (api: string): Promise<unknown> {
  return (await fetch(api, { method: 'POST' })).json()
}

test('dev brings a database, seeds it, says where things are, reloads on change, and keeps the data', async () => {
  await using place = await workspace(files)
  {
    await using running = startCommand(['dev', ...anyPort], place)
    const places = await placesOf(running)
    const { stderr } = running.written()
    assert.match(stderr, /creating the database files[^]*0001_counter\.sql[^]*seed\.sql/)
    const api = places.get('API') ?? ''
    assert.deepEqual(await bump(api), { n: 41 })
    assert.equal((await fetch(places.get('API page') ?? '')).status, 200)
    assert.equal((await fetch(places.get('OpenAPI') ?? '')).status, 200)
    assert.match(await (await fetch(places.get('metrics') ?? '')).text(), /^# TYPE /m)
    assert.equal((await fetch(places.get('health') ?? '')).status, 200)
    assert.match(places.get('SQL') ?? '', /^psql 'postgres/)
    assert.equal(places.get('data'), '.plimsoll/postgres')

    await place.write('service.ts', counter(10))
    await running.says(/^reloaded: generation 2/m)
    // Until then the old worker may still take a connection.
    await running.says(/^worker 1 \(pid \d+\) drained/m)
    assert.deepEqual(await bump(api), { n: 51 })
    running.process.kill('SIGINT')
    assert.equal((await running.finished).exitCode, 0)
  }
  await using again = startCommand(['dev', ...anyPort], place)
  assert.deepEqual(await bump((await placesOf(again)).get('API') ?? ''), { n: 61 })
})

test('dev starts no database for a service that declares none', async () => {
  await using place = await workspace({
    'app.ts': `export default async function (app: { get: Function }) { app.get('/', async () => 'hi') }`,
  })
  await using running = startCommand(['dev', ...anyPort], place)
  const places = await placesOf(running)
  assert.deepEqual([places.has('SQL'), places.has('data')], [false, false])
  assert.equal(await (await fetch(places.get('API') ?? '')).text(), 'hi')
})

test('Ctrl-C during the first start of the database ends with 130, and leaves no server behind', async () => {
  await using place = await workspace(files)
  await using running = startCommand(['dev', ...anyPort], place)
  await running.says(/creating the database files/)
  running.process.kill('SIGINT')
  assert.equal((await running.finished).exitCode, 130)
  // A running server holds this file.
  const left = await readdir(join(place.directory, '.plimsoll'), { recursive: true })
  assert.deepEqual(left.filter((name) => name.endsWith('postmaster.pid')), [])
  await using again = startCommand(['dev', ...anyPort], place)
  assert.deepEqual(await bump((await placesOf(again)).get('API') ?? ''), { n: 41 })
})

test('dev with a database of yours that is not up says so, waits for it, and makes none of its own', async () => {
  await using place = await workspace(files)
  const flags = ['--database-url', 'postgres://me@127.0.0.1:1/none']
  await using running = startCommand(['dev', ...anyPort, ...flags], place)
  await running.says(/postgres at 127\.0\.0\.1:1\/none is unavailable.*waiting for it/)
  running.process.kill('SIGINT')
  const { stdout, stderr } = await running.finished
  assert.doesNotMatch(stdout + stderr, /creating the database files/)
})
