import type { ClaimedBatch, ClaimedJob, ClaimRequest, JobOutcome, JobStore } from '../store/index.ts'

/** Answers claims as it is told, and notes what it is asked: for the policies of a worker, under a clock that stands still. */
export class ScriptedStore {
  readonly claims: ClaimRequest[] = []
  readonly settled: JobOutcome[] = []
  readonly givenBack: string[] = []
  /** How far the worker's clock is ahead of its timers. */
  pausedMs = 0
  /** Whether renewals find that all leases are gone. */
  losesLeases = false
  /** Jobs whose cancellation renewals tell. */
  readonly cancelling: string[] = []
  upkeeps = 0
  /** Later jobs that the next upkeep lets in. */
  promoted = 0
  /** What the next claims find; nothing after that. */
  readonly answers: (ClaimedBatch | Promise<ClaimedBatch> | Error)[] = []
  #token = 0n

  /** A batch of jobs under a lease of its own. */
  batch (count: number, job: Partial<ClaimedJob> = {}): ClaimedBatch {
    const token = ++this.#token
    const jobs = Array.from({ length: count }, (_, index): ClaimedJob => ({
      id: `${token}-${index}`,
      name: 'job',
      tier: 'within-1m',
      tenant: '',
      weight: 1,
      priority: 0,
      payload: '{}',
      attempts: 5,
      tracked: false,
      context: {},
      attempt: 1,
      enqueuedAtMs: 0,
      waitedMs: 0,
      ...job,
    }))
    return { token, jobs }
  }

  get port (): JobStore {
    const answers: Partial<JobStore> = {
      claim: async (request) => {
        this.claims.push(request)
        const answer = this.answers.shift()
        if (answer instanceof Error) throw answer
        return answer
      },
      settle: async (_, outcomes) => {
        this.settled.push(...outcomes)
        return []
      },
      giveBack: async (_, ids = []) => void this.givenBack.push(...ids),
      renew: async (tokens) => ({ lost: this.losesLeases ? tokens : [], cancelling: this.cancelling }),
      upkeep: async () => {
        this.upkeeps++
        return { recovered: 0, died: 0, promoted: this.promoted, admitted: 0, more: false }
      },
    }
    return answers as JobStore
  }
}
