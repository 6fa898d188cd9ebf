import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { governPool, transaction } from '../../data/index.ts'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { loadService } from '../../serve/service/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { type Jobs, openJobs } from '../../work/jobs/index.ts'
import { type DefinedSaga, openSagas, type Sagas } from '../../work/saga/index.ts'
import { parseArguments } from '../arguments.ts'
import { reportFailure } from '../failure.ts'
import { saga as command } from './saga.ts'

const face = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
/** Books, unless it is told to fail; then waits; what it booked cannot be given back until a row says so. */
const service = `import { Type } from '${import.meta.resolve('typebox')}'
import { defineService } from '${face('../../index.ts')}'
import { defineSaga, onSignal } from '${face('../../work/saga/index.ts')}'
export const trip = defineSaga('trip', {
  version: 1,
  data: Type.Object({ id: Type.String(), by: Type.Optional(Type.String()), seat: Type.Optional(Type.Integer()) }),
  deadline: '1h',
  key: ({ id }) => id,
  steps: [
    {
      name: 'book',
      local: () => ({ seat: 7 }),
      compensate: {
        retry: { attempts: 1 },
        runbook: 'Call the ferry.',
        async local (_, { tx }) {
          const { rowCount } = await tx.query('select from open')
          if (rowCount === 0) throw new Error('the office is closed')
        },
      },
    },
    { name: 'approve', wait: { timeout: '1h', on: [onSignal('approved', Type.Object({ by: Type.String() }), { take: ({ by }) => ({ by }) })] } },
  ],
})
export default defineService({
  name: 'ferry',
  database: { schema: 'ferry', migrations: new URL('./migrations/', import.meta.url) },
  sagas: [trip],
  routes () {},
})`

let database: TestDatabase
let pool: pg.Pool
let sagas: Sagas
let jobs: Jobs
let trip: DefinedSaga<{ id: string }>
let directory: string

before(async () => {
  database = await testDatabase()
  directory = await mkdtemp(join(tmpdir(), 'plimsoll-saga-'))
  await mkdir(join(directory, 'migrations'))
  await writeFile(join(directory, 'service.mjs'), service)
  const { sagas: [declared] = [] } = await loadService(new URL(`file://${join(directory, 'service.mjs')}`))
  trip = declared as unknown as DefinedSaga<{ id: string }>
  const own = new pg.Pool({ connectionString: database.url, max: 4, options: '-c search_path=ferry' })
  const registry = new MetricsRegistry()
  pool = governPool(own, { registry })
  sagas = await openSagas({ pool, sagas: [trip], schema: 'ferry', registry })
  jobs = await openJobs({ pool, jobs: sagas.jobs, schema: 'ferry', registry })
  await pool.query('CREATE TABLE ferry.open ()')
  await jobs.worker().start()
  await sagas.keeper().start()
})
after(async () => {
  await sagas?.close()
  await jobs?.close()
  await pool?.end()
  await database?.close()
  await rm(directory, { recursive: true, force: true })
})

interface Finished {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** The command in this process: to start one for each takes longer than what it does. */
async function saga (...args: readonly string[]): Promise<Finished> {
  const texts = { stdout: '', stderr: '' }
  const output = (name: keyof typeof texts) => ({ write: (text: string) => void (texts[name] += text) })
  const surroundings = {
    stdout: output('stdout'),
    stderr: output('stderr'),
    env: {},
    directory,
    version: '0.0.0',
    watchInterrupts: () => ({ signal: new AbortController().signal, [Symbol.dispose] () {} }),
  }
  const flags = ['--module', 'service.mjs', '--database-url', database.url, '--actor', 'mate']
  const isAsked = args[0] === 'list' || args[0] === 'show'
  const given = parseArguments(command, [...args, ...(isAsked ? flags.slice(0, 4) : flags)])
  const exitCode = await command.run(given, surroundings).catch((error: unknown) =>
    reportFailure(error, surroundings.stderr, { json: false, verbose: false })
  )
  return { exitCode, ...texts }
}

async function sail (id: string): Promise<string> {
  const { id: saga } = await transaction(pool, (tx) => sagas.start(tx, trip, { id }))
  await until(saga, 'running', 'wait')
  return saga
}

async function until (id: string, status: string, action?: string): Promise<void> {
  await waitUntil(`${id} is ${status}`, async () => {
    const { state } = await sagas.get(id)
    return state.status === status && (action === undefined || state.action === action)
  })
}

test('a saga is shown from start to end, by its key, with what it waits for', async () => {
  const id = await sail('show-me')
  const shown = await saga('show', 'show-me')
  assert.equal(shown.exitCode, 0, shown.stderr)
  assert.match(shown.stdout, new RegExp(`^trip v1 ${id}$`, 'm'))
  assert.match(shown.stdout, /^ {2}step +approve \(waiting\)$/m)
  assert.match(shown.stdout, /^ {2}to undo +book \(done\)$/m)
  assert.match(shown.stdout, /"seat": 7/)
  assert.match(shown.stdout, /\+0ms +started/)
  const { trail } = JSON.parse((await saga('show', id, '--json')).stdout) as {
    trail: { kind: string; step?: string }[]
  }
  assert.deepEqual(trail.map(({ kind, step = '' }) => `${kind} ${step}`), [
    'started ',
    'done book',
    'waiting approve',
  ])
})

test('a signal is sent by hand, and the trail says by whom', async () => {
  const id = await sail('sign-me')
  assert.equal((await saga('signal', 'sign-me', 'approved', '--payload', '{"by":7}')).exitCode, 1)
  const sent = await saga('signal', 'sign-me', 'approved', '--payload', '{"by":"captain"}')
  assert.equal(sent.exitCode, 0, sent.stderr)
  assert.match(sent.stdout, /signalled: completed/)
  const shown = (await saga('show', id)).stdout
  assert.match(shown, /signal +approve +by mate/)
  assert.doesNotMatch(shown, /to undo/, 'it is completed')
})

test('what is cancelled and cannot be undone is parked with its runbook, resumed in vain, then skipped', async () => {
  const id = await sail('stuck')
  assert.equal((await saga('cancel', 'stuck', '--reason', 'storm')).exitCode, 0)
  await until(id, 'parked')
  assert.match(
    (await saga('list', '--status', 'parked')).stdout,
    /stuck +parked +book .*the office is closed/
  )
  const { stdout } = await saga('show', id)
  assert.match(stdout, /What to do\n {2}Call the ferry\.\n {2}Remove what keeps the compensation of book/)
  assert.match(stdout, /cancel asked +approve +reason storm +by mate/)
  // It is parked again by the worker beside it, which may be quicker than this command's look.
  assert.match((await saga('resume', id)).stdout, /goes on: (compensating|parked)/)
  await until(id, 'parked')
  assert.match((await saga('show', id)).stdout, /resumed +book +by mate/)
  assert.match((await saga('skip', id)).stdout, /goes on: compensated/)
})

test('all that are parked at a step are resumed by one command', async () => {
  const ids = [await sail('a1'), await sail('a2')]
  await saga('cancel', ...ids)
  for (const id of ids) await until(id, 'parked')
  await pool.query('INSERT INTO ferry.open DEFAULT VALUES')
  assert.match(
    (await saga('resume', '--all', '--name', 'trip', '--step', 'approve')).stdout,
    /None is parked/
  )
  assert.equal((await saga('resume', '--all', '--name', 'trip', '--step', 'book')).exitCode, 0)
  for (const id of ids) await until(id, 'compensated')
  const again = await saga('resume', ...ids)
  assert.equal(again.exitCode, 1)
  assert.match(again.stdout, /cannot be resumed: it is compensated, not parked/)
})

test('what a command line lacks or contradicts is said', async () => {
  const lines: readonly (readonly [RegExp, ...string[]])[] = [
    [/say what to do: list, show/],
    [/there is no action "sail"/, 'sail'],
    [/--payload says nothing to plimsoll saga resume/, 'resume', 'x', '--payload', '{}'],
    [/say which sagas/, 'resume'],
    [/name none with it/, 'resume', '--all', 'x'],
    [/--status must be of running/, 'list', '--status', 'gone'],
    [/--data must be a JSON object/, 'skip', 'x', '--data', '[1]'],
    [/--payload \{ is not JSON/, 'signal', 'x', 'y', '--payload', '{'],
    [/there is no saga nobody/, 'show', 'nobody'],
  ]
  for (const [expected, ...args] of lines) {
    const { exitCode, stderr } = await saga(...args)
    assert.notEqual(exitCode, 0, args.join(' '))
    assert.match(stderr, expected)
  }
})
