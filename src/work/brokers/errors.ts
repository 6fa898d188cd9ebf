/** The broker has not confirmed a message in time. It may have it all the same: publish it again under its id. */
export class UnconfirmedError extends Error {
  override readonly name = 'UnconfirmedError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'PUBLISH_UNCONFIRMED'

  /** @param when to follow "has not confirmed the message", with what separates it */
  constructor (when: string) {
    super(`the broker has not confirmed the message${when}; it may have it, and knows it by its id`)
  }
}

/** The broker does not take a message, and says why. */
export class PublishRefusedError extends Error {
  override readonly name = 'PublishRefusedError'
  readonly code = 'PUBLISH_REFUSED'
  /** The broker's name, e.g. `nats`. */
  readonly broker: string

  constructor (broker: string, reason: string, cause?: unknown) {
    super(`${broker} refuses the message: ${reason}`, cause === undefined ? undefined : { cause })
    this.broker = broker
  }
}

/** A publisher or a source was used after `close()`. */
export class BrokerPartClosedError extends Error {
  override readonly name = 'BrokerPartClosedError'
  readonly code = 'BROKER_PART_CLOSED'

  /** @param part e.g. `the publisher for nats` */
  constructor (part: string) {
    super(`${part} is closed: it cannot be used after close(); open a new one instead`)
  }
}
