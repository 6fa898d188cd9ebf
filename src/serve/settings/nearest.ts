/**
 * What somebody probably meant by a word that is not known.
 *
 * A candidate one of whose parts (between dots or dashes) is the word wins; otherwise the closest one,
 * if at most a third of its letters, and never more than 4, must change.
 *
 * @returns `undefined` when nothing is near enough to be worth saying
 */
export function nearest (word: string, candidates: readonly string[]): string | undefined {
  const bare = word.replace(/^-+/, '')
  const whole = candidates.filter((candidate) => candidate.split(/[.-]+/).includes(bare))
  if (bare !== '' && whole.length === 1) return whole[0]
  let best: string | undefined
  let bestDistance = Infinity
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance && distance <= Math.min(4, Math.ceil(candidate.length / 3))) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours each count 1. */
export function editDistance (a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const changed = a[row - 1] === b[column - 1] ? 0 : 1
      let cost = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + changed)
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, beforeLast[column - 2]! + 1)
      }
      current.push(cost)
    }
    beforeLast = last
    last = current
  }
  return last[b.length]!
}
