import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Transaction } from '../../data/index.ts'
import { someMessage } from '../events/event-message.fixture.ts'
import type { Outbox } from './open-outbox.ts'
import type { LoggedMessage } from './outbox-log.ts'
import { type TestOutbox, testOutbox } from './outbox.fixture.ts'
import { ParkedEvents } from './parked-events.ts'

let under: TestOutbox
/** What was asked of the database. */
const asked: { readonly text: string; readonly values: readonly unknown[] }[] = []
let parked: ParkedEvents
const recording = {
  query (text: string, values: unknown[]) {
    asked.push({ text, values })
    return under.pool.query(text, values)
  },
} as unknown as Transaction

before(async () => {
  under = await testOutbox()
  parked = new ParkedEvents({ pool: recording, names: under.outbox.names } as unknown as Outbox, 'nats')
  // Behind one event that the broker does not take there are 20,000, and 20 other keys have one each.
  await under.pool.query(
    `insert into plimsoll_outbox_parked (relay, aggregatetype, aggregateid, epoch, xid, position, id, type, version,
      payload, headers, created_at, error)
    select 'nats', 'thing', case when n <= 20000 then 'busy' else 'key-' || n end, 1, 5, n, gen_random_uuid(),
      'thing.counted', 1, '{}', '{}', now(), case when n = 1 then 'too large' end
    from generate_series(1, 20020) as n`
  )
  await under.pool.query('analyze plimsoll_outbox_parked')
})

after(() => under[Symbol.asyncDispose]())

interface PlanNode {
  readonly 'Relation Name'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly PlanNode[]
}

function rowsRead ({ Plans = [], ...node }: PlanNode): number {
  const own = node['Relation Name'] === undefined ?
    0 :
    (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops']
  return Plans.reduce((sum, plan) => sum + rowsRead(plan), own)
}

async function rowsReadByLast (): Promise<number> {
  const { text, values } = asked.at(-1)!
  const client = await under.pool.connect()
  try {
    await client.query('begin')
    const { rows: [row] } = await client.query(`explain (analyze, format json) ${text}`, [...values])
    return rowsRead(row['QUERY PLAN'][0].Plan)
  } finally {
    await client.query('rollback')
    client.release()
  }
}

test('a look at the keys reads one event of each, however many wait behind it', async () => {
  const keys = await parked.keys({ of: 1, at: 0 })
  assert.equal(keys.length, 21)
  assert.equal(keys.find(({ key }) => key === 'busy')?.ready, false)
  assert.ok(keys.every(({ key, ready }) => key === 'busy' || ready))
  const read = await rowsReadByLast()
  assert.ok(read <= 2 * keys.length, `${read} rows were read`)
})

test('what is published leaves by its place, without a look at the others', async () => {
  const [first] = await parked.of({ aggregateType: 'thing', key: 'key-20001' }, 10)
  const events = await parked.of({ aggregateType: 'thing', key: 'busy' }, 3)
  await parked.published(recording, [...events, first!])
  const { rows: [left] } = await under.pool.query('select count(*)::int from plimsoll_outbox_parked')
  assert.equal(left.count, 20_016)
  const read = await rowsReadByLast()
  assert.ok(read <= 20, `${read} rows were read`)
})

test('many are set aside by one statement, whatever texts they hold', async () => {
  const messages = ['"', '{}', "it's", '\\', ''].map((text) =>
    someMessage({
      key: `odd ${text}`,
      payload: JSON.stringify({ text }),
      headers: { note: text },
    }) as LoggedMessage
  )
  const before = asked.length
  await parked.add(
    recording,
    messages.map((message, at) => ({
      message,
      attempts: at,
      ...(at === 0 ? { error: 'no, "never"' } : {}),
    }))
  )
  assert.equal(asked.length, before + 1)
  for (const [at, message] of messages.entries()) {
    const [event] = await parked.of(message, 1)
    assert.deepEqual(event?.message, { ...message, position: message.position })
    assert.deepEqual([event?.error, event?.attempts], [at === 0 ? 'no, "never"' : undefined, at])
  }
})
