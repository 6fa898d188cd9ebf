import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Calendar } from './calendar.ts'
import type { ConcurrencyLimit, Limit, QuotaLimit, RateLimit, SlidingLimit } from './limit.ts'
import { Claim, type LimitStore } from './store.ts'

/** A store under test, and a hand on its clock. */
export interface StoreSubject extends AsyncDisposable {
  readonly store: LimitStore
  /** Moves the store's own time forward by `ms`; real time may pass as well. */
  advance(ms: number): void | Promise<void>
}

const minuteMs = 60_000
let ordinal = 0

function base (name: string): Pick<Limit, 'id' | 'ordinal' | 'shadow' | 'whenStoreFails'> {
  ordinal++
  return { id: `contract ${name} ${ordinal}`, ordinal, shadow: false, whenStoreFails: 'share' }
}

/** One unit a minute: slow enough that the time a test takes changes nothing. */
function rate (burst: number, more: Partial<RateLimit> = {}): RateLimit {
  return { ...base('rate'), kind: 'rate', unitMs: minuteMs, burst, ...more }
}

function sliding (requests: number, more: Partial<SlidingLimit> = {}): SlidingLimit {
  return { ...base('sliding'), kind: 'sliding', windowMs: 60 * minuteMs, requests, ...more }
}

function quota (requests: number, more: Partial<QuotaLimit> = {}): QuotaLimit {
  const calendar = new Calendar('day', 'Europe/Berlin')
  return { ...base('quota'), kind: 'quota', requests, calendar, ...more }
}

function concurrency (inFlight: number, more: Partial<ConcurrencyLimit> = {}): ConcurrencyLimit {
  return { ...base('concurrency'), kind: 'concurrency', inFlight, ...more }
}

const ofEachKind: readonly [string, (units: number, more?: { shadow: true }) => Limit][] = [
  ['rate', rate],
  ['sliding', sliding],
  ['quota', quota],
  ['concurrency', concurrency],
]

/** What every store promises, one that decides each take exactly at least. */
export function testLimitStore (name: string, open: () => Promise<StoreSubject>): void {
  for (const [kind, limitOf] of ofEachKind) {
    test(`${name}: ${kind}: of 10 concurrent takes on 4 units exactly 4 are admitted`, async () => {
      await using subject = await open()
      const limit = limitOf(4)
      const takes = Array.from({ length: 10 }, () => [new Claim(limit, 'a', 1)])
      const outcomes = await Promise.all(takes.map((claims) => subject.store.take(claims)))
      assert.equal(outcomes.filter((refusedBy) => refusedBy === undefined).length, 4)
      assert.deepEqual(takes.flat().filter(({ taken }) => taken).length, 4)
    })

    test(`${name}: ${kind}: keys are counted apart, also long, empty and non-ASCII ones`, async () => {
      await using subject = await open()
      const limit = limitOf(1)
      for (const key of ['a', 'b', '', '\u00e4\ud83d\ude00', '\ud800', '\0', 'x'.repeat(100_000)]) {
        assert.equal(await subject.store.take([new Claim(limit, key, 1)]), undefined)
        assert.notEqual(await subject.store.take([new Claim(limit, key, 1)]), undefined)
      }
    })

    test(`${name}: ${kind}: limits are counted apart`, async () => {
      await using subject = await open()
      const claims = [new Claim(limitOf(1), 'a', 1), new Claim(limitOf(1), 'a', 1)]
      assert.equal(await subject.store.take(claims), undefined)
    })

    test(`${name}: ${kind}: a cost takes so many units, and one of 0 takes none`, async () => {
      await using subject = await open()
      const limit = limitOf(5)
      assert.equal(await subject.store.take([new Claim(limit, 'a', 4)]), undefined)
      assert.notEqual(await subject.store.take([new Claim(limit, 'a', 2)]), undefined)
      const last = new Claim(limit, 'a', 1)
      assert.equal(await subject.store.take([last]), undefined)
      assert.equal(last.remaining, 0)
      assert.equal(await subject.store.take([new Claim(limit, 'a', 0)]), undefined)
    })

    test(`${name}: ${kind}: what is given back can be taken again, once`, async () => {
      await using subject = await open()
      const limit = limitOf(2)
      const claims = [new Claim(limit, 'a', 2)]
      await subject.store.take(claims)
      await subject.store.give(claims)
      await subject.store.give(claims)
      await subject.store.release(claims)
      assert.equal(claims[0]?.taken, false)
      if (kind === 'rate') await subject.advance(minuteMs) // it earns while the test runs; see below
      assert.equal(await subject.store.take([new Claim(limit, 'a', 2)]), undefined)
      assert.notEqual(await subject.store.take([new Claim(limit, 'a', 1)]), undefined)
    })

    test(`${name}: ${kind}: a refused claim holds nothing, so giving it back gives nothing`, async () => {
      await using subject = await open()
      const limit = limitOf(1)
      await subject.store.take([new Claim(limit, 'a', 1)])
      const refused = [new Claim(limit, 'a', 1)]
      assert.equal(await subject.store.take(refused), refused[0])
      await subject.store.give(refused)
      assert.notEqual(await subject.store.take([new Claim(limit, 'a', 1)]), undefined)
    })

    test(`${name}: ${kind}: a shadow limit tells who would be refused, and refuses nobody`, async () => {
      await using subject = await open()
      const limit = limitOf(1, { shadow: true })
      const [first, second] = [new Claim(limit, 'a', 1), new Claim(limit, 'a', 1)]
      assert.equal(await subject.store.take([first]), undefined)
      assert.equal(await subject.store.take([second]), undefined)
      assert.equal(first.waitMs, 0)
      assert.ok(second.waitMs > 0, String(second.waitMs))
      assert.deepEqual([first.taken, second.taken], [true, false])
    })
  }

  test(`${name}: all claims are taken or none, shadow ones included`, async () => {
    await using subject = await open()
    const limits = [rate(3), sliding(3), quota(1), concurrency(3), rate(3, { shadow: true })]
    const claims = (): Claim[] => limits.map((limit) => new Claim(limit, 'a', 1))
    assert.equal(await subject.store.take(claims()), undefined)
    const refused = claims()
    assert.equal((await subject.store.take(refused))?.limit, limits[2])
    assert.deepEqual(refused.map(({ taken }) => taken), [false, false, false, false, false])
    for (const limit of limits.filter(({ kind }) => kind !== 'quota')) {
      const rest = new Claim(limit, 'a', 2)
      assert.equal(await subject.store.take([rest]), undefined)
      assert.equal(rest.waitMs, 0, limit.kind)
    }
  })

  test(`${name}: the claim with the longest wait is the one that refuses`, async () => {
    await using subject = await open()
    const [short, long] = [rate(1), rate(1, { unitMs: 60 * minuteMs })]
    const claims = (): Claim[] => [long, short].map((limit) => new Claim(limit, 'a', 1))
    await subject.store.take(claims())
    assert.equal((await subject.store.take(claims()))?.limit, long)
    assert.equal((await subject.store.take(claims().toReversed()))?.limit, long)
    await subject.store.take([new Claim(short, 'b', 1)])
    assert.equal(
      (await subject.store.take([new Claim(long, 'b', 1), new Claim(short, 'b', 1)]))?.limit,
      short
    )
  })

  for (const [kind, limitOf] of ofEachKind.filter(([kind]) => kind !== 'concurrency')) {
    test(`${name}: ${kind}: who waits as long as told is admitted, who comes sooner is not`, async () => {
      await using subject = await open()
      const limit = limitOf(3)
      await subject.store.take([new Claim(limit, 'a', 3)])
      const refused = new Claim(limit, 'a', 1)
      assert.equal(await subject.store.take([refused]), refused)
      assert.ok(Number.isSafeInteger(refused.waitMs) && refused.waitMs > 0, String(refused.waitMs))
      const early = Math.max(0, refused.waitMs - minuteMs / 2)
      await subject.advance(early)
      assert.notEqual(await subject.store.take([new Claim(limit, 'a', 1)]), undefined)
      await subject.advance(refused.waitMs - early)
      assert.equal(await subject.store.take([new Claim(limit, 'a', 1)]), undefined)
    })

    test(`${name}: ${kind}: after resetMs all units are back`, async () => {
      await using subject = await open()
      const limit = limitOf(3)
      const taken = new Claim(limit, 'a', 2)
      await subject.store.take([taken])
      assert.equal(taken.remaining, 1)
      await subject.advance(taken.resetMs)
      assert.equal(await subject.store.take([new Claim(limit, 'a', 3)]), undefined)
    })
  }

  test(`${name}: rate: a refund gives back no more than was not earned meanwhile`, async () => {
    await using subject = await open()
    const limit = rate(10)
    const early = [new Claim(limit, 'a', 10)]
    await subject.store.take(early)
    await subject.advance(10 * minuteMs)
    assert.equal(await subject.store.take([new Claim(limit, 'a', 10)]), undefined)
    await subject.store.give(early)
    assert.notEqual(await subject.store.take([new Claim(limit, 'a', 1)]), undefined)
  })

  for (
    const [kind, limitOf, periodMs] of [
      ['sliding', sliding, 60 * minuteMs],
      ['quota', quota, 25 * 60 * minuteMs],
    ] as const
  ) {
    test(`${name}: ${kind}: a refund of what has lapsed gives nothing`, async () => {
      await using subject = await open()
      const limit = limitOf(2)
      const early = [new Claim(limit, 'a', 2)]
      await subject.store.take(early)
      await subject.advance(2 * periodMs)
      await subject.store.take([new Claim(limit, 'a', 2)])
      await subject.store.give(early)
      assert.notEqual(await subject.store.take([new Claim(limit, 'a', 1)]), undefined)
    })
  }

  test(`${name}: concurrency: release frees what is in flight, and only that`, async () => {
    await using subject = await open()
    const [held, spent] = [concurrency(1), quota(1)]
    const claims = [new Claim(held, 'a', 1), new Claim(spent, 'a', 1)]
    await subject.store.take(claims)
    await subject.store.release(claims)
    await subject.store.release(claims)
    assert.deepEqual(claims.map(({ taken }) => taken), [false, true])
    assert.equal(await subject.store.take([new Claim(held, 'a', 1)]), undefined)
    assert.notEqual(await subject.store.take([new Claim(held, 'a', 1)]), undefined)
    assert.notEqual(await subject.store.take([new Claim(spent, 'a', 1)]), undefined)
  })

  test(`${name}: closing twice does nothing more, and giving back afterwards does no harm`, async () => {
    const subject = await open()
    const claims = [new Claim(rate(1), 'a', 1)]
    await subject.store.take(claims)
    await subject.store.close()
    await subject.store.close()
    await subject.store.give(claims)
    await subject[Symbol.asyncDispose]()
  })
}
