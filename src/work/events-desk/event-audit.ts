import type { Pool } from 'pg'
import { prepareTables } from '../../data/index.ts'
import { quoteIdentifier } from '../../engines/index.ts'
import { type EventMessage, formatPosition } from '../events/index.ts'
import { isThere } from './desk-tables.ts'

/** What somebody does to the readers of events by hand. */
export interface EventChange {
  readonly actor: string
  readonly reason: string
  readonly action: 'redrive' | 'discard' | 'replay' | 'rebuild'
  /** Whose events: 'relay nats', 'consumer billing', 'projection best-sellers'. */
  readonly reader: string
  /** The event's id, the key, or the place in the log; `undefined` where all is meant. */
  readonly subject: string | undefined
  /** The event that a discard gives up: nobody else may have it any more. */
  readonly event?: EventMessage | undefined
}

/** A change that was asked for, and what became of it. */
export interface AuditEntry extends Omit<EventChange, 'event'> {
  readonly atMs: number
  /** Its payload and its position as text. */
  readonly event: Readonly<Record<string, unknown>> | undefined
  /** `undefined`: whoever did it ended before that was known. */
  readonly outcome: string | undefined
}

interface AuditRow {
  readonly at_ms: number
  readonly actor: string
  readonly reason: string
  readonly action: EventChange['action']
  readonly reader: string
  readonly subject: string | null
  readonly event: Readonly<Record<string, unknown>> | null
  readonly outcome: string | null
}

const table = 'plimsoll_event_audit'

/**
 * Who has done what by hand, and why. A change is noted before it is made, and its outcome afterwards, so that none is
 * missing; one without an outcome may have happened or not.
 */
export class EventAudit {
  readonly #pool: Pool
  readonly #schema: string
  readonly #table: string

  constructor (pool: Pool, schema: string) {
    this.#pool = pool
    this.#schema = schema
    this.#table = `${quoteIdentifier(schema)}.${table}`
  }

  /** Makes the table where it is missing; before the first change. */
  async prepare (): Promise<void> {
    await prepareTables(this.#pool, {
      part: 'event-audit',
      schema: this.#schema,
      versions: [[
        `CREATE TABLE ${table} (
          number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          at timestamptz NOT NULL DEFAULT now(),
          actor text NOT NULL,
          reason text NOT NULL,
          action text NOT NULL,
          reader text NOT NULL,
          subject text,
          event json,
          outcome text
        )`,
        `CREATE INDEX plimsoll_event_audit_subject ON ${table} (subject, number)`,
      ]],
    })
  }

  /** Makes a change. @param told what became of it, in a few words */
  async during<Result> (
    { actor, reason, action, reader, subject, event }: EventChange,
    work: () => Promise<Result>,
    told: (result: Result) => string
  ): Promise<Result> {
    const { rows: [row] } = await this.#pool.query<{ number: string }>(
      `INSERT INTO ${this.#table} (actor, reason, action, reader, subject, event)
        VALUES ($1, $2, $3, $4, $5, $6) RETURNING number::text`,
      [
        actor,
        reason,
        action,
        reader,
        subject ?? null,
        event === undefined ? null : JSON.stringify(plainEvent(event)),
      ]
    )
    const settle = async (outcome: string): Promise<void> => {
      await this.#pool.query(`UPDATE ${this.#table} SET outcome = $2 WHERE number = $1`, [
        row!.number,
        outcome,
      ])
    }
    try {
      const result = await work()
      await settle(told(result))
      return result
    } catch (error) {
      await settle(`failed: ${error instanceof Error ? error.message : String(error)}`).catch(() => {})
      throw error
    }
  }

  /** The latest first. */
  async list (
    { limit, subjects }: { readonly limit: number; readonly subjects?: readonly string[] }
  ): Promise<readonly AuditEntry[]> {
    if (!await isThere(this.#pool, this.#table)) return []
    const { rows } = await this.#pool.query<AuditRow>(
      `SELECT (extract(epoch FROM at) * 1000)::float8 AS at_ms, actor, reason, action, reader, subject, event, outcome
        FROM ${this.#table} WHERE $2::text[] IS NULL OR subject = ANY ($2) ORDER BY number DESC LIMIT $1`,
      [limit, subjects ?? null]
    )
    return rows.map(({ at_ms: atMs, subject, outcome, event, ...row }) => ({
      ...row,
      atMs,
      subject: subject ?? undefined,
      outcome: outcome ?? undefined,
      event: event ?? undefined,
    }))
  }
}

function plainEvent ({ position, ...event }: EventMessage): object {
  return position === undefined ? event : { ...event, position: formatPosition(position) }
}
