/**
 * The embedded PostgreSQL cannot run here: a package is missing, the platform has no binary, or the machine
 * does not let it start. The message says what to do; nothing but that will help.
 */
export class EmbeddedUnavailableError extends Error {
  override readonly name = 'EmbeddedUnavailableError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'EMBEDDED_UNAVAILABLE'

  /** @param reason what is wrong and what to do */
  constructor (reason: string, cause?: unknown) {
    super(`embedded PostgreSQL cannot run: ${reason}`, cause === undefined ? undefined : { cause })
  }
}

/** The `code` of a system error such as `ENOENT`; undefined for anything else. */
export function systemCode (error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
