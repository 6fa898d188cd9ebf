import type { Pool } from 'pg'
import { prepareTables } from '../../../data/index.ts'
import { quoteIdentifier } from '../../../engines/index.ts'

/**
 * The columns of a dead letter, in the order in which they are written. The statement that settles a job inserts them;
 * `failed_at` alone has a default (the server's clock), and may be left out. What else a store owes its dead letters: see
 * RedrivableStore and RedrivenJob.
 *
 * | column | what it is |
 * |---|---|
 * | `id` | the job's; it stays the same when it is redriven, so that whoever deduplicates by it can |
 * | `name`, `tier`, `tenant` | as enqueued; tenant is '' for none |
 * | `priority`, `weight`, `attempts`, `cap`, `tracked`, `unique_key`, `context` | as enqueued, to enqueue it again |
 * | `payload` | JSON text |
 * | `enqueued_at` | when it first came in |
 * | `attempt` | how many runs it has had |
 * | `fingerprint`, `version`, `error` | of the last failure; `error` is a JobFailure as JSON, `version` '' for unknown |
 */
export const deadColumns = [
  'id',
  'name',
  'tier',
  'tenant',
  'priority',
  'weight',
  'attempts',
  'cap',
  'tracked',
  'unique_key',
  'context',
  'payload',
  'enqueued_at',
  'attempt',
  'fingerprint',
  'version',
  'error',
] as const

const [letters, audit] = ['plimsoll_job_dead', 'plimsoll_job_dead_audit']

/** Names of the tables, quoted. */
export interface DeadTables {
  readonly letters: string
  /** What people did with letters. */
  readonly audit: string
}

/** @param schema that of the service; the first of the search path when `undefined` */
export function deadTables (schema: string | undefined): DeadTables {
  const prefix = schema === undefined ? '' : `${quoteIdentifier(schema)}.`
  return { letters: prefix + letters, audit: prefix + audit }
}

/** Makes the tables of the dead letters where they are missing. Many may call it at once. */
export async function prepareDeadTables (pool: Pool, schema: string | undefined): Promise<void> {
  await prepareTables(pool, {
    part: 'jobs-dead',
    schema,
    versions: [[
      `CREATE TABLE ${letters} (
        id uuid PRIMARY KEY,
        name text NOT NULL,
        tier text NOT NULL,
        tenant text NOT NULL,
        priority smallint NOT NULL,
        weight double precision NOT NULL,
        attempts smallint NOT NULL,
        cap integer,
        tracked boolean NOT NULL,
        unique_key text,
        context jsonb NOT NULL,
        payload text NOT NULL,
        enqueued_at timestamptz NOT NULL,
        attempt smallint NOT NULL,
        fingerprint text NOT NULL,
        version text NOT NULL,
        error jsonb NOT NULL,
        failed_at timestamptz NOT NULL DEFAULT now()
      )`,
      `CREATE INDEX plimsoll_job_dead_order ON ${letters} (failed_at, id)`,
      // A redrive goes through its group step by step.
      `CREATE INDEX plimsoll_job_dead_group ON ${letters} (fingerprint, failed_at, id)`,
      `CREATE INDEX plimsoll_job_dead_tier ON ${letters} (tier, failed_at)`,
      `CREATE TABLE ${audit} (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT now(),
        actor text NOT NULL,
        action text NOT NULL,
        reason text NOT NULL,
        job uuid NOT NULL,
        name text NOT NULL,
        fingerprint text NOT NULL,
        details jsonb NOT NULL
      )`,
      `CREATE INDEX plimsoll_job_dead_audit_job ON ${audit} (job, number)`,
      `CREATE INDEX plimsoll_job_dead_audit_at ON ${audit} (at)`,
    ]],
  })
}
