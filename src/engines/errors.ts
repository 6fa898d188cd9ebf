import { mayPass } from './passing-error.ts'

/**
 * An engine cannot be reached, or did not answer in time. Expected in service: health reports it, and a later
 * attempt may succeed.
 *
 * The message names the engine, where it was looked for and what to do, and never holds a password.
 */
export class EngineUnavailableError extends Error {
  override readonly name = 'EngineUnavailableError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'ENGINE_UNAVAILABLE'
  /** The engine's name, e.g. `postgres`. */
  readonly engine: string
  /** Where it was looked for, e.g. `127.0.0.1:5432/shop`; without credentials. */
  readonly target: string
  /** Whether a later attempt may succeed although nobody corrects anything: a server that is not up yet. */
  readonly mayPass: boolean

  /** @param reason what is wrong and what to do, to follow "is unavailable:" */
  constructor (engine: string, target: string, reason: string, cause?: unknown) {
    super(`${engine} at ${target} is unavailable: ${reason}`, cause === undefined ? undefined : { cause })
    this.engine = engine
    this.target = target
    this.mayPass = mayPass(cause)
  }
}

/** An engine was used after `close()`: a mistake in the order in which parts are closed. */
export class EngineClosedError extends Error {
  override readonly name = 'EngineClosedError'
  readonly code = 'ENGINE_CLOSED'
  readonly engine: string

  constructor (engine: string) {
    super(`${engine} is closed: it cannot be used after close(); open a new engine instead`)
    this.engine = engine
  }
}

/** An engine needs a package that is not installed. */
export class EngineMissingError extends Error {
  override readonly name = 'EngineMissingError'
  readonly code = 'ENGINE_MISSING'
  readonly engine: string
  /** The package to install. */
  readonly packageName: string

  constructor (engine: string, packageName: string, cause?: unknown) {
    super(
      `${engine} needs the package "${packageName}", which is not installed: npm install ${packageName}`,
      {
        cause,
      }
    )
    this.engine = engine
    this.packageName = packageName
  }
}
