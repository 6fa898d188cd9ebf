import type { LoadReport } from '../report.ts'
import { figuresOf, judgeThreshold, type Threshold, type ThresholdResult } from '../thresholds/index.ts'

/** What a run says, in one word. */
export type RunState =
  /** All thresholds are met. */
  | 'passed'
  /** A threshold is not met; or there is none, and nothing was answered as expected. */
  | 'failed'
  /** The generator could not do what it was asked: the figures say nothing about the target. */
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
  const { reasons } = report.verdict
  if (report.aborted) {
    return { state: 'interrupted', reasons: ['ended before its time', ...reasons], thresholds: results }
  }
  if (report.verdict.state === 'void') return { state: 'void', reasons, thresholds: results }
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
