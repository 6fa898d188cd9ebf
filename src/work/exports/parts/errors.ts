/**
 * The key of an export does not tell its rows apart, so that some would be missing. A mistake of the export's
 * definition; trying again does not help.
 */
export class ExportKeyError extends Error {
  override readonly name = 'ExportKeyError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'EXPORT_KEY_INVALID'
  readonly retryable = false

  constructor (exported: string, why: string) {
    super(
      `the key of the export ${exported} does not tell all rows apart: ${why}; ` +
        'name columns of its query that are together unique and never NULL, or export without a key'
    )
  }
}
