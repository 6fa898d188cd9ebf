import type { Pool } from 'pg'
import { type Clock, finishing, type Random, systemClock, systemRandom } from '../../kernel/index.ts'
import { type Transaction, transaction } from '../transaction/index.ts'
import { type PurgeTags, TagPurger } from './tag-purger.ts'

export interface WriteThroughOptions {
  /** Yours to close. */
  readonly pool: Pool
  readonly purge: PurgeTags
  /** Hears of each purge that failed; it is tried again until it succeeds. For the log. */
  readonly onPurgeFailed?: (error: unknown, tags: readonly string[]) => void
  readonly clock?: Clock
  readonly random?: Random
}

/** Names the tags of what is being changed. */
export type Changed = (...tags: readonly string[]) => void

export interface WriteThrough {
  /**
   * Runs `work` in one transaction, commits, and then purges what `changed` was told of. What happens, in this order:
   *
   * 1. `work` throws, or the transaction is rolled back: nothing is written, nothing is purged.
   * 2. The commit fails: it may have happened, so the tags are purged, and the error is thrown.
   * 3. The purge fails: the write stands, so its result is returned; the purge is tried again in the background.
   * 4. The process dies between commit and purge: the write stands, and the old answers live until their time is over.
   *
   * So once it has returned, and no purge has failed, nobody is served what was made before; and never is anything
   * purged first, to be made anew of what is about to change.
   *
   * @returns what `work` returned
   * @throws what `work` or the commit threw
   */
  run<Result>(work: (tx: Transaction, changed: Changed) => Promise<Result>): Promise<Result>
  /** Tags whose purge has failed so far. */
  readonly unpurged: number
  /** Tries once more what could not be purged. */
  close(): Promise<void>
}

/** Writes that purge the cache in front of what they change. */
export function writeThrough (options: WriteThroughOptions): WriteThrough {
  const { pool, purge, onPurgeFailed = () => {}, clock = systemClock, random = systemRandom } = options
  const purger = new TagPurger({ purge, clock, random, onFailed: onPurgeFailed })
  return {
    async run (work) {
      const tags = new Set<string>()
      let isCommitting = false
      try {
        return await transaction(pool, async (tx) => {
          const result = await work(tx, (...more) => {
            for (const tag of more) tags.add(tag)
          })
          isCommitting = true
          return result
        })
      } finally {
        // The caller's deadline does not matter any more: what is committed is to be seen.
        if (isCommitting) await finishing(() => purger.purge([...tags]))
      }
    },
    get unpurged () {
      return purger.waiting
    },
    close: () => purger.close(),
  }
}
