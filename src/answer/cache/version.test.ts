import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CachedService, counting } from './cached-service.fixture.ts'

test('a version that is still current makes a stale answer fresh again, without the handler', async () => {
  let version: string | number = 1
  let asked = 0
  const service = new CachedService({
    ttl: '10s',
    version () {
      asked++
      return version
    },
  }, counting())
  await service.get()
  service.clock.advance(10_000)
  const validated = await service.get()
  assert.equal(validated.body, 'run 1')
  assert.equal(
    validated.headers['cache-status'],
    'plimsoll; fwd=stale; detail=version-is-current; stored; ttl=10'
  )
  assert.equal(validated.headers['age'], undefined)
  const tag = validated.headers['etag'] ?? ''
  service.clock.advance(9_999)
  assert.equal((await service.get()).headers['age'], '9')
  assert.equal(asked, 2)
  service.clock.advance(1)
  assert.equal((await service.get({ headers: { 'if-none-match': tag } })).status, 304)
  assert.equal(service.runs, 1)
  version = 2
  service.clock.advance(10_000)
  assert.equal((await service.get()).body, 'run 2')
})

test('a version that is checked always keeps even a fresh answer from being served once it has changed', async () => {
  let version = 1
  const service = new CachedService(
    { ttl: '1h', version: async () => version, checkVersion: 'always' },
    counting()
  )
  await service.get()
  assert.equal((await service.get()).body, 'run 1')
  version = 2
  assert.equal((await service.get()).body, 'run 2')
  assert.equal((await service.get()).body, 'run 2')
})

test('a version that cannot be told makes the answer anew, and is said once', async () => {
  const service = new CachedService({
    ttl: '10s',
    version () {
      throw new Error('down')
    },
  }, counting())
  await service.get()
  assert.equal((await service.get()).body, 'run 1')
  service.clock.advance(10_000)
  assert.equal((await service.get()).body, 'run 2')
  assert.deepEqual(service.notices.map(({ reason }) => reason), ['config.cache.version'])
})
