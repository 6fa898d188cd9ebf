import type { Step } from './plan-parts.ts'

/** What became of a step. */
export interface StepResult<Answer> {
  readonly step: Step
  readonly answer: Answer
}

export interface StepRunner<Answer> {
  /** Runs one step; it never rejects, and ends soon after the signal has aborted. */
  readonly run: (step: Step, signal: AbortSignal) => Promise<Answer>
  /** Whether what depends on the step may be run. */
  readonly succeeded: (answer: Answer) => boolean
  /** The answer of a step that is not run, because `failed` has failed. */
  readonly skipped: (step: Step, failed: Step) => Answer
}

/**
 * Runs steps, each as soon as what it depends on has succeeded and there is room, and hands their answers out as
 * they come. Answers that nobody has taken yet count as running, so that a slow reader slows the batch down.
 *
 * A reader that stops early aborts what is running, and starts nothing more.
 */
export async function* runSteps<Answer> (
  steps: readonly Step[],
  { run, succeeded, skipped }: StepRunner<Answer>,
  parallelism: number
): AsyncGenerator<StepResult<Answer>> {
  const abort = new AbortController()
  const ready = steps.filter(({ after }) => after.length === 0)
  const waiting = new Map(
    steps.filter(({ after }) => after.length > 0).map((step) => [step, step.after.length])
  )
  const done: StepResult<Answer>[] = []
  let running = 0
  let wake = (): void => {}

  const settle = (step: Step, answer: Answer): void => {
    done.push({ step, answer })
    const good = succeeded(answer)
    for (const [other, count] of waiting) {
      if (!other.after.includes(step)) continue
      if (!good) {
        waiting.delete(other)
        settle(other, skipped(other, step))
      } else if (count > 1) {
        waiting.set(other, count - 1)
      } else {
        waiting.delete(other)
        ready.push(other)
      }
    }
  }
  const start = async (step: Step): Promise<void> => {
    running++
    const answer = await run(step, abort.signal)
    running--
    settle(step, answer)
    wake()
  }

  try {
    for (;;) {
      while (running + done.length < parallelism) {
        const step = ready.shift()
        if (step === undefined) break
        void start(step)
      }
      const result = done.shift()
      if (result !== undefined) yield result
      else if (running === 0) return
      else await new Promise<void>((resolve) => wake = resolve)
    }
  } finally {
    abort.abort()
  }
}
