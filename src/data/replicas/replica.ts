import type { Pool, PoolClient } from 'pg'
import { type Cancel, type Clock, fullJitter, type Random } from '../../kernel/index.ts'
import type { CounterSlot } from '../../telemetry/index.ts'
import { FreshAsk } from './fresh-ask.ts'
import { type Lsn, parseLsn, type WalPosition } from './lsn.ts'
import type { PrimaryWatch } from './primary-watch.ts'
import type { ServerLine } from './server-line.ts'

/**
 * - `ready`: it can serve.
 * - `down`: it does not answer.
 * - `ejected`: it answers, but connections to it broke; it gets no reads for a while.
 * - `promoted`: it is a primary.
 * - `other-timeline`: it has not been seen to follow the primary since a failover.
 * - `other-cluster`: it is no standby of this primary.
 * - `unknown`: it, or the primary, has not answered yet.
 */
export type ReplicaState =
  | 'ready'
  | 'down'
  | 'ejected'
  | 'promoted'
  | 'other-timeline'
  | 'other-cluster'
  | 'unknown'

/** What is known of a replica. */
export interface ReplicaStatus {
  readonly name: string
  readonly state: ReplicaState
  /** How old what it shows may be, at most; `undefined` while nobody knows. */
  readonly lagSeconds: number | undefined
  readonly lagBytes: number | undefined
  /** Reads under way on it, from this process. */
  readonly inFlight: number
}

/**
 * A standby's own timeline is that of its last restart point, or of what it streams, which only members of
 * pg_read_all_stats see.
 */
const standingQuery = 'SELECT pg_is_in_recovery() AS standby, pg_last_wal_replay_lsn()::text AS lsn, ' +
  'pg_postmaster_start_time()::text AS started, greatest((SELECT received_tli FROM pg_stat_wal_receiver), ' +
  '(SELECT timeline_id FROM pg_control_checkpoint()))::int AS timeline, ' +
  '(SELECT system_identifier::text FROM pg_control_system()) AS system'

const sessionQuery =
  'SELECT pg_postmaster_start_time()::text AS started, pg_last_wal_replay_lsn()::text AS lsn'

interface SessionRow {
  readonly started: string
  /** NULL on a server that never was a standby. */
  readonly lsn: string | null
}

interface StandingRow extends SessionRow {
  readonly standby: boolean
  readonly timeline: number
  readonly system: string
}

interface Standing extends WalPosition {
  readonly standby: boolean
  readonly started: string
  readonly system: string
}

export interface ReplicaOptions {
  readonly name: string
  readonly pool: Pool
  readonly line: ServerLine
  readonly primary: PrimaryWatch
  readonly clock: Clock
  readonly random: Random
  readonly pollMs: number
  readonly ejections: CounterSlot
}

/** How long a replica to which connections broke gets no reads. */
const ejection = { baseMs: 500, capMs: 30_000 }

/** One standby: what is known of where it stands, and its sessions. */
export class Replica {
  readonly name: string
  /** Reads under way on it. */
  inFlight = 0
  /** Until then nobody should wait for it to catch up: the last wait was in vain. */
  vainUntilMs: number = Number.NEGATIVE_INFINITY
  readonly #options: ReplicaOptions
  readonly #refresh: FreshAsk<void> = new FreshAsk(() => this.#read())
  readonly #stop: Cancel
  readonly #known: WeakSet<PoolClient> = new WeakSet()
  #standing: Standing | undefined
  #failed = false
  #failures = 0
  #outUntilMs = Number.NEGATIVE_INFINITY

  constructor (options: ReplicaOptions) {
    const { name, clock, pollMs } = this.#options = options
    this.name = name
    this.#stop = clock.every(pollMs, () => void this.refresh())
  }

  get state (): ReplicaState {
    const { primary, clock } = this.#options
    const standing = this.#standing
    if (standing === undefined) return this.#failed ? 'down' : 'unknown'
    if (primary.system === undefined) return 'unknown'
    if (standing.system !== primary.system) return 'other-cluster'
    if (!standing.standby) return 'promoted'
    if (standing.timeline !== primary.timeline) return 'other-timeline'
    return clock.now() < this.#outUntilMs ? 'ejected' : 'ready'
  }

  get status (): ReplicaStatus {
    const { ruler } = this.#options.primary
    const lsn = this.#standing?.lsn
    const lagMs = lsn === undefined ? undefined : ruler.behindMs(lsn)
    return {
      name: this.name,
      state: this.state,
      lagSeconds: lagMs === undefined || lagMs === Number.POSITIVE_INFINITY ? undefined : lagMs / 1_000,
      lagBytes: lsn === undefined ? undefined : ruler.behindBytes(lsn),
      inFlight: this.inFlight,
    }
  }

  /** How old what it shows may be, at most, in milliseconds; infinite while nobody knows. */
  get lagMs (): number {
    const standing = this.#standing
    return standing === undefined ?
      Number.POSITIVE_INFINITY :
      this.#options.primary.ruler.behindMs(standing.lsn)
  }

  /** Whether it is known to show all that `floor` covers. */
  shows ({ timeline, lsn }: WalPosition): boolean {
    const standing = this.#standing
    return standing !== undefined && standing.timeline >= timeline && standing.lsn >= lsn
  }

  /** Asks it where it stands. Never rejects. */
  refresh (): Promise<void> {
    return this.#refresh.ask()
  }

  /**
   * A connection to the very server that is watched: not to another one behind the same address, nor to one that
   * has started again since and replays anew.
   *
   * @param floor what is read over it must show: it may have taken a while to get the connection
   * @throws Error with the code REPLICA_IN_DOUBT
   */
  async connect (floor: WalPosition | undefined): Promise<PoolClient> {
    const client = await this.#options.pool.connect()
    try {
      if (!this.#known.has(client)) await this.#know(client)
      if (floor !== undefined && !this.shows(floor)) throw inDoubt(this.name)
      return client
    } catch (error) {
      client.release(true)
      throw error
    }
  }

  /** A connection to it broke, or was not to be had. */
  failed (): void {
    const { clock, random, ejections } = this.#options
    if (clock.now() >= this.#outUntilMs) ejections.add()
    const waitMs = Math.max(ejection.baseMs, fullJitter(++this.#failures, ejection, random))
    this.#outUntilMs = Math.max(this.#outUntilMs, clock.now() + waitMs)
    void this.refresh()
  }

  succeeded (): void {
    this.#failures = 0
  }

  async close (): Promise<void> {
    this.#stop()
    await this.#options.line.close()
  }

  async #know (client: PoolClient): Promise<void> {
    const before = this.#standing
    // It refuses writes as it is, until it is promoted.
    const [, { rows: [row] }] = await Promise.all([
      client.query('SET default_transaction_read_only TO on'),
      client.query<SessionRow>(sessionQuery),
    ])
    if (!isSame(row, before)) throw inDoubt(this.name)
    this.#known.add(client)
  }

  async #read (): Promise<void> {
    try {
      const row = await this.#options.line.ask<StandingRow>(standingQuery)
      this.#failed = false
      this.#standing = { ...row, lsn: parseLsn(row.lsn ?? '0/0') }
    } catch {
      // When it is back it may have lost what it had replayed without having written it down.
      this.#failed = true
      this.#standing = undefined
    }
  }
}

function isSame (row: SessionRow | undefined, standing: Standing | undefined): boolean {
  if (row === undefined || standing === undefined || row.started !== standing.started) return false
  return row.lsn !== null && parseLsn(row.lsn) >= (standing.lsn satisfies Lsn)
}

function inDoubt (name: string): Error {
  return Object.assign(
    new Error(
      `a connection to the replica "${name}" is not one to the server that is watched under that address`
    ),
    { code: 'REPLICA_IN_DOUBT' }
  )
}
