import { localEngine } from '../../../engines/index.ts'
import { manualClock } from '../../../kernel/index.ts'
import { localReplayStore } from './local-replay-store.ts'
import { testReplayStore } from './store.contract.ts'

testReplayStore('local', async () => {
  const clock = manualClock()
  const engine = localEngine({ clock })
  const store = localReplayStore(await engine.connect())
  return {
    store,
    pass: async (ms) => clock.advance(ms),
    [Symbol.asyncDispose]: () => engine.close(),
  }
})
