// node relay-main.ts SUBJECT BROKER DATABASE-URL BROKER-URL COUNT: publishes COUNT events, and says how long it took
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { openLeases } from '../../src/work/lease/index.ts'
import { openOutbox, openRelay, type Publisher } from '../../src/work/outbox/index.ts'
import { type BrokerName, openPublisher } from './broker.ts'
import type { Drained } from './drain.ts'

const [subject, broker, databaseUrl = '', brokerUrl = '', count = '0'] = process.argv.slice(2)
const wanted = Number(count)
const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 })
const publisher = await openPublisher(broker as BrokerName, brokerUrl)
const delaysMs: number[] = []
const done = Promise.withResolvers<void>()

const counting: Publisher = {
  name: publisher.name,
  check: (signal) => publisher.check(signal),
  async publish (messages, signal) {
    const outcomes = await publisher.publish(messages, signal)
    for (const [at, outcome] of outcomes.entries()) {
      if (outcome.kind === 'confirmed') delaysMs.push(Date.now() - messages[at]!.occurredAtMs)
    }
    if (delaysMs.length >= wanted) done.resolve()
    return outcomes
  },
  close: () => publisher.close(),
  [Symbol.asyncDispose]: () => publisher.close(),
}

/** What people write first: rows behind the last one seen, in the order of their numbers. */
async function pollNaively (): Promise<void> {
  let last = 0n
  while (delaysMs.length < wanted) {
    const { rows } = await pool.query({
      name: 'poll',
      text: `select position::text, id, type, version, aggregatetype, aggregateid, payload::text, headers,
        (extract(epoch from created_at) * 1000)::float8 as created_ms
        from plimsoll_outbox as log where log.position > $1 order by log.position limit 500`,
      values: [last],
    })
    if (rows.length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    else last = BigInt(rows.at(-1).position)
    await counting.publish(
      rows.map((row) => ({
        id: row.id,
        type: row.type,
        version: row.version,
        aggregateType: row.aggregatetype,
        key: row.aggregateid,
        payload: row.payload,
        headers: row.headers,
        occurredAtMs: row.created_ms,
      })),
      new AbortController().signal
    )
  }
}

await publisher.check(AbortSignal.timeout(10_000))
const outbox = await openOutbox({ pool })
const leases = await openLeases({ pool })
if (subject === 'naive') await pool.query('create index if not exists naive on plimsoll_outbox (position)')
process.stdout.write('ready\n')
await once(createInterface(process.stdin), 'line')
const startedMs = performance.now()
if (subject === 'naive') void pollNaively()
else await openRelay({ outbox, publisher: counting, leases }).start()
await done.promise
const drained: Drained = { ms: performance.now() - startedMs, delaysMs }
process.stdout.write(`${JSON.stringify(drained)}\n`, () => process.exit())
