import { formatPosition, type LogPosition } from '../events/index.ts'
import type { Stall } from './outbox-log.ts'

/** A reader asks for what comes after a place behind which events have been dropped already. */
export class LogTruncatedError extends Error {
  override readonly name = 'LogTruncatedError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'LOG_TRUNCATED'
  readonly after: LogPosition
  /** Up to and with where events are gone. */
  readonly tail: LogPosition

  constructor (after: LogPosition, tail: LogPosition) {
    super(
      `events after ${formatPosition(after)} are asked for, and those up to ${
        formatPosition(tail)
      } have been dropped: ` +
        'a reader keeps what it needs by a checkpoint; this one has to begin anew'
    )
    this.after = after
    this.tail = tail
  }
}

/** A transaction holds back all readers of the log, and with them all relays. */
export class OutboxStalledError extends Error {
  override readonly name = 'OutboxStalledError'
  readonly code = 'OUTBOX_STALLED'
  readonly stall: Stall

  constructor (stall: Stall) {
    const { pid, query, state, ageMs, held, user, application } = stall
    const who = pid === undefined ?
      `the prepared transaction ${query} of ${user}` :
      `the server process ${pid} (${user}, ${application === '' ? 'unnamed' : application}, ${state})`
    super(
      `${held} events wait for ${who}, whose transaction is open for ${Math.round(ageMs / 1000)} s: ` +
        (pid === undefined ?
          'commit or roll back it' :
          `end it, or select pg_terminate_backend(${pid}); it runs: ${query}`)
    )
    this.stall = stall
  }
}

/** A relay is behind: events wait for longer than they should. */
export class RelayBehindError extends Error {
  override readonly name = 'RelayBehindError'
  readonly code = 'RELAY_BEHIND'
  readonly relay: string
  /** Since when the oldest event waits that could be published, in milliseconds. */
  readonly lagMs: number

  /** @param cause the broker's last refusal, if there was any */
  constructor (relay: string, lagMs: number, cause: unknown) {
    const reason = cause instanceof Error ?
      `its broker says: ${cause.message}` :
      'no broker has refused it here: see whether processes of the role work run'
    super(
      `the oldest event that the relay ${relay} has not published is ${
        Math.round(lagMs / 1000)
      } s old; ${reason}. Nothing is lost: the log keeps events until they are published (plimsoll events status)`,
      { cause }
    )
    this.relay = relay
    this.lagMs = lagMs
  }
}
