import type { LoadReport } from '../report.ts'
import type { Conclusion } from './conclusion.ts'

/** What was run, for the head of a report. */
export interface RunHead {
  /** Where requests went. */
  readonly target: string
  /** The scenario's file as it was given; `undefined` for a single URL. */
  readonly scenario: string | undefined
  /** The parts of the run in a line, e.g. `poisson 50/s for 10s`. */
  readonly load: string
  readonly seed: number
  readonly timeoutMs: number
}

/** The version of `ReportDocument`: raised when a field changes its meaning or goes; new ones may come in between. */
export const reportVersion = 1

/**
 * A report for machines. Times are milliseconds, rates are per second, shares are from 0 to 1; `null` stands
 * for a figure of nothing. docs/load.md describes it.
 */
export interface ReportDocument extends Conclusion, Omit<LoadReport, 'startedAtMs' | 'verdict'> {
  readonly version: typeof reportVersion
  /** The version of Plimsoll that wrote it. */
  readonly plimsoll: string
  readonly target: string
  /** `null` for a single URL. */
  readonly scenario: string | null
  readonly load: string
  readonly seed: number
  readonly timeoutMs: number
  /** ISO 8601. */
  readonly startedAt: string
}

/** Puts a report together. */
export function reportDocument (
  report: LoadReport,
  conclusion: Conclusion,
  { scenario, ...head }: RunHead,
  plimsoll: string
): ReportDocument {
  const { startedAtMs, verdict: _, ...figures } = report
  return {
    version: reportVersion,
    plimsoll,
    ...conclusion,
    ...head,
    scenario: scenario ?? null,
    startedAt: new Date(startedAtMs).toISOString(),
    ...figures,
  }
}
