/** The database cannot be asked for plans as they are needed here. */
export class PlansUnavailableError extends Error {
  override readonly name = 'PlansUnavailableError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'PLANS_UNAVAILABLE'
}

/** A file of plans is not one that this version wrote. */
export class PlanFileError extends Error {
  override readonly name = 'PlanFileError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'PLAN_FILE_INVALID'
  readonly file: string

  constructor (file: string, why: string, cause?: unknown) {
    super(`${file} is no file of plans: ${why}; write it anew`, { cause })
    this.file = file
  }
}
