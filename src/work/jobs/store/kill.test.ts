import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { serverFolder } from '../../../engines/embedded/server-folder.fixture.ts'
import { embeddedPostgres } from '../../../engines/index.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { seededRandom, uuidv7 } from '../../../kernel/index.ts'
import { postgresJobStore } from './postgres-store.ts'
import type { QueueOrder } from './queue-process.fixture.ts'
import { newJob, tierOf } from './store-under-test.fixture.ts'

const tier = 'ledger'

/** A stop of a process, on the clock of the machine. */
interface Pause {
  readonly pid: number
  readonly fromMs: number
  /** When it went on; never, for one that was killed. */
  readonly toMs: number
}

/** Processes of one kind: who dies is replaced. */
class Crew {
  readonly #order: QueueOrder
  readonly members: Set<ChildProcess> = new Set()
  readonly deaths: Pause[] = []
  #isOver = false

  constructor (order: QueueOrder, count: number) {
    this.#order = order
    for (let each = 0; each < count; each++) this.#hire(each)
  }

  #hire (number: number): void {
    const child = fork(new URL('queue-process.fixture.ts', import.meta.url), {
      execArgv: ['--conditions=plimsoll-source'],
    })
    child.send({ ...this.#order, seed: this.#order.seed + number } satisfies QueueOrder)
    this.members.add(child)
    child.once('exit', () => {
      this.members.delete(child)
      this.deaths.push({ pid: child.pid!, fromMs: Date.now(), toMs: Infinity })
      if (!this.#isOver) this.#hire(number + 1_000)
    })
  }

  async dismiss (): Promise<void> {
    this.#isOver = true
    for (const child of this.members) child.kill('SIGKILL')
    await waitUntil('all have gone', () => this.members.size === 0)
  }
}

interface Run {
  readonly job: string
  readonly pid: number
  readonly started_ms: string
  readonly ended_ms: string | null
  readonly kind: string
}

/** Runs of one job that were going on at the same time. */
function overlaps (runs: readonly Run[], pauses: readonly Pause[]): readonly string[] {
  const found: string[] = []
  for (let index = 1; index < runs.length; index++) {
    const [before, next] = [runs[index - 1]!, runs[index]!]
    if (before.job !== next.job) continue
    const startedMs = Number(next.started_ms)
    const endedMs = before.ended_ms === null ? Infinity : Number(before.ended_ms)
    if (endedMs <= startedMs) continue
    // Who was stopped, and is told that the lease is lost as soon as it goes on, has not run meanwhile. It takes as long
    // to write its end as the machine is busy.
    const wasStopped = pauses.some(({ pid, fromMs, toMs }) =>
      pid === before.pid && fromMs <= startedMs && Number(before.started_ms) <= toMs &&
      startedMs <= toMs + 300
    )
    if (!wasStopped)
      found.push(`${before.job} by ${before.pid} until ${endedMs}, by ${next.pid} from ${startedMs}`)
  }
  return found
}

test('kill -9, pauses longer than a lease, lost connections and restarts of the database: nothing lost, no effect twice, no run beside another', async (t) => {
  await using folder = await serverFolder()
  const options = { directory: folder.path, settings: { full_page_writes: 'off' } }
  const server = embeddedPostgres(options)
  const { url } = await server.connect()
  const pool = new pg.Pool({ connectionString: url, max: 4 })
  pool.on('error', () => {})
  let crews: Crew[] = []
  try {
    await pool.query(`
      CREATE TABLE wanted (job uuid, kind text);
      CREATE TABLE effect (job uuid);
      CREATE TABLE run (run uuid PRIMARY KEY, job uuid, pid int, started_ms bigint, ended_ms bigint, kind text)`)
    await using store = postgresJobStore({ pool })
    await store.prepare()
    const poison = newJob(tier, { attempts: 2, payload: '{"kind":"poison"}' })
    await store.enqueue(pool, [poison])
    const seed = Number(process.env['PLIMSOLL_SEED'] ?? 5)
    const random = seededRandom(seed)
    const producers = new Crew({ url, kind: 'producer', seed }, 1)
    const workers = new Crew({ url, kind: 'worker', seed: seed + 50 }, 2)
    crews = [producers, workers]
    const pauses: Pause[] = []
    const someone = (): ChildProcess | undefined => {
      const all = [...producers.members, ...workers.members, ...workers.members]
      return all[Math.floor(random() * all.length)]
    }
    await waitUntil('work is done', async () => (await pool.query('SELECT FROM effect')).rows.length > 20)
    for (const step of ['kill', 'pause', 'connections', 'crash', 'kill', 'kill']) {
      await wait(200 + random() * 300)
      if (step === 'kill') someone()?.kill('SIGKILL')
      else if (step === 'pause') {
        const victim = [...workers.members][0]
        const fromMs = Date.now()
        victim?.kill('SIGSTOP')
        await wait(2_000)
        victim?.kill('SIGCONT')
        if (victim?.pid !== undefined) pauses.push({ pid: victim.pid, fromMs, toMs: Date.now() })
      } else if (step === 'connections') {
        await pool.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`)
      } else {
        const postmaster = await folder.pid()
        assert.ok(postmaster !== undefined)
        // At once, with nothing written: what is not in the log of the server is lost.
        process.kill(postmaster, 'SIGQUIT')
        await waitUntil('the server is down', async () => await folder.pid() === undefined)
        await embeddedPostgres(options).connect()
      }
    }
    await producers.dismiss()
    let left = ''
    await waitUntil('the queue is empty', async () => {
      await store.upkeep()
      const { depth, running, later, held } = await tierOf(store, tier)
      left = JSON.stringify({ depth, running, later, held })
      return depth + running + later + held === 0
    }).catch((error: unknown) => assert.fail(`${String(error)}: ${left}`))
    const { rows: lost } = await pool.query(
      `SELECT job FROM wanted WHERE kind = 'effect' AND job NOT IN (SELECT job FROM effect)
       UNION SELECT job FROM wanted WHERE job NOT IN (SELECT job FROM run)`
    )
    const { rows: twice } = await pool.query('SELECT job FROM effect GROUP BY job HAVING count(*) > 1')
    const { rows: unwanted } = await pool.query(
      'SELECT job FROM effect WHERE job NOT IN (SELECT job FROM wanted)'
    )
    // Ends are written after the fact, and again until the database takes them.
    const living = [...workers.members].map(({ pid }) => pid)
    await waitUntil('the living have written how their runs ended', async () => {
      const { rows } = await pool.query(
        'SELECT FROM run WHERE ended_ms IS NULL AND pid = ANY($1::int[]) LIMIT 1',
        [living]
      )
      return rows.length === 0
    })
    const { rows: runs } = await pool.query<Run>('SELECT * FROM run ORDER BY job, started_ms')
    const { rows: [counts] } = await pool.query<{ jobs: number; runs: number }>(
      'SELECT (SELECT count(*) FROM wanted)::int AS jobs, (SELECT count(*) FROM run)::int AS runs'
    )
    t.diagnostic(
      `${counts!.jobs} jobs, ${counts!.runs} runs, ${workers.deaths.length} workers died; seed ${seed}`
    )
    const simultaneous = overlaps(runs, [...pauses, ...workers.deaths])
    assert.deepEqual({ lost, twice, unwanted, simultaneous }, {
      lost: [],
      twice: [],
      unwanted: [],
      simultaneous: [],
    })
    assert.equal(await store.receipt(uuidv7()), undefined)
    assert.equal((await tierOf(store, tier)).dead, 1, 'the job that kills its process has ended')
  } finally {
    await Promise.all(crews.map((crew) => crew.dismiss()))
    await pool.end()
    await server.close()
  }
})
