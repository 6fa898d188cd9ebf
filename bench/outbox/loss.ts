import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { Type } from 'typebox'
import { transaction } from '../../src/data/index.ts'
import { seededRandom } from '../../src/kernel/index.ts'
import { defineEvent, type LogPosition } from '../../src/work/events/index.ts'
import { openOutbox } from '../../src/work/outbox/index.ts'

export interface Loss {
  readonly written: number
  /** Events that the poll by position never saw. */
  readonly naiveLost: number
  readonly lost: number
  /** Events of a key that were read before an earlier one of it. */
  readonly outOfOrder: number
}

const counted = defineEvent('thing.counted', 1, Type.Object({ key: Type.String(), n: Type.Number() }), {
  key: ({ key }) => key,
})

/** Twelve writers, half of which hold their transaction open for up to 20 ms, read by both at the same time. */
export async function measureLoss (url: string, forMs: number): Promise<Loss> {
  const pool = new pg.Pool({ connectionString: url, max: 20 })
  const outbox = await openOutbox({ pool })
  const random = seededRandom(7)
  const untilMs = performance.now() + forMs
  let writing = true
  let written = 0
  async function write (writer: number): Promise<void> {
    for (let n = 0; performance.now() < untilMs; n++) {
      await transaction(pool, async (tx) => {
        await counted.emit(tx, { key: `writer-${writer}`, n })
        if (writer % 2 === 0) await wait(random() * 20)
      })
      written++
    }
  }
  async function pollNaively (): Promise<number> {
    let last = 0n
    for (let seen = 0;;) {
      const over = !writing
      const { rows } = await pool.query<{ position: string }>(
        'SELECT log.position::text FROM plimsoll_outbox AS log WHERE log.position > $1 ORDER BY log.position LIMIT 500',
        [last]
      )
      seen += rows.length
      if (over && rows.length === 0) return seen
      last = BigInt(rows.at(-1)?.position ?? last)
    }
  }
  async function readLog (): Promise<{ seen: number; outOfOrder: number }> {
    const next = new Map<string, number>()
    let after: LogPosition | undefined
    for (let seen = 0, outOfOrder = 0;;) {
      const over = !writing
      const batch = await outbox.read({ after, limit: 500 })
      for (const message of batch.messages) {
        const { key, n } = counted.read(message)
        if (n !== (next.get(key) ?? 0)) outOfOrder++
        next.set(key, n + 1)
      }
      seen += batch.messages.length
      after = batch.next
      if (over && batch.messages.length === 0) return { seen, outOfOrder }
    }
  }
  const readers = Promise.all([pollNaively(), readLog()])
  await Promise.all(Array.from({ length: 12 }, (_, writer) => write(writer)))
  writing = false
  const [naive, { seen, outOfOrder }] = await readers
  await outbox.close()
  await pool.end()
  return { written, naiveLost: written - naive, lost: written - seen, outOfOrder }
}
