import type { JourneySource, JourneySteps, SourceContext } from '../../src/plan/load/index.ts'

export interface RetryInput {
  readonly path: string
  /** How often a client sends again what was refused. */
  readonly retries: number
}

/** Clients that do not take no for an answer: they send again at once. */
export default function insistent ({ input }: SourceContext): JourneySource {
  const { path, retries } = input as RetryInput
  const request = { name: path, path, expect: [200] }
  return {
    *next (): JourneySteps {
      for (let left = retries; left >= 0; left--) {
        const { expected } = yield { request }
        if (expected) return
      }
    },
  }
}
