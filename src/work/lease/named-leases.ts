import type { Pool } from 'pg'
import { prepareTables, type Transaction } from '../../data/index.ts'
import {
  type Clock,
  finishing,
  type Random,
  runWithoutContext,
  SettingError,
  sleep,
  systemClock,
  systemRandom,
  uuidv7,
} from '../../kernel/index.ts'
import { LeaseLostError } from './errors.ts'
import { LeaseKeeper } from './lease-keeper.ts'
import { leaseStatements, leaseTables } from './lease-sql.ts'

export interface LeasesOptions {
  /** Yours to close. */
  readonly pool: Pool
  /** Holds the table `plimsoll_lease`. @default the first schema of the search path */
  readonly schema?: string | undefined
  /**
   * How long a lease holds without a renewal, in milliseconds; at least 100. So long does work stand still whose
   * process was killed. @default 10,000
   */
  readonly leaseMs?: number
  /** Who holds leases, for people. @default the id of the process */
  readonly owner?: string
  /** Hears of statements that failed; they are tried again. */
  readonly onError?: (error: unknown) => void
  readonly clock?: Clock
  readonly random?: Random
}

/** A lease of this process. */
export interface HeldLease extends AsyncDisposable {
  readonly name: string
  /** Unique, and higher than that of any earlier holder. */
  readonly token: bigint
  /** Aborts with a {@link LeaseLostError} when the lease is lost, or might be: stop then. */
  readonly signal: AbortSignal
  /**
   * Makes sure that what the transaction writes only counts while the lease is ours: until it ends, nobody can take
   * the lease over, even when it lapses. A transaction that rests for longer than a lease is ended by the server.
   *
   * @throws LeaseLostError when it is somebody else's by now
   */
  fence(tx: Transaction): Promise<void>
  /** Lets the next one have it at once. A second call does nothing. */
  release(): Promise<void>
}

/** Who holds a lease, as far as the database knows. */
export interface LeaseHolder {
  readonly owner: string
  readonly token: bigint
  /** Below 0 when it has lapsed. */
  readonly leftMs: number
}

/** Leases by name: of all processes, at most one holds a name. */
export interface Leases extends AsyncDisposable {
  /** Takes the lease where it is free; `undefined` where somebody has it. */
  take(name: string): Promise<HeldLease | undefined>
  /**
   * Waits until the lease is ours; asks about five times a lease. Errors of the database do not end the wait.
   *
   * @throws the signal's reason, once it aborts
   */
  hold(name: string, signal?: AbortSignal): Promise<HeldLease>
  holder(name: string): Promise<LeaseHolder | undefined>
  /** Releases what is held. */
  close(): Promise<void>
}

/**
 * Leases in PostgreSQL, for work of which only one process may do each part at a time: shards of a relay, schedules,
 * projections. They are measured by the server's clock; one heartbeat renews all of a process.
 *
 * @throws SettingError for a lease that is too short
 */
export async function openLeases (options: LeasesOptions): Promise<Leases> {
  const { pool, schema, leaseMs = 10_000, owner = String(process.pid) } = options
  const { onError = () => {}, clock = systemClock, random = systemRandom } = options
  if (!(leaseMs >= 100)) throw new SettingError('leases.leaseMs', 'at least 100', leaseMs)
  await prepareTables(pool, { part: 'lease', schema, versions: leaseTables })
  const sql = leaseStatements(schema)
  const self = `${owner} ${uuidv7(clock)}`
  const held = new Map<string, HeldLease>()
  const taking = new Set<string>()

  async function renew (tokens: readonly bigint[]): Promise<readonly bigint[]> {
    const { rows } = await pool.query<{ token: string }>(sql.renew, [tokens, leaseMs])
    const renewed = new Set(rows.map(({ token }) => BigInt(token)))
    return tokens.filter((token) => !renewed.has(token))
  }
  const keeper = new LeaseKeeper({ renew, leaseMs, onRenewError: onError, clock })

  async function take (name: string): Promise<HeldLease | undefined> {
    if (taking.has(name) || held.get(name)?.signal.aborted === false) return undefined
    taking.add(name)
    try {
      const sentMs = clock.now()
      const values = [name, self, leaseMs]
      const { rows: [row] } = await runWithoutContext(() => pool.query<{ token: string }>(sql.take, values))
      if (row === undefined) return undefined
      const lease = heldLease(name, BigInt(row.token), sentMs)
      held.set(name, lease)
      return lease
    } finally {
      taking.delete(name)
    }
  }

  function heldLease (name: string, token: bigint, sentMs: number): HeldLease {
    const { signal } = keeper.keep(token, sentMs, name)
    let releasing: Promise<void> | undefined
    async function release (): Promise<void> {
      if (held.get(name)?.token === token) held.delete(name)
      keeper.drop(token)
      // One that cannot be given back lapses.
      await finishing(() => pool.query(sql.release, [name, token])).catch(onError)
    }
    return {
      name,
      token,
      signal,
      async fence (tx) {
        const { rows } = await tx.query(sql.fence, [name, token, leaseMs])
        if (rows.length === 0) throw new LeaseLostError(name, token)
      },
      release: () => releasing ??= release(),
      [Symbol.asyncDispose]: () => releasing ??= release(),
    }
  }

  async function hold (name: string, signal?: AbortSignal): Promise<HeldLease> {
    for (;;) {
      signal?.throwIfAborted()
      const lease = await take(name).catch(onError)
      if (lease !== undefined) return lease
      await sleep(clock, leaseMs * (0.15 + random() * 0.1), signal)
    }
  }

  async function close (): Promise<void> {
    await Promise.all([...held.values()].map((lease) => lease.release()))
    keeper.close()
  }

  return {
    take,
    hold,
    async holder (name) {
      const { rows: [row] } = await pool.query<{ owner: string; token: string; left_ms: number }>(
        sql.holder,
        [name]
      )
      return row === undefined ?
        undefined :
        { owner: row.owner, token: BigInt(row.token), leftMs: row.left_ms }
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Holds one lease, waiting for it, without keeping more than that one: see {@link openLeases}. */
export async function holdLease (
  pool: Pool,
  name: string,
  { signal, ...options }: Omit<LeasesOptions, 'pool'> & { readonly signal?: AbortSignal } = {}
): Promise<HeldLease> {
  const leases = await openLeases({ ...options, pool })
  return leases.hold(name, signal)
}
