import {
  childTrace,
  type Context,
  currentContext,
  openContext,
  type Random,
  withDeadline,
} from '../../kernel/index.ts'

/** The context of one run of a step, to be settled when that has ended. */
export interface StepContext {
  readonly context: Context
  readonly parentSpanId: string | undefined
  settle(): void
}

/** A unit of work of its own inside that of the job: under a span of its own, with the step's deadline. */
export function stepContext (id: string, deadlineMs: number, random: Random): StepContext {
  const whole = currentContext() ?? openContext({ id }, random)
  const part = withDeadline(whole, whole.deadline.within(deadlineMs))
  const trace = childTrace(whole.trace, random)
  const { tenant, criticality, deadline } = part
  return {
    context: {
      id,
      trace,
      tenant,
      criticality,
      deadline,
      get signal () {
        return part.signal
      },
    },
    parentSpanId: whole.trace.spanId,
    settle: () => part.settle(),
  }
}
