import { quoteIdentifier } from '../../../engines/index.ts'

/**
 * The tables of the queue. `plimsoll_job` holds only what is due and waits: a claim moves rows from there into one row
 * of `plimsoll_job_lease`, and settling deletes that one. So the table that every write uses stays small, and a batch
 * of 500 costs 500 deletes and 2 rows; no job is ever updated.
 *
 * - `job`: due and waiting, in the order of `(suspect, rank, tag)`; `rank` is the priority, negated
 * - `later`: not due yet, delayed or waiting for another attempt
 * - `held`: due, but over its tenant's cap; `gate` counts how many of a capped tenant are in `job` and `lease`
 * - `lease`: batches that are being run, packed as `lease-pack.ts` says; `settled` are places of jobs in it, from 1
 * - `settled`: positions that a transaction of the job's own has settled
 * - `unique`: which job has a key
 * - `clock` and `share`: virtual time of a lane (tier and rank), and how far a tenant has used it; see `fair-tags.ts`
 * - `receipt`: what is known of tracked jobs
 */
export interface JobTables {
  readonly job: string
  readonly later: string
  readonly held: string
  readonly gate: string
  readonly lease: string
  readonly settled: string
  readonly unique: string
  readonly clock: string
  readonly share: string
  readonly receipt: string
}

const names: JobTables = {
  job: 'plimsoll_job',
  later: 'plimsoll_job_later',
  held: 'plimsoll_job_held',
  gate: 'plimsoll_job_gate',
  lease: 'plimsoll_job_lease',
  settled: 'plimsoll_job_settled',
  unique: 'plimsoll_job_unique',
  clock: 'plimsoll_job_clock',
  share: 'plimsoll_job_share',
  receipt: 'plimsoll_job_receipt',
}

/** Names of the tables, quoted. @param schema the first of the search path when `undefined` */
export function jobTables (schema: string | undefined): JobTables {
  if (schema === undefined) return names
  const prefix = `${quoteIdentifier(schema)}.`
  const quoted = Object.entries(names).map(([key, name]) => [key, prefix + name])
  return Object.fromEntries(quoted) as unknown as JobTables
}

/** What a job's row holds wherever it waits. `spec` is JSON: a {@link JobSpec}. */
export const jobColumns =
  'id, tag, due_at, enqueued_at, rank, attempt, suspect, tracked, tier, name, tenant, spec, payload'

const columns = `
  id uuid NOT NULL,
  tag bigint NOT NULL,
  due_at timestamptz NOT NULL DEFAULT now(),
  enqueued_at timestamptz NOT NULL DEFAULT now(),
  rank smallint NOT NULL,
  attempt smallint NOT NULL DEFAULT 1,
  suspect boolean NOT NULL DEFAULT false,
  tracked boolean NOT NULL DEFAULT false,
  tier text COLLATE "C" NOT NULL,
  name text NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  spec text NOT NULL,
  payload text NOT NULL`

// Rows come and go quickly: vacuum soon and at full speed, and give no space back, since that locks the table.
const shortLived = `
  autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0,
  vacuum_truncate = false`

/** See `prepareTables`. */
export const jobTableVersions: readonly (readonly string[])[] = [[
  `CREATE TABLE ${names.job} (${columns}) WITH (${shortLived})`,
  `CREATE INDEX plimsoll_job_order ON ${names.job} (tier, suspect, rank, tag)`,
  `CREATE TABLE ${names.later} (${columns}, step bigint NOT NULL, cap integer, PRIMARY KEY (id)) WITH (${shortLived})`,
  `CREATE INDEX plimsoll_job_later_due ON ${names.later} (due_at)`,
  `CREATE TABLE ${names.held} (${columns}, cap integer NOT NULL) WITH (${shortLived})`,
  `CREATE INDEX plimsoll_job_held_order ON ${names.held} (tier, tenant, rank, tag)`,
  `CREATE TABLE ${names.gate} (
    tier text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    cap integer NOT NULL,
    open integer NOT NULL,
    PRIMARY KEY (tier, tenant)
  ) WITH (fillfactor = 50)`,
  `CREATE TABLE ${names.lease} (
    token bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner text NOT NULL,
    tier text COLLATE "C" NOT NULL,
    lease_until timestamptz NOT NULL,
    size integer NOT NULL,
    settled integer[] NOT NULL DEFAULT '{}',
    cancelling uuid[] NOT NULL DEFAULT '{}',
    marks bytea STORAGE EXTERNAL NOT NULL,
    names text[] NOT NULL,
    tenants text[] NOT NULL,
    specs text[] STORAGE EXTERNAL NOT NULL,
    payloads text STORAGE EXTERNAL NOT NULL
  ) WITH (fillfactor = 50, ${shortLived}, toast.autovacuum_vacuum_threshold = 5000,
    toast.autovacuum_vacuum_scale_factor = 0.02, toast.autovacuum_vacuum_cost_delay = 0)`,
  `CREATE TABLE ${names.settled} (
    token bigint NOT NULL,
    at integer NOT NULL,
    PRIMARY KEY (token, at)
  ) WITH (${shortLived})`,
  `CREATE TABLE ${names.unique} (
    name text NOT NULL,
    key text NOT NULL,
    job uuid NOT NULL,
    until timestamptz,
    PRIMARY KEY (name, key)
  ) WITH (${shortLived})`,
  `CREATE INDEX plimsoll_job_unique_until ON ${names.unique} (until) WHERE until IS NOT NULL`,
  `CREATE TABLE ${names.clock} (
    tier text COLLATE "C" NOT NULL,
    rank smallint NOT NULL,
    now bigint NOT NULL,
    PRIMARY KEY (tier, rank)
  ) WITH (fillfactor = 10)`,
  `CREATE TABLE ${names.share} (
    tier text COLLATE "C" NOT NULL,
    rank smallint NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    last bigint NOT NULL,
    used bigint NOT NULL,
    PRIMARY KEY (tier, rank, tenant)
  ) WITH (fillfactor = 50, ${shortLived})`,
  `CREATE TABLE ${names.receipt} (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    tier text NOT NULL,
    tenant text NOT NULL,
    state text NOT NULL,
    attempt smallint NOT NULL DEFAULT 0,
    enqueued_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    progress text,
    result text,
    error text
  ) WITH (fillfactor = 60, ${shortLived})`,
]]
