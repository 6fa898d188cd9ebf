import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MadeResponse } from './cache-request.ts'
import { type Asked, CachedService, counting } from './cached-service.fixture.ts'
import type { Entry } from './entry.ts'
import { BoundedMemory, MemoryNode } from './memory.ts'
import { Shortcuts } from './shortcuts.ts'

const origins = ['https://a.example', 'https://b.example'] as const
const urls = ['/1', '/2', '/3', '/4', '/5', '/6'] as const
const anOrigin = fc.constantFrom(...origins)
const aUrl = fc.constantFrom(...urls)
const aStep = fc.oneof(
  fc.record({ kind: fc.constant('keep'), origin: anOrigin, url: aUrl }),
  fc.record({ kind: fc.constant('drop'), origin: anOrigin, url: aUrl }),
  fc.record({ kind: fc.constant('shorten'), origin: anOrigin, url: aUrl })
)

test('a shortcut leads to what memory has under the key, and ends with it, whatever leaves memory and why', () => {
  fc.assert(
    fc.property(fc.array(aStep, { maxLength: 80 }), (steps) => {
      const memory = new BoundedMemory<MemoryNode>(1_000)
      const shortcuts = new Shortcuts()
      const shortened = new Set<MemoryNode>()
      for (const { kind, origin, url } of steps) {
        const key = `${origin} ${url}`
        const node = memory.get(key)
        if (kind === 'keep') memory.set(new MemoryNode(key, 150))
        else if (node !== undefined && kind === 'drop') memory.delete(node)
        else if (node !== undefined) {
          memory.grow(node, shortcuts.add(origin, url, node as Entry))
          shortened.add(node)
        }
        for (const someOrigin of origins) {
          for (const someUrl of urls) {
            const kept = memory.get(`${someOrigin} ${someUrl}`)
            const expected = kept !== undefined && shortened.has(kept) ? kept : undefined
            assert.equal(shortcuts.find(someOrigin, someUrl), expected)
          }
        }
        assert.ok(memory.bytes <= 1_000)
      }
    }),
    { numRuns: 200 }
  )
})

test('an entry counts for its shortcut once, and has none for a very long URL', () => {
  const shortcuts = new Shortcuts()
  const entry = new MemoryNode('key', 100) as Entry
  assert.equal(shortcuts.add(origins[0], `/${'x'.repeat(256)}`, entry), 0)
  assert.ok(shortcuts.add(origins[0], '/1', entry) > 0)
  assert.equal(shortcuts.add(origins[0], '/1', entry), 0)
})

test('hits after the first are the same, and end at the same moments: by time, by purge, by what they ask', async () => {
  const service = new CachedService({ ttl: '10s', tags: () => ['thing'] }, counting())
  for (let at = 0; at < 3; at++) assert.equal((await service.get()).body, 'run 1')
  assert.equal(service.count('plimsoll_cache_requests_total', { result: 'hit' }), 2)
  assert.equal((await service.get({ origin: 'https://other.example' })).body, 'run 2')
  assert.equal((await service.get({ url: '/things/1?a=1' })).body, 'run 3')
  assert.equal((await service.get({ variant: 'small' })).body, 'run 4')
  assert.equal((await service.get({ headers: { authorization: 'x' } })).body, 'run 5')
  assert.equal((await service.get({ method: 'HEAD' })).body, '')
  assert.equal((await service.get()).body, 'run 1')
  await service.cache.purge(['thing'])
  assert.equal((await service.get()).body, 'run 6')
  assert.equal((await service.get()).body, 'run 6')
  assert.equal((await service.get()).body, 'run 6')
  service.clock.advance(10_000)
  assert.equal((await service.get()).body, 'run 7')
})

test('a route whose key says more than origin and path has no shortcut', async () => {
  const service = new CachedService({ scope: 'tenant', vary: ['x-look'] }, counting())
  const a = { tenant: 'a', headers: { 'x-look': '1' } }
  for (let at = 0; at < 3; at++) assert.equal((await service.get(a)).body, 'run 1')
  assert.equal((await service.get({ ...a, tenant: 'b' })).body, 'run 2')
  assert.equal((await service.get({ ...a, headers: { 'x-look': '2' } })).body, 'run 3')
})

test('reads by a shortcut spare an entry as those by its key do', async () => {
  const runs = new Map<string, number>()
  const handler = ({ url = '/things/1' }: Asked): MadeResponse => {
    runs.set(url, (runs.get(url) ?? 0) + 1)
    return { status: 200, headers: {}, body: 'x'.repeat(1_000) }
  }
  const service = new CachedService({}, handler, { memory: '64KiB' })
  const round = async (at: number): Promise<void> => {
    await service.get({ url: '/things/hot' })
    // Each of these becomes a resident, too, and pushes others out.
    for (let read = 0; read < 2; read++) await service.get({ url: `/things/${at}` })
  }
  // Until memory is full, and the hot one has its place and its shortcut.
  for (let at = 0; at < 200; at++) await round(at)
  const before = runs.get('/things/hot')
  for (let at = 200; at < 600; at++) await round(at)
  assert.equal(runs.get('/things/hot'), before)
  assert.ok(service.count('plimsoll_cache_evictions_total') > 500)
})
