import type { Transaction } from '../../../data/index.ts'
import { SettingError } from '../../../kernel/index.ts'
import type { RedrivenJob } from '../failure/index.ts'
import type { EnqueueStatements } from './enqueue-sql.ts'
import { JobKeyContendedError } from './errors.ts'
import type { FairExchange } from './fair-exchange.ts'
import { type FairTags, stepOf } from './fair-tags.ts'
import { specText } from './job-spec.ts'
import type { Enqueued, NewJob } from './job-store.ts'
import { joined } from './joined-texts.ts'

type Job = NewJob & RedrivenJob

/** How often a key is tried for that changes hands all the time. */
const keyTries = 20

/** Writes jobs into the caller's transaction. */
export class Enqueuer {
  readonly #sql: EnqueueStatements
  readonly #tags: FairTags
  readonly #exchange: FairExchange

  constructor (sql: EnqueueStatements, tags: FairTags, exchange: FairExchange) {
    this.#sql = sql
    this.#tags = tags
    this.#exchange = exchange
  }

  async enqueue (tx: Transaction, jobs: readonly Job[]): Promise<readonly Enqueued[]> {
    for (const job of jobs) check(job)
    const duplicates = await this.#takeKeys(tx, jobs)
    const fresh = duplicates.size === 0 ? jobs : jobs.filter((job) => !duplicates.has(job))
    const [first] = fresh
    if (first !== undefined) {
      if (!fresh.every(isPlain)) await this.#writeMixed(tx, fresh)
      else if (fresh.length === 1) await this.#writeOne(tx, first)
      else if (fresh.every((job) => areAlike(job, first))) await this.#writeAlike(tx, first, fresh)
      else await this.#writeMixed(tx, fresh)
      this.#exchange.changed()
    }
    return jobs.map((job) => {
      const duplicateOf = duplicates.get(job)
      return duplicateOf === undefined ? { id: job.id } : { id: job.id, duplicateOf }
    })
  }

  async #writeOne (tx: Transaction, job: Job): Promise<void> {
    const { id, tier, name, tenant, payload } = job
    const step = stepOf(job.weight)
    const tag = this.#tags.take(laneOf(job), tenant, step, 1) + step
    const values = [id, tag, rankOf(job), tier, name, tenant, specText(job), payload]
    await tx.query({ ...this.#sql.one, values })
  }

  async #writeAlike (tx: Transaction, first: Job, jobs: readonly Job[]): Promise<void> {
    const { tier, name, tenant } = first
    const step = stepOf(first.weight)
    const base = this.#tags.take(laneOf(first), tenant, step, jobs.length)
    // Ids need no quotes, which the client would take its time for.
    const ids = `{${jobs.map(({ id }) => id).join(',')}}`
    const payloads = joined(jobs.map(({ payload }) => payload))
    const values = [ids, base, rankOf(first), tier, name, tenant, specText(first), payloads, step]
    await tx.query({ ...this.#sql.alike, values })
  }

  async #writeMixed (tx: Transaction, jobs: readonly Job[]): Promise<void> {
    const rows = jobs.map((job) => {
      const { id, runAtMs, attempt = 0, tracked, tier, name, tenant, payload, cap } = job
      const step = stepOf(job.weight)
      const place = runAtMs !== undefined ? 'later' : cap !== undefined ? 'held' : 'job'
      // Later jobs get their tags when they are due.
      const tag = place === 'later' ? 0n : this.#tags.take(laneOf(job), tenant, step, 1) + step
      return {
        id,
        place,
        tag: String(tag),
        at: runAtMs,
        rank: rankOf(job),
        attempt: attempt + 1,
        tracked,
        tier,
        name,
        tenant,
        spec: specText(job),
        payload,
        step: String(step),
        cap,
      }
    })
    const sql = jobs.some(({ tracked }) => tracked) ? this.#sql.mixedTracked : this.#sql.mixed
    await tx.query({ ...sql, values: [JSON.stringify(rows)] })
  }

  /** @returns jobs whose key another has, and whose */
  async #takeKeys (tx: Transaction, jobs: readonly Job[]): Promise<ReadonlyMap<Job, string>> {
    const holders = new Map<string, string>()
    const keyed = jobs.filter(({ unique }) => unique !== undefined)
    if (keyed.length === 0) return new Map()
    const wanted = new Map<string, Job>()
    for (const job of keyed) if (!wanted.has(keyOf(job))) wanted.set(keyOf(job), job)
    for (let tries = 1; wanted.size > 0; tries++) {
      // In a snapshot that does not move, a key that was given up after it began is never seen to be free.
      if (tries > keyTries) throw new JobKeyContendedError([...wanted.values()].map(({ name }) => name))
      for (const { name, key, job } of await this.#tryKeys(tx, [...wanted.values()])) {
        wanted.delete(`${name}\0${key}`)
        holders.set(`${name}\0${key}`, job)
      }
    }
    return new Map(
      keyed.map((job) => [job, holders.get(keyOf(job)) ?? job.id] as const).filter(([job, id]) =>
        job.id !== id
      )
    )
  }

  /** @returns who has the keys now; those that were free in between are missing */
  async #tryKeys (tx: Transaction, jobs: readonly Job[]): Promise<readonly KeyHolder[]> {
    const [names, keys] = [jobs.map(({ name }) => name), jobs.map(({ unique }) => unique?.key)]
    const ends = jobs.map(({ unique }) => unique?.untilMs ?? null)
    const values = [jobs.map(({ id }) => id), names, keys, ends]
    const { rows: taken } = await tx.query<KeyHolder>({ ...this.#sql.takeKeys, values })
    if (taken.length === jobs.length) return taken
    const { rows: others } = await tx.query<KeyHolder>({ ...this.#sql.keyHolders, values: [names, keys] })
    return others
  }
}

interface KeyHolder {
  readonly name: string
  readonly key: string
  readonly job: string
}

function isPlain ({ runAtMs, tracked, cap, attempt = 0 }: Job): boolean {
  return runAtMs === undefined && !tracked && cap === undefined && attempt === 0
}

/** Whether their rows differ in id, tag and payload alone. */
function areAlike (one: Job, other: Job): boolean {
  return one.tier === other.tier && one.name === other.name && one.tenant === other.tenant &&
    one.priority === other.priority && one.weight === other.weight && one.attempts === other.attempts &&
    one.expiresAtMs === other.expiresAtMs && one.unique === undefined && other.unique === undefined &&
    one.context === other.context
}

export function rankOf ({ priority }: Pick<NewJob, 'priority'>): number {
  return 0 - priority
}

function laneOf (job: NewJob): { readonly tier: string; readonly rank: number } {
  return { tier: job.tier, rank: rankOf(job) }
}

function keyOf ({ name, unique }: NewJob): string {
  return `${name}\0${unique?.key}`
}

function check ({ weight, priority, attempts, cap }: NewJob): void {
  if (!(weight >= 0.001 && weight <= 1_000))
    throw new SettingError('job.weight', 'from 0.001 to 1000', weight)
  if (!(Number.isInteger(priority) && priority >= -8 && priority <= 7))
    throw new SettingError('job.priority', 'a whole number from -8 to 7', priority)
  if (!(Number.isInteger(attempts) && attempts >= 1 && attempts <= 32_000))
    throw new SettingError('job.attempts', 'a whole number from 1 to 32000', attempts)
  if (cap !== undefined && !(Number.isInteger(cap) && cap >= 1))
    throw new SettingError('job.cap', 'a whole number of at least 1', cap)
}
