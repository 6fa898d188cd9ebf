import type { Pool } from 'pg'
import { type Cancel, type Clock, runWithoutContext, systemClock, uuidv7 } from '../../../kernel/index.ts'
import type { ClaimRequest, JobStore } from '../store/index.ts'
import { attendanceStatements, prepareAttendance } from './attendance-table.ts'

export interface AttendedStoreOptions {
  readonly store: JobStore
  /** Yours to close. */
  readonly pool: Pool
  /** Holds the table. @default the first schema of the search path */
  readonly schema?: string | undefined
  readonly clock?: Clock | undefined
}

/** How often a process says that it is there, and how many jobs it has taken. */
const everyMs = 2_000
/** Who has not asked a tier for jobs within this does not work on it any more. */
const idleMs = 10_000

interface Attended {
  taken: number
  askedAtMs: number
  names: readonly string[] | undefined
}

/**
 * A store that lets the fleet know who works on which tier, and how fast: every claim is counted here, and the counts are
 * written by one small statement every 2 seconds, beside the work. A process that only enqueues writes nothing.
 *
 * Closing it says that the process has left, and closes `store`.
 */
export function attendedStore (options: AttendedStoreOptions): JobStore {
  const { store, pool, schema, clock = systemClock } = options
  const sql = attendanceStatements(schema)
  const worker = uuidv7()
  const tiers = new Map<string, Attended>()
  let cancel: Cancel | undefined
  let writing: Promise<unknown> = Promise.resolve()

  function write (): void {
    const nowMs = clock.now()
    const present = [...tiers].filter(([, { askedAtMs }]) => nowMs - askedAtMs < idleMs)
    if (present.length === 0) return
    const values = [
      worker,
      present.map(([tier]) => tier),
      present.map(([, { taken }]) => taken),
      present.map(([, { names }]) => names === undefined ? null : JSON.stringify(names)),
    ]
    // Whoever asks next says it again; a database that is away is for those to tell who need it.
    writing = Promise.all([writing, pool.query(sql.note, values).catch(() => {})])
  }

  function attend ({ tier, names }: ClaimRequest, count: number): void {
    cancel ??= runWithoutContext(() => clock.every(everyMs, write))
    const known = tiers.get(tier)
    if (known === undefined) tiers.set(tier, { taken: count, askedAtMs: clock.now(), names })
    else {
      known.taken += count
      known.askedAtMs = clock.now()
      known.names = names
    }
  }

  async function close (): Promise<void> {
    cancel?.()
    await writing
    if (tiers.size > 0) await runWithoutContext(() => pool.query(sql.leave, [worker])).catch(() => {})
    tiers.clear()
    await store.close()
  }

  return {
    name: store.name,
    enqueue: (tx, jobs) => store.enqueue(tx, jobs),
    queued: (ids) => store.queued(ids),
    renew: (tokens, leaseMs) => store.renew(tokens, leaseMs),
    settle: (token, outcomes) => store.settle(token, outcomes),
    settleIn: (tx, token, outcome) => store.settleIn(tx, token, outcome),
    giveBack: (token, ids) => store.giveBack(token, ids),
    upkeep: () => store.upkeep(),
    receipt: (id) => store.receipt(id),
    receipts: (ids) => store.receipts(ids),
    progress: (token, id, progress) => store.progress(token, id, progress),
    cancel: (id) => store.cancel(id),
    tiers: () => store.tiers(),
    async prepare () {
      await Promise.all([store.prepare(), prepareAttendance(pool, schema)])
    },
    async claim (request) {
      const batch = await store.claim(request)
      attend(request, batch?.jobs.length ?? 0)
      return batch
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
