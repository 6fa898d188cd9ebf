import type { Pool } from 'pg'
import { SettingError, uuidOf } from '../../../kernel/index.ts'
import type { JobFailure } from '../failure/index.ts'
import type {
  AuditRecord,
  DeadFilter,
  DeadGroup,
  DeadGroupVersion,
  DeadLetter,
  DeadLetterHistory,
  Operator,
} from './dead-letter.ts'
import { type DeadPlace, type DeadQuery, deadStatements } from './dead-sql.ts'
import { DeadLetterChangedError, DeadLetterMissingError, DeadLetterPayloadError } from './errors.ts'

export interface DeadLettersOptions {
  /** Yours to close. */
  readonly pool: Pool
  /** Where the tables of the jobs are. @default the first schema of the search path */
  readonly schema?: string | undefined
  /**
   * Says what is wrong with a payload of the job of this name, so that an edit cannot make it worse.
   * @default anything that is JSON will do
   */
  readonly checkPayload?: ((name: string, payload: unknown) => string | undefined) | undefined
}

/** Letters, the latest failure first. */
export interface DeadLetterPage {
  readonly letters: readonly DeadLetter[]
  /** Give it as `after` for those that come next; `undefined` at the end. */
  readonly next: string | undefined
}

/** An edit. */
export interface DeadLetterEdit {
  /** JSON. */
  readonly payload: string
  /** The payload that the author has seen; another one refuses the edit. @default any */
  readonly seen?: string | undefined
}

interface LetterRow extends Omit<DeadLetter, 'enqueuedAtMs' | 'failedAtMs'> {
  readonly enqueued_at_ms: number
  readonly failed_at_ms: number
  readonly failed_at_us: string
}

interface GroupRow {
  readonly name: string
  readonly fingerprint: string
  readonly count: number
  readonly tenants: number
  readonly first_ms: number
  readonly last_ms: number
  readonly versions: readonly DeadGroupVersion[]
  readonly sample_id: string
  readonly sample_error: JobFailure
}

/** How many letters one statement discards. */
const batchSize = 1_000

/** Looks at dead letters, edits and discards them. Whatever it changes, it notes in the audit, in the same statement. */
export class DeadLetters {
  readonly #pool: Pool
  readonly #sql: ReturnType<typeof deadStatements>
  readonly #checkPayload: NonNullable<DeadLettersOptions['checkPayload']>

  constructor ({ pool, schema, checkPayload = () => undefined }: DeadLettersOptions) {
    this.#pool = pool
    this.#sql = deadStatements(schema)
    this.#checkPayload = checkPayload
  }

  /**
   * The letters that are meant, the latest failure first.
   *
   * @param page.limit 1 to 1,000; 50
   * @param page.after the `next` of the page before
   */
  async list (
    filter: DeadFilter = {},
    { limit = 50, after }: { limit?: number; after?: string | undefined } = {}
  ): Promise<DeadLetterPage> {
    checkFilter(filter)
    checkLimit(limit)
    const query = this.#sql.page(filter, limit + 1, after === undefined ? undefined : placeFrom(after))
    const rows = await this.#rows<LetterRow>(query)
    const shown = rows.slice(0, limit)
    const last = rows.length > limit ? shown.at(-1) : undefined
    const next = last === undefined ? undefined : `${last.failed_at_us}_${last.id}`
    return { letters: shown.map(letterFrom), next }
  }

  /** One letter and its history; `undefined` where there is none, though a discarded one has a history, too. */
  async find (id: string): Promise<DeadLetterHistory | undefined> {
    if (uuidOf(id) === undefined) return undefined
    const [row] = await this.#rows<LetterRow>(this.#sql.page({ ids: [id] }, 1, undefined))
    return row === undefined ? undefined : { ...letterFrom(row), audit: await this.history(id) }
  }

  /** What was done with a letter, the first first; also when it is gone. */
  async history (id: string): Promise<readonly AuditRecord[]> {
    if (uuidOf(id) === undefined) return []
    const query = { text: this.#sql.audit, values: [id] }
    const rows = await this.#rows<Omit<AuditRecord, 'atMs'> & { readonly at_ms: number }>(query)
    return rows.map(({ at_ms, ...record }) => ({ atMs: at_ms, ...record }))
  }

  /**
   * Letters of one job that failed in the same way, together; the latest failure first.
   *
   * It reads every letter that is meant, once.
   *
   * @param limit 1 to 1,000; 50
   */
  async groups (filter: DeadFilter = {}, limit = 50): Promise<readonly DeadGroup[]> {
    checkFilter(filter)
    checkLimit(limit)
    const rows = await this.#rows<GroupRow>(this.#sql.groups(filter, limit))
    return rows.map((row) => ({
      name: row.name,
      fingerprint: row.fingerprint,
      count: row.count,
      tenants: row.tenants,
      firstFailedAtMs: row.first_ms,
      lastFailedAtMs: row.last_ms,
      versions: row.versions,
      sample: { id: row.sample_id, error: row.sample_error },
    }))
  }

  async count (filter: DeadFilter = {}): Promise<number> {
    checkFilter(filter)
    const [row] = await this.#rows<{ count: number }>(this.#sql.count(filter))
    return row?.count ?? 0
  }

  /**
   * Replaces a letter's payload. It stays a letter: redrive it to run it.
   *
   * @throws DeadLetterMissingError, DeadLetterChangedError; DeadLetterPayloadError for what is no payload of the job
   */
  async edit (id: string, { payload, seen }: DeadLetterEdit, operator: Operator): Promise<DeadLetter> {
    const { actor, reason } = checkedOperator(operator)
    const letter = await this.find(id)
    if (letter === undefined) throw new DeadLetterMissingError(id)
    const wrong = this.#checkPayload(letter.name, parsed(payload))
    if (wrong !== undefined) throw new DeadLetterPayloadError(wrong)
    const values = [id, payload, seen ?? null, actor, reason]
    const [row] = await this.#rows<{ there: boolean; edited: boolean }>({ text: this.#sql.edit, values })
    if (row?.there !== true) throw new DeadLetterMissingError(id)
    if (!row.edited) throw new DeadLetterChangedError(id)
    return { ...letter, payload }
  }

  /**
   * Gives up the letters that are meant: they leave for the audit, whole. In steps of 1,000, the oldest first.
   *
   * @returns how many
   */
  async discard (filter: DeadFilter, operator: Operator, signal?: AbortSignal): Promise<number> {
    checkFilter(filter)
    const by = checkedOperator(operator)
    // What dies meanwhile has not been seen by who says this.
    const [now] = await this.#rows<{ ms: number }>({ text: this.#sql.now, values: [] })
    const beforeMs = Math.min(filter.beforeMs ?? Infinity, now?.ms ?? Infinity)
    for (let discarded = 0;;) {
      signal?.throwIfAborted()
      const { rowCount } = await this.#pool.query(this.#sql.discard({ ...filter, beforeMs }, batchSize, by))
      discarded += rowCount ?? 0
      if (rowCount !== batchSize) return discarded
    }
  }

  async #rows<Row extends object> ({ text, values }: DeadQuery): Promise<readonly Row[]> {
    return (await this.#pool.query<Row>(text, values)).rows
  }
}

/** @throws SettingError for a filter that no letter could fulfil, rather than finding none */
export function checkFilter ({ ids }: DeadFilter): void {
  const wrong = ids?.find((id) => uuidOf(id) === undefined)
  if (wrong !== undefined) throw new SettingError('ids', 'ids of jobs (UUIDs)', wrong)
}

/** @throws SettingError when nobody is named */
export function checkedOperator ({ actor, reason = '' }: Operator): { actor: string; reason: string } {
  if (actor.trim() === '') throw new SettingError('actor', 'the name of who does it', actor)
  return { actor, reason }
}

function checkLimit (limit: number): void {
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= 1_000))
    throw new SettingError('limit', 'a whole number from 1 to 1,000', limit)
}

function placeFrom (after: string): DeadPlace {
  const [, failedAtUs, id] = /^(\d{1,18})_([\da-f-]{36})$/i.exec(after) ?? []
  if (failedAtUs === undefined || id === undefined || uuidOf(id) === undefined)
    throw new SettingError('after', 'the `next` of another page', after)
  return { failedAtUs, id }
}

function parsed (payload: string): unknown {
  try {
    return JSON.parse(payload)
  } catch (error) {
    throw new DeadLetterPayloadError(`it is not JSON: ${(error as Error).message}`)
  }
}

function letterFrom (row: LetterRow): DeadLetter {
  const { id, name, tier, tenant, priority, attempt, attempts, payload, fingerprint, version, error } = row
  const times = { enqueuedAtMs: row.enqueued_at_ms, failedAtMs: row.failed_at_ms }
  return {
    id,
    name,
    tier,
    tenant,
    priority,
    attempt,
    attempts,
    payload,
    ...times,
    fingerprint,
    version,
    error,
  }
}
