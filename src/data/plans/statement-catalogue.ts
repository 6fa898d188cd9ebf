import type { StatementObserver, StatementOutcome } from '../pool/index.ts'
import { type CallSite, captureCallSite, ShapeCache } from '../watch/index.ts'

/** A statement that was seen, whatever its parameters. */
export interface SeenStatement {
  /** See StatementShape. */
  readonly fingerprint: string
  /** One text of it, to ask for its plan. */
  readonly text: string
  readonly count: number
  /** Together, in seconds, with waits for a connection. */
  readonly seconds: number
  readonly rows: number
  /** Where the first came from. */
  readonly site: CallSite | undefined
}

type Entry = { -readonly [Key in keyof SeenStatement]: SeenStatement[Key] }

/**
 * Keeps each statement that a pool sends, once: the catalogue that `reviewStatements` reads. It holds at most `limit`
 * different ones; further ones are counted as missed. The first of each costs a stack, any further one about a
 * microsecond or less.
 */
export class StatementCatalogue implements StatementObserver {
  readonly #limit: number
  readonly #shapes: ShapeCache = new ShapeCache()
  readonly #entries: Map<string, Entry> = new Map()
  #missed = 0

  /** @param limit different statements, at least 1 */
  constructor (limit = 1_000) {
    this.#limit = limit
  }

  sent (text: string): Entry | undefined {
    const { fingerprint, isQuery } = this.#shapes.of(text)
    if (!isQuery) return undefined
    const known = this.#entries.get(fingerprint)
    if (known !== undefined) return known
    if (this.#entries.size >= this.#limit) {
      this.#missed++
      return undefined
    }
    const entry = { fingerprint, text, count: 0, seconds: 0, rows: 0, site: captureCallSite() }
    this.#entries.set(fingerprint, entry)
    return entry
  }

  ended (token: unknown, { rowCount, seconds }: StatementOutcome): void {
    const entry = token as Entry
    entry.count++
    entry.seconds += seconds
    entry.rows += rowCount
  }

  /** Those that took the most time first. */
  statements (): readonly SeenStatement[] {
    return [...this.#entries.values()].filter(({ count }) => count > 0).toSorted((a, b) =>
      b.seconds - a.seconds
    )
  }

  /** How often a statement was not kept, since the catalogue is full. */
  get missed (): number {
    return this.#missed
  }
}
