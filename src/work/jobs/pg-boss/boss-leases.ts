import { type Transaction } from '../../../data/index.ts'
import { lapsedFailure } from '../failure/index.ts'
import type { JobOutcome } from '../store/index.ts'
import type { BossKeys } from './boss-keys.ts'
import { bury, type Dying } from './boss-letters.ts'
import type { BossInsert, BossQueue, HeldJob } from './boss-queue.ts'
import type { BossReceipts, ReceiptChange } from './boss-receipts.ts'
import type { BossTables } from './boss-tables.ts'

export interface BossLeaseParts {
  readonly tables: BossTables
  /** The table of the dead letters, quoted. */
  readonly letters: string
  readonly queue: BossQueue
  readonly keys: BossKeys
  readonly receipts: BossReceipts
}

interface LeaseRow {
  readonly token: string
  readonly tier: string
  readonly ids: readonly string[]
}

/** Leases that one round of upkeep takes back at most. */
export const lapsedAtOnce = 50

/** Batches under leases, and how their jobs leave them: all in transactions of the caller. */
export class BossLeases {
  readonly #parts: BossLeaseParts
  readonly #lease: string

  constructor (parts: BossLeaseParts) {
    this.#parts = parts
    this.#lease = parts.tables.lease
  }

  async open (tx: Transaction, tier: string, ids: readonly string[], leaseMs: number): Promise<bigint> {
    const { rows: [row] } = await tx.query<{ token: string }>(
      `INSERT INTO ${this.#lease} (tier, lease_until, ids)
      VALUES ($1, clock_timestamp() + $2::float8 * interval '1 ms', $3::uuid[]) RETURNING token`,
      [tier, leaseMs, ids]
    )
    return BigInt(row!.token)
  }

  /** @returns ids that are not under the lease (any more) */
  async settle (
    tx: Transaction,
    token: bigint,
    outcomes: readonly JobOutcome[]
  ): Promise<readonly string[]> {
    const held = await this.#hold(tx, token)
    const mine = outcomes.filter(({ id }) => held?.ids.includes(id) === true)
    const lost = outcomes.filter((outcome) => !mine.includes(outcome)).map(({ id }) => id)
    if (held === undefined || mine.length === 0) return lost
    const { tier } = held
    await this.#finish(tx, tier, mine)
    await this.#return(tx, tier, mine)
    await this.#bury(tx, tier, mine)
    await this.end(tx, tier, mine.flatMap(({ id, kind }) => isGivenUp(kind) ? [{ id, state: kind }] : []))
    const settled = new Set(mine.map(({ id }) => id))
    await this.#release(tx, token, held.ids.filter((id) => !settled.has(id)))
    return lost
  }

  /** Jobs that end otherwise than done leave pg-boss, so that their ids are free for a redrive. */
  async end (tx: Transaction, tier: string, ends: readonly ReceiptChange[]): Promise<void> {
    const { queue, keys, receipts } = this.#parts
    const ids = ends.map(({ id }) => id)
    await queue.remove(tx, tier, ids)
    await keys.free(tx, ids)
    await receipts.change(tx, ends)
  }

  /** @param ids all that are not settled, when absent */
  async giveBack (tx: Transaction, token: bigint, ids: readonly string[] | undefined): Promise<void> {
    const held = await this.#hold(tx, token)
    if (held === undefined) return
    const back = ids === undefined ? held.ids : held.ids.filter((id) => ids.includes(id))
    await this.#putBack(tx, held.tier, await this.#parts.queue.read(tx, held.tier, back))
    await this.#release(tx, token, held.ids.filter((id) => !back.includes(id)))
  }

  /** Ends leases whose holders were not heard of in time. */
  async takeBack (
    tx: Transaction
  ): Promise<{ readonly leases: number; readonly recovered: number; readonly died: number }> {
    const { rows } = await tx.query<LeaseRow>(
      `SELECT token, tier, ids FROM ${this.#lease} WHERE lease_until <= clock_timestamp()
      ORDER BY lease_until LIMIT ${lapsedAtOnce} FOR UPDATE SKIP LOCKED`
    )
    let [recovered, died] = [0, 0]
    for (const { token, tier, ids } of rows) {
      const jobs = (await this.#parts.queue.read(tx, tier, ids)).map(withRun)
      const dying = jobs.filter(({ attempt, attempts }) => attempt >= attempts)
        .map((job): Dying => ({ job, tier, error: lapsedFailure(job.attempt) }))
      await this.#die(tx, tier, dying)
      const back = jobs.filter(({ attempt, attempts }) => attempt < attempts)
      await this.#putBack(tx, tier, back)
      await this.#release(tx, BigInt(token), [])
      recovered += back.length
      died += dying.length
    }
    return { leases: rows.length, recovered, died }
  }

  async #finish (tx: Transaction, tier: string, outcomes: readonly JobOutcome[]): Promise<void> {
    const { queue, keys, receipts } = this.#parts
    const done = outcomes.filter((outcome) => outcome.kind === 'done')
    const ids = done.map(({ id }) => id)
    await queue.complete(tx, tier, ids)
    await keys.free(tx, ids)
    await receipts.change(tx, done.map(({ id, result }) => ({ id, state: 'done', result })))
  }

  /** What runs again later: a snooze is no run. */
  async #return (tx: Transaction, tier: string, outcomes: readonly JobOutcome[]): Promise<void> {
    const { queue, receipts } = this.#parts
    const again = outcomes.filter((outcome) => outcome.kind === 'retry' || outcome.kind === 'snooze')
    if (again.length === 0) return
    const jobs = await this.#read(tx, tier, again)
    const inserts = again.flatMap((outcome): readonly BossInsert[] => {
      const job = jobs.get(outcome.id)
      return job === undefined ?
        [] :
        [insertAgain(outcome.kind === 'retry' ? withRun(job) : job, outcome.atMs)]
    })
    await queue.remove(tx, tier, inserts.map(({ id }) => id))
    await queue.insert(tx, tier, inserts)
    await receipts.change(
      tx,
      again.map((outcome) => ({
        id: outcome.id,
        state: 'waiting',
        error: outcome.kind === 'retry' ? outcome.error : undefined,
      }))
    )
  }

  async #bury (tx: Transaction, tier: string, outcomes: readonly JobOutcome[]): Promise<void> {
    const dead = outcomes.filter((outcome) => outcome.kind === 'dead')
    if (dead.length === 0) return
    const jobs = await this.#read(tx, tier, dead)
    const dying = dead.flatMap(({ id, error }): readonly Dying[] => {
      const job = jobs.get(id)
      return job === undefined ? [] : [{ job: withRun(job), tier, error }]
    })
    await this.#die(tx, tier, dying)
  }

  async #die (tx: Transaction, tier: string, dying: readonly Dying[]): Promise<void> {
    await bury(tx, this.#parts.letters, dying)
    await this.end(tx, tier, dying.map(({ job: { id }, error }) => ({ id, state: 'dead', error })))
  }

  /** pg-boss has no way back that leaves the count of attempts to us: out and in again, in one transaction. */
  async #putBack (tx: Transaction, tier: string, jobs: readonly HeldJob[]): Promise<void> {
    if (jobs.length === 0) return
    const { queue, receipts } = this.#parts
    await queue.remove(tx, tier, jobs.map(({ id }) => id))
    await queue.insert(tx, tier, jobs.map((job) => insertAgain(job, undefined)))
    await receipts.change(tx, jobs.map(({ id }) => ({ id, state: 'waiting' })))
  }

  async #read (
    tx: Transaction,
    tier: string,
    outcomes: readonly JobOutcome[]
  ): Promise<ReadonlyMap<string, HeldJob>> {
    const jobs = await this.#parts.queue.read(tx, tier, outcomes.map(({ id }) => id))
    return new Map(jobs.map((job) => [job.id, job]))
  }

  /** Locks a lease until the end of the transaction. */
  async #hold (tx: Transaction, token: bigint): Promise<LeaseRow | undefined> {
    const { rows: [row] } = await tx.query<LeaseRow>(
      `SELECT token, tier, ids FROM ${this.#lease} WHERE token = $1 FOR UPDATE`,
      [token]
    )
    return row
  }

  /** What is left of a lease that is held. */
  async #release (tx: Transaction, token: bigint, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) await tx.query(`DELETE FROM ${this.#lease} WHERE token = $1`, [token])
    else await tx.query(`UPDATE ${this.#lease} SET ids = $2::uuid[] WHERE token = $1`, [token, ids])
  }
}

function isGivenUp (kind: JobOutcome['kind']): kind is 'cancelled' | 'expired' {
  return kind === 'cancelled' || kind === 'expired'
}

/** The job with the run that it has just had. */
function withRun (job: HeldJob): HeldJob {
  return { ...job, attempt: job.attempt + 1 }
}

function insertAgain (job: HeldJob, atMs: number | undefined): BossInsert {
  const { id, ...data } = job
  return { id, data, atMs }
}
