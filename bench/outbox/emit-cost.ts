import pg from 'pg'
import { Type } from 'typebox'
import { transaction } from '../../src/data/index.ts'
import { defineEvent } from '../../src/work/events/index.ts'
import { openOutbox } from '../../src/work/outbox/index.ts'
import { interleave } from '../harness/index.ts'

const placed = defineEvent('order.placed', 1, Type.Object({ orderId: Type.String() }), {
  key: ({ orderId }) => orderId,
})

const ways = ['a row alone', 'a row and an event'] as const

/** Microseconds a write, one at a time, with and without an event in its transaction. */
export async function measureEmit (
  url: string,
  rounds: number,
  writes: number
): Promise<readonly { readonly name: string; readonly micros: readonly number[] }[]> {
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  const outbox = await openOutbox({ pool })
  await pool.query('CREATE TABLE bench_order (id text)')
  const measured = await interleave(ways, rounds, async (way) => {
    const startedMs = performance.now()
    for (let n = 0; n < writes; n++) {
      await transaction(pool, async (tx) => {
        await tx.query({ name: 'order', text: 'INSERT INTO bench_order VALUES ($1)', values: [String(n)] })
        if (way === 'a row and an event') await placed.emit(tx, { orderId: String(n) })
      })
    }
    return (performance.now() - startedMs) * 1000 / writes
  })
  await outbox.close()
  await pool.end()
  return [...measured].map(([name, micros]) => ({ name, micros }))
}
