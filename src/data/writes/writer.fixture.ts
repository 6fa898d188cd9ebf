// A process that writes behind as fast as it is accepted, says what was accepted, and waits to be killed.
import pg from 'pg'
import { applyEffects } from './effects.fixture.ts'
import { type Durability, writeBehind } from './write-behind.ts'

export interface WriterOrder {
  readonly url: string
  readonly durability: Durability
  readonly maxDelay: number
  readonly writer: number
}

/** A write that was accepted, and when, on the machine's monotonic clock, in milliseconds. */
export type Accepted = readonly [id: string, atMs: number]

process.once('message', async ({ url, durability, maxDelay, writer }: WriterOrder) => {
  const pool = new pg.Pool({ connectionString: url, max: 3 })
  pool.on('error', () => {})
  const writes = writeBehind({
    name: 'ledger',
    pool,
    durability,
    maxDelay,
    batch: 10,
    merge: (older: readonly string[], newer: readonly string[]) => [...older, ...newer],
    apply: applyEffects,
  })
  await writes.prepare()
  async function lane (number: number): Promise<void> {
    for (let nth = 0;; nth++) {
      const id = `${writer}-${number}-${nth}`
      await writes.write(`key ${(number + nth) % 30}`, [id])
      const accepted: Accepted = [id, Number(process.hrtime.bigint()) / 1e6]
      await new Promise((resolve) => process.send?.(accepted, resolve))
    }
  }
  for (let number = 0; number < 8; number++) void lane(number)
})
