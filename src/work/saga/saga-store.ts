import type { Pool } from 'pg'
import { prepareTables, type Transaction } from '../../data/index.ts'
import { type CarriedContext, uuidOf } from '../../kernel/index.ts'
import {
  type Advanced,
  hasEnded,
  type SagaData,
  type SagaNote,
  unstarted,
  wakeAtOf,
} from './machine/index.ts'
import { recordOf, type SagaEvent, type SagaFilter, type SagaRecord, type SagaRow } from './saga-record.ts'
import { type SagaStatements, sagaStatements, sagaTables } from './saga-sql.ts'

/** A saga to be. */
export interface NewSaga {
  readonly id: string
  readonly name: string
  readonly version: number
  readonly key: string
  readonly data: SagaData
  readonly context: CarriedContext
}

/** Who did it, and in which trace. */
export interface Actor {
  readonly name: string
  readonly traceId: string | undefined
}

/** A definition, as it is announced. */
export interface Announced {
  readonly name: string
  readonly version: number
  readonly fingerprint: string
}

type Known = readonly Pick<Announced, 'name' | 'version'>[]

/** Sagas in PostgreSQL 13 or later. A transition is: lock, decide, save; all in one transaction. */
export class SagaStore {
  readonly #pool: Pool
  readonly #schema: string | undefined
  readonly #sql: SagaStatements

  constructor (pool: Pool, schema: string | undefined) {
    this.#pool = pool
    this.#schema = schema
    this.#sql = sagaStatements(schema)
  }

  prepare (): Promise<void> {
    return prepareTables(this.#pool, { part: 'saga', schema: this.#schema, versions: sagaTables })
  }

  /** @returns `undefined` when there is one of this name and key; waits for a transaction that is about to make it */
  async insert (
    tx: Transaction,
    { id, name, version, key, data, context }: NewSaga
  ): Promise<SagaRecord | undefined> {
    const values = [
      id,
      name,
      version,
      key,
      JSON.stringify(data),
      JSON.stringify(context),
      JSON.stringify(unstarted),
    ]
    const { rows: [row] } = await tx.query<SagaRow>(this.#sql.insert, values)
    return row === undefined ? undefined : recordOf(row)
  }

  async idOf (tx: Transaction, name: string, key: string): Promise<string | undefined> {
    return (await tx.query<{ id: string }>(this.#sql.idOf, [name, key])).rows[0]?.id
  }

  async lock (tx: Transaction, id: string): Promise<SagaRecord | undefined> {
    const { rows: [row] } = await tx.query<SagaRow>(this.#sql.lock, [id])
    return row === undefined ? undefined : recordOf(row)
  }

  /** @returns `undefined` for one that somebody else has locked, too */
  async lockFree (tx: Transaction, id: string): Promise<SagaRecord | undefined> {
    const { rows: [row] } = await tx.query<SagaRow>(this.#sql.lockFree, [id])
    return row === undefined ? undefined : recordOf(row)
  }

  async lockByKey (tx: Transaction, name: string, key: string): Promise<SagaRecord | undefined> {
    const { rows: [row] } = await tx.query<SagaRow>(this.#sql.lockByKey, [name, key])
    return row === undefined ? undefined : recordOf(row)
  }

  async save (
    tx: Transaction,
    id: string,
    { state, data, notes }: Pick<Advanced, 'state' | 'data' | 'notes'>,
    { runbook, actor }: { readonly runbook: string | undefined; readonly actor: Actor }
  ): Promise<void> {
    await tx.query(this.#sql.save, [
      id,
      state.status,
      state.step ?? null,
      state.token,
      JSON.stringify(state),
      JSON.stringify(data),
      wakeAtOf(state) ?? null,
      hasEnded(state),
      runbook ?? null,
      JSON.stringify(notes),
      actor.name,
      actor.traceId ?? null,
    ])
  }

  async note (tx: Transaction, id: string, notes: readonly SagaNote[], actor: Actor): Promise<void> {
    await tx.query(this.#sql.note, [id, JSON.stringify(notes), actor.name, actor.traceId ?? null])
  }

  /** Ids of sagas whose moment to be woken has come, longest due first. */
  due (limit: number): Promise<readonly string[]> {
    return this.#ids(this.#sql.due, [limit])
  }

  /** Looks at it again later: it is due, and nothing can be done here. */
  async snooze (tx: Transaction, id: string): Promise<void> {
    await tx.query(this.#sql.snooze, [id])
  }

  /** Says that this process knows these definitions. @returns those that were announced otherwise before */
  async announce (definitions: readonly Announced[]): Promise<readonly Announced[]> {
    const { rows } = await this.#pool.query<Announced>(this.#sql.announce, columnsOf(definitions))
    const stored = new Map(rows.map((row) => [`${row.version} ${row.name}`, row.fingerprint]))
    return definitions.filter(({ name, version, fingerprint }) =>
      stored.get(`${version} ${name}`) !== fingerprint
    )
  }

  async redefine (definitions: readonly Announced[]): Promise<void> {
    await this.#pool.query(this.#sql.redefine, columnsOf(definitions))
  }

  async unfinished ({ name, version }: Announced): Promise<number> {
    const { rows: [row] } = await this.#pool.query<{ count: number }>(this.#sql.unfinished, [name, version])
    return row?.count ?? 0
  }

  /** Sagas that go on, of definitions that nobody has announced for so long. */
  orphans (known: Known, unseenMs: number): Promise<readonly string[]> {
    return this.#ids(this.#sql.orphans, [...columnsOf(known).slice(0, 2), unseenMs])
  }

  /** Parked for this reason, and of a definition that is known. */
  returned (known: Known, code: string): Promise<readonly string[]> {
    return this.#ids(this.#sql.returned, [...columnsOf(known).slice(0, 2), code])
  }

  /** Deletes what has ended so long ago, trail included. */
  async forget (keptMs: number, limit: number): Promise<void> {
    await this.#pool.query(this.#sql.forget, [keptMs, limit])
  }

  async counts (): Promise<
    readonly { readonly name: string; readonly status: string; readonly count: number }[]
  > {
    return (await this.#pool.query<{ name: string; status: string; count: number }>(this.#sql.counts)).rows
  }

  async list ({ name, statuses, before, limit = 50 }: SagaFilter): Promise<readonly SagaRecord[]> {
    const values = [name ?? null, statuses ?? null, before ?? null, limit]
    return (await this.#pool.query<SagaRow>(this.#sql.list, values)).rows.map(recordOf)
  }

  /** @param which an id, the start of one, or a key; at most two are answered, to tell whether it is one */
  async find (which: string): Promise<readonly SagaRecord[]> {
    if (uuidOf(which) !== undefined) {
      const { rows } = await this.#pool.query<SagaRow>(this.#sql.read, [which])
      if (rows.length > 0) return rows.map(recordOf)
    }
    const digits = which.replaceAll('-', '').toLowerCase()
    const isId = /^[\da-f]{6,32}$/.test(digits)
    const [first, last] = isId ? [digits.padEnd(32, '0'), digits.padEnd(32, 'f')] : [null, null]
    return (await this.#pool.query<SagaRow>(this.#sql.find, [first, last, which])).rows.map(recordOf)
  }

  async events (id: string): Promise<readonly SagaEvent[]> {
    interface EventRow {
      readonly seq: number
      readonly at: Date
      readonly kind: string
      readonly step: string | null
      readonly actor: string
      readonly trace: string | null
      readonly detail: Record<string, unknown> | null
    }
    const { rows } = await this.#pool.query<EventRow>(this.#sql.events, [id])
    return rows.map(({ seq, at, kind, step, actor, trace, detail }) => ({
      seq,
      at,
      kind,
      step: step ?? undefined,
      actor,
      traceId: trace ?? undefined,
      detail: detail ?? undefined,
    }))
  }

  async #ids (text: string, values: readonly unknown[]): Promise<readonly string[]> {
    const { rows } = await this.#pool.query<{ id: string }>(text, [...values])
    return rows.map(({ id }) => id)
  }
}

function columnsOf (definitions: readonly Partial<Announced>[]): unknown[][] {
  return [
    definitions.map(({ name }) => name),
    definitions.map(({ version }) => version),
    definitions.map(({ fingerprint }) => fingerprint),
  ]
}
