import type { RedrivenJob } from '../failure/index.ts'
import type { NewJob } from '../store/index.ts'
import type { DeadPlace } from './dead-sql.ts'

/** A letter that was taken out to be redriven, as it was kept. */
export interface TakenLetter {
  readonly id: string
  readonly name: string
  readonly tier: string
  readonly tenant: string
  readonly priority: number
  readonly weight: number
  readonly attempts: number
  readonly cap: number | null
  readonly tracked: boolean
  readonly unique_key: string | null
  readonly context: NewJob['context']
  readonly payload: string
  readonly fingerprint: string
}

export interface TakenRow {
  readonly letter: TakenLetter
  readonly failed_at_us: string
}

/** The letter as a job that goes to its queue again. It does not expire: whoever could not wait has long gone. */
export function jobOf (letter: TakenLetter, tries: 'one' | 'all'): NewJob & RedrivenJob {
  const { id, name, tier, tenant, priority, weight, attempts, cap, tracked, context, payload } = letter
  const what = { id, name, tier, tenant, weight, priority, payload, attempts, tracked, context }
  return {
    ...what,
    attempt: tries === 'one' ? attempts - 1 : 0,
    ...(cap === null ? {} : { cap }),
    ...(letter.unique_key === null ? {} : { unique: { key: letter.unique_key } }),
  }
}

/** In the order in which they died. */
export function inOrder (rows: readonly TakenRow[]): readonly TakenRow[] {
  return rows.toSorted((one, other) => {
    const difference = BigInt(one.failed_at_us) - BigInt(other.failed_at_us)
    if (difference !== 0n) return difference < 0n ? -1 : 1
    return one.letter.id < other.letter.id ? -1 : 1
  })
}

/** The place of the last of them, which come in order. */
export function placeAfter (rows: readonly TakenRow[]): DeadPlace | undefined {
  const last = rows.at(-1)
  return last === undefined ? undefined : { failedAtUs: last.failed_at_us, id: last.letter.id }
}
