/** Why a request failed, in the words of the report. */
export type FailureReason =
  | 'refused'
  | 'reset'
  | 'closed without an answer'
  | 'cut short'
  | 'status 5xx'
  | 'wrong answer'
  | 'timeout'
  | 'other'

/** Every request of a load, counted once. `sent` is `completed` plus all failures. */
export class Tally {
  completed = 0
  /** Connections that were opened, or tried. */
  connections = 0
  readonly failures: Map<FailureReason, number> = new Map<FailureReason, number>()

  get failed (): number {
    return [...this.failures.values()].reduce((sum, count) => sum + count, 0)
  }

  get sent (): number {
    return this.completed + this.failed
  }

  fail (reason: FailureReason): void {
    this.failures.set(reason, (this.failures.get(reason) ?? 0) + 1)
  }

  /** `none`, or each reason with its count, the most frequent first. */
  get reasons (): string {
    const sorted = [...this.failures].toSorted(([, a], [, b]) => b - a)
    return sorted.map(([reason, count]) => `${reason} ${count}`).join(', ') || 'none'
  }
}

/**
 * Names the failure of a request by what happened to its connection.
 *
 * @param code the error's code, or `undefined` when the connection was closed in order
 * @param begun whether a part of the answer had arrived
 */
export function failureReason (code: string | undefined, begun: boolean): FailureReason {
  if (begun) return 'cut short'
  if (code === undefined) return 'closed without an answer'
  if (code === 'ECONNREFUSED') return 'refused'
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'reset'
  return 'other'
}
