import fc from 'fast-check'
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { type Step, StoreModel } from './store-model.fixture.ts'
import { claimOf, someAnswer, someKey, type StoreUnderTest, take } from './store-under-test.fixture.ts'
import type { KeyLease } from './store.ts'

/** What every store promises. */
export function testIdempotencyStore (
  name: string,
  open: () => Promise<StoreUnderTest>,
  { runs }: { readonly runs: number }
): void {
  let opening: Promise<StoreUnderTest> | undefined
  async function opened (): Promise<StoreUnderTest> {
    const under = await open()
    await under.store.prepare()
    return under
  }
  const opens = (): Promise<StoreUnderTest> => opening ??= opened()
  after(async () => await (await opening)?.[Symbol.asyncDispose]())

  test(`${name}: of many claims at once exactly one gets the lease, the others are told how long it holds`, async () => {
    const under = await opens()
    const key = someKey()
    const claims = await Promise.all(Array.from({ length: 20 }, () => under.store.claim(claimOf(key))))
    assert.equal(claims.filter(({ kind }) => kind === 'taken').length, 1)
    for (const claim of claims) {
      if (claim.kind !== 'held') continue
      // By the store's clock, as each claim saw it: a claim that began first may come second.
      assert.ok(claim.leaseLeftMs > 0 && claim.leaseLeftMs <= 61_000, String(claim.leaseLeftMs))
    }
    assert.equal(claims.filter(({ kind }) => kind === 'held').length, 19)
  })

  test(`${name}: an answer comes back byte for byte, headers in order, to whoever asks with the same request`, async () => {
    const under = await opens()
    const key = someKey()
    assert.equal(await under.store.settle(await take(under.store, key), someAnswer), true)
    const claimed = await under.store.claim(claimOf(key))
    assert.deepEqual(claimed, { kind: 'answered', answer: someAnswer })
  })

  test(`${name}: an empty body and a body that is not kept are told apart`, async () => {
    const under = await opens()
    const [empty, absent] = [someKey(), someKey()]
    await under.store.settle(await take(under.store, empty), { ...someAnswer, body: Buffer.alloc(0) })
    await under.store.settle(await take(under.store, absent), { ...someAnswer, body: undefined })
    const bodies = await Promise.all([empty, absent].map(async (key) => {
      const claimed = await under.store.claim(claimOf(key))
      return claimed.kind === 'answered' ? claimed.answer.body?.byteLength : 'none'
    }))
    assert.deepEqual(bodies, [0, undefined])
  })

  test(`${name}: another request under a key is refused, while it runs and after`, async () => {
    const under = await opens()
    const key = someKey()
    const lease = await take(under.store, key)
    assert.deepEqual(await under.store.claim(claimOf(key, 'b')), { kind: 'reused' })
    await under.store.settle(lease, someAnswer)
    assert.deepEqual(await under.store.claim(claimOf(key, 'b')), { kind: 'reused' })
  })

  test(`${name}: a lapsed lease goes to the next with a higher token; the old holder can do nothing more`, async () => {
    const under = await opens()
    const key = someKey()
    const old = await take(under.store, key)
    await under.lapse(key)
    const claimed = await under.store.claim(claimOf(key))
    assert.equal(claimed.kind, 'taken')
    if (claimed.kind !== 'taken') return
    assert.equal(claimed.previous, 'lapsed')
    assert.ok(claimed.lease.token > old.token)
    assert.equal(await under.store.settle(old, someAnswer), false)
    assert.equal(await under.store.mark(old), false)
    assert.deepEqual(await under.store.renew([old], 60_000), [old])
    assert.deepEqual(await under.store.release(old), { kind: 'lost' })
    assert.equal((await under.store.claim(claimOf(key))).kind, 'held')
    assert.equal(await under.store.settle(claimed.lease, someAnswer), true)
  })

  test(`${name}: an old holder cannot prolong the lease of the next`, async () => {
    const under = await opens()
    const key = someKey()
    const old = await take(under.store, key)
    await under.lapse(key)
    await take(under.store, key)
    await under.lapse(key)
    await under.store.renew([old], 60_000)
    await take(under.store, key)
  })

  test(`${name}: a lapsed lease that nobody took over can still settle`, async () => {
    const under = await opens()
    const key = someKey()
    const lease = await take(under.store, key)
    await under.lapse(key)
    assert.equal(await under.store.settle(lease, someAnswer), true)
  })

  test(`${name}: a renewed lease holds, and only the lost ones are named`, async () => {
    const under = await opens()
    const [kept, lost] = [someKey(), someKey()]
    const leases = [await take(under.store, kept), await take(under.store, lost)]
    await under.lapse(kept)
    await under.lapse(lost)
    await take(under.store, lost)
    assert.deepEqual(await under.store.renew(leases, 60_000), [leases[1]])
    assert.equal((await under.store.claim(claimOf(kept))).kind, 'held')
  })

  test(`${name}: a key given back is free at once, for any request, and an old lease of it stays dead`, async () => {
    const under = await opens()
    const key = someKey()
    const first = await take(under.store, key)
    assert.deepEqual(await under.store.release(first), { kind: 'released' })
    const second = await take(under.store, key, 'b')
    assert.ok(second.token > first.token)
    assert.equal(await under.store.settle(first, someAnswer), false)
  })

  test(`${name}: releasing what is settled answers with it, so that a commit in doubt is found`, async () => {
    const under = await opens()
    const key = someKey()
    const lease = await take(under.store, key)
    await under.store.settle(lease, someAnswer)
    assert.deepEqual(await under.store.release(lease), { kind: 'answered', answer: someAnswer })
  })

  test(`${name}: a marked key is unknown to the next, after a crash as after a release`, async () => {
    const under = await opens()
    for (
      const end of [
        (key: Buffer) => under.lapse(key),
        (_: Buffer, lease: KeyLease) => under.store.release(lease),
      ]
    ) {
      const key = someKey()
      const lease = await take(under.store, key)
      assert.equal(await under.store.mark(lease), true)
      await end(key, lease)
      const claimed = await under.store.claim(claimOf(key))
      assert.equal(claimed.kind === 'taken' && claimed.previous, 'unknown')
    }
  })

  test(`${name}: an answer that has expired leaves the key new, even for another request`, async () => {
    const under = await opens()
    const key = someKey()
    await under.store.settle(await take(under.store, key), someAnswer)
    await under.expire(key)
    const claimed = await under.store.claim(claimOf(key, 'b'))
    assert.equal(claimed.kind === 'taken' && claimed.previous, 'none')
  })

  test(`${name}: any order of claims, ends, crashes and expiries does what the model does`, async () => {
    const under = await opens()
    const step: fc.Arbitrary<Step> = fc.oneof(
      fc.record({
        kind: fc.constant('claim' as const),
        key: fc.nat({ max: 1 }),
        request: fc.constantFrom('a', 'a', 'a', 'b'),
      }),
      fc.record({
        kind: fc.constantFrom('settle' as const, 'release' as const, 'mark' as const, 'renew' as const),
        lease: fc.nat({ max: 5 }),
      }),
      fc.record({
        kind: fc.constantFrom('lapse' as const, 'lapse' as const, 'expire' as const),
        key: fc.nat({ max: 1 }),
      })
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30, size: 'max' }), async (steps) => {
        const model = new StoreModel(under, [someKey(), someKey()])
        for (const each of steps) await model.check(each)
      }),
      { numRuns: runs }
    )
  })
}
