import { randomUUID } from 'node:crypto'
import { transaction } from '../../../data/index.ts'
import { sleep } from '../../../kernel/index.ts'
import type { JobFailure } from '../failure/index.ts'
import type { DeadFilter } from './dead-letter.ts'
import { type DeadPlace, deadStatements } from './dead-sql.ts'
import { pace } from './pace.ts'
import {
  type RedriveOptions,
  type RedriveProgress,
  type RedriveSettings,
  redriveSettings,
} from './redrive-options.ts'
import { inOrder, jobOf, placeAfter, type TakenRow } from './taken-letter.ts'

/** How many letters one transaction moves at most. */
const batchSize = 500
/** How often it looks what has become of those under way. */
const lookMs = 250
/** How many failures are told. */
const failuresTold = 5

/**
 * Sends dead letters back to their queues: first some as a test, then the others at a limited rate, and stops when they
 * die again. Each leaves its place and enters its queue in one transaction, under its old id: a redrive that is killed
 * loses nothing and repeats nothing, and another one goes on where it was.
 *
 * As long as no worker runs the jobs, it waits.
 *
 * @returns how it ended; it does not throw for letters that die again
 * @throws SettingError for options out of range; what the database throws
 */
export async function redrive (options: RedriveOptions): Promise<RedriveProgress> {
  return await new Redrive(redriveSettings(options)).run()
}

class Redrive {
  readonly #id: string = randomUUID()
  readonly #settings: RedriveSettings
  readonly #sql: ReturnType<typeof deadStatements>
  readonly #underWay: Set<string> = new Set()
  readonly #failures: { readonly id: string; readonly error: JobFailure }[] = []
  readonly #counts = { total: 0, sent: 0, succeeded: 0, failed: 0, duplicates: 0, newcomers: 0 }
  #begunMs = 0
  #place: DeadPlace | undefined
  #state: RedriveProgress['state'] = 'testing'
  #isDrained = false

  constructor (settings: RedriveSettings) {
    this.#settings = settings
    this.#sql = deadStatements(settings.schema)
  }

  async run (): Promise<RedriveProgress> {
    const { tests, signal } = this.#settings
    try {
      await this.#begin()
      if (tests > 0) {
        // One that has to stay where it is tests nothing.
        while (this.#counts.sent < tests && !this.#isDrained) await this.#send(tests - this.#counts.sent)
        await this.#untilSettled()
      }
      if (!this.#isStopped() && !this.#isDrained) {
        await this.#enter('sending')
        await this.#sendAll()
        await this.#enter('waiting')
        await this.#untilSettled()
      }
      await this.#enter(this.#isStopped() ? 'stopped' : 'done')
    } catch (error) {
      if (signal?.aborted !== true) throw error
      await this.#enter('interrupted')
    }
    return this.#progress()
  }

  /** What dies from now on is not part of it. */
  async #begin (): Promise<void> {
    this.#settings.signal?.throwIfAborted()
    const { rows: [now] } = await this.#settings.pool.query<{ ms: number }>(this.#sql.now)
    this.#begunMs = now?.ms ?? 0
    this.#counts.total = await this.#count(this.#filter)
    this.#tell()
  }

  get #filter (): DeadFilter {
    const { filter } = this.#settings
    return { ...filter, beforeMs: Math.min(filter.beforeMs ?? Infinity, this.#begunMs) }
  }

  async #sendAll (): Promise<void> {
    const { clock, perSecond, underWay, signal } = this.#settings
    const due = pace(perSecond, clock)
    for (;;) {
      const count = due(Math.min(batchSize, underWay - this.#underWay.size))
      if (count > 0) await this.#send(count)
      if (this.#isDrained) return
      await sleep(clock, Math.max(10, Math.min(lookMs, 1_000 / perSecond)), signal)
      await this.#look()
      if (this.#isStopped()) return
    }
  }

  async #untilSettled (): Promise<void> {
    const { clock, signal } = this.#settings
    for (await this.#look(); this.#underWay.size > 0; await this.#look()) await sleep(clock, lookMs, signal)
  }

  /** Moves the next letters, the oldest first. */
  async #send (most: number): Promise<void> {
    const { pool, store, operator, tries, limit } = this.#settings
    const room = Math.min(most, limit - this.#counts.sent)
    const sent = room <= 0 ? undefined : await transaction(pool, async (tx) => {
      const { rows: taken } = await tx.query<TakenRow>(this.#sql.take(this.#filter, room, this.#place))
      if (taken.length === 0) return undefined
      const rows = inOrder(taken)
      const enqueued = await store.enqueue(tx, rows.map(({ letter }) => jobOf(letter, tries)))
      const isHeld = (at: number): boolean => enqueued[at]?.duplicateOf !== undefined
      const held = rows.filter((_, at) => isHeld(at)).map(({ letter }) => letter)
      if (held.length > 0) await tx.query(this.#sql.restore, [JSON.stringify(held)])
      const moved = rows.filter((_, at) => !isHeld(at)).map(({ letter }) => letter)
      const notes = moved.map(({ id, name, fingerprint }) => ({ id, name, fingerprint }))
      const details = { run: this.#id, tries }
      await tx.query(this.#sql.noteRedrive, [JSON.stringify(notes), operator.actor, operator.reason, details])
      return { ids: moved.map(({ id }) => id), held: held.length, place: placeAfter(rows) }
    })
    this.#isDrained = sent === undefined
    if (sent === undefined) return
    this.#place = sent.place
    this.#counts.sent += sent.ids.length
    this.#counts.duplicates += sent.held
    for (const id of sent.ids) this.#underWay.add(id)
    this.#tell()
  }

  /** Sees which of those under way have left the queue: whoever has is dead again by now, or has succeeded. */
  async #look (): Promise<void> {
    const { pool, store } = this.#settings
    if (this.#underWay.size === 0) return
    const ids = [...this.#underWay]
    const queued = await store.queued(ids)
    const left = ids.filter((id) => !queued.has(id))
    // A job dies in the statement in which it leaves the queue, so that this look cannot miss it.
    const { rows } = await pool.query<{ id: string; error: JobFailure }>(this.#sql.dead, [left])
    for (const id of left) this.#underWay.delete(id)
    this.#failures.push(...rows.map(({ id, error }) => ({ id, error })))
    this.#failures.splice(0, this.#failures.length - failuresTold)
    this.#counts.failed += rows.length
    this.#counts.succeeded += left.length - rows.length
    this.#tell()
  }

  #isStopped (): boolean {
    return this.#counts.failed >= (this.#state === 'testing' ? 1 : this.#settings.stopAfter)
  }

  async #enter (state: RedriveProgress['state']): Promise<void> {
    this.#state = state
    this.#counts.newcomers = await this.#countNewcomers()
    this.#tell()
  }

  async #countNewcomers (): Promise<number> {
    const { pool, filter: { beforeMs, ...filter } } = this.#settings
    if (beforeMs !== undefined || this.#begunMs === 0) return 0
    const query = this.#sql.newcomers({ ...filter, sinceMs: this.#begunMs }, this.#id)
    return (await pool.query<{ count: number }>(query)).rows[0]?.count ?? 0
  }

  async #count (filter: DeadFilter): Promise<number> {
    const { rows: [row] } = await this.#settings.pool.query<{ count: number }>(this.#sql.count(filter))
    return row?.count ?? 0
  }

  #tell (): void {
    this.#settings.onProgress?.(this.#progress())
  }

  #progress (): RedriveProgress {
    const { total, ...counts } = this.#counts
    return {
      run: this.#id,
      state: this.#state,
      total: Math.min(total, this.#settings.limit),
      ...counts,
      underWay: this.#underWay.size,
      failures: [...this.#failures],
    }
  }
}
