import type { LocalClient } from '../../../engines/index.ts'
import type { ReplayStore } from './store.ts'

/**
 * Nonces in the supervisor's memory, for all workers of one machine, over the local engine. That engine
 * forgets what was used least recently when its memory is full: a nonce can then be accepted again before its
 * time, so give it room for as many nonces as come in within the longest life of a signature (about 200 bytes
 * each). For several machines use Redis.
 *
 * @param local yours to close
 */
export function localReplayStore (local: LocalClient, prefix = 'nonce:'): ReplayStore {
  const close = (): Promise<void> => Promise.resolve()
  return {
    name: 'local',
    async remember (key, ttlMs) {
      return await local.compareAndSet(prefix + key, undefined, 1, { ttlMs }) ? 'new' : 'seen'
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
