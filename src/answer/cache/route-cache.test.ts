import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CachedService, counting, ok } from './cached-service.fixture.ts'

test('a second request within the time to live runs nothing; the first after it does', async () => {
  const service = new CachedService({ ttl: '10s' }, counting())
  const first = await service.get()
  assert.equal(first.headers['cache-status'], 'plimsoll; fwd=miss; stored; ttl=10')
  assert.equal(first.headers['age'], undefined)
  service.clock.advance(3_500)
  const second = await service.get()
  assert.deepEqual([second.status, second.body], [200, 'run 1'])
  assert.equal(second.headers['age'], '3')
  assert.equal(second.headers['cache-status'], 'plimsoll; hit; ttl=7')
  assert.equal(second.headers['content-length'], '5')
  service.clock.advance(6_499)
  assert.equal((await service.get()).headers['age'], '9')
  service.clock.advance(1)
  assert.equal((await service.get()).body, 'run 2')
  assert.deepEqual(
    ['hit', 'miss'].map((result) => service.count('plimsoll_cache_requests_total', { result })),
    [2, 2]
  )
})

test('a hit comes without a promise, and is the same object for all requests of a second', async () => {
  const service = new CachedService({}, counting())
  await service.get()
  const [one, other] = [service.lookup(), service.lookup()]
  assert.ok(!(one instanceof Promise) && one === other)
})

test("the handler's own times can shorten, not lengthen; an answer that came old is as old", async () => {
  const service = new CachedService(
    { ttl: '10s', staleWhileRevalidate: '10s', staleIfError: '10s' },
    () =>
      ok('{}', {
        'cache-control': 'max-age=3600, stale-while-revalidate=5, stale-if-error=3600',
        age: '3598',
      })
  )
  await service.get()
  assert.equal((await service.get()).headers['cache-status'], 'plimsoll; hit; ttl=2')
  assert.equal((await service.get()).headers['age'], '3598')
  service.clock.advance(6_999)
  assert.match((await service.get()).headers['cache-status'] ?? '', /stale-while-revalidate; ttl=-4$/)
  await service.settle()
  assert.equal(service.runs, 2)
  service.clock.advance(7_000)
  assert.match((await service.get()).headers['cache-status'] ?? '', /fwd=stale; stored/)
})

test('HEAD is answered from what GET keeps, with its headers and no body; without it, it passes by', async () => {
  const service = new CachedService({}, () => ok('{"a":1}'))
  assert.equal(
    (await service.get({ method: 'HEAD' })).headers['cache-status'],
    'plimsoll; fwd=method; detail=method'
  )
  const whole = await service.get()
  const head = await service.get({ method: 'HEAD' })
  assert.deepEqual([head.status, head.body, head.headers['content-length']], [200, '', '7'])
  assert.equal(head.headers['etag'], whole.headers['etag'])
  assert.equal(service.runs, 2)
})

test('other methods, bodies and conditions on the current state pass by', async () => {
  const service = new CachedService({}, counting())
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'get']) await service.get({ method })
  await service.get({ headers: { 'content-length': '2' } })
  await service.get({ headers: { 'transfer-encoding': 'chunked' } })
  await service.get({ headers: { 'if-match': '"a"' } })
  await service.get({ headers: { 'if-unmodified-since': 'Sun, 15 Jun 2025 15:06:40 GMT' } })
  assert.equal(service.runs, 9)
  assert.equal(service.cache.stats.entries, 0)
  assert.equal(service.count('plimsoll_cache_requests_total', { result: 'bypass' }), 9)
  await service.get({ headers: { 'content-length': '0' } })
  assert.equal(service.cache.stats.entries, 1)
})

test('public: requests with credentials pass by, unless the route says that they do not matter', async () => {
  const careful = new CachedService({}, counting())
  await careful.get()
  for (const headers of [{ authorization: 'Bearer a' }, { cookie: 'a=b' }]) {
    assert.equal(
      (await careful.get({ headers })).headers['cache-status'],
      'plimsoll; fwd=bypass; detail=credentials'
    )
  }
  assert.equal(careful.runs, 3)
  const open = new CachedService({ credentials: 'ignore' }, counting())
  await open.get({ headers: { authorization: 'Bearer a' } })
  await open.get({ headers: { cookie: 'a=b' } })
  assert.equal(open.runs, 1)
})

test('tenants, users and groups of a function each have their own answers; who is nobody has none', async () => {
  const own = (asked: { readonly tenant?: string | undefined; readonly user?: string | undefined }): string =>
    `${asked.tenant}/${asked.user}`
  for (const scope of ['tenant', 'user', (asked: Parameters<typeof own>[0]) => asked.user] as const) {
    const service = new CachedService({ scope }, (asked) => ok(own(asked)))
    for (const asked of [{ tenant: 'a', user: 'x' }, { tenant: 'b', user: 'y' }]) {
      await service.get(asked)
      assert.equal((await service.get(asked)).body, own(asked))
    }
    assert.equal(service.runs, 2)
    for (const asked of [{}, { tenant: '', user: '' }]) {
      assert.match((await service.get(asked)).headers['cache-status'] ?? '', /detail=no-scope/)
    }
  }
})

test('a user of one tenant is nobody of another', async () => {
  const service = new CachedService({ scope: 'user' }, (asked) => ok(`${asked.tenant}`))
  await service.get({ user: '1', tenant: 'a' })
  assert.equal((await service.get({ user: '1', tenant: 'b' })).body, 'b')
  assert.equal((await service.get({ user: '1' })).body, 'undefined')
})

test('a scope function that throws passes the cache by, and is said', async () => {
  const service = new CachedService({
    scope () {
      throw new Error('no session')
    },
  }, counting())
  await service.get()
  assert.equal(service.cache.stats.entries, 0)
  assert.deepEqual(service.notices.map(({ reason }) => reason), ['config.cache.scope', 'no-scope'])
})

test('404 and 410 are kept for the time they have, with no more stale time than others', async () => {
  const service = new CachedService(
    { ttl: '60s', negative: '2s' },
    () => ({ status: 404, headers: {}, body: 'no' })
  )
  await service.get()
  const hit = await service.get({ headers: { 'if-none-match': '*' } })
  assert.deepEqual([hit.status, hit.body, hit.headers['etag']], [404, 'no', undefined])
  service.clock.advance(2_000)
  await service.get()
  assert.equal(service.runs, 2)
})

test('stale-while-revalidate: all get the old answer at once while one run makes the new one', async () => {
  const service = new CachedService({ ttl: '10s', staleWhileRevalidate: '60s' }, counting())
  await service.get()
  service.clock.advance(12_000)
  const stale = await Promise.all([service.get(), service.get(), service.get()])
  assert.deepEqual(stale.map(({ body }) => body), ['run 1', 'run 1', 'run 1'])
  assert.equal(stale[0]?.headers['cache-status'], 'plimsoll; hit; detail=stale-while-revalidate; ttl=-2')
  assert.equal(stale[0]?.headers['age'], '12')
  await service.settle()
  assert.equal(service.runs, 2)
  assert.equal((await service.get()).body, 'run 2')
  assert.equal(service.count('plimsoll_cache_requests_total', { result: 'stale' }), 3)
  assert.equal(service.count('plimsoll_cache_requests_total', { result: 'miss' }), 1)
  service.clock.advance(70_000)
  assert.equal((await service.get()).body, 'run 3')
})

test('a refresh that fails leaves the old answer, and the next request tries again', async () => {
  const service = new CachedService({ ttl: '10s', staleWhileRevalidate: '60s' }, counting())
  await service.get()
  service.clock.advance(12_000)
  service.handler = () => {
    throw new Error('down')
  }
  for (const runs of [2, 3]) {
    assert.equal((await service.get()).body, 'run 1')
    await service.settle()
    assert.equal(service.runs, runs)
  }
})

test('stale-if-error: a failure or a 5xx gives the old answer, to those who wait as well', async () => {
  const service = new CachedService({ ttl: '10s', staleIfError: '60s' }, counting())
  await service.get()
  service.clock.advance(20_000)
  const { promise, resolve } = Promise.withResolvers<undefined>()
  service.handler = async () => {
    await promise
    return { status: 503, headers: {}, body: 'down' }
  }
  const both = [service.get(), service.get()]
  resolve(undefined)
  for (const { status, body, headers } of await Promise.all(both)) {
    assert.deepEqual([status, body], [200, 'run 1'])
    assert.equal(headers['cache-status'], 'plimsoll; fwd=stale; detail=stale-if-error; ttl=-10')
  }
  assert.equal(service.runs, 2)
  service.handler = () => {
    throw new Error('down')
  }
  assert.equal((await service.get()).body, 'run 1')
  assert.equal(service.count('plimsoll_cache_requests_total', { result: 'stale_if_error' }), 3)
  service.clock.advance(50_000)
  assert.equal((await service.get()).status, 500)
})

test('must-revalidate of the handler forbids every stale answer', async () => {
  const service = new CachedService(
    { ttl: '10s', staleIfError: '60s', staleWhileRevalidate: '60s', clientDirectives: 'honour' },
    () => ok('{}', { 'cache-control': 'must-revalidate' })
  )
  await service.get()
  service.clock.advance(11_000)
  service.handler = () => ({ status: 500, headers: {}, body: '' })
  assert.equal((await service.get({ headers: { 'cache-control': 'max-stale' } })).status, 500)
})

test('an answer that may no longer be kept replaces what was; a refusal of one client does not', async () => {
  const service = new CachedService({ ttl: '10s', staleIfError: '60s' }, counting())
  await service.get()
  service.clock.advance(20_000)
  service.handler = () => ({ status: 403, headers: {}, body: '' })
  assert.equal((await service.get()).status, 403)
  assert.equal(service.cache.stats.entries, 1)
  service.handler = () => ok('mine', { 'cache-control': 'private' })
  assert.equal((await service.get()).body, 'mine')
  assert.equal(service.cache.stats.entries, 0)
})

test('absurdly long URLs and keys pass by', async () => {
  const service = new CachedService({ vary: ['x-flag'] }, counting())
  const long = await service.get({ url: `/things/1?q=${'x'.repeat(4_100)}` })
  assert.equal(long.headers['cache-status'], 'plimsoll; fwd=bypass; detail=url-too-long')
  await service.get({ headers: { 'x-flag': 'x'.repeat(9_000) } })
  assert.equal(service.cache.stats.entries, 0)
})

test('memory holds no more than it may, and counts what it drops for room', async () => {
  const service = new CachedService({}, () => ok('x'.repeat(1_000)), { memory: '64KiB', maxBody: '2kB' })
  for (let id = 0; id < 200; id++) await service.get({ url: `/things/${id}` })
  const { entries, bytes, maxBytes } = service.cache.stats
  assert.ok(bytes <= maxBytes && entries > 10 && entries < 60, `${entries} entries, ${bytes} bytes`)
  assert.equal(service.count('plimsoll_cache_evictions_total'), 200 - entries)
  assert.equal(service.count('plimsoll_cache_entries'), entries)
  assert.equal(service.count('plimsoll_cache_memory_bytes'), bytes)
})

test('what is over is dropped from memory while others come', async () => {
  const service = new CachedService({ ttl: '1s' }, counting())
  for (let id = 0; id < 100; id++) await service.get({ url: `/things/${id}` })
  service.clock.advance(1_000)
  for (let id = 100; id < 160; id++) await service.get({ url: `/things/${id}` })
  assert.equal(service.cache.stats.entries, 60)
})
