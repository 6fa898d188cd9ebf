import type { Transaction } from '../../../data/index.ts'
import type { NewJob } from '../store/index.ts'
import type { BossTables } from './boss-tables.ts'

/** Who has which unique key. pg-boss's own keys neither name the job that has one nor know windows of their own length. */
export class BossKeys {
  readonly #take: string
  readonly #holder: string
  readonly #free: string
  readonly #sweep: string

  constructor ({ unique }: BossTables) {
    this.#take = `
      INSERT INTO ${unique} AS known (name, key, job, until)
      VALUES ($1, $2, $3, to_timestamp($4::float8 / 1000))
      ON CONFLICT (name, key) DO UPDATE SET job = excluded.job, until = excluded.until WHERE known.until <= now()
      RETURNING job`
    this.#holder = `SELECT job FROM ${unique} WHERE name = $1 AND key = $2`
    this.#free = `DELETE FROM ${unique} WHERE job = ANY ($1::uuid[]) AND until IS NULL`
    this.#sweep = `DELETE FROM ${unique} WHERE until <= now()`
  }

  /** @returns the job that has the key already; `undefined` when this one has it now */
  async take (tx: Transaction, { id, name, unique }: NewJob): Promise<string | undefined> {
    if (unique === undefined) return undefined
    for (;;) {
      const values = [name, unique.key, id, unique.untilMs ?? null]
      if ((await tx.query(this.#take, values)).rowCount === 1) return undefined
      const { rows: [row] } = await tx.query<{ job: string }>(this.#holder, [name, unique.key])
      if (row !== undefined) return row.job
      // It was freed in the very moment between.
    }
  }

  async free (tx: Transaction, jobs: readonly string[]): Promise<void> {
    if (jobs.length > 0) await tx.query(this.#free, [jobs])
  }

  async sweep (tx: Transaction): Promise<void> {
    await tx.query(this.#sweep)
  }
}
