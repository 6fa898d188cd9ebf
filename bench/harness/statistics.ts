/** What a series of rounds comes to. `low` and `high` are its extremes, not a confidence interval. */
export interface Summary {
  readonly median: number
  readonly low: number
  readonly high: number
  /** In the order of the rounds. */
  readonly rounds: readonly number[]
}

/** The middle value, or the mean of the two middle ones. */
export function median (values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)]
  const lower = sorted[Math.ceil(sorted.length / 2) - 1]
  if (upper === undefined || lower === undefined) throw new RangeError('the median of no values')
  return (lower + upper) / 2
}

/** The `share` quantile (0 to 1) by nearest rank: always a value that occurred. */
export function quantile (values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
  if (value === undefined) throw new RangeError('a quantile of no values')
  return value
}

export function summarize (rounds: readonly number[]): Summary {
  return { median: median(rounds), low: Math.min(...rounds), high: Math.max(...rounds), rounds }
}

/**
 * Compares two subjects round by round, so that what slowed a whole round down cancels out.
 *
 * @param subject one value a round
 * @param baseline the values of the same rounds
 */
export function ratio (subject: readonly number[], baseline: readonly number[]): Summary {
  if (subject.length !== baseline.length) {
    throw new RangeError(`${subject.length} rounds cannot be compared with ${baseline.length}`)
  }
  return summarize(subject.map((value, round) => value / (baseline[round] ?? Number.NaN)))
}
