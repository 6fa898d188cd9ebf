// A process that writes behind as fast as it is accepted, says what was accepted, and waits to be killed.
import pg from 'pg'
import { applyEffects } from './effects.fixture.ts'
import { type Durability, writeBehind } from './write-behind.ts'

export interface WriterOrder {
  readonly url: string
  readonly durability: Durability
  readonly maxDelay: number
  readonly writer: number
  /** Keys that it writes, the one after the other, and how many of them it applies at once. */
  readonly keys: number
  readonly batch: number
}

/** A write that was accepted, and when, on the machine's monotonic clock, in milliseconds. */
export type Accepted = readonly [id: string, atMs: number]

/** A batch that a writer has begun to apply, and when, on the same clock. */
export interface Begun {
  readonly writer: number
  readonly begunMs: number
}

process.once('message', async ({ url, durability, maxDelay, writer, keys, batch: most }: WriterOrder) => {
  const pool = new pg.Pool({ connectionString: url, max: 3 })
  pool.on('error', () => {})
  const writes = writeBehind({
    name: 'ledger',
    pool,
    durability,
    maxDelay,
    batch: most,
    merge: (older: readonly string[], newer: readonly string[]) => [...older, ...newer],
    async apply (tx, batch) {
      await say({ writer, begunMs: nowMs() } satisfies Begun)
      await applyEffects(tx, batch)
    },
  })
  await writes.prepare()
  async function lane (number: number): Promise<void> {
    for (let nth = 0;; nth++) {
      const id = `${writer}-${number}-${nth}`
      await writes.write(`key ${(number + nth) % keys}`, [id])
      await say([id, nowMs()] satisfies Accepted)
    }
  }
  for (let number = 0; number < 8; number++) void lane(number)
})

function nowMs (): number {
  return Number(process.hrtime.bigint()) / 1e6
}

function say (what: Accepted | Begun): Promise<unknown> {
  return new Promise((resolve) => process.send?.(what, resolve))
}
