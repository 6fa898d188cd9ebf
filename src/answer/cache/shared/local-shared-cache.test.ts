import { describe } from 'node:test'
import { localEngine, serveLocalEngine } from '../../../engines/index.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { type FleetSubject, testFleetCache, testSharedCache } from '../shared-cache.contract.ts'
import type { SharedCache } from '../shared-cache.ts'
import { type Line, line } from './local-line.fixture.ts'
import { localSharedCache } from './local-shared-cache.ts'

/** Longer than any pause that a busy machine makes of itself: only who is cut off lapses. */
const membership = 800

describe('the cache over the supervisor', () => {
  testSharedCache('local', localFleet)
  testFleetCache('local', localFleet)
})

async function localFleet (): Promise<FleetSubject> {
  const supervisor = serveLocalEngine()
  const lines = new Map<SharedCache, Line>()
  const close: (() => Promise<void>)[] = []
  return {
    keepsEntries: false,
    async join () {
      const made = line()
      const detach = supervisor.attach(made.far)
      const engine = localEngine({ channel: made.near, timeoutMs: 500 })
      const cache = localSharedCache({ client: await engine.connect(), membership, timeout: 1_000 })
      lines.set(cache, made)
      close.push(async () => {
        made.isCut = false
        await cache.close()
        await engine.close()
        detach()
      })
      await waitUntil('it knows all purges', () => cache.purges.current)
      return cache
    },
    async crash (cache) {
      lines.get(cache)!.isCut = true
    },
    async cutOff (cache) {
      lines.get(cache)!.isCut = true
      return {
        async heal () {
          lines.get(cache)!.isCut = false
        },
      }
    },
    async [Symbol.asyncDispose] () {
      for (const each of close) await each()
    },
  }
}
