import type { LogPosition } from '../events/index.ts'

/**
 * `live`: what is read, under the tables' own names. `building`: catches up beside it. `refused`: differs from the live
 * one. `old`: was replaced, to be dropped.
 */
export type BuildState = 'live' | 'building' | 'refused' | 'old'

/** The tables of a projection, filled from the first event on. */
export interface Build {
  readonly projection: string
  readonly build: number
  readonly version: number
  readonly state: BuildState
  /** The tables it has, without the build's number. */
  readonly tables: readonly string[]
  readonly position: LogPosition
  /** Events that were applied. */
  readonly events: number
  readonly acceptDifference: boolean
  /** Rows in which it differed from the live one; undefined where nothing was compared. */
  readonly difference: number | undefined
  readonly examples: Readonly<Record<string, readonly unknown[]>> | undefined
  /** What `apply` could not get over, while it cannot. */
  readonly failure: BuildFailure | undefined
  readonly startedAtMs: number
}

export interface BuildFailure {
  /** The first event that cannot be applied. */
  readonly event: string
  readonly type: string
  readonly message: string
}
