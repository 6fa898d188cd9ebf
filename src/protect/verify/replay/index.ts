export { localReplayStore } from './local-replay-store.ts'
export { type MemoryReplayOptions, memoryReplayStore } from './memory-replay-store.ts'
export { type RedisReplayOptions, redisReplayStore, ReplayStoreTimeoutError } from './redis-replay-store.ts'
export type { ReplayAnswer, ReplayStore } from './store.ts'
