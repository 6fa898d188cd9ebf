import { type Context, currentContext, unitOf } from '../../kernel/index.ts'
import type { StatementObserver, StatementOutcome } from '../pool/index.ts'
import { keptEffectOf } from './effect.ts'
import type { WalPosition } from './lsn.ts'

/** What one unit of work may have written, and what its reads must show. */
export class UnitNotes {
  /** It has sent something that may write. */
  wrote = false
  /** Moments at which something that it wrote may have become visible. */
  writes = 0
  /** How many of `writes` are covered by `floor`. */
  covered = 0
  /** Its reads must show all that this covers. */
  floor: WalPosition | undefined
  /** The consistency token that it came with, until somebody has to know what it says. */
  token: string | undefined
  /** What its token says, while it is ahead of where the primary was last seen. */
  claim: WalPosition | undefined
  /** Its token could not be read: only the primary is sure to show what it stood for. */
  inDoubt = false

  /** Its reads must show all that `position` covers, too. */
  raise (position: WalPosition): void {
    const { floor } = this
    if (floor === undefined || isAfter(position, floor)) this.floor = position
  }
}

function isAfter (a: WalPosition, b: WalPosition): boolean {
  return a.timeline === b.timeline ? a.lsn > b.lsn : a.timeline > b.timeline
}

/**
 * Notes, for each unit of work, what of the primary's statements may have written: an observer of its pool
 * (`openPool({ observers: [notes] })`), which {@link openReads} is given as `notes`.
 *
 * Statements outside of any context count as those of one unit.
 */
export class WriteNotes implements StatementObserver {
  readonly #units: WeakMap<Context, UnitNotes> = new WeakMap()
  readonly #outside: UnitNotes = new UnitNotes()
  #muted = false

  /** The notes on the unit that `context` is part of, if there are any. */
  find (context: Context | undefined): UnitNotes | undefined {
    return context === undefined ? this.#outside : this.#units.get(unitOf(context))
  }

  of (context: Context | undefined): UnitNotes {
    const found = this.find(context)
    if (found !== undefined || context === undefined) return found ?? this.#outside
    const notes = new UnitNotes()
    this.#units.set(unitOf(context), notes)
    return notes
  }

  /**
   * The unit has written in a way that no statement of the pool shows: with `COPY`, through another connection, by a
   * call to another service.
   */
  wrote (context: Context | undefined = currentContext()): void {
    const notes = this.of(context)
    notes.wrote = true
    notes.writes++
  }

  /** Statements sent within `send` are known to only read. */
  quietly<Result> (send: () => Result): Result {
    this.#muted = true
    try {
      return send()
    } finally {
      this.#muted = false
    }
  }

  sent (text: string, _values: readonly unknown[] | undefined, context: Context | undefined): unknown {
    if (this.#muted) return undefined
    const effect = keptEffectOf(text)
    if (effect === 'reads' || effect === 'locks') return undefined
    if (effect === 'commits') {
      const found = this.find(context)
      return found?.wrote === true ? found : undefined
    }
    const notes = this.of(context)
    notes.wrote = true
    return notes
  }

  /** A failure counts, too: it may be that only the answer was lost. */
  ended (token: unknown, _outcome: StatementOutcome): void {
    const notes = token as UnitNotes
    notes.writes++
  }
}
