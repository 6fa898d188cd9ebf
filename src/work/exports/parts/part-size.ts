/** What has been read so far. */
export interface ReadSoFar {
  readonly rows: number
  /** Before any compression. */
  readonly rawBytes: number
}

/** Nothing is known of the first rows; they tell how large the others are. */
const firstRows = 1_000
const fewestRows = 100
const mostRows = 1_000_000

/**
 * How many rows make a part of about `partBytes`, by the size of those before. It depends on nothing else, so that
 * an export that is resumed cuts its parts where it would have cut them anyway.
 */
export function rowsOfNextPart ({ rows, rawBytes }: ReadSoFar, partBytes: number): number {
  if (rows === 0 || rawBytes === 0) return firstRows
  return Math.min(mostRows, Math.max(fewestRows, Math.round(partBytes * rows / rawBytes)))
}
