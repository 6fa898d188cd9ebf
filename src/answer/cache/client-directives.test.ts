import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CachedService, counting } from './cached-service.fixture.ts'

test("a client's Cache-Control is ignored by default", async () => {
  const service = new CachedService({}, counting())
  await service.get()
  for (const directive of ['no-cache', 'no-store', 'max-age=0', 'only-if-cached']) {
    assert.equal((await service.get({ headers: { 'cache-control': directive } })).body, 'run 1')
  }
})

test("a client's Cache-Control is honoured where the route says so", async () => {
  const service = new CachedService({ ttl: '10s', clientDirectives: 'honour' }, counting())
  const ask = async (directive: string): Promise<string> => {
    const { status, body } = await service.get({ headers: { 'cache-control': directive } })
    return status === 200 ? body : String(status)
  }
  assert.equal(await ask('only-if-cached'), '504')
  await service.get()
  service.clock.advance(4_000)
  assert.equal(await ask('only-if-cached'), 'run 1')
  assert.equal(await ask('max-age=4'), 'run 1')
  assert.equal(await ask('min-fresh=6'), 'run 1')
  assert.equal(await ask('max-age=3'), 'run 2')
  service.clock.advance(4_000)
  assert.equal(await ask('min-fresh=7'), 'run 3')
  assert.equal(await ask('no-cache'), 'run 4')
  assert.equal(await ask('max-age=0'), 'run 5')
  assert.equal(await ask('no-cache, only-if-cached'), '504')
  assert.equal(await ask('no-store'), 'run 6')
  assert.equal((await service.get({ headers: { pragma: 'no-cache' } })).body, 'run 7')
  assert.equal(await ask(''), 'run 7')
})

test('a client that takes stale answers gets them while they are kept', async () => {
  const service = new CachedService(
    { ttl: '10s', staleIfError: '60s', clientDirectives: 'honour' },
    counting()
  )
  await service.get()
  service.clock.advance(15_000)
  assert.equal((await service.get({ headers: { 'cache-control': 'max-stale=6' } })).body, 'run 1')
  await service.settle()
  service.clock.advance(15_000)
  assert.equal((await service.get({ headers: { 'cache-control': 'max-stale=4' } })).body, 'run 3')
})
