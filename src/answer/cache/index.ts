export type { CacheNotice } from './cache-notice.ts'
export type { CacheRequest, MadeResponse } from './cache-request.ts'
export type { Encoder } from './encoder.ts'
export { CachePurgeError } from './errors.ts'
export type { Answer, Bypass, BypassReason, CacheResult, Found, Miss, Unstored } from './found.ts'
export { HttpCache, type HttpCacheOptions, type Written } from './http-cache.ts'
export type { MemoryState } from './metrics.ts'
export { negotiateLocale } from './negotiation.ts'
export type { CachePolicy, CacheScope } from './policy.ts'
export { processCache, type ProcessCacheOptions } from './process-cache.ts'
export { PurgeLedger } from './purge-ledger.ts'
export type { CachedRoute } from './route-cache.ts'
export type { CachedRouteOptions, EdgeInput } from './route-policy.ts'
export type {
  Flight,
  FollowFlight,
  Landing,
  LeadFlight,
  PurgeMode,
  PurgeReceipt,
  Purges,
  SharedCache,
} from './shared-cache.ts'
export type { Lifetime, Refusal } from './storing.ts'
