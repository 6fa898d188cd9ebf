import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CachedService, ok } from './cached-service.fixture.ts'
import { MemoryFleet } from './memory-fleet.fixture.ts'

function tagged (more: object = {}): CachedService {
  let runs = 0
  return new CachedService({ tags: ['all', 'thing:{id}'], ...more }, () => ok(`run ${++runs}`))
}

test('a hard purge ends what has the tag, and nothing else', async () => {
  const service = tagged({ staleWhileRevalidate: '1h', staleIfError: '1h' })
  await service.get({ url: '/things/1' })
  await service.get({ url: '/things/2' })
  const { acknowledged } = await service.cache.purge(['thing:1'], { soft: false })
  assert.equal(acknowledged, 1)
  assert.equal((await service.get({ url: '/things/1' })).body, 'run 3')
  assert.equal((await service.get({ url: '/things/2' })).body, 'run 2')
  await service.cache.purge(['all'], { soft: false })
  assert.equal((await service.get({ url: '/things/2' })).body, 'run 4')
  assert.equal(service.count('plimsoll_cache_purges_total', { mode: 'hard' }), 2)
})

test('a soft purge, the default, serves what is stale while it is made anew, for as long as the route allows', async () => {
  const service = tagged({ staleWhileRevalidate: '5s' })
  await service.get()
  await service.cache.purge(['thing:1'])
  assert.match((await service.get()).headers['cache-status'] ?? '', /stale-while-revalidate; ttl=0$/)
  await service.settle()
  assert.equal((await service.get()).body, 'run 2')
  await service.cache.purge(['thing:1'])
  assert.equal((await service.get()).body, 'run 2')
  service.clock.advance(5_000)
  await service.settle()
  assert.equal((await service.get()).body, 'run 3')
})

test('a soft purge without stale time makes the answer anew before it is served', async () => {
  const service = tagged()
  await service.get()
  await service.cache.purge(['thing:1'])
  assert.equal((await service.get()).body, 'run 2')
  assert.equal((await service.get()).body, 'run 2')
})

test('an answer whose making began before a purge does not outlive it; who follows such a one gets a new one', async () => {
  for (const soft of [true, false]) {
    const service = tagged()
    const lead = service.lookup()
    assert.ok(!(lead instanceof Promise) && lead.kind === 'miss')
    await service.cache.purge(['thing:1'], { soft })
    const follower = service.get()
    const own = lead.store(ok('read before the purge'))
    assert.ok(own.kind === 'answer')
    assert.equal((await follower).body, 'run 1')
    assert.equal((await service.get()).body, 'run 1')
  }
})

test('a version that is current clears an answer that was purged softly; one purged hard is gone', async () => {
  const service = tagged({ version: () => 7 })
  await service.get()
  await service.cache.purge(['thing:1'])
  assert.match((await service.get()).headers['cache-status'] ?? '', /version-is-current/)
  assert.equal((await service.get()).headers['cache-status'], 'plimsoll; hit; ttl=10')
  await service.cache.purge(['thing:1'], { soft: false })
  assert.equal((await service.get()).body, 'run 2')
})

test('tags of the handler, and those that a function names, are purged by as well', async () => {
  const service = new CachedService(
    { tags: (asked) => [`of ${asked.url}`] },
    () => ({ ...ok('x'), tags: ['handler'] })
  )
  for (const [runs, tag] of [[2, 'of /things/1'], [3, 'handler']] as const) {
    await service.get({ url: '/things/1' })
    await service.cache.purge([tag], { soft: false })
    await service.get({ url: '/things/1' })
    assert.equal(service.runs, runs)
  }
})

test('a function of tags that throws keeps the answer from being kept, and is said', async () => {
  const service = new CachedService({
    tags () {
      throw new Error('no')
    },
  }, () => ok('x'))
  await service.get()
  assert.equal(service.cache.stats.entries, 0)
  assert.deepEqual(service.notices.map(({ reason }) => reason), ['config.cache.tags', 'tags'])
})

const write = {
  method: 'PUT',
  url: '/things/1?x=1',
  origin: 'https://shop.example',
  status: 200,
  headers: {},
}

test('an unsafe request that succeeded ends what is kept of its URI, whatever its query, and of Location', async () => {
  const service = tagged({ staleWhileRevalidate: '1h' })
  const urls = ['/things/1', '/things/1?a=1', '/things/2', '/things/3', '/things/4']
  const fill = async (): Promise<void> => {
    for (const url of urls) await service.get({ url })
  }
  await fill()
  await service.cache.written({
    ...write,
    headers: { location: '/things/2', 'content-location': 'https://shop.example/things/3' },
  })
  assert.equal((await service.get()).body, `run ${urls.length + 1}`)
  await fill()
  assert.equal(service.runs, urls.length + 4)
})

test('safe requests, failures, other origins and paths of no cached route purge nothing', async () => {
  const service = tagged()
  await service.get()
  const { cache } = service
  assert.equal(cache.written({ ...write, method: 'GET' }), undefined)
  assert.equal(cache.written({ ...write, status: 409 }), undefined)
  assert.equal(cache.written({ ...write, status: 500 }), undefined)
  assert.equal(cache.written({ ...write, url: '/orders/1' }), undefined)
  assert.equal(
    cache.written({ ...write, url: '/orders', headers: { location: 'https://evil.example/things/1' } }),
    undefined
  )
  assert.equal(cache.written({ ...write, url: '/orders', headers: { location: 'http://[' } }), undefined)
  await service.get()
  assert.equal(service.runs, 1)
})

test('groups of RFC 9875 are purged by what names them, within their origin', async () => {
  const service = new CachedService({}, () => ok('x', { 'cache-groups': '"rings", "a"' }))
  await service.get()
  const groups = async (header: string, origin = write.origin): Promise<number> => {
    await service.cache.written({
      ...write,
      url: '/orders',
      origin,
      headers: { 'cache-group-invalidation': header },
    })
    await service.get()
    return service.runs
  }
  assert.equal(await groups('"other"'), 1)
  assert.equal(await groups('"rings"', 'https://other.example'), 1)
  assert.equal(await groups('not a list'), 1)
  assert.equal(await groups('"b", "rings"'), 2)
  assert.equal((await service.get()).headers['cache-groups'], '"rings", "a"')
})

test('while purges may have been missed a route serves its memory, or makes each answer anew, as it says', async () => {
  for (const [whenUnreachable, runs] of [['serve', 1], ['revalidate', 2]] as const) {
    const fleet = new MemoryFleet()
    const service = new CachedService({ whenUnreachable, staleWhileRevalidate: '1h' }, () => ok('x'), {
      shared: fleet.join(),
    })
    await service.get()
    fleet.current = false
    await service.get()
    assert.equal(service.runs, runs)
    fleet.current = true
    await service.get()
    assert.equal(service.runs, runs)
  }
})
