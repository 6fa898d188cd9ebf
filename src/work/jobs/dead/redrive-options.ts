import type { Pool } from 'pg'
import { type Clock, SettingError, systemClock } from '../../../kernel/index.ts'
import type { JobFailure, RedrivableStore } from '../failure/index.ts'
import type { JobStore } from '../store/index.ts'
import type { DeadFilter, Operator } from './dead-letter.ts'
import { checkedOperator, checkFilter } from './dead-letters.ts'

export interface RedriveOptions {
  /** Yours to close. */
  readonly pool: Pool
  /** Where the jobs go. */
  readonly store: Pick<JobStore, 'enqueue'> & RedrivableStore
  /** Where the tables of the jobs are. @default the first schema of the search path */
  readonly schema?: string | undefined
  /** Which letters. Those that die after the redrive has begun are not among them. */
  readonly filter: DeadFilter
  readonly operator: Operator
  /** Letters a second at most; 0.01 to 10,000. @default 10 */
  readonly perSecond?: number | undefined
  /** How many go ahead: only when all of them have succeeded, the others follow. 0 for none. @default 1 */
  readonly tests?: number | undefined
  /** Sends at most so many. @default all */
  readonly limit?: number | undefined
  /** Ends when so many have died again; at least 1. @default 1 */
  readonly stopAfter?: number | undefined
  /** How many may be under way at once, so that it is no faster than the workers are; at least 1. @default 100 */
  readonly underWay?: number | undefined
  /** `one` more run each, so that a failure shows at once; or `all` that its definition allows. @default 'one' */
  readonly tries?: 'one' | 'all' | undefined
  /** Ends it: nothing more is sent, and what is under way is no longer waited for. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: RedriveProgress) => void) | undefined
  readonly clock?: Clock | undefined
}

/** How far a redrive has come. */
export interface RedriveProgress {
  /** Names the redrive in the audit. */
  readonly run: string
  /** `stopped`: too many died again; `interrupted`: its signal has ended it. */
  readonly state: 'testing' | 'sending' | 'waiting' | 'done' | 'stopped' | 'interrupted'
  /** Letters that it was about when it began. */
  readonly total: number
  readonly sent: number
  /** Left the queue and did not die: done, or cancelled meanwhile. */
  readonly succeeded: number
  /** Dead again. */
  readonly failed: number
  readonly underWay: number
  /** Letters that stay where they are: another job has taken their unique key meanwhile. */
  readonly duplicates: number
  /**
   * Letters that the filter means, too, but that died after it had begun and are not its own: the cause is still there.
   * Counted when the state changes.
   */
  readonly newcomers: number
  /** The latest that died again, at most 5. */
  readonly failures: readonly { readonly id: string; readonly error: JobFailure }[]
}

/** Options with their defaults. */
export type RedriveSettings =
  & Omit<Required<RedriveOptions>, 'operator' | 'schema' | 'signal' | 'onProgress'>
  & Pick<RedriveOptions, 'schema' | 'signal' | 'onProgress'>
  & { readonly operator: { readonly actor: string; readonly reason: string } }

/** @throws SettingError for what is out of range */
export function redriveSettings (options: RedriveOptions): RedriveSettings {
  const { perSecond = 10, tests = 1, limit = Infinity, stopAfter = 1, underWay = 100, tries = 'one' } =
    options
  const { clock = systemClock, filter } = options
  checkFilter(filter)
  if (!(perSecond >= 0.01 && perSecond <= 10_000))
    throw new SettingError('perSecond', 'from 0.01 to 10,000', perSecond)
  if (tries !== 'one' && tries !== 'all') throw new SettingError('tries', '"one" or "all"', tries)
  checkCount('tests', tests, 0)
  checkCount('stopAfter', stopAfter, 1)
  checkCount('underWay', underWay, 1)
  if (limit !== Infinity) checkCount('limit', limit, 1)
  const operator = checkedOperator(options.operator)
  return { ...options, filter, operator, perSecond, tests, limit, stopAfter, underWay, tries, clock }
}

function checkCount (setting: string, value: number, least: number): void {
  if (!(Number.isInteger(value) && value >= least))
    throw new SettingError(setting, `a whole number of at least ${least}`, value)
}
