import type { JobReceipt } from './store/index.ts'

/** How a tracked job stands: a document for a status resource, plain JSON. Times are ISO 8601, by the database's clock. */
export interface JobStatus {
  readonly id: string
  readonly job: string
  readonly tier: string
  /**
   * `waiting`: not begun, or between two runs. `running`. `cancelling`: asked to stop, not stopped yet. The others are
   * final: `done`, `failed` (no further try will be made; it is among the dead letters), `cancelled`, `expired`.
   */
  readonly state: 'waiting' | 'running' | 'cancelling' | 'done' | 'failed' | 'cancelled' | 'expired'
  /** Runs that have begun. */
  readonly attempt: number
  readonly enqueuedAt: string
  /** When the state last changed; of a final state, when the job ended. */
  readonly changedAt: string
  /** What the job last told; not of one that is done, whose last words may not have been written. */
  readonly progress?: unknown
  /** What it returned, of one that is done. */
  readonly result?: unknown
  /** Of the last failed run. The message is the service's own: think before it is shown to a client. */
  readonly error?: { readonly name: string; readonly code?: string; readonly message: string }
}

/** Whether nothing more will happen to the job. */
export function isFinal ({ state }: Pick<JobStatus, 'state'>): boolean {
  return state === 'done' || state === 'failed' || state === 'cancelled' || state === 'expired'
}

/** The document of a receipt. */
export function statusOf (receipt: JobReceipt): JobStatus {
  const { id, name, tier, state, attempt, progress, result, error, enqueuedAtMs, changedAtMs } = receipt
  return {
    id,
    job: name,
    tier,
    state: state === 'dead' ? 'failed' : state,
    attempt,
    enqueuedAt: new Date(enqueuedAtMs).toISOString(),
    changedAt: new Date(changedAtMs).toISOString(),
    ...(progress === undefined || state === 'done' ? {} : { progress: JSON.parse(progress) as unknown }),
    ...(result === undefined ? {} : { result: JSON.parse(result) as unknown }),
    ...(error === undefined || state === 'done' ? {} : {
      error: {
        name: error.name,
        ...(error.code === undefined ? {} : { code: error.code }),
        message: error.message,
      },
    }),
  }
}
