import { Histogram, type LoadReport, type Phase } from '../../src/plan/load/index.ts'
import { goodMs } from './figures.ts'

/** A stretch of a run in which arrivals come at one rate. */
export interface Slice {
  /** From the start of the run. */
  readonly startMs: number
  readonly durationMs: number
  /** Arrivals, without what clients send again. */
  readonly plannedPerSecond: number
  readonly goodPerSecond: number
}

export const sliceMs = 100
/** Rates of single slices are rough: so many of them are taken together. */
const windowMs = 500

/** The nearest rate of which a slice holds a whole number of arrivals: at least one. */
export function wholeRate (perSecond: number): number {
  return Math.max(1, Math.round(perSecond * sliceMs / 1000)) * 1000 / sliceMs
}

/** Phases of one slice each; `rateAt` is asked for the middle of each, and should be a `wholeRate`. */
export function slicedPhases (durationMs: number, rateAt: (ms: number) => number): readonly Phase[] {
  return Array.from({ length: Math.round(durationMs / sliceMs) }, (_, at) => ({
    kind: 'constant' as const,
    name: `slice ${at}`,
    perSecond: rateAt((at + 0.5) * sliceMs),
    durationMs: sliceMs,
  }))
}

/** What became of each slice of a run whose phases are `slicedPhases`. */
export function slicesOf (
  phases: LoadReport['phases'],
  rateAt: (ms: number) => number
): readonly Slice[] {
  return phases.map(({ startMs, durationMs, latency }) => ({
    startMs,
    durationMs,
    plannedPerSecond: rateAt(startMs + durationMs / 2),
    goodPerSecond: Histogram.from(latency.histogram).countAtMost(goodMs) * 1000 / durationMs,
  }))
}

/**
 * What was served well, as a share of what could have been: of what was offered, or of the capacity where more
 * was.
 */
export function goodShare (slices: readonly Slice[], capacityPerSecond: number): number {
  let good = 0
  let possible = 0
  for (const { goodPerSecond, plannedPerSecond, durationMs } of slices) {
    good += goodPerSecond * durationMs
    possible += Math.min(plannedPerSecond, capacityPerSecond) * durationMs
  }
  return good / possible
}

/**
 * How long after `endedMs` the service served `neededShare` of what it could: from then on for half a second, and
 * from then on for the rest of the run.
 *
 * @returns milliseconds; `Infinity` when it never did
 */
export function recoveryMs (
  slices: readonly Slice[],
  endedMs: number,
  capacityPerSecond: number,
  neededShare = 0.9
): number {
  for (const [at, { startMs, durationMs }] of slices.entries()) {
    if (startMs + durationMs <= endedMs) continue
    const rest = slices.slice(at)
    const first = rest.filter((slice) => slice.startMs < startMs + windowMs)
    if (rest.length * sliceMs < windowMs) break
    const holds = goodShare(first, capacityPerSecond) >= neededShare &&
      goodShare(rest, capacityPerSecond) >= neededShare
    if (holds) return Math.max(0, startMs - endedMs)
  }
  return Infinity
}
