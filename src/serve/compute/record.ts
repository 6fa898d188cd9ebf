/** How a task ended, or why it never ran: `refused` by a full queue, or because the pool was closed. */
export type ComputeOutcome = 'done' | 'failed' | 'deadline' | 'cancelled' | 'lost' | 'refused'

/** One task that is over. */
export interface ComputeRecord {
  readonly task: string
  readonly outcome: ComputeOutcome
  /** How long it waited for a thread, in milliseconds. */
  readonly waitMs: number
  /** How long it ran, in milliseconds; 0 for one that never did. */
  readonly runMs: number
}

/** Every outcome, so that their series exist before they happen. */
export const computeOutcomes: readonly ComputeOutcome[] = [
  'done',
  'failed',
  'deadline',
  'cancelled',
  'lost',
  'refused',
]
