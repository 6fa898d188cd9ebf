export { Calendar, type CalendarUnit, type Period } from './calendar.ts'
export { clientKey } from './client-key.ts'
export type { DescribedRule, LimitDescription } from './describe.ts'
export {
  type HeaderVersion,
  headerVersions,
  limitHeader,
  policyHeader,
  retryAfterHeader,
} from './header-writer.ts'
export {
  capacityOf,
  type ConcurrencyLimit,
  type Limit,
  type LimitKind,
  type QuotaLimit,
  type RateLimit,
  type SlidingLimit,
  type WhenStoreFails,
} from './limit.ts'
export { Limiter, type LimiterOptions } from './limiter.ts'
export { type LimitProblemCode, limitProblems } from './problems.ts'
export { ProcessStore, type ProcessStoreOptions } from './process-store.ts'
export { type LimitedEvent, RouteLimit } from './route-limit.ts'
export type { LimitRule, RouteRules } from './rule.ts'
export { type Header, limitDocument, limitProblem, type Refusal, Ruling } from './ruling.ts'
export {
  localStore,
  type LocalStoreOptions,
  type RedisScripts,
  redisStore,
  type RedisStoreOptions,
  SharedStore,
  type SharedStoreOptions,
  type StoreOutage,
} from './shared/index.ts'
export { Claim, type DecidedBy, type LimitStore, type Outcome } from './store.ts'
export { type CountedBy, countedBy, type KeyOf, type LimitSubject } from './subject.ts'
