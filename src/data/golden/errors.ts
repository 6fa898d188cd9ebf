/** A request does otherwise than its golden path says: see `drifts`. */
export class GoldenPathError extends Error {
  override readonly name = 'GoldenPathError'
  /** Stable over releases: match on this, not on the message or on `instanceof`. */
  readonly code = 'GOLDEN_PATH'
  /** e.g. `GET /products/1`. */
  readonly path: string
  /** Each a sentence, or several lines. */
  readonly drifts: readonly string[]

  constructor (path: string, drifts: readonly string[]) {
    super(
      [`${path} left its golden path:`, ...drifts.map((drift) => `- ${drift.replaceAll('\n', '\n  ')}`)].join(
        '\n'
      )
    )
    this.path = path
    this.drifts = drifts
  }
}
