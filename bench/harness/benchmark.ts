import type { Check } from './check.ts'
import type { Table } from './table.ts'

/** How a benchmark is run. */
export interface BenchmarkOptions {
  /** Fewer and shorter rounds: to see that it works, not to quote figures. */
  readonly quick: boolean
  /** Progress for people. */
  readonly say: (message: string) => void
}

/** What a benchmark found. */
export interface BenchmarkOutcome {
  readonly tables: readonly Table[]
  readonly checks: readonly Check[]
  /** Every figure that the tables were made of; JSON. */
  readonly measurements: unknown
  readonly versions: Readonly<Record<string, string | undefined>>
  /** What a reader has to know: subjects that could not run, limits of the method. */
  readonly notes: readonly string[]
}

export interface Benchmark {
  readonly name: string
  /** One line for the list of benchmarks. */
  readonly summary: string
  run(options: BenchmarkOptions): Promise<BenchmarkOutcome>
}
