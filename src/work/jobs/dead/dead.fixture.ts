import type { Pool } from 'pg'
import { uuidv7 } from '../../../kernel/index.ts'
import {
  deadColumns,
  deadTables,
  type JobFailure,
  jobFailure,
  type RedrivableStore,
} from '../failure/index.ts'
import type { JobStore, NewJob } from '../store/index.ts'

/** A letter for tests: what it does not say is ordinary. */
export interface SomeLetter {
  readonly id?: string
  readonly name?: string
  readonly tier?: string
  readonly tenant?: string
  readonly payload?: string
  readonly attempts?: number
  readonly attempt?: number
  readonly cap?: number | null
  readonly unique?: string | null
  readonly tracked?: boolean
  readonly version?: string
  readonly error?: JobFailure
  /** Before now. */
  readonly agoMs?: number
}

export const someFailure: JobFailure = {
  name: 'PaymentError',
  code: 'CARD_REFUSED',
  message: 'card 17 was refused',
  fingerprint: 'a1b2c3d4e5f6',
}

/** Writes letters as a settling statement does, in one statement, and answers their ids. */
export async function die (
  pool: Pool,
  letters: readonly SomeLetter[],
  schema?: string
): Promise<readonly string[]> {
  const rows = letters.map((letter) => rowOf(letter))
  await pool.query(
    `INSERT INTO ${deadTables(schema).letters} (${deadColumns.join(', ')}, failed_at)
     SELECT ${deadColumns.map((column) => `letter.${column}`).join(', ')},
       now() - (entry ->> 'ago_ms')::float8 * interval '1 ms'
     FROM jsonb_array_elements($1) AS entry
       CROSS JOIN LATERAL jsonb_populate_record(NULL::${deadTables(schema).letters}, entry) AS letter`,
    [JSON.stringify(rows)]
  )
  return rows.map(({ id }) => id)
}

function rowOf (letter: SomeLetter) {
  const { id = uuidv7(), name = 'order.charge', tier = 'within-5s', tenant = 'acme' } = letter
  const { payload = '{"orderId":"17"}', attempts = 5, attempt = attempts, error = someFailure } = letter
  return {
    id,
    name,
    tier,
    tenant,
    priority: 0,
    weight: 1,
    attempts,
    attempt,
    cap: letter.cap ?? null,
    tracked: letter.tracked ?? false,
    unique_key: letter.unique ?? null,
    context: { tenant: 'acme' },
    payload,
    enqueued_at: '2026-11-23T05:00:00Z',
    fingerprint: error.fingerprint,
    version: letter.version ?? '1.0.0',
    error,
    ago_ms: letter.agoMs ?? 0,
  }
}

/** A queue whose jobs end as a test says. */
export interface QueueUnderTest extends Pick<JobStore, 'enqueue'>, RedrivableStore {
  /** What waits, the oldest first. */
  readonly waiting: Map<string, NewJob & { readonly attempt?: number | undefined }>
  /** Unique keys that others hold. */
  readonly keys: Set<string>
  /** Whether a job dies when it is asked after; it succeeds otherwise. `undefined`: it waits on. */
  outcome: (job: NewJob) => JobFailure | 'done' | undefined
}

export function queueUnderTest (pool: Pool): QueueUnderTest {
  const waiting: QueueUnderTest['waiting'] = new Map()
  const queue: QueueUnderTest = {
    waiting,
    keys: new Set(),
    outcome: () => 'done',
    async enqueue (_tx, jobs) {
      return jobs.map((job) => {
        const key = job.unique?.key
        if (key !== undefined && queue.keys.has(key)) return { id: job.id, duplicateOf: uuidv7() }
        waiting.set(job.id, job)
        return { id: job.id }
      })
    },
    async queued (ids) {
      for (const id of ids) {
        const job = waiting.get(id)
        const outcome = job === undefined ? undefined : queue.outcome(job)
        if (job === undefined || outcome === undefined) continue
        waiting.delete(id)
        if (outcome !== 'done') await die(pool, [{ ...letterOf(job), error: outcome }])
      }
      return new Set(ids.filter((id) => waiting.has(id)))
    },
  }
  return queue
}

function letterOf ({ id, name, tier, tenant, payload, attempts, tracked }: NewJob): SomeLetter {
  return { id, name, tier, tenant, payload, attempts, tracked }
}

/** A failure of another kind than the ordinary one. */
export function otherFailure (message = 'disk full'): JobFailure {
  return jobFailure(new Error(message))
}
