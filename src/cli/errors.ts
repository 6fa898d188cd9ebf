/** The command line asks for something that does not exist. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  /** Stable over releases: match on this, not on the message. */
  readonly code = 'USAGE'
  /** The help that says how to do it, e.g. `plimsoll serve --help`, where it would. */
  readonly help: string | undefined

  constructor (message: string, help?: string) {
    super(message)
    this.help = help
  }
}

/** A command was interrupted before it got to run anything. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError'
  readonly code = 'INTERRUPTED'

  constructor () {
    super('interrupted')
  }
}
