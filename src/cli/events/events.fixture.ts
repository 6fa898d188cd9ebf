import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { uuidv7 } from '../../kernel/index.ts'
import { loadService } from '../../serve/service/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { type Consumers, logSource, openConsumers } from '../../work/consumers/index.ts'
import type { EventType } from '../../work/events/index.ts'
import { type Leases, openLeases } from '../../work/lease/index.ts'
import { openOutbox, openRelay, type Outbox, type Relay } from '../../work/outbox/index.ts'
import { type RecordingPublisher, recordingPublisher } from '../../work/outbox/recording-publisher.fixture.ts'
import { openProjections, type Projections, type ProjectionsWorker } from '../../work/projections/index.ts'
import { run } from '../run.ts'

const face = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
/** Bills what is sold, but nothing "bad" until a row says so; counts what is sold. */
const service = `import { defineService } from '${face('../../index.ts')}'
import { defineConsumer } from '${face('../../work/consumers/index.ts')}'
import { defineEvent } from '${face('../../work/events/index.ts')}'
import { defineProjection } from '${face('../../work/projections/index.ts')}'
const schema = { type: 'object', properties: { product: { type: 'string' }, count: { type: 'number' } } }
export const sold = defineEvent('product.sold', 1, schema, { key: ({ product }) => product })
const billing = defineConsumer('billing', {
  retry: { attempts: 1 },
  on: [sold.handle(async ({ product, count }, { tx }) => {
    const { rowCount } = await tx.query('select from mended')
    if (product.startsWith('bad') && rowCount === 0) throw new Error('no price')
    await tx.query('insert into invoice values ($1, $2)', [product, count])
  })],
})
const bestSellers = defineProjection('best-sellers', {
  version: 1,
  tables: { best_seller: (table) => ['create table ' + table + ' (product text primary key, sold bigint)'] },
  on: [sold],
  async apply (events, { tx, table }) {
    for (const { product, count } of events.of(sold))
      await tx.query('insert into ' + table('best_seller') + ' as mine values ($1, $2) on conflict (product) do update set sold = mine.sold + excluded.sold', [product, count])
  },
})
const mails = defineConsumer('mails', { source: 'nats', on: [sold.handle(async () => {})] })
export default defineService({
  name: 'shop',
  database: { schema: 'shop', migrations: new URL('./migrations/', import.meta.url) },
  consumers: [billing, mails],
  projections: [bestSellers],
  routes () {},
})`

interface Sold {
  readonly product: string
  readonly count: number
}

export let database: TestDatabase
export let pool: pg.Pool
export let outbox: Outbox
let leases: Leases
let relay: Relay
export let publisher: RecordingPublisher
let consumers: Consumers
let projections: Projections
export let builders: ProjectionsWorker
export let sold: EventType<Sold>
let directory: string

before(async () => {
  database = await testDatabase()
  directory = await mkdtemp(join(tmpdir(), 'plimsoll-events-'))
  await mkdir(join(directory, 'migrations'))
  await writeFile(join(directory, 'service.mjs'), service)
  const url = pathToFileURL(join(directory, 'service.mjs'))
  const loaded = await loadService(url)
  ;({ sold } = await import(url.href))
  pool = new pg.Pool({ connectionString: database.url, max: 16, options: '-c search_path=shop' })
  const registry = new MetricsRegistry()
  const own = { pool, schema: 'shop' }
  outbox = await openOutbox(own)
  leases = await openLeases(own)
  await pool.query('create table shop.mended (); create table shop.invoice (product text, count int)')
  publisher = recordingPublisher()
  relay = openRelay({ outbox, publisher, leases, name: 'broker', shards: 2 })
  const log = logSource({ log: outbox, leases, ...own, lookEveryMs: 100 })
  const definitions = loaded.consumers!.filter(({ source }) => source === 'log')
  consumers = await openConsumers({ ...own, consumers: definitions, sources: { log }, registry })
  projections = await openProjections({
    ...own,
    projections: loaded.projections!,
    log: outbox,
    leases,
    registry,
  })
  builders = projections.worker()
  await relay.start()
  await consumers.worker().start()
  await builders.start()
})
after(async () => {
  await relay?.close()
  await consumers?.close()
  await projections?.close()
  await leases?.close()
  await outbox?.close()
  await pool?.end()
  await database?.close()
  await rm(directory, { recursive: true, force: true })
})

export interface Finished {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** The command in this process: to start one for each takes longer than what it does. */
export async function command (
  args: readonly string[],
  { interruption = new AbortController(), hear = () => {} }: {
    readonly interruption?: AbortController
    /** Hears of what is told on standard error. */
    readonly hear?: (text: string) => void
  } = {}
): Promise<Finished> {
  const texts = { stdout: '', stderr: '' }
  const output = (name: keyof typeof texts) => ({ write: (text: string) => void (texts[name] += text) })
  const exitCode = await run(args, {
    stdout: output('stdout'),
    stderr: {
      write (text) {
        texts.stderr += text
        hear(text)
      },
    },
    env: {},
    directory,
    version: '0.0.0',
    watchInterrupts: () => ({ signal: interruption.signal, [Symbol.dispose] () {} }),
  })
  return { exitCode, ...texts }
}

/** With the module. */
export function events (...args: readonly string[]): Promise<Finished> {
  return command(['events', ...args, '--module', 'service.mjs', '--database-url', database.url])
}

/** With the database alone. */
export function plain (...args: readonly string[]): Promise<Finished> {
  return command(['events', ...args, '--schema', 'shop', '--database-url', database.url])
}

/** Flags that each change needs. */
export const why: readonly string[] = ['--actor', 'ann', '--reason', 'ticket 12']

/** What the command says to machines, from the database alone. */
export async function told (...args: readonly string[]): Promise<ReturnType<typeof JSON.parse>> {
  const { exitCode, stdout, stderr } = await plain(...args, '--json')
  assert.equal(exitCode, 0, stderr)
  return JSON.parse(stdout)
}

export async function sell (product: string, count = 1): Promise<string> {
  const id = uuidv7()
  await sold.emit(pool, { product, count }, { id })
  return id
}

/** Until all readers have passed all that was emitted and they take. */
export async function read (): Promise<void> {
  await waitUntil('all is read', async () => {
    const { rows: [last] } = await pool.query('select max(xid)::text as xid from shop.plimsoll_outbox')
    // Other tests' transactions, on the same server, may hold it back.
    if ((await outbox.head()).xid <= BigInt(last.xid)) return false
    const { stdout } = await events('status', '--json')
    const { relays, consumers: known, projections: builds } = JSON.parse(stdout)
    return [...relays, ...known, ...builds].every(({ lagMs }) => lagMs === 0 || lagMs === undefined)
  })
}

export async function invoices (product: string): Promise<number> {
  return (await pool.query('select from shop.invoice where product = $1', [product])).rowCount ?? 0
}
