import { type Context, DeadlineExceededError } from '../../kernel/index.ts'

/** Why work was given up: its deadline passed, or its caller left. */
export type GiveUpReason = 'deadline' | 'caller_gone'

/** Why nothing more may be begun for this work, if so. Its timer may be later than its deadline. */
export function refusalOf ({ deadline, signal }: Context): Error | undefined {
  if (signal.aborted) return signal.reason
  return deadline.passed ? new DeadlineExceededError() : undefined
}

export function giveUpReason (reason: unknown): GiveUpReason {
  return reason instanceof DeadlineExceededError ? 'deadline' : 'caller_gone'
}

/** What work has left, in milliseconds; infinite without a deadline. */
export function remainingOf (context: Context | undefined): number {
  return context === undefined ? Number.POSITIVE_INFINITY : context.deadline.remainingMs()
}
