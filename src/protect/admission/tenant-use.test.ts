import assert from 'node:assert/strict'
import { test } from 'node:test'
import { halfLifeMs, TenantUse } from './tenant-use.ts'

/** Each of `tenants` asks `times` over one second. @returns which were heavy at their last */
function second (use: TenantUse, tenants: Readonly<Record<string, number>>, fromMs = 0): readonly string[] {
  const heavy = new Set<string>()
  for (let tick = 0; tick < 100; tick++) {
    for (const [tenant, times] of Object.entries(tenants)) {
      for (let time = 0; time < times / 100; time++) {
        const nowMs = fromMs + tick * 10
        if (use.ask(tenant, 1, nowMs)) heavy.add(tenant)
        else {
          heavy.delete(tenant)
          use.gave(tenant, 1, nowMs)
        }
      }
    }
  }
  return [...heavy]
}

test('who asks for ten times as much as the others is heavy, and nobody else', () => {
  assert.deepEqual(second(new TenantUse(), { a: 1_000, b: 100, c: 100, d: 100 }), ['a'])
})

test('one tenant alone is not heavy, and nobody is among equals', () => {
  assert.deepEqual(second(new TenantUse(), { a: 1_000 }), [])
  assert.deepEqual(second(new TenantUse(), { a: 500, b: 500, c: 500 }), [])
})

test('use fades: who was heavy is not, a few half-lives after', () => {
  const use = new TenantUse()
  assert.deepEqual(second(use, { a: 1_000, b: 100, c: 100 }), ['a'])
  assert.deepEqual(second(use, { a: 100, b: 100, c: 100 }, 8 * halfLifeMs), [])
})

test('who is heavy still gets half of an equal share', () => {
  const use = new TenantUse()
  let got = 0
  for (let at = 0; at < 40_000; at++) {
    const nowMs = at / 4
    for (let time = 0; time < 10; time++) {
      if (use.ask('a', 1, nowMs)) continue
      use.gave('a', 1, nowMs)
      if (at >= 20_000) got++
    }
    if (!use.ask('b', 1, nowMs)) use.gave('b', 1, nowMs)
  }
  // The other one gets all of its 20,000 meanwhile, and half of an equal share is a quarter of the whole.
  assert.ok(got > 6_000 && got < 7_500, `${got}`)
})

test('a flood of names takes no more memory, and pushes no heavy tenant out', () => {
  const use = new TenantUse(64)
  let stayed = 0
  for (let at = 0; at < 20_000; at++) {
    if (use.ask('a', 1, at / 10)) stayed++
    else use.gave('a', 1, at / 10)
    use.ask(`flood-${at}`, 1, at / 10)
  }
  assert.equal(use.size, 64)
  assert.ok(stayed > 15_000, `${stayed}`)
})

test('it counts on for as long as a process lives', () => {
  const use = new TenantUse()
  for (let hour = 0; hour < 200; hour++) {
    assert.deepEqual(second(use, { a: 1_000, b: 100, c: 100 }, hour * 3_600_000), ['a'])
  }
})
