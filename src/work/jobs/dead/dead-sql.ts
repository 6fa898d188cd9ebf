import { deadColumns, deadTables } from '../failure/index.ts'
import type { DeadFilter } from './dead-letter.ts'

/** A position in the order of letters: the oldest failure first. */
export interface DeadPlace {
  /** Microseconds since the Unix epoch: PostgreSQL's own precision. */
  readonly failedAtUs: string
  readonly id: string
}

/** A statement with its values. */
export interface DeadQuery {
  readonly text: string
  readonly values: unknown[]
}

/** The statements about dead letters, for one schema. */
export interface DeadStatements {
  page(filter: DeadFilter, limit: number, before: DeadPlace | undefined): DeadQuery
  groups(filter: DeadFilter, limit: number): DeadQuery
  count(filter: DeadFilter): DeadQuery
  /** Counts letters that are not those of this redrive come back. */
  newcomers(filter: DeadFilter, run: string): DeadQuery
  /** The server's time, in epoch milliseconds. */
  readonly now: string
  /** $1 id. */
  readonly audit: string
  /** $1 id, $2 payload, $3 the payload that was seen or null, $4 actor, $5 reason. */
  readonly edit: string
  /** Takes letters out, oldest first, and answers them whole. */
  take(filter: DeadFilter, limit: number, after: DeadPlace | undefined): DeadQuery
  /** $1 letters as `take` answered them, a JSON array: puts them back. */
  readonly restore: string
  /** $1 letters as a JSON array of `id, name, fingerprint`, $2 actor, $3 reason, $4 details. */
  readonly noteRedrive: string
  /** Deletes letters, oldest first, into the audit. */
  discard(filter: DeadFilter, limit: number, by: { actor: string; reason: string }): DeadQuery
  /** $1 ids: those that are letters, with their failures. */
  readonly dead: string
}

const columns = deadColumns.join(', ')
const inMicroseconds = '(extract(epoch FROM failed_at) * 1000000)::bigint AS failed_at_us'

/** What a letter is read as. */
const shown = `id, name, tier, tenant, priority, attempt, attempts, payload, fingerprint, version, error,
  ${epochMs('enqueued_at')} AS enqueued_at_ms, ${epochMs('failed_at')} AS failed_at_ms, ${inMicroseconds}`

export function deadStatements (schema: string | undefined): DeadStatements {
  const { letters, audit } = deadTables(schema)
  return {
    page (filter, limit, before) {
      const where = new Conditions(filter)
      if (before !== undefined) where.place('<', before)
      return where.query(`
        SELECT ${shown} FROM ${letters} AS letter ${where.text}
        ORDER BY letter.failed_at DESC, letter.id DESC LIMIT ${where.value(limit)}`)
    },
    groups (filter, limit) {
      const where = new Conditions(filter)
      // Tenants are counted apart and versions told apart, so that the letters themselves are read only once.
      return where.query(`
        WITH cell AS MATERIALIZED (
          SELECT name, fingerprint, version, tenant, count(*) AS count, min(failed_at) AS first, max(failed_at) AS last
          FROM ${letters} AS letter ${where.text} GROUP BY name, fingerprint, version, tenant
        ), version AS (
          SELECT name, fingerprint, version, sum(count) AS count, min(first) AS first, max(last) AS last
          FROM cell GROUP BY name, fingerprint, version
        ), found AS (
          SELECT name, fingerprint, sum(count)::float8 AS count, count(DISTINCT tenant)::int AS tenants,
            min(first) AS first, max(last) AS last
          FROM cell GROUP BY name, fingerprint
          ORDER BY last DESC, name, fingerprint LIMIT ${where.value(limit)}
        )
        SELECT found.name, found.fingerprint, found.count, found.tenants,
          ${epochMs('found.first')} AS first_ms, ${
        epochMs('found.last')
      } AS last_ms, versions.list AS versions,
          sample.id AS sample_id, sample.error AS sample_error
        FROM found CROSS JOIN LATERAL (
          SELECT jsonb_agg(jsonb_build_object('version', version.version, 'count', version.count,
            'firstFailedAtMs', ${epochMs('version.first')}, 'lastFailedAtMs', ${epochMs('version.last')})
            ORDER BY version.first, version.version) AS list
          FROM version WHERE version.name = found.name AND version.fingerprint = found.fingerprint
        ) AS versions CROSS JOIN LATERAL (
          SELECT id, error FROM ${letters} AS letter
          WHERE letter.name = found.name AND letter.fingerprint = found.fingerprint AND letter.failed_at = found.last
          ORDER BY id DESC LIMIT 1
        ) AS sample
        ORDER BY found.last DESC, found.name, found.fingerprint`)
    },
    count (filter) {
      const where = new Conditions(filter)
      return where.query(`SELECT count(*)::float8 AS count FROM ${letters} AS letter ${where.text}`)
    },
    newcomers (filter, run) {
      const where = new Conditions(filter)
      return where.query(`
        SELECT count(*)::float8 AS count FROM ${letters} AS letter ${where.text} AND NOT EXISTS (
          SELECT FROM ${audit} AS note WHERE note.job = letter.id AND note.details ->> 'run' = ${
        where.value(run)
      }
        )`)
    },
    now: `SELECT ${epochMs('clock_timestamp()')} AS ms`,
    audit: `
      SELECT ${epochMs('at')} AS at_ms, actor, action, reason, job, name, fingerprint, details
      FROM ${audit} WHERE job = $1 ORDER BY number`,
    edit: `
      WITH seen AS (
        SELECT id, name, fingerprint, payload FROM ${letters} WHERE id = $1 FOR UPDATE
      ), edited AS (
        UPDATE ${letters} AS letter SET payload = $2 FROM seen
        WHERE letter.id = seen.id AND ($3::text IS NULL OR seen.payload = $3) RETURNING letter.id
      ), noted AS (
        INSERT INTO ${audit} (actor, action, reason, job, name, fingerprint, details)
        SELECT $4, 'edit', $5, id, name, fingerprint, jsonb_build_object('before', payload, 'after', $2::text)
        FROM seen WHERE id IN (SELECT id FROM edited)
      )
      SELECT EXISTS (SELECT FROM seen) AS there, EXISTS (SELECT FROM edited) AS edited`,
    take (filter, limit, after) {
      const where = new Conditions(filter)
      if (after !== undefined) where.place('>', after)
      return where.query(`
        DELETE FROM ${letters} AS gone WHERE id = ANY (ARRAY (
          SELECT id FROM ${letters} AS letter ${where.text}
          ORDER BY letter.failed_at, letter.id LIMIT ${where.value(limit)} FOR UPDATE SKIP LOCKED
        )) RETURNING to_jsonb(gone) AS letter, ${inMicroseconds}`)
    },
    restore: `
      INSERT INTO ${letters} (${columns}, failed_at)
      SELECT ${columns}, failed_at FROM jsonb_populate_recordset(NULL::${letters}, $1)`,
    noteRedrive: `
      INSERT INTO ${audit} (actor, action, reason, job, name, fingerprint, details)
      SELECT $2, 'redrive', $3, id, name, fingerprint, $4
      FROM jsonb_to_recordset($1) AS letter (id uuid, name text, fingerprint text)`,
    discard (filter, limit, { actor, reason }) {
      const where = new Conditions(filter)
      return where.query(`
        WITH gone AS (
          DELETE FROM ${letters} WHERE id = ANY (ARRAY (
            SELECT id FROM ${letters} AS letter ${where.text}
            ORDER BY letter.failed_at, letter.id LIMIT ${where.value(limit)} FOR UPDATE SKIP LOCKED
          )) RETURNING *
        )
        INSERT INTO ${audit} (actor, action, reason, job, name, fingerprint, details)
        SELECT ${where.value(actor)}, 'discard', ${where.value(reason)}, id, name, fingerprint,
          jsonb_build_object('letter', to_jsonb(gone))
        FROM gone`)
    },
    dead: `SELECT id, fingerprint, error FROM ${letters} WHERE id = ANY ($1::uuid[])`,
  }
}

function epochMs (column: string): string {
  return `(extract(epoch FROM ${column}) * 1000)::float8`
}

/** The conditions of a filter, with their values; further values of the same statement are numbered on. */
class Conditions {
  readonly #values: unknown[] = []
  readonly #conditions: string[] = []

  constructor ({ ids, name, fingerprint, tier, tenant, version, sinceMs, beforeMs }: DeadFilter) {
    if (ids !== undefined) this.#conditions.push(`letter.id = ANY (${this.value(ids)}::uuid[])`)
    for (const [column, value] of Object.entries({ name, fingerprint, tier, tenant, version })) {
      if (value !== undefined) this.#conditions.push(`letter.${column} = ${this.value(value)}`)
    }
    if (sinceMs !== undefined) this.#conditions.push(`letter.failed_at >= ${this.#timeOf(sinceMs)}`)
    if (beforeMs !== undefined) this.#conditions.push(`letter.failed_at < ${this.#timeOf(beforeMs)}`)
  }

  /** Only letters before or after `place` in their order. */
  place (side: '<' | '>', { failedAtUs, id }: DeadPlace): void {
    const failedAt = `'epoch'::timestamptz + ${this.value(failedAtUs)}::bigint * interval '1 microsecond'`
    const there = `(${failedAt}, ${this.value(id)}::uuid)`
    this.#conditions.push(`(letter.failed_at, letter.id) ${side} ${there}`)
  }

  get text (): string {
    return this.#conditions.length === 0 ? '' : `WHERE ${this.#conditions.join(' AND ')}`
  }

  value (value: unknown): string {
    return `$${this.#values.push(value)}`
  }

  query (text: string): DeadQuery {
    return { text, values: this.#values }
  }

  #timeOf (ms: number): string {
    return `to_timestamp(${this.value(ms)}::float8 / 1000)`
  }
}
