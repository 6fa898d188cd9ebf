import { fileURLToPath } from 'node:url'

/** Why a scenario could not be used. */
export type ScenarioErrorCode =
  | 'SCENARIO_NOT_FOUND'
  | 'SCENARIO_THREW'
  | 'SCENARIO_INVALID'
  | 'SCENARIO_STEP_FAILED'

/** A scenario that is missing, throws, or says something that cannot be done. */
export class ScenarioError extends Error {
  override readonly name = 'ScenarioError'
  /** Stable over releases: match on this, not on the message. */
  readonly code: ScenarioErrorCode

  constructor (code: ScenarioErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

/** All of Plimsoll: in the package its modules are joined, so that none has a folder of its own. */
const ownFolder = fileURLToPath(new URL('../../../', import.meta.url))

/** The message of what was thrown, and where: the first place in its stack that is in a file of its user's. */
export function thrownAt (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const frames = error.stack?.slice(error.stack.indexOf('\n    at ')) ?? ''
  const places = [...frames.matchAll(/(?:file:\/\/|[ (])(\/[^\s()]+:\d+:\d+)/g)].map(([, place = '']) =>
    place
  )
  const place = places.find((each) => !each.startsWith(ownFolder)) ?? places[0]
  return place === undefined || error.message.includes(place) ?
    error.message :
    `${error.message} (at ${place})`
}
