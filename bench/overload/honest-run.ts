import { type LoadPlan, type LoadReport, runLoad, type RunLoadOptions } from '../../src/plan/load/index.ts'
import { type Address, pinning } from '../harness/index.ts'

/** Clients give up after so long, from the intended send time. */
export const patienceMs = 1_000

/** Lateness counts into the latency, and an answer is good for 250 ms: a tenth of that decides nothing. */
const lagP99Ms = 25

export interface HonestRun {
  readonly report: LoadReport
  /** Why earlier tries were void, and this one too when `honest` is false. */
  readonly voided: readonly string[]
  readonly honest: boolean
}

/** What differs between the runs of this benchmark. */
export type Offer = Pick<LoadPlan, 'phases' | 'traffic' | 'connections'>

/** What every run of this benchmark shares: patience, how clients leave, where the generator runs. */
export function planFor (
  { host, port }: Address,
  plan: Offer
): LoadPlan {
  return {
    targets: [`http://${host}:${port}`],
    patienceMs,
    giveUp: 'reset',
    // The generator shares its core with PostgreSQL: it does not wait busily.
    dispatch: 'thrifty',
    honesty: { lagP99Ms },
    ...(pinning().generator.length === 0 ? {} : { pin: [1] }),
    ...plan,
  }
}

/**
 * Runs a plan, and once more when the generator's own verdict is that it did not do what the plan says.
 *
 * @param makePlan is asked before each try; what is to be waited for between tries is waited for there
 */
export async function runHonestly (
  makePlan: () => LoadPlan | Promise<LoadPlan>,
  { tries = 2, ...options }: RunLoadOptions & { readonly tries?: number } = {}
): Promise<HonestRun> {
  const voided: string[] = []
  for (let left = tries;; left--) {
    const report = await runLoad(await makePlan(), options)
    if (report.verdict.state === 'valid') return { report, voided, honest: true }
    voided.push(report.verdict.reasons.join('; '))
    if (left === 1) return { report, voided, honest: false }
  }
}
