import type { Random } from '../../../kernel/index.ts'

const hourMs = 3_600_000
const shortestMs = 60_000
const longestMs = 24 * hourMs

/**
 * How long a directory is fresh, from its `Cache-Control`: an hour when it does not say, at least a minute (else
 * each request could make a fetch), at most a day (a key that was taken back stays good so long). Up to a tenth
 * less by chance, so that workers that started together do not fetch together.
 */
export function freshForMs (cacheControl: string | undefined, random: Random): number {
  const said = cacheControl ?? ''
  const age = /(?:^|[,\s])max-age=(\d{1,9})(?:[,\s]|$)/i.exec(said)?.[1]
  const wantedMs = /no-store|no-cache/i.test(said) ? 0 : age === undefined ? hourMs : Number(age) * 1000
  return Math.max(shortestMs, Math.min(longestMs, wantedMs) * (1 - random() / 10))
}
