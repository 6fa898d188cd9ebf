/** There is no such dead letter (any more): it was redriven, discarded, or never died. */
export class DeadLetterMissingError extends Error {
  override readonly name = 'DeadLetterMissingError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'DEAD_LETTER_MISSING'
  readonly id: string

  constructor (id: string) {
    super(`no dead letter has the id ${id}: it was redriven or discarded, or its job did not die`)
    this.id = id
  }
}

/** An edit would replace something else than what its author has seen. */
export class DeadLetterChangedError extends Error {
  override readonly name = 'DeadLetterChangedError'
  readonly code = 'DEAD_LETTER_CHANGED'
  readonly id: string

  constructor (id: string) {
    super(`the dead letter ${id} has been edited meanwhile: look at it again, then repeat the edit`)
    this.id = id
  }
}

/** The new payload is one that the job could not even read. */
export class DeadLetterPayloadError extends Error {
  override readonly name = 'DeadLetterPayloadError'
  readonly code = 'DEAD_LETTER_PAYLOAD'
  /** What is wrong with it. */
  readonly reason: string

  constructor (reason: string) {
    super(`this payload is not one of the job: ${reason}`)
    this.reason = reason
  }
}
