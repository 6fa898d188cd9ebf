import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { type ManualClock, manualClock } from '../../kernel/index.ts'
import { LeaseKeeper } from './lease-keeper.ts'

interface Renewal {
  readonly tokens: readonly bigint[]
  answer(lost?: readonly bigint[]): Promise<void>
  fail(error: Error): Promise<void>
}

function keeperOf (): { keeper: LeaseKeeper; clock: ManualClock; renewals: Renewal[]; errors: unknown[] } {
  const clock = manualClock()
  const renewals: Renewal[] = []
  const errors: unknown[] = []
  const keeper = new LeaseKeeper({
    renew (tokens) {
      const { promise, resolve, reject } = Promise.withResolvers<readonly bigint[]>()
      renewals.push({
        tokens,
        async answer (lost = []) {
          resolve(lost)
          await turn()
        },
        async fail (error) {
          reject(error)
          await turn()
        },
      })
      return promise
    },
    leaseMs: 900,
    onRenewError: (error) => errors.push(error),
    clock,
  })
  return { keeper, clock, renewals, errors }
}

test('all leases are renewed by one call each third of a lease, and hold', async () => {
  const { keeper, clock, renewals } = keeperOf()
  const [one, other] = [keeper.keep(1n, 0, 'one'), keeper.keep(2n, 0, 'other')]
  for (let beat = 0; beat < 10; beat++) {
    clock.advance(300)
    assert.equal(renewals.length, beat + 1)
    assert.deepEqual(renewals[beat]?.tokens, [1n, 2n])
    await renewals[beat]?.answer()
  }
  assert.equal(one.signal.aborted || other.signal.aborted, false)
  assert.ok(keeper.holds(1n))
})

test('a lease that the store calls lost is lost at once, the others are not', async () => {
  const { keeper, clock, renewals } = keeperOf()
  const [one, other] = [keeper.keep(1n, 0, 'one'), keeper.keep(2n, 0, 'other')]
  clock.advance(300)
  await renewals[0]?.answer([1n])
  assert.equal(one.signal.aborted, true)
  assert.deepEqual([one.signal.reason.code, one.signal.reason.token], ['LEASE_LOST', 1n])
  assert.equal(other.signal.aborted, false)
  assert.deepEqual(keeper.tokens, [2n])
})

test('a lease whose renewal does not come back is lost at nine tenths, counted from when the last good one was sent', async () => {
  const { keeper, clock, renewals } = keeperOf()
  const { signal } = keeper.keep(1n, 0, 'one')
  clock.advance(300)
  clock.advance(50)
  await renewals[0]?.answer()
  clock.advance(300 + 0.9 * 900 - 350 - 1)
  assert.equal(signal.aborted, false)
  assert.ok(keeper.holds(1n))
  clock.advance(1)
  assert.equal(signal.aborted, true)
  assert.equal(keeper.holds(1n), false)
  // An answer that comes after all does not bring it back.
  await renewals[1]?.answer()
  assert.deepEqual(keeper.tokens, [])
})

test('a lease counts from when it was asked for, not from when the answer came', () => {
  const { keeper, clock } = keeperOf()
  clock.advance(800)
  const { signal } = keeper.keep(1n, 0, 'one')
  clock.advance(9)
  assert.equal(signal.aborted, false)
  clock.advance(1)
  assert.equal(signal.aborted, true)
})

test('a renewal that fails is tried again at the next beat', async () => {
  const { keeper, clock, renewals, errors } = keeperOf()
  const { signal } = keeper.keep(1n, 0, 'one')
  clock.advance(300)
  await renewals[0]?.fail(new Error('gone'))
  assert.equal(errors.length, 1)
  clock.advance(300)
  await renewals[1]?.answer()
  clock.advance(700)
  assert.equal(signal.aborted, false)
})

test('what is dropped is neither renewed nor lost, and with the last one the beat rests', async () => {
  const { keeper, clock, renewals } = keeperOf()
  const [one, other] = [keeper.keep(1n, 0, 'one'), keeper.keep(2n, 0, 'other')]
  keeper.drop(1n)
  clock.advance(300)
  assert.deepEqual(renewals[0]?.tokens, [2n])
  await renewals[0]?.answer([1n, 2n])
  assert.equal(one.signal.aborted, false)
  assert.equal(other.signal.aborted, true)
  assert.equal(clock.pending(), 0)
})

test('a beat on demand renews now, and does not renew twice at a time', async () => {
  const { keeper, renewals } = keeperOf()
  keeper.keep(1n, 0, 'one')
  const beat = keeper.beat()
  await keeper.beat()
  assert.equal(renewals.length, 1)
  await renewals[0]?.answer()
  await beat
})

test('after closing, what was held and what comes is lost', () => {
  const { keeper, clock } = keeperOf()
  const before = keeper.keep(1n, 0, 'one')
  keeper.close()
  const after = keeper.keep(2n, 0, 'other')
  assert.deepEqual([before.signal.aborted, after.signal.aborted], [true, true])
  assert.equal(clock.pending(), 0)
})
