import type { Pool } from 'pg'
import { quoteIdentifier } from '../../engines/index.ts'
import {
  type Clock,
  type Duration,
  parseDuration,
  type Random,
  SettingError,
  systemClock,
  systemRandom,
} from '../../kernel/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { openPool, type OpenPoolOptions } from '../pool/index.ts'
import { DoubtBudget } from './doubt-budget.ts'
import { replicaMetrics } from './metrics.ts'
import { PrimaryWatch } from './primary-watch.ts'
import { ReadPool, type Reads } from './reads.ts'
import { Replica } from './replica.ts'
import { ReadRouter } from './router.ts'
import { ownLine } from './server-line.ts'
import { TokenSeal } from './token.ts'
import type { WriteNotes } from './write-notes.ts'

/** A standby that streams from the primary. One address must always lead to one and the same server. */
export type ReplicaTarget =
  & { readonly name: string }
  & (
    | {
      readonly url: string
      /** Connections to it at most; one more asks it where it stands. @default that of the primary's pool */
      readonly poolSize?: number
    }
    /** A pool that obeys deadlines (`openPool`, `governPool`). Yours to close. */
    | { readonly pool: Pool }
  )

export interface ReadsOptions {
  /** The pool of `app.data`; it must have `notes` among its observers. Yours to close. */
  readonly primary: Pool
  /** What the primary's pool heard of writes. */
  readonly notes: WriteNotes
  /** None: all reads go to the primary, and writes are refused all the same. */
  readonly replicas: readonly ReplicaTarget[]
  /**
   * Unqualified names on replicas that are given by URL mean this schema, then `public`; a URL that has `options` keeps
   * those instead. @default the server's own search path
   */
  readonly schema?: string
  /** Further options of the pools of replicas that are given by URL, such as `observers`. @default none */
  readonly poolOptions?: Omit<OpenPoolOptions, 'connectionString' | 'max'>
  /** @default one that nobody reads */
  readonly registry?: MetricsRegistry
  /**
   * Seal consistency tokens: at least 16 characters each, the same for all workers and machines. The first seals, all
   * open, so that one can be replaced by the next. @default none; then a client who knows the database's system
   * identifier can make up tokens, which send its own reads to the primary and do nothing else
   */
  readonly secrets?: readonly string[]
  /** A replica that may be further behind than this gets no reads at all; at most '10m'. @default '10s' */
  readonly maxLag?: Duration
  /**
   * How long a read waits for a replica that is about to show what its unit wrote, before it goes to the primary.
   * Never longer than half of what its deadline leaves. 0 for no wait. @default '20ms'
   */
  readonly wait?: Duration
  /** How often each server is asked where it stands, over a connection of its own. @default '250ms' */
  readonly poll?: Duration
  /** A server that does not answer that question within this is down. @default '1s' */
  readonly patience?: Duration
  /** Units of work with an unreadable token that go to the primary, a second and process; others of them count as without one. @default 50 */
  readonly doubtsPerSecond?: number
  /** @default the system's clock */
  readonly clock?: Clock
  /** @default the system's randomness */
  readonly random?: Random
}

/**
 * Opens the pool for reads. Replicas may be down; the primary must answer.
 *
 * @throws SettingError for options out of range; what `pg` says when the primary does not answer, or is a standby
 */
export async function openReads (options: ReadsOptions): Promise<Reads> {
  const { primary, notes, schema, poolOptions, clock = systemClock, random = systemRandom } = options
  const { registry = new MetricsRegistry() } = options
  const settings = readSettings(options)
  const line = { clock, random, patienceMs: settings.patienceMs }
  const opened: Pool[] = []
  const replicas: Replica[] = []
  const metrics = replicaMetrics(registry, () => replicas.map(({ status }) => status))
  const watch = new PrimaryWatch(ownLine(primary, line), clock)

  async function close (): Promise<void> {
    metrics.close()
    await Promise.all([watch.close(), ...replicas.map((replica) => replica.close())])
    await Promise.all(opened.map((pool) => pool.end()))
  }

  function poolOf (target: ReplicaTarget): Pool {
    if ('pool' in target) return target.pool
    const max = target.poolSize ?? primary.options.max
    const pool = openPool({
      keepAlive: true,
      connectionTimeoutMillis: 5 * settings.patienceMs,
      clock,
      ...(schema === undefined ? {} : { options: searchPath(schema) }),
      ...poolOptions,
      connectionString: target.url,
      max,
    })
    opened.push(pool)
    return pool
  }

  try {
    if (options.replicas.length > 0) await watch.start(settings.pollMs)
    for (const target of options.replicas) {
      const pool = poolOf(target)
      replicas.push(
        new Replica({
          name: target.name,
          pool,
          line: ownLine(pool, line),
          primary: watch,
          clock,
          random,
          pollMs: settings.pollMs,
          ejections: metrics.ejections(target.name),
        })
      )
    }
    await Promise.all(replicas.map((replica) => replica.refresh()))
  } catch (error) {
    await close()
    throw error
  }
  const router = new ReadRouter({
    notes,
    primary: watch,
    replicas,
    seal: new TokenSeal(settings.secrets, watch.system ?? ''),
    budget: new DoubtBudget(clock, settings.doubtsPerSecond),
    metrics,
    clock,
    random,
    maxLagMs: settings.maxLagMs,
    waitMs: settings.waitMs,
  })
  return new ReadPool({ primary, router, notes, replicas, metrics, close }) as unknown as Reads
}

/** @see https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNECT-OPTIONS */
function searchPath (schema: string): string {
  return `-c search_path=${`${quoteIdentifier(schema)},public`.replaceAll(/[\\\s]/g, '\\$&')}`
}

interface Settings {
  readonly secrets: readonly string[]
  readonly maxLagMs: number
  readonly waitMs: number
  readonly pollMs: number
  readonly patienceMs: number
  readonly doubtsPerSecond: number
}

function readSettings (options: ReadsOptions): Settings {
  const { replicas, secrets = [], maxLag = '10s', wait = '20ms', poll = '250ms', patience = '1s' } = options
  const { doubtsPerSecond = 50 } = options
  const names = replicas.map(({ name }) => name)
  names.forEach((name, at) => {
    if (!/^[\w.-]{1,63}$/.test(name) || name === 'primary' || names.indexOf(name) !== at) {
      throw new SettingError(
        `database.replicas[${at}].name`,
        'up to 63 letters, digits, "_", "." or "-", different from the others and from "primary"',
        name
      )
    }
  })
  if (secrets.some((secret) => secret.length < 16)) {
    throw new SettingError(
      'secrets',
      'of at least 16 characters each',
      `${secrets.length} of which one is shorter`
    )
  }
  const maxLagMs = parseDuration(maxLag, 'maxLag')
  // A cookie with a token lives as long as that.
  if (maxLagMs > 600_000) throw new SettingError('maxLag', 'at most 10m', maxLag)
  if (!(doubtsPerSecond >= 1)) throw new SettingError('doubtsPerSecond', 'at least 1', doubtsPerSecond)
  return {
    secrets,
    doubtsPerSecond,
    maxLagMs,
    waitMs: parseDuration(wait, 'wait'),
    pollMs: aboveZero(parseDuration(poll, 'poll'), 'poll', poll),
    patienceMs: aboveZero(parseDuration(patience, 'patience'), 'patience', patience),
  }
}

function aboveZero (ms: number, setting: string, given: Duration): number {
  if (ms > 0) return ms
  throw new SettingError(setting, 'above 0', given)
}
