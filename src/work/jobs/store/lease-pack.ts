import type { JobSpec } from './job-spec.ts'
import type { ClaimedJob } from './job-store.ts'
import { joinSql, split, splitSql } from './joined-texts.ts'
import { jobColumns } from './tables.ts'

/**
 * How a lease keeps its jobs: what has a fixed length as bytes, one {@link markBytes} a job; names, tenants and specs as
 * arrays, of one element where all are the same; payloads as joined texts. A row of JSON for each job would cost the
 * server as much as to delete it from the queue.
 *
 * A job's mark: id (16 bytes), tag (8), due (8), enqueued (8), attempt (2), and rank, suspect and tracked in 2. Times as
 * PostgreSQL sends them: microseconds since 2000.
 */
const markBytes = 44
/** Makes ranks positive. */
const rankBase = 16

/** Columns of a lease that keep its jobs. */
export const packColumns = 'marks, names, tenants, specs, payloads'

/** A query that packs rows of jobs, and counts them as `size`. @param jobs a table or CTE with the columns of jobs */
export function packSql (jobs: string): string {
  const mark = [
    'uuid_send(id)',
    'int8send(tag)',
    'timestamptz_send(due_at)',
    'timestamptz_send(enqueued_at)',
    'int2send(attempt)',
    `int2send(((rank + ${rankBase}) * 4 + suspect::integer * 2 + tracked::integer)::smallint)`,
  ].join(' || ')
  const oneOrAll = (texts: string): string =>
    `CASE WHEN array_remove(${texts}, ${texts}[1]) = '{}' THEN ${texts}[1:1] ELSE ${texts} END AS ${texts}`
  return `
    SELECT size, marks, ${oneOrAll('names')}, ${oneOrAll('tenants')}, ${oneOrAll('specs')}, payloads
    FROM (
      SELECT count(*)::integer AS size, string_agg(${mark}, ''::bytea) AS marks, array_agg(name) AS names,
        array_agg(tenant) AS tenants, array_agg(spec) AS specs, ${joinSql('payload')} AS payloads
      FROM ${jobs}
    ) AS whole WHERE size > 0`
}

/** What a claim answers of {@link packColumns}: a {@link PackedJobs}. */
export const packedSql = `encode(marks, 'hex') AS marks, to_json(names)::text AS names,
  to_json(tenants)::text AS tenants, '[' || array_to_string(specs, ',') || ']' AS specs, payloads`

/**
 * A query for jobs as they were before they were claimed, with `token`, `size` and `settled` of their lease, and their
 * place in it as `at`, from 1.
 *
 * @param leases a table or CTE with these columns, the tier and {@link packColumns}
 */
export function unpackSql (leases: string): string {
  const bytes = (first: number, count: number): string =>
    `encode(substring(mark FROM ${first + 1} FOR ${count}), 'hex')`
  const whole = (first: number, count: number): string =>
    `('x' || ${bytes(first, count)})::bit(${count * 8})::${count === 8 ? 'bigint' : 'integer'}`
  const time = (first: number): string =>
    `timestamptz '2000-01-01 00:00:00+00' + ${whole(first, 8)} * interval '1 microsecond'`
  const values: Readonly<Record<string, string>> = {
    id: `${bytes(0, 16)}::uuid`,
    tag: whole(16, 8),
    due_at: time(24),
    enqueued_at: time(32),
    attempt: `${whole(40, 2)}::smallint`,
    rank: `(${whole(42, 2)} / 4 - ${rankBase})::smallint`,
    suspect: `${whole(42, 2)} & 2 > 0`,
    tracked: `${whole(42, 2)} & 1 > 0`,
    name: 'coalesce(row.name, names[1])',
    tenant: 'coalesce(row.tenant, tenants[1])',
    spec: 'coalesce(row.spec, specs[1])',
  }
  const columns = jobColumns.split(', ').map((column) => `${values[column] ?? column} AS ${column}`)
  return `
    SELECT token, size, settled, at, ${columns.join(', ')}
    FROM ${leases} AS pack, ROWS FROM (
      ${splitSql('payloads')}, unnest(names), unnest(tenants), unnest(specs)
    ) WITH ORDINALITY AS row (payload, name, tenant, spec, at), LATERAL (
      SELECT substring(marks FROM ((at - 1) * ${markBytes} + 1)::integer FOR ${markBytes}) AS mark
    ) AS own`
}

/** Whether a job is in a lease. @param id a parameter */
export function packHasSql (id: string): string {
  return `position(uuid_send(${id}::uuid) IN marks) > 0`
}

export interface PackedJobs {
  readonly marks: string
  readonly names: string
  readonly tenants: string
  readonly specs: string
  readonly payloads: string
}

/** A claimed job, and what its order goes by. */
export interface UnpackedJob {
  readonly job: ClaimedJob
  readonly suspect: boolean
  readonly rank: number
  readonly tag: bigint
}

/** @param nowMs the server's clock, in epoch milliseconds */
export function unpack (packed: PackedJobs, tier: string, nowMs: number): readonly UnpackedJob[] {
  const { marks } = packed
  const bytes = Buffer.from(marks, 'hex')
  const nameOf = oneOrEach(JSON.parse(packed.names) as readonly string[])
  const tenantOf = oneOrEach(JSON.parse(packed.tenants) as readonly string[])
  const specOf = oneOrEach(JSON.parse(packed.specs) as readonly JobSpec[])
  return split(packed.payloads).map((payload, place) => {
    const at = place * markBytes
    const state = bytes.readUInt16BE(at + 42)
    const spec = specOf(place)
    const rank = (state >> 2) - rankBase
    const job: ClaimedJob = {
      id: uuidOf(marks, at * 2),
      name: nameOf(place),
      tier,
      tenant: tenantOf(place),
      weight: spec.w ?? 1,
      // No priority is -0.
      priority: 0 - rank,
      payload,
      runAtMs: undefined,
      expiresAtMs: spec.x,
      attempts: spec.a,
      unique: spec.u === undefined ? undefined : { key: spec.u[0], untilMs: spec.u[1] },
      cap: spec.cap,
      tracked: (state & 1) > 0,
      context: spec.c,
      attempt: bytes.readUInt16BE(at + 40),
      enqueuedAtMs: msAt(bytes, at + 32),
      waitedMs: Math.max(0, nowMs - msAt(bytes, at + 24)),
    }
    return { job, suspect: (state & 2) > 0, rank, tag: bytes.readBigInt64BE(at + 16) }
  })
}

function oneOrEach<Value> (values: readonly Value[]): (place: number) => Value {
  const [one] = values
  return values.length === 1 ? () => one! : (place) => values[place]!
}

function uuidOf (hex: string, at: number): string {
  return `${hex.slice(at, at + 8)}-${hex.slice(at + 8, at + 12)}-${hex.slice(at + 12, at + 16)}-${
    hex.slice(at + 16, at + 20)
  }-${hex.slice(at + 20, at + 32)}`
}

/** 2000 in epoch milliseconds. */
const epoch2000Ms = 946_684_800_000

function msAt (bytes: Buffer, at: number): number {
  const micros = bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)
  return Math.floor(micros / 1_000) + epoch2000Ms
}
