import type { Finding } from './finding.ts'

/** A unit of work sends one statement again and again: see `findings`. */
export class NPlusOneError extends Error {
  override readonly name = 'NPlusOneError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'N_PLUS_ONE'
  readonly findings: readonly Finding[]

  constructor (findings: readonly Finding[]) {
    super(findings.map(({ message }) => message).join('\n'))
    this.findings = findings
  }
}

/** Work sent another number of statements than its test expects. */
export class QueryCountError extends Error {
  override readonly name = 'QueryCountError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'QUERY_COUNT'
  readonly expected: number
  readonly actual: number

  /** @param lines each statement with where it came from */
  constructor (expected: number, actual: number, lines: readonly string[]) {
    super([`expected ${expected} statements, ${actual} were sent`, ...lines].join('\n'))
    this.expected = expected
    this.actual = actual
  }
}

/** Nothing can be said of statements that nobody hears of. */
export class NotWatchedError extends Error {
  override readonly name = 'NotWatchedError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'NOT_WATCHED'

  constructor (why: string) {
    super(`${why}; give the pool a watch: openPool({ ..., observers: [statementWatch()] })`)
  }
}
