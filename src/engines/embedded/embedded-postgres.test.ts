import assert from 'node:assert/strict'
import { type ChildProcess, fork, type ForkOptions } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { testEngine } from '../engine.contract.ts'
import type { Engine } from '../engine.ts'
import { waitUntil } from '../wait-until.fixture.ts'
import { embeddedPostgres, type EmbeddedServer } from './embedded-postgres.ts'
import { processesIn } from './process-alive.ts'
import { type ServerFolder, serverFolder } from './server-folder.fixture.ts'
import { parseUsers } from './server-user.ts'

let shared: ServerFolder
before(async () => {
  shared = await serverFolder()
})
after(() => shared?.[Symbol.asyncDispose]())

const asRoot = process.getuid?.() === 0
const onlyAsRoot = {
  skip: asRoot ? false : 'NOT RUN: only root can test what root does; run the tests as root too',
}

testEngine({
  name: 'embedded',
  password: 'the password is generated',
  up: async () => embeddedPostgres({ directory: shared.path }),
  async down () {
    const engine = embeddedPostgres({ directory: shared.path })
    await engine.connect()
    await killServer()
    // Its children answer until they notice.
    await waitUntil('they are gone', async () => (await processesIn(join(shared.path, 'data'))).length === 0)
    return engine
  },
})

async function killServer (): Promise<void> {
  const pid = await shared.pid()
  assert.ok(pid !== undefined)
  process.kill(pid, 'SIGKILL')
}

async function query<Row extends pg.QueryResultRow> (url: string, text: string): Promise<readonly Row[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Row>(text)).rows
  } finally {
    await client.end()
  }
}

interface User extends AsyncDisposable {
  readonly process: ChildProcess
  readonly url: string
  /** Writes until `count` rows are committed; the writing goes on. */
  write(count: number): Promise<void>
  committed(): number
  close(): Promise<void>
  kill(): Promise<void>
}

interface Said {
  readonly url?: string
  readonly error?: string
  readonly committed?: number
}

/** A process of its own that opens the embedded server in `directory`. */
async function user (directory: string, options: ForkOptions = {}, idleMs = 60_000): Promise<User> {
  const child = fork(new URL('user.fixture.ts', import.meta.url), [directory, String(idleMs)], {
    execArgv: ['--conditions=plimsoll-source'],
    ...options,
  })
  let committed = 0
  child.on('message', (said: Said) => {
    committed = said.committed ?? committed
  })
  const [said] = await once(child, 'message') as [Said]
  if (said.url === undefined) throw new Error(said.error)
  async function end (tell: () => void): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    tell()
    await exited
  }
  const kill = (): Promise<void> => end(() => child.kill('SIGKILL'))
  return {
    process: child,
    url: said.url,
    async write (count) {
      child.send('write')
      await waitUntil(`${count} rows written`, () => committed >= count)
    },
    committed: () => committed,
    close: () => end(() => child.send('close')),
    kill,
    [Symbol.asyncDispose]: kill,
  }
}

test('the first start gives version 18 in UTF-8, says its steps, and clears what a kill left', async () => {
  await using folder = await serverFolder()
  const half = join(folder.path, 'data.new.999999999.abcd')
  await mkdir(half)
  const steps: string[] = []
  await using engine = embeddedPostgres({ directory: folder.path, onProgress: (step) => steps.push(step) })
  const { url } = await engine.connect()
  const rows = await query(
    url,
    `SELECT current_setting('server_version_num')::int / 10000 AS version,
    current_setting('server_encoding') AS encoding, current_setting('fsync') AS fsync, upper('é') AS upper`
  )
  assert.deepEqual(rows, [{ version: 18, encoding: 'UTF8', fsync: 'on', upper: 'É' }])
  assert.deepEqual(steps, ['creating the database files', 'starting the server'])
  await assert.rejects(stat(half), { code: 'ENOENT' })
})

test('its data are private, and a wrong password is refused over TCP and socket', async () => {
  await using engine = embeddedPostgres({ directory: shared.path })
  const url = new URL((await engine.connect()).url)
  assert.equal((await stat(join(shared.path, 'data'))).mode & 0o777, 0o700)
  assert.equal((await stat(join(shared.path, 'data', 'plimsoll.password'))).mode & 0o777, 0o600)
  assert.equal((await stat(url.searchParams.get('host') ?? '')).mode & 0o777, 0o700)
  url.password = 'guessed'
  await assert.rejects(query(url.href, 'SELECT 1'), { code: '28P01' })
  url.searchParams.delete('host')
  await assert.rejects(query(url.href, 'SELECT 1'), { code: '28P01' })
})

test('a second start finds data, password and port as they were', async () => {
  const first = embeddedPostgres({ directory: shared.path })
  const { url } = await first.connect()
  await query(url, 'CREATE TABLE kept AS SELECT 1 AS id')
  await first.close()
  assert.equal(await shared.pid(), undefined)
  await using second = embeddedPostgres({ directory: shared.path })
  assert.equal((await second.connect()).url, url)
  assert.deepEqual(await query(url, 'SELECT id FROM kept'), [{ id: 1 }])
})

test('a port that somebody else has taken is changed', async () => {
  const first = embeddedPostgres({ directory: shared.path })
  const before = new URL((await first.connect()).url).port
  await first.close()
  const squatter = createServer().listen(Number(before), '127.0.0.1')
  await once(squatter, 'listening')
  try {
    await using second = embeddedPostgres({ directory: shared.path })
    const { url } = await second.connect()
    assert.notEqual(new URL(url).port, before)
    assert.deepEqual(await query(url, 'SELECT 1 AS one'), [{ one: 1 }])
  } finally {
    squatter.close()
  }
})

test('two directories are two servers', async () => {
  await using other = await serverFolder()
  await using first = embeddedPostgres({ directory: shared.path })
  await using second = embeddedPostgres({ directory: other.path })
  const [{ url }, { url: otherUrl }] = await Promise.all([first.connect(), second.connect()])
  await query(url, 'CREATE TABLE here ()')
  assert.deepEqual(await query(otherUrl, `SELECT to_regclass('here') AS found`), [{ found: null }])
})

test('processes that start at once share a server, and the last to leave stops it', async () => {
  await using folder = await serverFolder()
  const users = await Promise.all([1, 2, 3].map(() => user(folder.path)))
  assert.equal(new Set(users.map(({ url }) => url)).size, 1)
  for (const leaving of users) {
    assert.notEqual(await folder.pid(), undefined)
    await leaving.close()
  }
  assert.equal(await folder.pid(), undefined)
})

test('a killed process leaves a server that the next one uses, with every committed row', async () => {
  const first = await user(shared.path)
  await first.write(await lastWritten() + 200)
  const pid = await shared.pid()
  await first.kill()
  await using second = embeddedPostgres({ directory: shared.path })
  const { url } = await second.connect()
  assert.equal(await shared.pid(), pid)
  assert.deepEqual(await missing(url, first.committed()), [])
})

test('a server killed in the middle of writes starts again, with every committed row', async () => {
  await using first = await user(shared.path)
  await first.write(await lastWritten() + 200)
  const pid = await shared.pid()
  await killServer()
  const said: string[] = []
  await using second = embeddedPostgres({ directory: shared.path, log: (message) => said.push(message) })
  const { url } = await second.connect()
  assert.notEqual(await shared.pid(), pid)
  assert.deepEqual(await missing(url, first.committed()), [])
  assert.match(said.join(), /the server was killed the last time; it recovers what was committed/)
})

test('process and server killed together, three times over, lose no committed row', async () => {
  let committed = await lastWritten()
  for (let round = 0; round < 3; round++) {
    const writer = await user(shared.path)
    await writer.write(committed + 100)
    await killServer()
    await writer.kill()
    committed = writer.committed()
  }
  await using engine = embeddedPostgres({ directory: shared.path })
  assert.deepEqual(await missing((await engine.connect()).url, committed), [])
})

/** The number of rows that earlier tests have written. */
async function lastWritten (): Promise<number> {
  await using engine = embeddedPostgres({ directory: shared.path })
  const { url } = await engine.connect()
  await query(url, 'CREATE TABLE IF NOT EXISTS written (id bigint PRIMARY KEY)')
  const [row] = await query<{ last: number }>(url, 'SELECT coalesce(max(id), 0)::int AS last FROM written')
  return row?.last ?? 0
}

/** Which of the rows 1 to `committed` are not there. */
function missing (url: string, committed: number): Promise<readonly unknown[]> {
  assert.ok(committed > 0)
  return query(
    url,
    `SELECT id FROM generate_series(1, ${committed}) AS id WHERE id NOT IN (SELECT id FROM written)`
  )
}

test('a server whose users were all killed stops itself, and not while somebody is connected', async () => {
  const first = await user(shared.path, {}, 120)
  const other = new pg.Client({ connectionString: first.url })
  await other.connect()
  await first.kill()
  await other.query('SELECT pg_sleep(0.4)')
  assert.notEqual(await shared.pid(), undefined)
  await other.end()
  await waitUntil('it stopped', async () => await shared.pid() === undefined)
})

test('the same engine starts the server again after it was killed', async () => {
  await using engine: Engine<EmbeddedServer> = embeddedPostgres({ directory: shared.path })
  const { url } = await engine.connect()
  await killServer()
  await waitUntil(
    'it is noticed',
    () => engine.check(AbortSignal.timeout(1_000)).then(() => false, () => true)
  )
  assert.equal((await engine.connect()).url, url)
  await engine.check(AbortSignal.timeout(5_000))
})

test('a server that hangs is killed and started again', async () => {
  const first = await user(shared.path)
  const pid = await shared.pid() ?? 0
  process.kill(pid, 'SIGSTOP')
  await first.kill()
  const said: string[] = []
  await using engine = embeddedPostgres({
    directory: shared.path,
    log: (message) => said.push(message),
    patienceMs: 300,
  })
  await engine.connect()
  assert.notEqual(await shared.pid(), pid)
  assert.match(said.join(), /runs but does not answer/)
})

test('a stale pid file is no obstacle, even when its id is that of a living process: ours', async () => {
  const first = embeddedPostgres({ directory: shared.path })
  await first.connect()
  const data = join(shared.path, 'data')
  const file = await readFile(join(data, 'postmaster.pid'), 'utf8')
  await first.close()
  await writeFile(join(data, 'postmaster.pid'), file.replace(/^\d+/, String(process.pid)))
  await using second = embeddedPostgres({ directory: shared.path })
  await second.connect()
})

test('a pid file that a killed server left empty is no obstacle, and a fresh one is waited for', async () => {
  await using folder = await serverFolder()
  await using engine = embeddedPostgres({ directory: folder.path })
  await engine.connect()
  await engine.close()
  const file = join(folder.path, 'data', 'postmaster.pid')
  const { uid, gid } = await stat(join(folder.path, 'data'))
  await writeFile(file, '')
  await chown(file, uid, gid)
  const steps: string[] = []
  await using next = embeddedPostgres({ directory: folder.path, onProgress: (step) => void steps.push(step) })
  const entering = next.connect()
  // Fresh, it may be that of a server that starts at this moment: it is tried again, not removed.
  await waitUntil('it is tried again', async () => steps.length >= 2)
  assert.equal((await stat(file)).size, 0)
  await utimes(file, 0, 0)
  assert.deepEqual(await query((await entering).url, 'SELECT 1 AS one'), [{ one: 1 }])
})

test('data of another version and a directory that cannot be made say what to do', async () => {
  await using folder = await serverFolder()
  await mkdir(join(folder.path, 'data'))
  await writeFile(join(folder.path, 'data', 'PG_VERSION'), '17\n')
  await using old = embeddedPostgres({ directory: folder.path })
  await assert.rejects(old.connect(), {
    code: 'EMBEDDED_UNAVAILABLE',
    message: /written by PostgreSQL 17.*move it away/,
  })
  await using nowhere = embeddedPostgres({ directory: join(folder.path, 'data', 'PG_VERSION', 'x') })
  await assert.rejects(nowhere.connect(), {
    code: 'EMBEDDED_UNAVAILABLE',
    message: /cannot be made \(ENOTDIR\)/,
  })
})

test('a server that cannot start says why, in the words of its log', async () => {
  await using engine = embeddedPostgres({ directory: shared.path, settings: { shared_buffers: 'lots' } })
  await assert.rejects(engine.connect(), {
    code: 'EMBEDDED_UNAVAILABLE',
    message: /server\.log says: .*invalid value for parameter "shared_buffers": "lots"/s,
  })
})

test('a user who is not root runs its own server, in its own name', onlyAsRoot, async () => {
  const nobody = parseUsers(await readFile('/etc/passwd', 'utf8')).get('nobody')
  assert.ok(nobody !== undefined)
  await using folder = await serverFolder()
  await chown(folder.path, nobody.uid, nobody.gid)
  await using process = await user(folder.path, nobody)
  await process.write(1)
  assert.equal((await stat(join(folder.path, 'data'))).uid, nobody.uid)
  await process.close()
  assert.equal(await folder.pid(), undefined)
})
