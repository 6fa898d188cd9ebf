import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { type LocalChannel, type LocalClient, localEngine } from '../../../engines/index.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { type StoreSubject, testLimitStore } from '../store.contract.ts'
import { localStore } from './local-store.ts'
import { claim, concurrency, quota, rate, sliding, steppedClock } from './shared.fixture.ts'
import { outages } from './simulated-ledger.fixture.ts'

const supervisorFile = new URL('../../../engines/local/local-supervisor.fixture.ts', import.meta.url)
const supervise = (): ReturnType<typeof fork> => {
  const supervisor = fork(supervisorFile, { execArgv: ['--conditions=plimsoll-source'] })
  supervisor.setMaxListeners(500)
  return supervisor
}
let supervisor: ReturnType<typeof fork>
let workers = 0
let prefixes = 0

/** One worker's line to the supervisor's process. */
function channelTo (process: ReturnType<typeof fork>): LocalChannel {
  const worker = ++workers
  let receive: ((envelope: { worker?: number; message?: unknown }) => void) | undefined
  return {
    send: (message) => void process.send({ worker, message }, () => {}),
    onMessage (listener) {
      receive = (envelope) => {
        if (envelope.worker === worker) listener(envelope.message)
      }
      process.on('message', receive)
    },
    close () {
      if (receive !== undefined) process.off('message', receive)
    },
  }
}

/** Far above what an answer takes: how quick this machine is, is not the claim. */
const timeoutMs = 60_000

describe('the local store in another process', () => {
  before(() => {
    supervisor = supervise()
  })
  after(async () => {
    supervisor.kill()
    await once(supervisor, 'exit')
  })

  testLimitStore('local, another process', async (): Promise<StoreSubject> => {
    const clock = steppedClock(1_800_000_000_000)
    const engine = localEngine({ channel: channelTo(supervisor), timeoutMs })
    const store = localStore({
      client: await engine.connect(),
      prefix: `p${++prefixes}`,
      clock,
      timeout: timeoutMs,
    })
    return {
      store,
      advance: clock.advance,
      async [Symbol.asyncDispose] () {
        await store.close()
        await engine.close()
      },
    }
  })

  test('workers that compete for one key admit exactly what it holds', async () => {
    const prefix = `p${++prefixes}`
    const engines = Array.from(
      { length: 4 },
      () => localEngine({ channel: channelTo(supervisor), timeoutMs })
    )
    const clients: LocalClient[] = await Promise.all(engines.map((engine) => engine.connect()))
    const stores = clients.map((client) => localStore({ client, prefix, timeout: timeoutMs, leaseShare: 0 }))
    for (const limit of [rate(20), sliding(20), quota(20), concurrency(20)]) {
      const takes = stores.flatMap((store) => Array.from({ length: 15 }, () => store.take([claim(limit)])))
      const outcomes = await Promise.all(takes)
      assert.equal(outcomes.filter((outcome) => outcome === undefined).length, 20, limit.kind)
    }
    const pair = [quota(10), concurrency(30)]
    const takes = stores.flatMap((store) =>
      Array.from({ length: 6 }, () => store.take(pair.map((limit) => claim(limit))))
    )
    const admitted = (await Promise.all(takes)).filter((outcome) => outcome === undefined).length
    // Two that meet may refuse each other, and never admit too many.
    assert.ok(admitted <= 10 && admitted >= 7, String(admitted))
    const rest = claim(pair[1]!, 'a', 30 - admitted)
    assert.equal(await stores[0]?.take([rest]), undefined, 'the refused hold no slot')
    for (const store of stores) await store.close()
    for (const engine of engines) await engine.close()
  })

  test('a supervisor that is killed leaves the workers with their shares', async () => {
    const own = supervise()
    const engine = localEngine({ channel: channelTo(own), timeoutMs })
    const { told, onOutage } = outages()
    const store = localStore({ client: await engine.connect(), onOutage })
    await waitUntil('it decides', async () => {
      const request = claim(rate(5))
      await store.take([request])
      return request.decidedBy === 'store'
    })
    const before = told.length
    own.kill('SIGKILL')
    await once(own, 'exit')
    const limit = rate(3)
    const requests = Array.from({ length: 6 }, () => claim(limit))
    for (const request of requests) await store.take([request])
    assert.equal(requests.filter(({ taken }) => taken).length, 3)
    assert.equal(requests[5]?.decidedBy, 'share')
    assert.equal(told.length, before + 1)
    await store.close()
    await engine.close()
  })
})
