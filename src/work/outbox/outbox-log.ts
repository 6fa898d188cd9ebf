import type { Transaction } from '../../data/index.ts'
import type { EventMessage, LogPosition } from '../events/index.ts'

/** An event that was read from the log. */
export interface LoggedMessage extends EventMessage {
  readonly position: LogPosition
}

/** One of `of` equal parts of all keys, by a hash of the key; `at` counts from 0. */
export interface LogShard {
  readonly of: number
  readonly at: number
}

export interface LogRead {
  /** What comes after this; `undefined`: from the first event that is kept. */
  readonly after: LogPosition | undefined
  /** At most so many messages; at least 1. */
  readonly limit: number
  /** Up to and with this. @default the fence */
  readonly upTo?: LogPosition
  /** Only events of these types. @default all */
  readonly types?: readonly string[]
  readonly shard?: LogShard
  /** Only the events of one aggregate. */
  readonly aggregate?: Pick<EventMessage, 'aggregateType' | 'key'>
}

export interface LogBatch {
  /** In the log's order: within a key the order in which the transactions committed. */
  readonly messages: readonly LoggedMessage[]
  /**
   * Where to read on. Behind the last message when there may be more; else at the fence (or at `upTo`), so that a reader
   * whose events are rare moves on with the log.
   */
  readonly next: LogPosition
  /** The batch was cut off by `limit`: read on at once. */
  readonly more: boolean
  /** Transactions that are still running may yet write behind this place; nothing from here on is read. */
  readonly fence: LogPosition
}

/** A place that a reader has reached, kept in the log's own database. Retention drops nothing that it has not passed. */
export interface LogCheckpoint {
  /** As its reader chose it: 'relay nats 4/0', 'projection best-sellers 3'. */
  readonly name: string
  readonly position: LogPosition
  /** Of the lease under which it was last saved: a whole number as text. */
  readonly token: string
  readonly savedAtMs: number
}

/** What keeps the fence where it is. */
export interface Stall {
  /** Of the server process; `undefined` for a prepared transaction, which has none. */
  readonly pid: number | undefined
  /** Its statement, or the last one, cut to 1,000 characters; for a prepared transaction its identifier. */
  readonly query: string
  /** 'active', 'idle in transaction', ..., or 'prepared'. */
  readonly state: string
  readonly application: string
  readonly user: string
  /** How long its transaction is open, in milliseconds. */
  readonly ageMs: number
  /** Events that have been committed and wait for it; 0 when it holds up nothing. */
  readonly held: number
}

/** Where readers keep how far they have come. */
export interface LogCheckpoints {
  /**
   * The reader's checkpoint, made when there is none: at `from`, where 'start' is the first event that is kept and 'head'
   * the fence of now.
   */
  open(name: string, from: 'start' | 'head' | LogPosition): Promise<LogCheckpoint>
  /**
   * Moves it, in `tx` or (pass the pool) at once. Also back, for a replay.
   *
   * @param token of the reader's lease; 0n for a reader that has none
   * @returns false, with nothing written, when there is no such checkpoint or somebody has saved it under a higher token
   */
  save(tx: Transaction, name: string, position: LogPosition, token: bigint): Promise<boolean>
  /** Forgets it: retention no longer waits for its reader. @returns whether there was one */
  remove(name: string): Promise<boolean>
  list(): Promise<readonly LogCheckpoint[]>
}

/**
 * Events in the order in which they were committed, to be read as often as anybody likes: rows are only ever inserted,
 * and dropped by the partition when all that have a checkpoint are past them.
 *
 * No event is skipped: what is read ends before the first place at which a running transaction may still write. One
 * long transaction anywhere in the database therefore stops all readers; {@link OutboxLog.stall} names it.
 */
export interface OutboxLog extends AsyncDisposable {
  readonly checkpoints: LogCheckpoints
  /** @throws LogTruncatedError when events after `after` have been dropped */
  read(read: LogRead): Promise<LogBatch>
  /**
   * Waits until there may be events after `after`: at once when this process has just emitted, else by a poll that all
   * readers of the process share.
   *
   * @returns false after `maxMs` milliseconds without any, or when `signal` aborts
   */
  wait(after: LogPosition, maxMs: number, signal: AbortSignal): Promise<boolean>
  /** The fence of now: what was committed before this call comes before it, unless a transaction holds it back. */
  head(): Promise<LogPosition>
  /** Up to and with where events have been dropped; `undefined` while the log is whole. */
  tail(): Promise<LogPosition | undefined>
  /** The oldest transaction that holds the fence back; `undefined` when there is none. */
  stall(): Promise<Stall | undefined>
  /** Frees what the log opened itself; a second call does nothing. `await using` calls it too. */
  close(): Promise<void>
}
