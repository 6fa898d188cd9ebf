import { type Bytes, type Duration, parseBytes, parseDuration, SettingError } from '../../kernel/index.ts'
import { mayBeOwn, ownHeaders } from './part-headers.ts'
import type { BatchLimits, Part } from './read-batch.ts'

export interface BatchOptions {
  /** Where batches are posted. @default '/batch' */
  readonly path?: string
  /** @default 20 */
  readonly maxParts?: number
  /** Parts of one batch that run at once. @default 4 */
  readonly parallelism?: number
  /** What a part costs. @default 1 */
  readonly cost?: (part: Part) => number
  /** What the parts of a batch may cost together. @default as many as there may be parts */
  readonly maxCost?: number
  /** Of the batch as it is posted: the bodies of its parts count together. @default '1MiB' */
  readonly bodyLimit?: Bytes
  /** Of the bodies of all answers together; in a stream, of each. @default '8MiB' */
  readonly maxAnswer?: Bytes
  /** How long a batch may take; its parts share it. @default '10s' */
  readonly deadline?: Duration
  /**
   * What the paths of parts begin with. Widen it only where no proxy keeps clients from other paths.
   * @default what the batch's own path is in: `/api/` for `/api/batch`
   */
  readonly within?: string
  /** Headers that parts may bring, beside those that they always may. @default none */
  readonly partHeaders?: readonly string[]
  /** Headers of answers that are told, beside those that always are. @default none */
  readonly answerHeaders?: readonly string[]
  /** Further settings of the batch's own route, e.g. `limit`. */
  readonly config?: object
}

/** Options with their defaults in place. */
export interface ResolvedBatchOptions extends BatchLimits {
  readonly path: string
  readonly parallelism: number
  readonly bodyLimit: number
  readonly maxAnswer: number
  readonly deadlineMs: number
  readonly answerHeaders: readonly string[]
  readonly config: object
}

/** Headers of answers that are always told. `Set-Cookie` is not: parts would overwrite each other's. */
const toldHeaders: readonly string[] = [
  'content-type',
  'etag',
  'last-modified',
  'location',
  'content-location',
  'content-language',
  'cache-control',
  'retry-after',
  'link',
  'deprecation',
  'sunset',
  'api-version',
  'preference-applied',
  'idempotent-replayed',
  'ratelimit',
  'ratelimit-policy',
  'x-request-id',
]

const token = /^[!#$%&'*+.^`|~\w-]+$/

/** @throws SettingError */
export function resolveBatchOptions (options: BatchOptions): ResolvedBatchOptions {
  const { path = '/batch', maxParts = 20, parallelism = 4, cost = () => 1, config = {} } = options
  const { maxCost = maxParts, within = path.slice(0, path.lastIndexOf('/') + 1) } = options
  const { partHeaders = [], answerHeaders = [] } = options
  for (const [name, value] of Object.entries({ maxParts, parallelism })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new SettingError(`batch.${name}`, 'a whole number of at least 1', value)
    }
  }
  if (!(maxCost > 0)) throw new SettingError('batch.maxCost', 'above 0', maxCost)
  if (!path.startsWith('/')) throw new SettingError('batch.path', 'a path such as "/batch"', path)
  if (!within.startsWith('/') || !within.endsWith('/')) {
    throw new SettingError('batch.within', 'the beginning of paths, such as "/api/"', within)
  }
  const deadlineMs = parseDuration(options.deadline ?? '10s', 'batch.deadline')
  if (deadlineMs === 0) throw new SettingError('batch.deadline', 'above 0', options.deadline)
  const own = partHeaders.map((name) => name.toLowerCase())
  const refused = own.find((name) => !token.test(name) || !mayBeOwn(name))
  if (refused !== undefined) {
    throw new SettingError(
      'batch.partHeaders',
      'headers that say neither who calls nor how the connection is used',
      refused
    )
  }
  return {
    path,
    maxParts,
    parallelism,
    cost,
    maxCost,
    within,
    bodyLimit: parseBytes(options.bodyLimit ?? '1MiB', 'batch.bodyLimit'),
    maxAnswer: parseBytes(options.maxAnswer ?? '8MiB', 'batch.maxAnswer'),
    deadlineMs,
    partHeaders: new Set([...ownHeaders, ...own]),
    answerHeaders: [...toldHeaders, ...answerHeaders.map((name) => name.toLowerCase())],
    config,
  }
}
