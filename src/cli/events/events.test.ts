import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { uuidv7 } from '../../kernel/index.ts'
import { openOutbox } from '../../work/outbox/index.ts'
import {
  command,
  database,
  events,
  outbox,
  plain,
  pool,
  publisher,
  read,
  sell,
  told,
  why,
} from './events.fixture.ts'

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
  await pool.query(`insert into shop.plimsoll_consumer (name) values ('mails')`)
  assert.match(
    (await plain('status')).stdout,
    /^consumer mails +- +- +- +reads no log: its broker knows its lag$/m
  )
  await pool.query(`delete from shop.plimsoll_consumer where name = 'mails'`)
  const { others: [report] } = await told('status')
  assert.ok(report.name === 'report 7' && report.lagMs > 0 && report.parts === 1)
  assert.match((await plain('status')).stdout, /^report 7 +(<1s|\d+s) +0\.0\.0 /m)
  await outbox.checkpoints.remove('report 7')
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

test('lag is told of the events that a reader takes, where the module says which; of checkpoints left behind, too', async () => {
  await read()
  const { log: { head } } = await told('status')
  const [epoch, xid] = head.split('.')
  const here = { epoch: Number(epoch), xid: BigInt(xid), position: 0n }
  for (const name of ['consumer mails 1 2/0', 'consumer mails 2 1/0', 'projection best-sellers 77'])
    await outbox.checkpoints.open(name, name.includes('mails 1') ? 'start' : here)
  await pool.query(
    `insert into shop.plimsoll_outbox (id, aggregatetype, aggregateid, type, payload)
      values (gen_random_uuid(), 'order', '17', 'order.paid', '{}')`
  )
  await read()
  const others = async (look: typeof plain) =>
    JSON.parse((await look('status', '--json')).stdout).others
      .map(({ name, parts, lagMs }: Record<string, number>) => `${name} ${parts} ${lagMs! > 0}`)
  assert.deepEqual(await others(plain), ['consumer mails 1 true', 'projection best-sellers build 77 1 true'])
  assert.deepEqual(await others(events), [
    'consumer mails 1 false',
    'projection best-sellers build 77 1 false',
  ])
  for (const name of ['consumer mails 1 2/0', 'consumer mails 2 1/0', 'projection best-sellers 77'])
    await outbox.checkpoints.remove(name)
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
