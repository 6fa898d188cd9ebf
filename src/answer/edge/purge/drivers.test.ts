import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { manualClock, SettingError } from '../../../kernel/index.ts'
import { type CdnMock, startCdnMock } from './cdn-mock.fixture.ts'
import { cloudflarePurger } from './cloudflare.ts'
import type { EdgePurger } from './edge-purger.ts'
import { EdgePurgeError } from './errors.ts'
import { fastlyPurger } from './fastly.ts'
import { varnishPurger } from './varnish.ts'

const token = 'a-secret-token-of-the-tests'
const wide = (count: number): string[] => Array.from({ length: count }, (_, i) => `product:${i}`)

const kinds = {
  fastly: (mock: CdnMock): EdgePurger => fastlyPurger({ serviceId: 'SERVICE', token, apiUrl: mock.url }),
  cloudflare: (mock: CdnMock): EdgePurger =>
    cloudflarePurger({ zoneId: 'ZONE', token, apiUrl: `${mock.url}/client/v4` }),
} as const

for (const kind of ['fastly', 'cloudflare'] as const) {
  test(`${kind} (a mock): a call as large as the limits say is accepted, soft where the edge knows soft`, async () => {
    await using mock = await startCdnMock({ kind, token })
    const purger = kinds[kind](mock)
    const { keysPerCall, bytesPerCall, soft } = purger.limits
    await purger.purge(wide(keysPerCall), 'soft')
    const large = Array.from(
      { length: keysPerCall },
      (_, i) => `${i}`.padEnd(Math.floor(bytesPerCall / keysPerCall) - 1, 'x')
    )
    await purger.purge(large, 'hard')
    await purger.purgeAll?.()
    assert.deepEqual(mock.accepted.map(({ mode, keys }) => [mode, keys.length]), [
      [soft ? 'soft' : 'hard', keysPerCall],
      ['hard', keysPerCall],
      ['all', 0],
    ])
    await assert.rejects(purger.purge(wide(keysPerCall + 1), 'soft'), { failure: 'refused', status: 400 })
  })

  test(`${kind} (a mock): a failure says its kind, and when to come back`, async () => {
    await using mock = await startCdnMock({ kind, token })
    const purger = kinds[kind](mock)
    mock.failures.push(
      { status: 429, headers: { 'retry-after': '7' } },
      { status: 503, headers: { 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' } },
      { status: 401 },
      { status: 0 },
      { status: 307, headers: { location: `${mock.url}/elsewhere` } }
    )
    const seen: unknown[] = []
    while (mock.failures.length > 0) {
      const error: unknown = await purger.purge(['a'], 'hard').catch((thrown: unknown) => thrown)
      assert.ok(error instanceof EdgePurgeError)
      seen.push([error.failure, error.status, error.retryAfterMs])
    }
    assert.deepEqual(seen, [
      ['limited', 429, 7_000],
      ['unavailable', 503, 0],
      ['refused', 401, undefined],
      ['unavailable', undefined, undefined],
      ['unavailable', undefined, undefined],
    ])
    assert.equal(mock.calls.length, 5, 'the token goes nowhere else')
  })

  test(`${kind} (a mock): the token is in no error, even where the server says it back`, async () => {
    await using mock = await startCdnMock({ kind, token })
    const purger = kinds[kind](mock)
    mock.failures.push({ status: 500 }, { status: 403 }, { status: 0 })
    while (mock.failures.length > 0) {
      await assert.rejects(
        purger.purge(['a'], 'hard'),
        (error) => !inspect(error, { depth: 9 }).includes(token)
      )
    }
    assert.equal(inspect(purger, { depth: 9 }).includes(token), false)
  })
}

test('an edge that does not answer is given up after the timeout', async () => {
  await using mock = await startCdnMock({ kind: 'fastly', token })
  const clock = manualClock()
  const purger = fastlyPurger({ serviceId: 'SERVICE', token, apiUrl: mock.url, timeout: '3s', clock })
  const call = purger.purge(['a'], 'soft')
  clock.advance(3_000)
  await assert.rejects(call, { failure: 'unavailable', message: /no answer within 3000 ms/ })
})

test('Cloudflare: 200 without success is a refusal', async () => {
  await using mock = await startCdnMock({ kind: 'cloudflare', token })
  mock.failures.push({ status: 200 })
  await assert.rejects(kinds.cloudflare(mock).purge(['a'], 'hard'), { failure: 'refused', status: 200 })
})

test('Varnish: a purge is accepted once every instance has it, however many there are at that moment', async () => {
  await using first = await startCdnMock({ kind: 'fastly', token })
  await using second = await startCdnMock({ kind: 'fastly', token })
  const instances = [first.url]
  const purger = varnishPurger({ instances: () => instances })
  first.failures.push({ status: 200 }, { status: 200 })
  await purger.purge(['a', 'b'], 'soft')
  assert.equal(first.calls[0]?.method, 'PURGE')
  assert.equal(first.calls[0]?.headers['surrogate-key'], 'a b')
  assert.equal(first.calls[0]?.headers['x-purge-mode'], 'soft')
  instances.push(second.url)
  second.failures.push({ status: 503 })
  await assert.rejects(purger.purge(['a'], 'hard'), { failure: 'unavailable', status: 503 })
  instances.length = 0
  await purger.purge(['a'], 'hard')
})

test('wrong settings of a driver stop the boot, and show no secret', () => {
  const wrong: readonly (readonly [string, () => unknown])[] = [
    ['fastly.serviceId', () => fastlyPurger({ serviceId: '../x', token })],
    ['fastly.token', () => fastlyPurger({ serviceId: 'S', token: `${token}\r\nx: y` })],
    ['fastly.token', () => fastlyPurger({ serviceId: 'S', token: undefined as unknown as string })],
    ['fastly.apiUrl', () => fastlyPurger({ serviceId: 'S', token, apiUrl: `https://u:${token}@x/` })],
    ['fastly.apiUrl', () => fastlyPurger({ serviceId: 'S', token, apiUrl: 'ftp://x' })],
    ['fastly.name', () => fastlyPurger({ serviceId: 'S', token, name: 'Fast ly' })],
    ['fastly.timeout', () => fastlyPurger({ serviceId: 'S', token, timeout: 0 })],
    ['cloudflare.zoneId', () => cloudflarePurger({ zoneId: '', token })],
    ['cloudflare.plan', () => cloudflarePurger({ zoneId: 'Z', token, plan: 'toString' as 'free' })],
    ['cloudflare.token', () => cloudflarePurger({ zoneId: 'Z', token: `${token} ` })],
    ['varnish.instances', () => varnishPurger({ instances: [] })],
    ['varnish.instances', () => varnishPurger({ instances: ['127.0.0.1:80'] })],
    ['varnish.token', () => varnishPurger({ instances: ['http://v'], token: `${token}\n` })],
  ]
  for (const [setting, make] of wrong) {
    assert.throws(
      make,
      (error) =>
        error instanceof SettingError && error.setting === setting && !inspect(error).includes(token),
      setting
    )
  }
})
