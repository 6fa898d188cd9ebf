import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../engines/wait-until.fixture.ts'
import { uuidv7 } from '../kernel/index.ts'
import { loadService } from '../serve/service/index.ts'
import { MetricsRegistry } from '../telemetry/index.ts'
import { type Consumers, logSource, openConsumers } from '../work/consumers/index.ts'
import type { EventType } from '../work/events/index.ts'
import { type Leases, openLeases } from '../work/lease/index.ts'
import { openOutbox, openRelay, type Outbox, type Relay } from '../work/outbox/index.ts'
import { type RecordingPublisher, recordingPublisher } from '../work/outbox/recording-publisher.fixture.ts'
import { openProjections, type Projections, type ProjectionsWorker } from '../work/projections/index.ts'
import { InterruptedError } from './errors.ts'
import { run } from './run.ts'

const face = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
/** Bills what is sold, but nothing "bad" until a row says so; counts what is sold. */
const service = `import { defineService } from '${face('../index.ts')}'
import { defineConsumer } from '${face('../work/consumers/index.ts')}'
import { defineEvent } from '${face('../work/events/index.ts')}'
import { defineProjection } from '${face('../work/projections/index.ts')}'
const schema = { type: 'object', properties: { product: { type: 'string' }, count: { type: 'number' } } }
export const sold = defineEvent('product.sold', 1, schema, { key: ({ product }) => product })
const billing = defineConsumer('billing', {
  retry: { attempts: 1 },
  on: [sold.handle(async ({ product, count }, { tx }) => {
    const { rowCount } = await tx.query('select from mended')
    if (product === 'bad' && rowCount === 0) throw new Error('no price')
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

let database: TestDatabase
let pool: pg.Pool
let outbox: Outbox
let leases: Leases
let relay: Relay
let publisher: RecordingPublisher
let consumers: Consumers
let projections: Projections
let builders: ProjectionsWorker
let sold: EventType<Sold>
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

interface Finished {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** The command in this process: to start one for each takes longer than what it does. */
async function command (args: readonly string[], interruption = new AbortController()): Promise<Finished> {
  const texts = { stdout: '', stderr: '' }
  const output = (name: keyof typeof texts) => ({ write: (text: string) => void (texts[name] += text) })
  const exitCode = await run(args, {
    stdout: output('stdout'),
    stderr: output('stderr'),
    env: {},
    directory,
    version: '0.0.0',
    watchInterrupts: () => ({ signal: interruption.signal, [Symbol.dispose] () {} }),
  })
  return { exitCode, ...texts }
}

/** With the module. */
function events (...args: readonly string[]): Promise<Finished> {
  return command(['events', ...args, '--module', 'service.mjs', '--database-url', database.url])
}

/** With the database alone. */
function plain (...args: readonly string[]): Promise<Finished> {
  return command(['events', ...args, '--schema', 'shop', '--database-url', database.url])
}

const why = ['--actor', 'ann', '--reason', 'ticket 12'] as const

async function told (...args: readonly string[]) {
  const { exitCode, stdout, stderr } = await plain(...args, '--json')
  assert.equal(exitCode, 0, stderr)
  return JSON.parse(stdout)
}

async function sell (product: string, count = 1): Promise<string> {
  const id = uuidv7()
  await sold.emit(pool, { product, count }, { id })
  return id
}

/** Until all readers have passed all that was emitted. */
async function read (): Promise<void> {
  await waitUntil('all is read', async () => {
    const { rows: [last] } = await pool.query('select max(xid)::text as xid from shop.plimsoll_outbox')
    // Other tests' transactions, on the same server, may hold it back.
    if ((await outbox.head()).xid <= BigInt(last.xid)) return false
    const { relays, consumers: known, projections: builds } = await told('status')
    return [...relays, ...known, ...builds].every(({ lagMs }) => lagMs === 0 || lagMs === undefined)
  })
}

async function invoices (product: string): Promise<number> {
  return (await pool.query('select from shop.invoice where product = $1', [product])).rowCount ?? 0
}

test('status names readers and their lag, from the database alone, and what waits for somebody', async () => {
  publisher.refuse = ({ key }) => key === 'huge' ? 'never' : undefined
  await sell('fine')
  await sell('huge')
  await sell('bad')
  await waitUntil('two are set aside', async () => {
    const { relays: [broker], consumers: [billing] } = await told('status')
    return broker?.parkedKeys === 1 && billing?.deadKeys === 1
  })
  await read()
  const { exitCode, stdout, stderr } = await plain('status')
  assert.equal(exitCode, 0, stderr)
  assert.match(stdout, /^Log\n {2}head +1\.\d+\.0\n {2}tail +whole/)
  assert.match(stdout, /^ {2}kept +from \d{4}-.* UTC \(\d+s ago\)$/m)
  assert.match(stdout, /^reader +lag +place +saved$/m)
  assert.match(
    stdout,
    /^relay broker +- +1\..* ago +1 process; 1 event parked, 1 key stands still: plimsoll events parked/m
  )
  assert.match(
    stdout,
    /^consumer billing +- .*1 key dead, 0 retrying: plimsoll events held --consumer billing$/m
  )
  assert.match(stdout, /^projection best-sellers +- .*build 1 live$/m)
  const { relays, consumers: known, projections: builds } = await told('status')
  assert.deepEqual([relays[0].parts, relays[0].processes, relays[0].lagMs], [2, 1, 0])
  assert.deepEqual([known[0].parts, known[0].lagMs, known[0].deadKeys], [4, 0, 1])
  assert.deepEqual([builds[0].state, builds[0].lagMs, builds[0].events], ['live', 0, 3])
})

test('a stall is told with its process, statement and age, and lag is told of who lags', async () => {
  const client = await pool.connect()
  try {
    await client.query(`begin; create temporary table held_up (n int)`)
    const { rows: [{ pid }] } = await client.query('select pg_backend_pid() as pid')
    const id = await sell('waiting')
    await waitUntil('it is told', async () => (await told('status')).stall?.pid === pid)
    const { stall } = await told('status')
    assert.equal(stall.query, 'select pg_backend_pid() as pid')
    assert.ok(stall.held >= 1 && stall.ageMs > 0)
    assert.match(
      (await plain('status')).stdout,
      new RegExp(
        `^ {2}stall +1 event waits for process ${pid} \\(.*idle in transaction\\), whose transaction is open for`,
        'm'
      )
    )
    assert.match((await plain('show', id)).stdout, /^ {2}log +waits for an older transaction/m)
  } finally {
    await client.query('rollback')
    client.release()
  }
  await read()
  assert.match((await plain('status')).stdout, /^ {2}stall +none$/m)
  await outbox.checkpoints.open('report 7', 'start')
  const { others: [report] } = await told('status')
  assert.ok(report.name === 'report 7' && report.lagMs > 0 && report.parts === 1)
  assert.match((await plain('status')).stdout, /^report 7 +(<1s|\d+s) +0\.0\.0 /m)
  await outbox.checkpoints.remove('report 7')
})

test('what a broker does not take is listed, redriven when it would, or discarded; the audit keeps it', async () => {
  publisher.refuse = ({ key }) => key.startsWith('heavy') ? 'never' : undefined
  const [one, two] = [await sell('heavy-1'), await sell('heavy-2')]
  const parked = async () =>
    (await told('parked', '--relay', 'broker')).parked.map(({ event }: { event: { id: string } }) => event.id)
  await waitUntil(
    'both are parked',
    async () => (await parked()).includes(one) && (await parked()).includes(two)
  )
  const list = await plain('parked')
  assert.match(list.stdout, /^relay +event +type +aggregate +tries +parked +broker says$/m)
  assert.match(
    list.stdout,
    new RegExp(`^broker +${one} +product\\.sold +product heavy-1 +1 +\\d+s ago +refused: never$`, 'm')
  )
  assert.match((await plain('parked', '--limit', '1')).stdout, /There are more/)
  publisher.refuse = () => undefined
  const redriven = await plain('redrive', '--relay', 'broker', one, ...why)
  assert.deepEqual([redriven.exitCode, redriven.stdout], [0, `${one} is tried again\n`], redriven.stderr)
  await waitUntil('it is published', () => publisher.taken.some(({ id }) => id === one))
  assert.ok(publisher.taken.every(({ id }) => id !== two))
  const discarded = await plain('discard', '--relay', 'broker', two, one, ...why)
  assert.equal(discarded.exitCode, 1)
  assert.equal(discarded.stdout, `${two} discarded\n${one} is no dead letter of the relay\n`)
  const { history: [entry] } = await told('history', '--limit', '1')
  assert.deepEqual([entry.action, entry.reader, entry.subject, entry.actor, entry.reason, entry.outcome], [
    'discard',
    'relay broker',
    two,
    'ann',
    'ticket 12',
    'discarded',
  ])
  assert.equal(entry.event.payload, '{"product":"heavy-2","count":1}')
  assert.match(
    (await plain('show', two)).stdout,
    /History\n.* discard relay broker .* by ann \(ticket 12\): discarded$/m
  )
  const all = await plain('redrive', '--relay', 'broker', '--all', ...why)
  assert.equal(all.exitCode, 0, all.stderr)
  await waitUntil('nothing is parked', async () => (await parked()).length === 0)
  assert.equal((await plain('redrive', '--relay', 'broker', '--all', ...why)).stdout, 'Nothing is parked.\n')
  assert.equal((await plain('parked')).stdout, 'Nothing is parked.\n')
})

test('keys that a consumer holds are listed, redriven and discarded, each only when it is named', async () => {
  const first = await sell('bad', 2)
  const held = async () => (await told('held', '--consumer', 'billing')).held
  await waitUntil('both wait', async () => (await held())[0]?.events === 2)
  const [{ key, oldest, state, failure }] = await held()
  assert.deepEqual([key, state, failure.message], ['7:productbad', 'dead', 'no price'])
  assert.match(
    (await plain('held')).stdout,
    /^billing +7:productbad +dead +2 +1 +\d+s ago +\S+ +product\.sold +Error: no price$/m
  )
  assert.equal((await plain('held', '--consumer', 'billing', '--after', key)).stdout, 'No key is held.\n')
  assert.match((await plain('show', first)).stdout, /^ {2}consumer billing +held behind 1 of its key$/m)
  assert.match((await plain('show', oldest.id)).stdout, /^ {2}consumer billing +held: a dead letter$/m)
  const discarded = await plain('discard', '--consumer', 'billing', key, ...why)
  assert.equal(discarded.exitCode, 0, discarded.stderr)
  assert.match(discarded.stdout, new RegExp(`^7:productbad product.sold ${oldest.id} discarded`))
  await waitUntil('the next one is dead', async () => (await held())[0]?.state === 'dead')
  const { history: [entry] } = await told('history')
  assert.deepEqual([entry.subject, entry.outcome, entry.event.id], [key, `discarded ${oldest.id}`, oldest.id])
  await pool.query('insert into shop.mended default values')
  const wrong = await plain('redrive', '--consumer', 'billing', '7:productgood', ...why)
  assert.deepEqual([wrong.exitCode, wrong.stdout], [1, '7:productgood has no dead letter\n'])
  assert.equal(await invoices('bad'), 0)
  assert.equal(
    (await plain('redrive', '--consumer', 'billing', '--all', ...why)).stdout,
    '1 key is tried again\n'
  )
  await waitUntil('it is billed', async () => await invoices('bad') === 1)
  assert.equal((await plain('held')).stdout, 'No key is held.\n')
  assert.match((await plain('show', first)).stdout, /^ {2}consumer billing +done$/m)
})

test('show tells an event as it was written, with who has it', async () => {
  await read()
  const id = uuidv7()
  await pool.query(
    `insert into shop.plimsoll_outbox (id, aggregatetype, aggregateid, type, payload, headers)
      values ($1, 'order', '17', 'order.paid', '{"cents": 12345678901234567890, "of": [1.50]}', '{"x-by": "hand"}')`,
    [id]
  )
  await read()
  const { exitCode, stdout, stderr } = await plain('show', id)
  assert.equal(exitCode, 0, stderr)
  assert.match(
    stdout,
    new RegExp(`^order\\.paid v1 ${id}\n {2}aggregate +order 17\n {2}position +1\\.\\d+\\.\\d+$`, 'm')
  )
  assert.match(stdout, /^Payload\n {2}\{\n {4}"cents": 12345678901234567890,\n {4}"of": \[\n {6}1\.50$/m)
  assert.match(stdout, /^Headers\n {2}x-by +hand$/m)
  assert.match(stdout, /^ {2}relay broker +passed$/m)
  const { event, readers } = await told('show', id)
  assert.deepEqual([event.id, event.headers, event.key], [id, { 'x-by': 'hand' }, '17'])
  assert.deepEqual(readers.map(({ kind, name }: Record<string, string>) => `${kind} ${name}`).toSorted(), [
    'consumer billing',
    'projection best-sellers',
    'relay broker',
  ])
  await outbox.checkpoints.open('report 7', 'start')
  assert.match((await plain('show', id)).stdout, /^ {2}report 7 +not yet$/m)
  await outbox.checkpoints.remove('report 7')
  const missing = await plain('show', uuidv7())
  assert.equal(missing.exitCode, 1)
  assert.match(missing.stderr, /there is no event/)
})

test('a replay has a consumer handle again what came after a place, or all', async () => {
  await sell('again', 1)
  const id = await sell('again', 2)
  await waitUntil('both are billed', async () => await invoices('again') === 2)
  const { event: { position } } = await told('show', id)
  await sell('again', 3)
  await waitUntil('all are billed', async () => await invoices('again') === 3)
  const after = await events('replay', 'billing', '--from', position, ...why)
  assert.equal(after.exitCode, 0, after.stderr)
  await waitUntil('one comes again', async () => await invoices('again') === 4)
  await read()
  assert.equal(await invoices('again'), 4)
  assert.equal((await events('replay', 'billing', '--from', 'beginning', ...why)).exitCode, 0)
  await waitUntil('all come again', async () => await invoices('again') === 7)
  const { history } = await told('history', '--limit', '2')
  assert.deepEqual(history.map(({ subject, outcome }: Record<string, string>) => `${subject} ${outcome}`), [
    'beginning begun',
    `${position} begun`,
  ])
  const ahead = await events('replay', 'billing', '--from', '9.1.1', ...why)
  assert.equal(ahead.exitCode, 1)
  assert.match(ahead.stderr, /has not reached 9\.1\.1: it can be read up to 1\./)
  const broker = await events('replay', 'mails', '--from', 'beginning', ...why)
  assert.equal(broker.exitCode, 1)
  assert.match(broker.stderr, /mails cannot be replayed: its source, nats/)
})

test('a rebuild is waited for; one that differs is refused with its rows, until that is accepted', async () => {
  await sell('book', 5)
  await read()
  const rebuilt = await events('rebuild', 'best-sellers', ...why)
  assert.equal(rebuilt.exitCode, 0, rebuilt.stderr)
  assert.match(
    rebuilt.stdout,
    /^build 2 of best-sellers \(version 1\) is live: \d+ events in [\d.]+ s; 0 rows differed\n$/
  )
  assert.match(rebuilt.stderr, /^build 2: \d+ events/m)
  await pool.query(`update shop.best_seller set sold = 99 where product = 'book'`)
  const refused = await events('rebuild', 'best-sellers', ...why)
  assert.equal(refused.exitCode, 1)
  assert.match(
    refused.stdout,
    /^refused: the new build of best-sellers differs by 2 rows\n {2}best_seller\n[^]*99/
  )
  const listed = await plain('projections')
  assert.match(
    listed.stdout,
    /^best-sellers +2 +1 +live +- .*\nbest-sellers +3 +1 +refused .*differs by 2 rows$/m
  )
  const again = await events('rebuild', 'best-sellers', '--accept-difference', ...why, '--json')
  assert.equal(again.exitCode, 0, again.stderr)
  const { state, difference } = JSON.parse(again.stdout)
  assert.deepEqual([state, difference], ['live', 2])
  const { rows: [row] } = await pool.query(`select sold from shop.best_seller where product = 'book'`)
  assert.equal(row.sold, '5')
  const { history } = await told('history', '--limit', '3')
  assert.deepEqual(history.map(({ outcome }: Record<string, string>) => outcome), [
    'build 3 is live',
    'refused: it differs by 2 rows',
    'build 2 is live',
  ])
})

test('Ctrl-C ends the waiting for a rebuild that nobody works on with 130, and the build stays', async () => {
  await builders.close()
  const interruption = new AbortController()
  const waiting = command(
    ['events', 'rebuild', 'best-sellers', ...why, '--module', 'service.mjs', '--database-url', database.url],
    interruption
  )
  await waitUntil(
    'it is building',
    async () =>
      (await told('projections')).projections.some(({ state }: Record<string, string>) =>
        state === 'building'
      )
  )
  interruption.abort(new InterruptedError())
  const { exitCode, stdout } = await waiting
  assert.equal(exitCode, 130)
  assert.match(stdout, /^interrupted: the workers go on building best-sellers/)
  const { history: [entry] } = await told('history')
  assert.equal(entry.outcome, 'nobody waited for its end')
  assert.match((await plain('projections')).stdout, /^best-sellers +4 +1 +building /m)
})

test('the module says which schema, and what readers promise', async () => {
  const { stdout, exitCode, stderr } = await events('projections', '--json')
  assert.equal(exitCode, 0, stderr)
  assert.equal(JSON.parse(stdout).projections[0].objectiveMs, 5_000)
  assert.equal((await told('projections')).projections[0].objectiveMs, undefined)
})

test('what a command line lacks or contradicts is said, with 2; what is not there, with 1', async () => {
  const lines: readonly (readonly [number, RegExp, ...string[]])[] = [
    [2, /say what to do: status, show/],
    [2, /there is no action "sail"/, 'sail'],
    [2, /--relay says nothing to plimsoll events held/, 'held', '--relay', 'x'],
    [2, /--after goes on with the keys of one consumer/, 'held', '--after', 'x'],
    [2, /either --relay NAME with ids/, 'redrive', 'x', ...why],
    [2, /either --relay NAME with ids/, 'redrive', '--relay', 'x', '--consumer', 'y', 'x', ...why],
    [2, /say what to redrive: .*EVENT_ID, or --all/, 'redrive', '--relay', 'x', ...why],
    [2, /say what to discard: .*KEY\n/, 'discard', '--consumer', 'x', ...why],
    [2, /--all says nothing to plimsoll events discard/, 'discard', '--consumer', 'x', '--all', ...why],
    [2, /name none with it/, 'redrive', '--relay', 'x', '--all', 'y', ...why],
    [2, /say from where to replay/, 'replay', 'billing', ...why],
    [2, /--from must be beginning, or a position/, 'replay', 'billing', '--from', 'yesterday', ...why],
    [2, /--limit must be a whole number/, 'parked', '--limit', '0'],
    [2, /events show EVENT_ID/, 'show'],
    [2, /say why, for the audit/, 'redrive', '--relay', 'broker', '--all'],
    [2, /say why, for the audit/, 'discard', '--consumer', 'billing', 'x', '--reason', ' '],
    [2, /say why, for the audit/, 'replay', 'billing', '--from', 'beginning'],
    [2, /say why, for the audit/, 'rebuild', 'best-sellers'],
    [
      1,
      /the database knows of no relay "fax"; of those that have run it knows broker/,
      'parked',
      '--relay',
      'fax',
    ],
    [1, /no consumer "dunning"; .* billing/, 'held', '--consumer', 'dunning'],
    [1, /no relay "fax"/, 'redrive', '--relay', 'fax', '--all', ...why],
    [
      1,
      /the service has no consumer "dunning"; it has billing, mails/,
      'replay',
      'dunning',
      '--from',
      'beginning',
      ...why,
    ],
    [1, /the service has no projection "worst"; it has best-sellers/, 'rebuild', 'worst', ...why],
  ]
  for (const [expected, pattern, ...args] of lines) {
    const { exitCode, stderr } = await events(...args)
    assert.match(stderr, pattern)
    assert.equal(exitCode, expected, args.join(' '))
  }
})

test('a database without an outbox, and a copy that nobody has come to, are told and left alone', async () => {
  const missing = await command(['events', 'status', '--schema', 'nowhere', '--database-url', database.url])
  assert.equal(missing.exitCode, 1)
  assert.match(missing.stderr, /no outbox in the schema "nowhere"/)
  const { rowCount } = await pool.query(`select from pg_namespace where nspname = 'nowhere'`)
  assert.equal(rowCount, 0)
  await using other = await testDatabase()
  const own = new pg.Pool({ connectionString: other.url, max: 2 })
  await (await openOutbox({ pool: own, schema: 'shop' })).close()
  await own.query('update shop.plimsoll_outbox_state set cluster = 1')
  const copy = await command(['events', 'status', '--schema', 'shop', '--database-url', other.url])
  assert.equal(copy.exitCode, 1)
  assert.match(copy.stderr, /is a copy of another one/)
  const { rows: [state] } = await own.query('select epoch, cluster from shop.plimsoll_outbox_state')
  assert.deepEqual(state, { epoch: 1, cluster: '1' })
  const { rows: [made] } = await own.query(`select to_regclass('shop.plimsoll_event_audit') as audit`)
  assert.equal(made.audit, null)
  await own.end()
})
