import type { Pool } from 'pg'
import { Deadline, runWithContext } from '../../kernel/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { openPool } from '../pool/index.ts'
import { workWith } from '../pool/pool.fixture.ts'
import { openReads, type ReadsOptions } from './open-reads.ts'
import type { Reads } from './reads.ts'
import { WriteNotes } from './write-notes.ts'

/** One worker of a service: `data` and `reads` as it has them. */
export interface TestWorker extends AsyncDisposable {
  readonly data: Pool
  readonly reads: Reads
  /** How many reads went where: `{ replica: 3, own_write: 1 }`, by the name of the replica or the reason. */
  routed(): Readonly<Record<string, number>>
  /** Runs `work` as a unit of work of its own, with the token that its client brings. */
  unit<Result>(work: () => Promise<Result>, token?: string): Promise<Result>
}

export async function testWorker (
  primaryUrl: string,
  replicas: ReadsOptions['replicas'],
  options: Partial<ReadsOptions> = {}
): Promise<TestWorker> {
  const notes = new WriteNotes()
  const registry = new MetricsRegistry()
  const data = openPool({ connectionString: primaryUrl, max: 4, observers: [notes] })
  let reads: Reads
  try {
    reads = await openReads({
      primary: data,
      notes,
      replicas,
      registry,
      poll: '20ms',
      patience: '10s',
      ...options,
    })
  } catch (error) {
    await data.end()
    throw error
  }
  return {
    data,
    reads,
    routed: () => countsOf(registry, 'plimsoll_data_reads_total'),
    unit (work, token) {
      const { context } = workWith(Deadline.in(20_000))
      reads.withConsistency(token, context)
      return runWithContext(context, work)
    },
    async [Symbol.asyncDispose] () {
      await reads.close()
      await data.end()
    },
  }
}

/** The series of a counter that are above 0, by the values of their labels, without those that are the same word. */
export function countsOf (registry: MetricsRegistry, name: string): Readonly<Record<string, number>> {
  const family = registry.snapshot().families.find((family) => family.name === name)
  if (family === undefined) return {}
  const { labels, labelValues, values } = family
  const counts: Record<string, number> = {}
  values.forEach((value, series) => {
    const of = labelValues.slice(series * labels.length, (series + 1) * labels.length)
    const key = of[0] === 'primary' ? of[1]! : of[0]!
    if (value > 0) counts[key] = (counts[key] ?? 0) + value
  })
  return counts
}
