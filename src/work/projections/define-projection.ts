import type { Transaction } from '../../data/index.ts'
import { type Duration, parseDuration, SettingError } from '../../kernel/index.ts'
import type { Logger } from '../../telemetry/index.ts'
import type { EventBatch } from '../consumers/index.ts'
import type { EventType } from '../events/index.ts'

/** What `apply` has beside the events. */
export interface Applying {
  /** The transaction that moves the checkpoint: rows and checkpoint are committed together, or not at all. */
  readonly tx: Transaction
  /** The name of a table in this build, quoted: to be used in each statement, reads included. */
  readonly table: (name: string) => string
  /** Aborts when the process stops. */
  readonly signal: AbortSignal
  readonly logger: Logger | undefined
}

export interface ProjectionOptions {
  /**
   * Of tables and `apply` together, from 1. Raise it whenever either changes: the projection is then built anew beside
   * the old one, from the first event, and takes its place once it has caught up.
   */
  readonly version: number
  /**
   * By their names, the statements that make the tables (and their indexes, and what may be read by whom):
   *
   *     { best_seller: (table) => [`CREATE TABLE ${table} (product_id text PRIMARY KEY, sold bigint NOT NULL)`] }
   */
  readonly tables: Readonly<Record<string, (table: string) => readonly string[]>>
  /** The events that it is made of. */
  readonly on: readonly EventType[]
  /** How far it may be behind the events; beyond that `check` fails. @default '5s' */
  readonly lag?: Duration
  /**
   * Events of one transaction, at most; up to five times as many in a build that nobody reads yet, as long as its
   * transactions are short.
   *
   * @default 2000
   */
  readonly batch?: number
  /**
   * The columns in which an old and a new build must agree before the new one takes its place, by table. Leave out what
   * is not made of the events alone, such as the time of a change.
   * @default all columns where both builds are of one version, else none
   */
  readonly compare?: Readonly<Record<string, readonly string[]>>
  /** It may be built of what the log still has, where that has been cut off. @default false */
  readonly partial?: boolean
  /** Writes what events mean, in their order. It may be run again, in another transaction: it must do nothing else. */
  apply(events: EventBatch, applying: Applying): Promise<void>
}

/** A projection, its settings resolved. */
export interface Projection {
  readonly name: string
  readonly version: number
  readonly tables: ReadonlyMap<string, (table: string) => readonly string[]>
  readonly events: ReadonlyMap<string, EventType>
  readonly types: readonly string[]
  readonly lagMs: number
  readonly batch: number
  readonly compare: Readonly<Record<string, readonly string[]>> | undefined
  readonly partial: boolean
  readonly apply: ProjectionOptions['apply']
}

/**
 * Says how tables are made of events.
 *
 * ```ts
 * export const bestSellers = defineProjection('best-sellers', {
 *   version: 1,
 *   tables: {
 *     best_seller: (table) => [`CREATE TABLE ${table} (product_id text PRIMARY KEY, sold bigint NOT NULL)`],
 *   },
 *   on: [orderPlaced],
 *   async apply (events, { tx, table }) {
 *     await tx.query(
 *       `INSERT INTO ${table('best_seller')} AS mine
 *        SELECT product, count(*) FROM unnest($1::text[]) AS product GROUP BY product
 *        ON CONFLICT (product_id) DO UPDATE SET sold = mine.sold + excluded.sold`,
 *       [events.of(orderPlaced).map(({ productId }) => productId)]
 *     )
 *   },
 * })
 * ```
 *
 * @param name stable over releases
 * @throws SettingError
 */
export function defineProjection (name: string, options: ProjectionOptions): Projection {
  if (!/^[a-z][a-z\d-]{0,59}$/.test(name)) {
    const rule = 'lower-case letters, digits and "-", beginning with a letter, at most 60'
    throw new SettingError('name of a projection', rule, name)
  }
  const setting = (part: string): string => `projection ${name}: ${part}`
  const { version, lag = '5s', batch = 2_000, compare, partial = false, apply } = options
  wholeAndPositive(setting('version'), version)
  wholeAndPositive(setting('batch'), batch)
  const tables = new Map(Object.entries(options.tables))
  if (tables.size === 0) throw new SettingError(setting('tables'), 'at least one', options.tables)
  for (const table of tables.keys()) {
    if (!/^[a-z_][a-z\d_]{0,49}$/.test(table) || table.startsWith('plimsoll_')) {
      const rule = 'named by lower-case letters, digits and "_", at most 50, and not after plimsoll_'
      throw new SettingError(setting('tables'), rule, table)
    }
  }
  const events = new Map(options.on.map((event) => [event.type, event]))
  if (events.size === 0 || events.size < options.on.length)
    throw new SettingError(
      setting('on'),
      'at least one event, and each type once',
      options.on.map(({ type }) => type)
    )
  for (const table of Object.keys(compare ?? {})) {
    if (!tables.has(table))
      throw new SettingError(setting('compare'), `of tables ${[...tables.keys()].join(', ')}`, table)
  }
  const lagMs = parseDuration(lag, setting('lag'))
  if (!(lagMs > 0)) throw new SettingError(setting('lag'), 'above 0', lag)
  return Object.freeze({
    name,
    version,
    tables,
    events,
    types: [...events.keys()],
    lagMs,
    batch,
    compare,
    partial,
    apply,
  })
}

function wholeAndPositive (setting: string, value: number): void {
  if (!(Number.isInteger(value) && value >= 1 && value < 2 ** 31))
    throw new SettingError(setting, 'a whole number of at least 1', value)
}
