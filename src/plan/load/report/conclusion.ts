import type { LoadReport } from '../report.ts'
import { figuresOf, judgeThreshold, type Threshold, type ThresholdResult } from '../thresholds/index.ts'

/** What a run says, in one word. */
export type RunState =
  /** All thresholds are met. */
  | 'passed'
  /** A threshold is not met; or there is none, and nothing was answered as expected. */
  | 'failed'
  /** The generator, or the scenario's own code, did not do what was asked: the figures say nothing about the target. */
  | 'void'
  /** Ended by hand before its time. */
  | 'interrupted'

/** What a run came to. */
export interface Conclusion {
  readonly state: RunState
  /** For people; empty when passed. */
  readonly reasons: readonly string[]
  readonly thresholds: readonly ThresholdResult[]
}

/** Judges a run. One that is void or was cut short never passes, whatever its figures. */
export function conclude (report: LoadReport, thresholds: readonly Threshold[]): Conclusion {
  const results = thresholds.map((threshold) =>
    judgeThreshold(threshold, figuresOf(report, threshold.request))
  )
  const reasons = [...report.verdict.reasons, ...failuresOfCode(report)]
  if (report.aborted) {
    return { state: 'interrupted', reasons: ['ended before its time', ...reasons], thresholds: results }
  }
  if (report.verdict.state === 'void' || reasons.length > 0)
    return { state: 'void', reasons, thresholds: results }
  const missed = results.filter(({ passed }) => !passed)
  if (missed.length > 0) {
    return {
      state: 'failed',
      reasons: missed.map(({ threshold }) => `not met: ${threshold}`),
      thresholds: results,
    }
  }
  if (results.length === 0 && report.totals.expected === 0) {
    return { state: 'failed', reasons: ['no request was answered as expected'], thresholds: results }
  }
  return { state: 'passed', reasons: [], thresholds: results }
}

/** Requests that the scenario could not make were not sent: the run was another one than was asked for. */
export function failuresOfCode ({ journeys }: LoadReport): string[] {
  return journeys.complaints
    .filter(({ from }) => from === 'code')
    .map(({ message, count }) => count === 1 ? message : `${message} (${count} times)`)
}
