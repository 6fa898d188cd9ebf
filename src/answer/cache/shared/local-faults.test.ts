import assert from 'node:assert/strict'
import { test } from 'node:test'
import { localEngine, serveLocalEngine } from '../../../engines/index.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import type { SharedCache } from '../shared-cache.ts'
import { ServingFleet } from './fleet.fixture.ts'
import { line } from './local-line.fixture.ts'
import { localSharedCache } from './local-shared-cache.ts'

/** Longer than any pause that a busy machine makes of itself: only who is stopped lapses. */
const membership = 1_000

interface Stage extends AsyncDisposable {
  readonly cache: SharedCache
  readonly fleet: ServingFleet
}

/** This process as the supervisor, with a worker's end of its own, and processes as its workers. */
async function stage (workers: number): Promise<Stage> {
  const supervisor = serveLocalEngine()
  const { near, far } = line()
  supervisor.attach(far)
  const engine = localEngine({ channel: near })
  const cache = localSharedCache({ client: await engine.connect(), prefix: 'faults', membership })
  const order = { port: undefined, prefix: 'faults', membership }
  const fleet = await ServingFleet.start(workers, order, cache, supervisor)
  await waitUntil('all serve', () => fleet.allServe())
  return {
    cache,
    fleet,
    async [Symbol.asyncDispose] () {
      await fleet[Symbol.asyncDispose]()
      await cache.close()
      await engine.close()
    },
  }
}

test('a leading worker that is killed is replaced by one other within its lease', async () => {
  await using on = await stage(2)
  const [leader] = on.fleet.members
  assert.ok(leader !== undefined)
  assert.equal(await on.fleet.lead(leader, 'slow', 1_000), 'lead')
  const follower = await on.cache.enter('slow', 1_000)
  assert.equal(follower.role, 'follow')
  const startedMs = performance.now()
  leader.kill('SIGKILL')
  if (follower.role === 'follow') assert.equal(await follower.wait(), 'leader-lost')
  assert.ok(performance.now() - startedMs < 4_000, `${performance.now() - startedMs} ms`)
  assert.equal((await on.cache.enter('slow', 1_000)).role, 'lead')
})

test('purges, while a worker stands still or dies: no stale byte after the acknowledgement', async (t) => {
  await using on = await stage(3)
  const [paused, dying] = on.fleet.members
  for (let round = 0; round < 2; round++) {
    const quick = await on.fleet.write()
    assert.equal(quick.lapsed, 0)
    assert.equal(quick.acknowledged, 4)
    paused?.kill('SIGSTOP')
    const held = await on.fleet.write()
    assert.equal(held.lapsed, 1)
    assert.equal((await on.fleet.write()).lapsed, 0)
    t.diagnostic(`${quick.seconds.toFixed(3)} s, held up for ${held.seconds.toFixed(3)} s`)
    paused?.kill('SIGCONT')
    await waitUntil('all serve the last version', () => on.fleet.allServe())
    // The one that was given up comes back under another name; until its old one is forgotten, it may lapse once more.
    await waitUntil('it is a member again', async () => (await on.fleet.write()).lapsed === 0)
  }
  assert.deepEqual(await on.fleet.staleServed(), [])
  dying?.kill('SIGKILL')
  assert.equal((await on.fleet.write()).lapsed, 1)
  assert.equal((await on.fleet.write()).lapsed, 0)
})

test('a value too large to be handed over is made by each', async () => {
  const supervisor = serveLocalEngine()
  const engines = [line(), line()].map(({ near, far }) => {
    supervisor.attach(far)
    return localEngine({ channel: near })
  })
  const caches = await Promise.all(
    engines.map(async (engine) => localSharedCache({ client: await engine.connect(), maxHandover: '1KiB' }))
  )
  const [one, other] = caches
  for (const [size, handed] of [[1_024, true], [1_025, false]] as const) {
    const [lead, follow] = [await one?.enter('k', 1_000), await other?.enter('k', 1_000)]
    assert.ok(lead?.role === 'lead' && follow?.role === 'follow')
    await lead.land(new Uint8Array(size), 60_000)
    assert.equal(typeof await follow.wait() === 'object', handed)
  }
  for (const cache of caches) await cache.close()
  for (const engine of engines) await engine.close()
})
