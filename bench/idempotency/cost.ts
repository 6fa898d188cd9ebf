import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { type Transaction, transaction } from '../../src/data/index.ts'
import {
  type Answer,
  Idempotency,
  type IdempotentRoute,
  postgresIdempotencyStore,
} from '../../src/protect/idempotency/index.ts'
import { MetricsRegistry } from '../../src/telemetry/index.ts'
import { interleave, median } from '../harness/index.ts'

/** What one write takes, in microseconds, one after the other on one connection's time. */
export interface Cost {
  readonly name: string
  readonly micros: readonly number[]
}

const body = JSON.stringify({
  id: 1,
  items: Array.from({ length: 8 }, (_, at) => ({ sku: `sku-${at}`, count: at })),
})
const answer: Answer = { status: 201, headers: { 'content-type': 'application/json' }, body }

/** Measures what a key adds to a write, and what a replay takes, in one process, against the same database. */
export async function measureCost (url: string, rounds: number, writes: number): Promise<readonly Cost[]> {
  const pool = new pg.Pool({ connectionString: url, max: 4 })
  pool.on('error', () => {})
  await using idempotency = new Idempotency<Transaction>({
    store: postgresIdempotencyStore({ pool, schema: 'cost' }),
    registry: new MetricsRegistry(),
  })
  try {
    await idempotency.prepare()
    await pool.query('CREATE TABLE cost.effect (key text NOT NULL)')
    const route = idempotency.route({ mode: 'required', method: 'POST', pattern: '/effects' })
    const subjects = subjectsOf(pool, route)
    for (const { once } of subjects) for (let time = 0; time < 50; time++) await once()
    const measured = await interleave(subjects, rounds, async ({ once }) => {
      const startedMs = performance.now()
      for (let time = 0; time < writes; time++) await once()
      return (performance.now() - startedMs) * 1000 / writes
    })
    return [...measured].map(([{ name }, micros]) => ({ name, micros }))
  } finally {
    await pool.end()
  }
}

export function medianMicros (costs: readonly Cost[], name: string): number {
  const cost = costs.find((each) => each.name === name)
  return cost === undefined ? Number.NaN : median(cost.micros)
}

interface Subject {
  readonly name: string
  once(): Promise<void>
}

function subjectsOf (pool: pg.Pool, route: IdempotentRoute<Transaction>): readonly Subject[] {
  const insert = async (tx: Transaction): Promise<void> => {
    await tx.query({ name: 'cost', text: 'INSERT INTO cost.effect VALUES ($1)', values: ['x'] })
  }
  const begin = async (key: string): Promise<'run' | 'replay'> => {
    const begun = await route.begin({ header: key, target: '/effects', body: { key } })
    if (begun.kind === 'run') await begun.unit.run(insert, () => answer)
    else if (begun.kind !== 'replay') throw new Error(`a write of the cost benchmark was ${begun.kind}`)
    return begun.kind
  }
  return [
    { name: 'the write alone', once: async () => await transaction(pool, insert) },
    {
      name: 'with a key',
      async once () {
        if (await begin(randomUUID()) !== 'run') throw new Error('a new key was replayed')
      },
    },
    {
      name: 'a replay',
      async once () {
        await begin('the-same')
      },
    },
  ]
}
