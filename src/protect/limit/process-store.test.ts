import { manualClock } from '../../kernel/index.ts'
import { ProcessStore } from './process-store.ts'
import { testLimitStore } from './store.contract.ts'

testLimitStore('process', async () => {
  const clock = manualClock(Date.UTC(2026, 2, 28, 12))
  const store = new ProcessStore({ clock, keys: 64 })
  return {
    store,
    advance: (ms) => clock.advance(ms),
    async [Symbol.asyncDispose] () {
      await store.close()
    },
  }
})
