import { formatDuration, type ProblemKind } from '../../kernel/index.ts'
import { projectionProblems } from './problems.ts'

/** A projection is further behind the events than it promises. */
export class ProjectionLateError extends Error {
  override readonly name = 'ProjectionLateError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'PROJECTION_LATE'
  readonly projection: string
  readonly lagMs: number
  readonly objectiveMs: number

  constructor (projection: string, lagMs: number, objectiveMs: number, reason: string | undefined) {
    super(
      `the projection ${projection} is ${(lagMs / 1000).toFixed(1)} s behind the events, and may be ` +
        `${formatDuration(objectiveMs)}: ${
          reason ?? 'see whether a process with the role work runs, and its log'
        }`
    )
    this.projection = projection
    this.lagMs = lagMs
    this.objectiveMs = objectiveMs
  }
}

/** What was given as a token of what must have been seen is none. */
export class ProjectionTokenError extends Error {
  override readonly name = 'ProjectionTokenError'
  readonly code = 'PROJECTION_TOKEN_INVALID'
  readonly statusCode = 400
  /** What the client is told. */
  readonly problemKind: ProblemKind = projectionProblems.PROJECTION_TOKEN_INVALID

  constructor () {
    super('the token is none that formatPosition has written: pass on what the write answered, unchanged')
  }
}

/** A new build differs from the one that is read. It has not taken its place; its tables are kept to be looked at. */
export class ProjectionDifferenceError extends Error {
  override readonly name = 'ProjectionDifferenceError'
  readonly code = 'PROJECTION_DIFFERENCE'
  readonly projection: string
  /** Rows that only one of the builds has. */
  readonly difference: number
  /** Some of them, by table. */
  readonly examples: Readonly<Record<string, readonly unknown[]>>

  constructor (
    projection: string,
    difference: number,
    examples: Readonly<Record<string, readonly unknown[]>>
  ) {
    super(
      `the new build of the projection ${projection} differs from the one that is read by ${difference} rows: compare ` +
        'them, and rebuild with acceptDifference if the new one is right'
    )
    this.projection = projection
    this.difference = difference
    this.examples = examples
  }
}

/** Somebody else has moved the checkpoint or replaced the build: what was read is out of date. Handled inside. */
export class BuildMovedError extends Error {
  override readonly name = 'BuildMovedError'
  readonly code = 'PROJECTION_BUILD_MOVED'
}

/** The log no longer has its first events: a build would lack what they meant. */
export class ProjectionLogCutError extends Error {
  override readonly name = 'ProjectionLogCutError'
  readonly code = 'PROJECTION_LOG_CUT'
  readonly projection: string

  constructor (projection: string, tail: string) {
    super(
      `the projection ${projection} cannot be built from the first event on: the log has been cut off at ${tail}; keep ` +
        'events for longer (keep of the outbox), or define the projection with partial: true if it does without them'
    )
    this.projection = projection
  }
}
