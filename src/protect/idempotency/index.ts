export { type Answer, keepsStatus, type StoredAnswer } from './answer.ts'
export { IdempotencyAnswerTooLargeError, IdempotencyLeaseLostError } from './errors.ts'
export { Idempotency } from './idempotency.ts'
export type { IdempotentUnit, Ran } from './idempotent-unit.ts'
export { memoryIdempotencyStore } from './memory-store.ts'
export type {
  IdempotencyOptions,
  IdempotentRouteOptions,
  UnknownOutcome,
  UnknownRuling,
  WhenUnknown,
} from './options.ts'
export { postgresIdempotencyStore, type PostgresIdempotencyStoreOptions } from './postgres-store.ts'
export { idempotencyProblems } from './problems.ts'
export { redisIdempotencyStore, type RedisIdempotencyStoreOptions } from './redis-store.ts'
export type { Begun, IdempotentRequest, IdempotentRoute } from './route.ts'
export type { Claim, Claimed, IdempotencyStore, KeyLease, Released, StoreTransactions } from './store.ts'
