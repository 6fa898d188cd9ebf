/** Bounds in the form that {@link bucketOf} searches: padded with infinity to a power of two. */
export function searchableBounds (bounds: readonly number[]): Float64Array {
  let length = 2
  while (length <= bounds.length) length *= 2
  const padded = new Float64Array(length).fill(Infinity)
  padded.set(bounds)
  return padded
}

/**
 * The number of the bucket that takes `value`: the first whose upper bound is at or above it, as
 * Prometheus' `le` says. The steps depend on the number of bounds only: 4 for 14 bounds.
 */
export function bucketOf (searchable: Float64Array, value: number): number {
  let at = 0
  for (let step = searchable.length >> 1; step > 0; step >>= 1) {
    if (searchable[at + step - 1]! < value) at += step
  }
  return at
}
