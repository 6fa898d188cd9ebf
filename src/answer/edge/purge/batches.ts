import type { EdgeKeys } from '../policy/index.ts'
import type { PurgeLimits, PurgeMode } from './edge-purger.ts'
import type { PurgeJob } from './purge-queue.ts'

/** What one call tells an edge, and the jobs that it does. */
export interface PurgeBatch {
  readonly mode: PurgeMode
  readonly keys: readonly string[]
  readonly jobs: readonly PurgeJob[]
}

/**
 * Packs jobs of one edge into calls within its limits. A tag that occurs twice is purged once, hard where one of them
 * is hard; all keys of a tag are in one call.
 */
export function batchesOf (
  jobs: readonly PurgeJob[],
  limits: PurgeLimits,
  edgeKeys: EdgeKeys
): readonly PurgeBatch[] {
  const hard: PurgeJob[][] = []
  const soft: PurgeJob[][] = []
  for (const same of Map.groupBy(jobs, ({ tag }) => tag).values()) {
    const isHard = !limits.soft || same.some(({ mode }) => mode === 'hard')
    ;(isHard ? hard : soft).push(same)
  }
  return [...pack(hard, 'hard', limits, edgeKeys), ...pack(soft, 'soft', limits, edgeKeys)]
}

function pack (
  byTag: readonly (readonly PurgeJob[])[],
  mode: PurgeMode,
  { keysPerCall, bytesPerCall }: PurgeLimits,
  edgeKeys: EdgeKeys
): readonly PurgeBatch[] {
  const batches: PurgeBatch[] = []
  let keys = new Set<string>()
  let bytes = 0
  let jobs: PurgeJob[] = []
  const close = (): void => {
    if (jobs.length > 0) batches.push({ mode, keys: [...keys], jobs })
    keys = new Set()
    bytes = 0
    jobs = []
  }
  for (const same of byTag) {
    const all = edgeKeys.toPurge([same[0]!.tag])
    const further = all.filter((key) => !keys.has(key))
    const furtherBytes = further.reduce((sum, key) => sum + key.length + 1, 0)
    if (keys.size + further.length > keysPerCall || bytes + furtherBytes > bytesPerCall) close()
    for (const key of all) {
      if (keys.has(key)) continue
      keys.add(key)
      bytes += key.length + 1
    }
    jobs.push(...same)
  }
  close()
  return batches
}
