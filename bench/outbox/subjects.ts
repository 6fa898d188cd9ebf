import type { Pool } from 'pg'
import { Type } from 'typebox'
import { defineEvent } from '../../src/work/events/index.ts'
import { openOutbox } from '../../src/work/outbox/index.ts'

export const subjects = ['plimsoll', 'naive', 'pg-transactional-outbox'] as const

export type Subject = (typeof subjects)[number]

/** Keys that events are spread over. */
const keys = 100
const text = 'x'.repeat(200)

const placed = defineEvent('order.placed', 1, Type.Object({ orderId: Type.String(), text: Type.String() }), {
  key: ({ orderId }) => orderId,
})

/** How a subject's events are written. */
export interface BenchOutbox {
  /** So many, at once. */
  fill(count: number): Promise<void>
  /** So many, each in a transaction of its own, evenly over time. */
  write(count: number, perSecond: number): Promise<void>
  close(): Promise<void>
}

export async function makeOutbox (subject: Subject, pool: Pool): Promise<BenchOutbox> {
  const payloadOf = (n: number): { orderId: string; text: string } => ({ orderId: `order-${n % keys}`, text })
  const paced = async (
    count: number,
    perSecond: number,
    writeOne: (n: number) => Promise<unknown>
  ): Promise<void> => {
    const startedMs = performance.now()
    const under: Promise<unknown>[] = []
    for (let n = 0; n < count;) {
      const due = Math.min(count, Math.floor((performance.now() - startedMs) / 1000 * perSecond))
      while (n < due) under.push(writeOne(n++))
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await Promise.all(under)
  }
  if (subject === 'pg-transactional-outbox') {
    const insert = `INSERT INTO outbox (id, aggregate_type, aggregate_id, message_type, segment, payload)
      SELECT gen_random_uuid(), 'order', id, 'order.placed', id, json_build_object('orderId', id, 'text', $3::text)
      FROM generate_series($1::int, $2::int) AS n, LATERAL (SELECT 'order-' || n % ${keys} AS id) AS key`
    return {
      fill: async (count) => void await pool.query(insert, [1, count, text]),
      write: (count, perSecond) =>
        paced(count, perSecond, (n) => pool.query({ name: 'insert', text: insert, values: [n, n, text] })),
      close: async () => {},
    }
  }
  const outbox = await openOutbox({ pool })
  return {
    async fill (count) {
      for (let n = 0; n < count; n += 1_000) {
        const size = Math.min(1_000, count - n)
        await placed.emitMany(pool, Array.from({ length: size }, (_, at) => payloadOf(n + at)))
      }
    },
    write: (count, perSecond) => paced(count, perSecond, (n) => placed.emit(pool, payloadOf(n))),
    close: () => outbox.close(),
  }
}
