import { localEngine } from '../../../engines/index.ts'
import { type StoreSubject, testLimitStore } from '../store.contract.ts'
import { localStore } from './local-store.ts'
import { steppedClock } from './shared.fixture.ts'

for (const leaseShare of [0, 0.1]) {
  testLimitStore(`local, leasing ${leaseShare}`, async (): Promise<StoreSubject> => {
    const clock = steppedClock(1_800_000_000_000)
    const engine = localEngine({ clock })
    const store = localStore({ client: await engine.connect(), leaseShare, clock })
    return {
      store,
      advance: clock.advance,
      async [Symbol.asyncDispose] () {
        await store.close()
        await engine.close()
      },
    }
  })
}
