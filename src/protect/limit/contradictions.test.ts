import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SettingError } from '../../kernel/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { Limiter, type LimiterOptions, type LimitRule, type RouteRules } from './index.ts'

function compile (rules: unknown, options: Partial<LimiterOptions> = {}): void {
  new Limiter({ registry: new MetricsRegistry(), keys: 64, ...options }).compile(
    'GET /orders',
    rules as RouteRules
  )
}

/** Asserts that the rules stop the boot, with a message that has all of those parts. */
function assertRefused (rules: unknown, parts: readonly string[], options?: Partial<LimiterOptions>): void {
  assert.throws(() => compile(rules, options), (error) => {
    assert.ok(error instanceof SettingError, String(error))
    for (const part of parts) assert.ok(error.message.includes(part), `${error.message} lacks ${part}`)
    return true
  })
}

test('a rule that is none is told, with its route and value', () => {
  for (
    const [rules, ...parts] of [
      [{}, 'exactly one of'],
      [{ perSecond: 1, perMinute: 2 }, 'exactly one of', 'perMinute'],
      [{ perSecond: 1, quota: { requests: 1, per: 'day' } }, 'exactly one of'],
      [{ perSeconds: 1 }, 'perSeconds'],
      [{ perSecond: 0 }, 'perSecond-client, perSecond', 'above 0', 'got 0'],
      [{ perSecond: Number.NaN }, 'NaN'],
      [{ perSecond: Infinity }, 'Infinity'],
      [{ perSecond: '5' }, '"5"'],
      [{ perSecond: 5, burst: 0.5 }, 'burst', '0.5'],
      [{ concurrent: 5, burst: 5 }, 'burst', 'left out'],
      [{ concurrent: 1.5 }, 'concurrent', '1.5'],
      [{ sliding: { requests: 0, window: '1s' } }, 'sliding.requests', 'got 0'],
      [{ sliding: { requests: 1, window: 'soon' } }, 'sliding.window', 'soon'],
      [{ sliding: { requests: 1, window: 0 } }, 'sliding.window', 'got 0'],
      [{ sliding: { requests: 1 } }, 'sliding.window'],
      [{ quota: { requests: 1, per: 'week' } }, 'quota.per', 'week'],
      [{ quota: { requests: 1, per: 'day', timeZone: 'Mars/Base' } }, 'quota.timeZone', 'Mars/Base'],
      [{ perSecond: 1, by: 'moon' }, 'by', 'moon'],
      [{ perSecond: 1, by: '__proto__' }, 'by', '__proto__'],
      [{ perSecond: 1, name: 'a b' }, 'name', 'a b'],
      [{ perSecond: 1, name: '' }, 'name'],
      [{ perSecond: 1, across: 'world' }, 'across', 'world'],
      [{ perSecond: 1, shadow: 1 }, 'shadow', 'got 1'],
      [{ perSecond: 1, whenStoreFails: 'panic' }, 'whenStoreFails', 'panic'],
      [{ perSecond: 5, cost: 6 }, 'perSecond-client, cost', 'holds at once, 5', 'got 6'],
      [{ perSecond: 5, cost: -1 }, 'cost', '-1'],
      [{ perSecond: 5, cost: 0.5 }, 'cost', '0.5'],
      ['plan', 'no plans'],
      [null, 'null'],
      ['plans', 'plans'],
      [
        Array.from({ length: 17 }, (_, at) => ({ name: `r${at}`, perSecond: at + 1, cost: () => 1 })),
        'at most 16',
      ],
    ] as const
  ) assertRefused(rules, ['limit of GET /orders', ...parts])
})

test('rules that contradict each other are told', () => {
  for (
    const [rules, ...parts] of [
      [[{ perSecond: 1 }, { perSecond: 2 }], 'the only rule of that name', 'perSecond-client'],
      [[{ perSecond: 1 }, { perSecond: 1 }], 'names of rules', 'perSecond-client'],
      [[{ perSecond: 5 }, { perMinute: 300 }], 'perMinute-client', 'never refuse'],
      [
        [{ quota: { requests: 500, per: 'month' } }, { quota: { requests: 500, per: 'day' } }],
        'dayQuota-client',
      ],
      [[{ concurrent: 5 }, { name: 'more', concurrent: 6 }], 'rule more'],
      [
        [{ sliding: { requests: 5, window: '1m' } }, {
          name: 'more',
          sliding: { requests: 5, window: '60s' },
        }],
        'never refuse',
      ],
    ] as const
  ) assertRefused(rules, ['limit of GET /orders', ...parts])
})

test('rules that each refuse something the other does not are no contradiction', () => {
  const fine: readonly (readonly LimitRule[])[] = [
    [{ perSecond: 5 }, { perMinute: 100 }],
    [{ perSecond: 5 }, { perMinute: 300, by: 'tenant' }],
    [{ perSecond: 5 }, { perMinute: 600, burst: 3 }],
    [{ perSecond: 5 }, { perMinute: 300, cost: 2 }],
    [{ perSecond: 5 }, { perMinute: 300, across: 'service' }],
    [{ perSecond: 5, shadow: true }, { perMinute: 300 }],
    [{ quota: { requests: 10, per: 'day' } }, { quota: { requests: 100, per: 'month' } }],
    [{ perSecond: 5 }, { quota: { requests: 2, per: 'day' } }],
  ]
  for (const rules of fine) compile(rules)
})

test('plans are checked by themselves, and together with the rules of the route', () => {
  assert.throws(() => compile([], { plans: { 'a b': { perSecond: 1 } } }), SettingError)
  assert.throws(
    () => compile([], { plans: { free: [{ perSecond: 0 }] } }),
    /limit\.plans\.free, rule perSecond-tenant/
  )
  const plans = { free: [{ name: 'x', perSecond: 1 }] }
  assertRefused([{ name: 'x', perMinute: 1 }, 'plan'], ['limit of GET /orders with plan free', '"x"'], {
    plans,
  })
})

test('options out of range are told', () => {
  assert.throws(() => compile([], { jitter: -1 }), /limit\.jitter/)
  assert.throws(() => compile([], { jitter: Number.NaN }), /limit\.jitter/)
  assert.throws(() => compile([], { keys: 1 }), /limit\.keys/)
  assert.throws(() => compile([], { headers: 'draft-99' as 'none' }), /limit\.headers/)
})
