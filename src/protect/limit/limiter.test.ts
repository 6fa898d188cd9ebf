import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseList } from 'structured-headers'
import { type ManualClock, manualClock, SettingError } from '../../kernel/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import {
  limitDocument,
  type LimitedEvent,
  Limiter,
  type LimiterOptions,
  limitProblem,
  type LimitStore,
  type LimitSubject,
  type Ruling,
} from './index.ts'

interface Setup {
  readonly clock: ManualClock
  readonly registry: MetricsRegistry
  readonly limiter: Limiter
}

function setup (options: Partial<LimiterOptions> = {}): Setup {
  const clock = manualClock(Date.UTC(2026, 0, 31, 12))
  const registry = new MetricsRegistry({ clock })
  const limiter = new Limiter({ registry, clock, random: () => 0.5, keys: 64, ...options })
  return { clock, registry, limiter }
}

function subject (more: Partial<LimitSubject> = {}): LimitSubject {
  return { address: '192.0.2.1', request: {}, ...more }
}

function ruled (ruling: Ruling | Promise<Ruling>): Ruling {
  assert.ok(!(ruling instanceof Promise), 'decided without a promise')
  return ruling
}

function headersOf (ruling: Ruling): Record<string, string> {
  return Object.fromEntries(ruling.headers())
}

/** The counter of those label values, in the order of the family's labels. */
function counted (registry: MetricsRegistry, name: string, ...labels: readonly string[]): number | undefined {
  const family = registry.snapshot().families.find((each) => each.name === name)
  const values = [...family?.values ?? []]
  return values.find((_, at) =>
    labels.every((label, index) => family?.labelValues[at * labels.length + index] === label)
  )
}

test('the third request of a burst of 2 is refused, and admitted after Retry-After', () => {
  const { clock, limiter } = setup()
  const route = limiter.compile('GET /a', { perMinute: 7, burst: 2 })
  assert.equal(ruled(route.take(subject())).admitted, true)
  assert.equal(ruled(route.take(subject())).admitted, true)
  const refused = ruled(route.take(subject()))
  assert.equal(refused.admitted, false)
  const seconds = Number(headersOf(refused)['retry-after'])
  assert.equal(seconds, 9) // 60 / 7 = 8.57, rounded up
  clock.advance((seconds - 1) * 1000)
  assert.equal(ruled(route.take(subject())).admitted, false)
  clock.advance(1000)
  assert.equal(ruled(route.take(subject())).admitted, true)
})

test('clients count apart by address, those of one IPv6 /64 together', () => {
  const { limiter } = setup()
  const route = limiter.compile('GET /a', { perSecond: 1 })
  const admitted = (address: string): boolean => ruled(route.take(subject({ address }))).admitted
  assert.deepEqual(
    ['192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8:0:1::1'].map(admitted),
    [true, true, true, true]
  )
  assert.deepEqual(['::ffff:192.0.2.1', '2001:DB8::ffff:1%eth0'].map(admitted), [false, false])
})

test('a subject without the key of a rule is not limited by it, and its headers leave it out', () => {
  const { limiter } = setup()
  const route = limiter.compile('GET /a', [{ perHour: 1, by: 'key' }, { perHour: 3, by: 'client' }])
  for (let request = 0; request < 3; request++) {
    const ruling = ruled(route.take(subject()))
    assert.equal(ruling.admitted, true)
    assert.equal(headersOf(ruling)['ratelimit-policy'], '"perHour-client";q=3;w=3600')
  }
  const anonymous = limiter.compile('GET /b', { perHour: 1, by: 'tenant' })
  const ruling = ruled(anonymous.take(subject()))
  assert.deepEqual([ruling.admitted, ruling.headers()], [true, []])
})

test('a refused request takes nothing from any rule', () => {
  const { limiter } = setup()
  const route = limiter.compile('GET /a', [
    { perHour: 2, by: 'client' },
    { quota: { requests: 1, per: 'day' }, by: 'tenant' },
  ])
  assert.equal(ruled(route.take(subject({ tenant: 'a' }))).admitted, true)
  for (let attempt = 0; attempt < 5; attempt++) {
    const refused = ruled(route.take(subject({ tenant: 'a' })))
    assert.equal(refused.refusal?.rule, 'dayQuota-tenant')
    assert.equal(refused.refusal?.kind.code, 'QUOTA_EXCEEDED')
  }
  assert.equal(ruled(route.take(subject({ tenant: 'b' }))).admitted, true)
})

test('headers are structured fields that name each rule, with what is left and when all is back', () => {
  const { limiter } = setup()
  const route = limiter.compile('GET /a', [
    { perSecond: 5, burst: 10 },
    { sliding: { requests: 100, window: '1m' }, by: 'everyone' },
    { quota: { requests: 50, per: 'month' } },
    { concurrent: 3 },
    { perHour: 1, by: 'route', shadow: true },
  ])
  const headers = headersOf(ruled(route.take(subject())))
  assert.deepEqual(Object.keys(headers), ['ratelimit-policy', 'ratelimit'])
  const policies = parseList(headers['ratelimit-policy'] ?? '')
  assert.deepEqual(policies.map(([name, parameters]) => [name, Object.fromEntries(parameters)]), [
    ['perSecond-client', { q: 10, w: 2 }],
    ['sliding-everyone', { q: 100, w: 60 }],
    ['monthQuota-client', { q: 50, w: 31 * 86_400 }],
    ['concurrent-client', { q: 3, qu: 'concurrent-requests' }],
  ])
  assert.equal(headers['ratelimit-policy'], route.policyHeader)
  const limits = parseList(headers.ratelimit ?? '')
  assert.deepEqual(limits.map(([name, parameters]) => [name, Object.fromEntries(parameters)]), [
    ['perSecond-client', { r: 9, t: 1 }],
    ['sliding-everyone', { r: 99, t: 120 }],
    ['monthQuota-client', { r: 49, t: 12 * 3600 }],
    ['concurrent-client', { r: 2 }],
  ])
})

test('in a refusal no window is longer than Retry-After', () => {
  const { limiter } = setup()
  const route = limiter.compile('GET /a', [{ perSecond: 1 }, { quota: { requests: 50, per: 'month' } }])
  ruled(route.take(subject()))
  const headers = headersOf(ruled(route.take(subject())))
  assert.deepEqual(headers, {
    'ratelimit-policy': '"perSecond-client";q=1;w=1, "monthQuota-client";q=50;w=2678400',
    'ratelimit': '"perSecond-client";r=0;t=1, "monthQuota-client";r=49;t=1',
    'retry-after': '1',
  })
})

test('with headers none only Retry-After is written', () => {
  const { limiter } = setup({ headers: 'none' })
  const route = limiter.compile('GET /a', { perSecond: 1 })
  assert.deepEqual(ruled(route.take(subject())).headers(), [])
  assert.deepEqual(ruled(route.take(subject())).headers(), [['retry-after', '1']])
})

test('jitter only ever lengthens Retry-After; the wait in the refusal stays the true one', () => {
  const { limiter } = setup({ jitter: 1, random: () => 0.5 })
  const route = limiter.compile('GET /a', { perMinute: 1 })
  ruled(route.take(subject()))
  const { refusal } = ruled(route.take(subject()))
  assert.deepEqual([refusal?.waitMs, refusal?.retryAfterSeconds], [60_000, 90])
})

test('the problem names the rule, its limit and the wait', () => {
  const { limiter } = setup()
  const route = limiter.compile('GET /a', { name: 'orders', perMinute: 1 })
  ruled(route.take(subject()))
  const { refusal } = ruled(route.take(subject()))
  assert.ok(refusal)
  assert.deepEqual(limitDocument(refusal), limitProblem(refusal).toDocument())
  assert.deepEqual(limitDocument(refusal), {
    'type': 'urn:plimsoll:problem:limit-exceeded',
    'title': 'Too many requests',
    'status': 429,
    'code': 'LIMIT_EXCEEDED',
    'detail': 'The limit "orders" allows 1 at once; try again in 60 s.',
    'rule': 'orders',
    'limit': 1,
    'retryAfterSeconds': 60,
    'violated-policies': ['orders'],
  })
})

test('a refund gives back rate, quota and place in flight, once', () => {
  const { registry, limiter } = setup()
  const route = limiter.compile('GET /a', [{ quota: { requests: 2, per: 'day' } }, { concurrent: 1 }])
  const first = ruled(route.take(subject()))
  first.refund()
  first.refund()
  first.release()
  const second = ruled(route.take(subject()))
  assert.equal(second.admitted, true)
  assert.equal(ruled(route.take(subject())).refusal?.kind.code, 'CONCURRENCY_LIMIT_EXCEEDED')
  second.release()
  second.release()
  const third = ruled(route.take(subject()))
  assert.equal(third.admitted, true)
  third.release()
  assert.equal(ruled(route.take(subject())).refusal?.kind.code, 'QUOTA_EXCEEDED')
  third.refund() // after release: the quota comes back, the place is not freed twice
  assert.equal(ruled(route.take(subject())).admitted, true)
  assert.equal(ruled(route.take(subject())).admitted, false)
  const refunded = counted(
    registry,
    'plimsoll_limit_decisions_total',
    'GET /a',
    'dayQuota-client',
    'refunded'
  )
  assert.equal(refunded, 2)
})

test('a refund of a refused request gives nothing', () => {
  const { limiter } = setup()
  const route = limiter.compile('GET /a', { quota: { requests: 1, per: 'day' } })
  ruled(route.take(subject()))
  ruled(route.take(subject())).refund()
  assert.equal(ruled(route.take(subject())).admitted, false)
})

test('a shadow rule refuses nobody; metric and report tell whom it would have, an API key only as a hash', () => {
  const events: LimitedEvent[] = []
  const { registry, limiter } = setup({ onLimited: (event) => events.push(event) })
  const route = limiter.compile('GET /a', { perHour: 1, by: 'key', shadow: true })
  for (let request = 0; request < 3; request++) {
    const ruling = ruled(route.take(subject({ apiKey: 'sk-secret' })))
    assert.deepEqual([ruling.admitted, ruling.headers()], [true, []])
  }
  assert.equal(events.length, 2)
  assert.deepEqual({ ...events[0], waitMs: 0, who: '' }, {
    route: 'GET /a',
    rule: 'perHour-key',
    shadow: true,
    by: 'key',
    who: '',
    waitMs: 0,
  })
  assert.match(events[0]?.who ?? '', /^[\da-f]{12}$/)
  assert.equal(counted(registry, 'plimsoll_limit_decisions_total', 'GET /a', 'perHour-key', 'shadow'), 2)
  assert.ok(!JSON.stringify(registry.snapshot()).includes('secret'))
})

test('a report that throws does not fail the request', () => {
  const { limiter } = setup({
    onLimited () {
      throw new Error('log is full')
    },
  })
  const route = limiter.compile('GET /a', { perHour: 1 })
  ruled(route.take(subject()))
  assert.equal(ruled(route.take(subject())).admitted, false)
})

test("rules of the subject's plan count by tenant over all routes that ask for them", () => {
  const { limiter } = setup({ plans: { default: { perHour: 1 }, pro: [{ perHour: 3 }, { concurrent: 2 }] } })
  const a = limiter.compile('GET /a', 'plan')
  const b = limiter.compile('GET /b', ['plan', { perHour: 100 }])
  const admitted = (tenant: string, plan?: string): number =>
    [a, b, a, b, a, b].map((route) => {
      const ruling = ruled(route.take(subject({ tenant, plan })))
      ruling.release()
      return ruling.admitted
    }).filter(Boolean).length
  assert.equal(admitted('small'), 1)
  assert.equal(admitted('unknown', 'constructor'), 1)
  assert.equal(admitted('big', 'pro'), 3)
  assert.equal(admitted('other', 'pro'), 3)
})

test('rules of one name across the service share counters, with the same figures only', () => {
  const { limiter } = setup()
  const rule = { name: 'all', perHour: 2, across: 'service' } as const
  const [a, b] = [limiter.compile('GET /a', rule), limiter.compile('GET /b', rule)]
  assert.deepEqual(
    [a, b, a].map((route) => ruled(route.take(subject())).admitted),
    [true, true, false]
  )
  assert.throws(() => limiter.compile('GET /c', { ...rule, perHour: 3 }), SettingError)
})

test('a cost function is asked per request; more than the limit holds counts as all, nonsense as 1', () => {
  const { limiter } = setup()
  const route = limiter.compile('GET /a', { perHour: 10, cost: (request) => request as number, by: 'tenant' })
  for (
    const [tenant, cost, remaining] of [
      ['a', 3, 7],
      ['b', 0, 10],
      ['c', 99, 0],
      ['d', Number.NaN, 9],
      ['e', -5, 9],
      ['f', Infinity, 0],
      ['g', 1.2, 8],
      ['h', 'x', 9],
    ] as const
  ) {
    const ruling = ruled(route.take(subject({ tenant, request: cost })))
    assert.match(headersOf(ruling).ratelimit ?? '', new RegExp(`r=${remaining}\\b`), tenant)
  }
})

test('decisions, and those made without the store, are counted by rule', async () => {
  const failing: LimitStore = {
    name: 'failing',
    async take (claims) {
      for (const claim of claims) {
        claim.decidedBy = 'closed'
        claim.waitMs = 1_000
      }
      return claims[0]
    },
    give: () => Promise.reject(new Error('gone')),
    release: () => Promise.reject(new Error('gone')),
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }
  const { registry, limiter } = setup({ store: failing })
  const route = limiter.compile('GET /a', { perHour: 1, whenStoreFails: 'closed' })
  const { refusal } = await route.take(subject())
  assert.deepEqual([refusal?.kind.status, refusal?.kind.code], [503, 'LIMIT_UNDECIDED'])
  assert.equal(counted(registry, 'plimsoll_limit_fallbacks_total', 'GET /a', 'perHour-client', 'closed'), 1)
  assert.equal(counted(registry, 'plimsoll_limit_decisions_total', 'GET /a', 'perHour-client', 'limited'), 1)
})

test('a store that rejects a refund against its promise does not end the process', async () => {
  let given = 0
  const store: LimitStore = {
    name: 'rude',
    take (claims) {
      for (const claim of claims) claim.taken = true
      return undefined
    },
    give () {
      given++
      return Promise.reject(new Error('gone'))
    },
    release: () => Promise.reject(new Error('gone')),
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }
  const { limiter } = setup({ store })
  const ruling = ruled(limiter.compile('GET /a', [{ perHour: 1 }, { concurrent: 1 }]).take(subject()))
  ruling.release()
  ruling.refund()
  ruling.refund()
  await new Promise(setImmediate)
  assert.equal(given, 1)
})

test('the limiter closes the store that it opened, and leaves one that it was given', async () => {
  let closed = 0
  const store: LimitStore = {
    name: 'given',
    take: () => undefined,
    give () {},
    release () {},
    close: async () => void closed++,
    [Symbol.asyncDispose]: async () => {},
  }
  await setup({ store }).limiter.close()
  assert.equal(closed, 0)
})

test('what an API description says of a route', () => {
  const { limiter } = setup({ plans: { pro: { perMinute: 600 } } })
  const route = limiter.compile('GET /a', [
    { perSecond: 5 },
    { concurrent: 2, by: (request) => String(request) },
    { perHour: 1, shadow: true },
    'plan',
  ])
  const { text, extension, responses } = route.describe()
  assert.equal(
    text,
    'Limit perSecond-client: 5 in 1 s per client. Limit concurrent-function: 2 at once per caller. ' +
      'Limit perMinute-tenant: 600 in 60 s per tenant on plan pro.'
  )
  assert.deepEqual(extension['x-rate-limits'][2], {
    name: 'perMinute-tenant',
    kind: 'rate',
    limit: 600,
    windowSeconds: 60,
    by: 'tenant',
    plan: 'pro',
  })
  assert.deepEqual(Object.keys(responses), ['429'])
  assert.ok(JSON.stringify(responses).includes('CONCURRENCY_LIMIT_EXCEEDED'))
  assert.deepEqual(limiter.compile('GET /b', []).describe().responses, {})
  const closed = limiter.compile('GET /c', { perHour: 1, whenStoreFails: 'closed' }).describe()
  assert.deepEqual(Object.keys(closed.responses), ['429', '503'])
  assert.equal(limiter.compile('GET /b', []).limited, false)
})

test('whatever a client sends, it is decided, its headers parse, and it makes no series', () => {
  const { registry, limiter } = setup({ plans: { pro: { perHour: 3 } }, onLimited: () => {} })
  const route = limiter.compile('GET /a', [
    { perHour: 5, cost: (request) => request as number },
    { sliding: { requests: 5, window: '1m' }, by: 'key' },
    { concurrent: 5, by: 'agent' },
    { quota: { requests: 5, per: 'day' }, by: (request) => String(request), shadow: true },
    'plan',
  ])
  const series = (): number =>
    registry.snapshot().families.reduce((sum, { values }) => sum + values.length, 0)
  const before = series()
  const text = fc.option(fc.oneof(fc.string({ unit: 'binary' }), fc.constant('__proto__')), {
    nil: undefined,
  })
  const anyone = fc.record({
    address: fc.oneof(fc.ipV6(), fc.string({ unit: 'binary' })),
    apiKey: text,
    tenant: text,
    plan: fc.oneof(text, fc.constant('pro')),
    agent: text,
    request: fc.oneof(fc.integer(), fc.double(), text),
  })
  fc.assert(fc.property(anyone, (who) => {
    const ruling = ruled(route.take(who))
    const headers = headersOf(ruling)
    assert.equal(
      parseList(headers.ratelimit ?? '').length,
      parseList(headers['ratelimit-policy'] ?? '').length
    )
    if (!ruling.admitted) assert.match(headers['retry-after'] ?? '', /^[1-9]\d*$/)
    ruling.refund()
    ruling.release()
  }))
  assert.equal(series(), before)
})
