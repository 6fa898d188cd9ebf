import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { MadeResponse } from './cache-request.ts'
import { CachedService, ok } from './cached-service.fixture.ts'

/** A handler that answers when it is told to. */
class Held {
  readonly handler: () => Promise<MadeResponse> = () => {
    const held = Promise.withResolvers<MadeResponse>()
    this.runs.push(held)
    return held.promise
  }
  readonly runs: PromiseWithResolvers<MadeResponse>[] = []
}

test('of 100 misses of one key at once one runs, and all get its answer', async () => {
  const held = new Held()
  const service = new CachedService({}, held.handler)
  const all = Array.from({ length: 100 }, () => service.get())
  await nextTurn()
  held.runs[0]?.resolve(ok('made once'))
  const got = await Promise.all(all)
  assert.deepEqual(new Set(got.map(({ body }) => body)), new Set(['made once']))
  assert.equal(got[1]?.headers['cache-status'], 'plimsoll; fwd=miss; collapsed; ttl=10')
  assert.equal(service.runs, 1)
  assert.equal(service.count('plimsoll_cache_requests_total', { result: 'collapsed' }), 99)
})

test('misses of different keys run side by side', async () => {
  const held = new Held()
  const service = new CachedService({}, held.handler)
  const both = [service.get({ url: '/things/1' }), service.get({ url: '/things/2' })]
  assert.equal(held.runs.length, 2)
  for (const [at, run] of held.runs.entries()) run.resolve(ok(String(at)))
  assert.deepEqual((await Promise.all(both)).map(({ body }) => body), ['0', '1'])
})

test('who follows leaves with its signal’s reason; the others get the answer', async () => {
  const held = new Held()
  const service = new CachedService({}, held.handler)
  const lead = service.get()
  const controller = new AbortController()
  const leaving = service.get({ signal: controller.signal })
  const staying = service.get()
  controller.abort(new Error('too late'))
  await assert.rejects(leaving, /too late/)
  await assert.rejects(service.get({ signal: AbortSignal.abort(new Error('gone before')) }), /gone before/)
  held.runs[0]?.resolve(ok('x'))
  assert.equal((await staying).body, 'x')
  await lead
})

test('when the leader gives up one of its followers leads', async () => {
  const service = new CachedService({}, () => ok('second'))
  const lead = service.lookup()
  assert.ok(!(lead instanceof Promise) && lead.kind === 'miss')
  const followers = [service.get(), service.get(), service.get()]
  lead.abandon()
  assert.deepEqual((await Promise.all(followers)).map(({ body }) => body), ['second', 'second', 'second'])
  assert.equal(service.runs, 1)
  const late = lead.store(ok('too late'))
  assert.deepEqual([late.kind, 'reason' in late && late.reason], ['unstored', 'late'])
  assert.equal(lead.fail(), undefined)
  assert.equal((await service.get()).body, 'second')
})

test('what may not be kept is not shared: followers go side by side, and later ones do not wait', async () => {
  const held = new Held()
  const service = new CachedService({}, held.handler)
  const all = [service.get(), service.get(), service.get()]
  await nextTurn()
  assert.equal(held.runs.length, 1)
  held.runs[0]?.resolve(ok('0', { 'cache-control': 'private' }))
  await nextTurn()
  assert.equal(held.runs.length, 3)
  const later = [service.get(), service.get()]
  assert.equal(held.runs.length, 5)
  for (const [at, run] of held.runs.entries()) run.resolve(ok(String(at), { 'cache-control': 'private' }))
  assert.deepEqual((await Promise.all([...all, ...later])).map(({ body }) => body), ['0', '1', '2', '3', '4'])
})

test('one that may be kept again ends that, and so does time', async () => {
  const held = new Held()
  const service = new CachedService({}, held.handler)
  const first = service.get()
  held.runs[0]?.resolve(ok('0', { 'cache-control': 'private' }))
  await first
  const second = service.get()
  held.runs[1]?.resolve(ok('1'))
  await second
  assert.equal((await service.get()).body, '1')
  const other = service.get({ url: '/things/2' })
  held.runs[2]?.resolve(ok('2', { 'cache-control': 'private' }))
  await other
  service.clock.advance(10_000)
  const both = [service.get({ url: '/things/2' }), service.get({ url: '/things/2' })]
  assert.equal(held.runs.length, 4)
  held.runs[3]?.resolve(ok('3'))
  assert.deepEqual((await Promise.all(both)).map(({ body }) => body), ['3', '3'])
})

test('when the route fails, with nothing older, each goes on its own', async () => {
  const held = new Held()
  const service = new CachedService({}, held.handler)
  const both = [service.get(), service.get()]
  held.runs[0]?.reject(new Error('down'))
  await nextTurn()
  held.runs[1]?.resolve(ok('up again'))
  assert.deepEqual((await Promise.all(both)).map(({ status }) => status), [500, 200])
})

test('a leader of whom nothing is heard for a minute is replaced', async () => {
  const service = new CachedService({}, () => ok('second'))
  const lead = service.lookup()
  assert.ok(!(lead instanceof Promise) && lead.kind === 'miss')
  service.clock.advance(60_001)
  assert.equal((await service.get()).body, 'second')
  lead.store(ok('late, and still an answer'))
  assert.equal((await service.get()).body, 'late, and still an answer')
})

test('a version is asked for once for all who wait', async () => {
  let asked = 0
  const service = new CachedService({
    async version () {
      asked++
      await nextTurn()
      return 1
    },
  }, () => ok('x'))
  await Promise.all(Array.from({ length: 10 }, () => service.get()))
  service.clock.advance(10_000)
  await Promise.all(Array.from({ length: 10 }, () => service.get()))
  assert.deepEqual([asked, service.runs], [2, 1])
})
