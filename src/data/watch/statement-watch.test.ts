import DataLoader from 'dataloader'
import { eq } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { Kysely, PostgresDialect } from 'kysely'
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import {
  type Context,
  Deadline,
  newTrace,
  runWithContext,
  systemRandom,
  withDeadline,
} from '../../kernel/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { openPool } from '../pool/index.ts'
import { expectNoNPlusOne, expectQueryCount } from './expectations.ts'
import type { Finding } from './finding.ts'
import { recordStatements } from './recording.ts'
import { statementWatch, type WatchOptions } from './statement-watch.ts'

let database: TestDatabase
before(async () => {
  database = await testDatabase()
  await using pool = watched({}).pool
  await pool.query('create table product (id int primary key, name text)')
  await pool.query("insert into product select n, 'p' || n from generate_series(1, 50) n")
})
after(() => database.close())

interface Watched {
  readonly pool: pg.Pool & AsyncDisposable
  readonly findings: Finding[]
  readonly registry: MetricsRegistry
  readonly lines: string[]
}

function watched (options: WatchOptions): Watched {
  const findings: Finding[] = []
  const lines: string[] = []
  const registry = new MetricsRegistry()
  const watch = statementWatch({
    registry,
    logger: { warn: (_: object, line: string) => void lines.push(line) } as never,
    onFinding: (finding) => void findings.push(finding),
    ...options,
  })
  const pool = openPool({ connectionString: database.url, max: 4, observers: [watch] })
  return {
    pool: Object.assign(pool, { [Symbol.asyncDispose]: () => pool.end() }),
    findings,
    registry,
    lines,
  }
}

let units = 0
function unit (): Context {
  return {
    id: `unit-${++units}`,
    trace: newTrace(false, systemRandom),
    tenant: undefined,
    criticality: 'normal',
    deadline: Deadline.none,
    signal: new AbortController().signal,
  }
}

const byId = 'select name from product where id = $1'
const ids = Array.from({ length: 8 }, (_, at) => at + 1)

function lineOf (error: Error): number {
  return Number(/statement-watch\.test\.ts:(\d+)/.exec(error.stack ?? '')?.[1])
}

async function loop (pool: Pick<pg.Pool, 'query'>): Promise<number> {
  const line = lineOf(new Error('here')) + 1
  for (const id of ids) await pool.query(byId, [id])
  return line
}

test('a loop over pool.query or client.query is found, with its line', async () => {
  await using watch = watchedIn('warn')
  const line = await runWithContext(unit(), () => loop(watch.pool))
  const client = await watch.pool.connect()
  await runWithContext(unit(), async () => {
    await client.query('begin')
    for (const id of ids) await client.query({ text: byId, values: [id] })
    await client.query('commit')
  })
  client.release()
  const [first, second, ...others] = watch.findings
  assert.equal(others.length, 0)
  assert.deepEqual([first?.kind, first?.count, first?.statement], ['n+1', 6, byId])
  assert.equal(first?.site?.file, 'src/data/watch/statement-watch.test.ts')
  assert.equal(first?.site?.line, line)
  assert.notEqual(second?.site?.line, line)
})

/** `await using` for what {@link watched} gives. */
function watchedIn (mode: WatchOptions['mode'], options: WatchOptions = {}): Watched & AsyncDisposable {
  const watch = watched({ mode, ...options })
  return { ...watch, [Symbol.asyncDispose]: () => watch.pool.end() }
}

test('parts of a unit count together, and units do not', async () => {
  await using watch = watchedIn('warn')
  const whole = unit()
  const read = (context: Context, id: number): Promise<unknown> =>
    runWithContext(context, () => watch.pool.query(byId, [id]))
  for (const id of ids) await read(unit(), id)
  assert.deepEqual(watch.findings, [])
  for (const id of ids) await read(withDeadline(whole, Deadline.none), id)
  assert.deepEqual(watch.findings.map(({ unit }) => unit), [whole.id])
})

test('it sees through Kysely, Drizzle and Promise.all to the line of the user', async () => {
  await using watch = watchedIn('warn')
  const kysely = new Kysely<{ product: { id: number; name: string } }>({
    dialect: new PostgresDialect({ pool: watch.pool }),
  })
  const product = pgTable('product', { id: integer('id'), name: text('name') })
  const orm = drizzle({ client: watch.pool })
  const lines: number[] = []
  await runWithContext(unit(), async () => {
    lines.push(lineOf(new Error('here')) + 1)
    for (const id of ids) await kysely.selectFrom('product').select('name').where('id', '=', id).execute()
    lines.push(lineOf(new Error('here')) + 1)
    for (const id of ids) await orm.select().from(product).where(eq(product.id, id))
    lines.push(lineOf(new Error('here')) + 1)
    await Promise.all(
      ids.map((id) => orm.select({ only: product.name }).from(product).where(eq(product.id, id)))
    )
    lines.push(lineOf(new Error('here')) + 1)
    await Promise.all(ids.map((id) => watch.pool.query(`${byId} and name <> 'y'`, [id])))
  })
  assert.deepEqual(watch.findings.map(({ site }) => site?.line), lines)
})

test('a batching loader does not trip it', async () => {
  await using watch = watchedIn('fail')
  const loader = new DataLoader<number, unknown>(async (keys) => {
    const { rows } = await watch.pool.query('select id, name from product where id = any($1)', [keys])
    return keys.map((key) => rows.find(({ id }: { id: number }) => id === key))
  })
  await runWithContext(unit(), async () => {
    for (let at = 1; at < 20; at += 2) await Promise.all([loader.load(at), loader.load(at + 1)])
  })
})

test('fail: the statement that makes it an N+1 is refused, and says where it is and what to do', async () => {
  await using watch = watchedIn('fail')
  await assert.rejects(runWithContext(unit(), () => loop(watch.pool)), {
    code: 'N_PLUS_ONE',
    message:
      /N\+1: src\/data\/watch\/statement-watch\.test\.ts:\d+ sent one statement 6 times .* where id = any/,
  })
  // A duplicate is told, not refused.
  await runWithContext(unit(), async () => {
    for (const _ of ids) await watch.pool.query(byId, [1])
  })
  assert.deepEqual(watch.findings.map(({ kind }) => kind), ['n+1', 'duplicate'])
  assert.equal((await watch.pool.query('select 1 as one')).rows[0].one, 1)
})

test('warn: each place gets one line, and each unit counts', async () => {
  await using watch = watchedIn('warn')
  for (let at = 0; at < 3; at++) await runWithContext(unit(), () => loop(watch.pool))
  assert.equal(watch.lines.length, 1)
  assert.match(watch.lines[0] ?? '', /^N\+1: src\/data/)
  const { families } = watch.registry.snapshot()
  const repeated = families.find(({ name }) => name === 'db_client_repeated_statements_total')
  assert.deepEqual([...repeated?.values ?? []], [3])
  assert.match(
    repeated?.labelValues.join(' ') ?? '',
    /^n\+1 src\/data\/watch\/statement-watch\.test\.ts:\d+$/
  )
})

test('sample: nothing is taken of a unit that is not followed, and a followed one is told once, with its line', async () => {
  await using watch = watchedIn('sample', { sampleEvery: 4 })
  const line = await runWithContext(unit(), () => loop(watch.pool))
  await runWithContext(unit(), () => loop(watch.pool))
  assert.deepEqual(watch.findings.map(({ site }) => site?.line), [line])
  const { families } = watch.registry.snapshot()
  const watchedUnits = families.find(({ name }) => name === 'db_client_watched_units_total')
  assert.deepEqual([...watchedUnits?.values ?? []], [2])
})

test('sample: of one statement no more than three stacks are taken', async () => {
  await using watch = watchedIn('sample', { sampleEvery: 1 })
  const from = [
    async () => {
      for (const id of ids) await watch.pool.query(byId, [id])
    },
    async () => {
      for (const id of ids) await watch.pool.query(byId, [id])
    },
    async () => {
      for (const id of ids) await watch.pool.query(byId, [id])
    },
    async () => {
      for (const id of ids) await watch.pool.query(byId, [id])
    },
  ]
  for (const work of from) await runWithContext(unit(), work)
  assert.equal(new Set(watch.findings.map(({ site }) => site?.line)).size, 3)
})

test('off: nothing is counted, and a recording hears all the same', async () => {
  await using watch = watchedIn('off')
  const { statements } = await recordStatements(() => runWithContext(unit(), () => loop(watch.pool)))
  assert.equal(statements.length, ids.length)
  assert.deepEqual(watch.findings, [])
})

test('work without a context is not watched', async () => {
  await using watch = watchedIn('fail')
  await loop(watch.pool)
})

test('a mode or threshold that cannot be stops the boot', () => {
  assert.throws(() => statementWatch({ mode: 'loud' as never }), { code: 'SETTING_INVALID' })
  assert.throws(() => statementWatch({ mode: 'warn', threshold: 0 }), { code: 'SETTING_INVALID' })
  assert.throws(() => statementWatch({ mode: 'sample', sampleEvery: 0 }), { code: 'SETTING_INVALID' })
})

test('a recording tells each statement with its line, rows and error, and recordings do not hear each other', async () => {
  await using watch = watchedIn('off')
  const one = recordStatements(() => watch.pool.query(byId, [1]))
  const other = recordStatements(async () => {
    await watch.pool.query('select name from product where id < $1', [4])
    await watch.pool.query('select nonsense').catch(() => {})
  })
  assert.deepEqual((await one).statements.map(({ text }) => text), [byId])
  const [read, failed] = (await other).statements
  assert.equal(read?.outcome?.rowCount, 3)
  assert.match(read?.site?.file ?? '', /statement-watch\.test/)
  assert.match(String(failed?.outcome?.error), /nonsense/)
})

test('units of a recording count apart, and work without one together', async () => {
  await using watch = watchedIn('off')
  const { findings } = await recordStatements(async () => {
    for (const id of ids) await runWithContext(unit(), () => watch.pool.query(byId, [id]))
  })
  assert.deepEqual(findings, [])
  assert.equal((await recordStatements(() => loop(watch.pool))).findings.length, 1)
})

test('a recording inside another is part of it', async () => {
  await using watch = watchedIn('off')
  const { statements, result } = await recordStatements(async () => {
    await watch.pool.query('select 1')
    return recordStatements(() => watch.pool.query('select 2'))
  })
  assert.equal(statements.length, 2)
  assert.equal(result.statements.length, 1)
})

test('expectNoNPlusOne fails with the line, passes for a batch, and for nothing heard', async () => {
  await using watch = watchedIn('off')
  await assert.rejects(expectNoNPlusOne(() => loop(watch.pool)), (error: Error) => {
    assert.match(error.message, /statement-watch\.test\.ts:\d+ sent one statement 8 times/)
    return true
  })
  await expectNoNPlusOne(() => loop(watch.pool), { threshold: 8 })
  const { rows } = await expectNoNPlusOne(() =>
    watch.pool.query('select * from product where id = any($1)', [ids])
  )
  assert.equal(rows.length, ids.length)
  await assert.rejects(expectNoNPlusOne(async () => {}), { code: 'NOT_WATCHED' })
  await using unwatched = Object.assign(new pg.Pool({ connectionString: database.url }), {
    async [Symbol.asyncDispose] () {},
  })
  await assert.rejects(expectNoNPlusOne(() => unwatched.query('select 1')), { code: 'NOT_WATCHED' })
  await unwatched.end()
})

test('expectQueryCount counts what reads and writes rows, and lists it when it is wrong', async () => {
  await using watch = watchedIn('off')
  const work = async (): Promise<void> => {
    const client = await watch.pool.connect()
    await client.query('begin')
    await client.query(byId, [1])
    await client.query('rollback')
    client.release()
  }
  await expectQueryCount(1, work)
  await assert.rejects(expectQueryCount(2, work), {
    code: 'QUERY_COUNT',
    message:
      /^expected 2 statements, 1 were sent\n  src\/data\/watch\/statement-watch\.test\.ts:\d+: select name/,
  })
})
