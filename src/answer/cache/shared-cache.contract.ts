import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import type { FollowFlight, LeadFlight, SharedCache } from './shared-cache.ts'

/** A shared cache under test. */
export interface SharedCacheSubject extends AsyncDisposable {
  /** One process more; one that has no others may answer with the same object each time. */
  join(): Promise<SharedCache>
  /** Whether entries are kept. */
  readonly keepsEntries: boolean
}

/** One with several processes. Leases and memberships must be short: the tests wait for them in real time. */
export interface FleetSubject extends SharedCacheSubject {
  /** Ends a process as a crash would, without a goodbye. */
  crash(cache: SharedCache): Promise<void>
  /** Cuts a process off, which goes on running, until `heal` is called. */
  cutOff(cache: SharedCache): Promise<{ heal(): Promise<void> }>
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
/** Ends with the test: how busy the machine is, is not the claim. */
const leaseMs = 60_000
/** For those that wait for its end: longer than any pause that a busy machine makes of itself. */
const shortLeaseMs = 800
const keepMs = 60_000
/** Longer than any lease or membership of a subject. */
const patienceMs = 60_000

/** What every shared cache promises. */
export function testSharedCache (name: string, open: () => Promise<SharedCacheSubject>): void {
  test(`${name}: what was never kept is not there, and a delete of it does nothing`, async () => {
    await using fleet = await open()
    const cache = await fleet.join()
    assert.equal(await cache.get('nothing'), undefined)
    await cache.delete('nothing')
  })

  test(`${name}: what one process keeps, another gets byte for byte, until it is deleted or its time is over`, async () => {
    await using fleet = await open()
    const [one, other] = [await fleet.join(), await fleet.join()]
    const value = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256)
    for (const key of ['k', 'a b\r\nc\0\u00e4\ud83d\ude00', 'x'.repeat(2_000)]) {
      await one.set(key, value, keepMs)
      const got = await other.get(key)
      if (!fleet.keepsEntries) {
        assert.equal(got, undefined)
        continue
      }
      assert.deepEqual(got === undefined ? undefined : new Uint8Array(got), value)
      await other.delete(key)
      assert.equal(await one.get(key), undefined)
    }
    await one.set('short', value, 20)
    await until(async () => await other.get('short') === undefined, 'an entry outlived its time')
  })

  test(`${name}: of 20 that enter over two processes one leads, and all others get what it lands`, async () => {
    await using fleet = await open()
    const [one, other] = [await fleet.join(), await fleet.join()]
    const flights = await Promise.all(
      Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? one : other).enter('k', leaseMs))
    )
    const leaders = flights.filter(({ role }) => role === 'lead') as LeadFlight[]
    assert.equal(leaders.length, 1)
    const waits = Promise.all(followersOf(flights).map((flight) => flight.wait()))
    await nextTurn()
    await leaders[0]?.land(bytes('value'), keepMs)
    for (const landing of await waits) {
      assert.ok(typeof landing === 'object', String(landing))
      assert.deepEqual(new Uint8Array(landing.value), bytes('value'))
    }
    if (fleet.keepsEntries) assert.deepEqual(new Uint8Array(await other.get('k') ?? []), bytes('value'))
  })

  test(`${name}: who waits only after the landing gets the value too; the next to enter leads a new flight`, async () => {
    await using fleet = await open()
    const [one, other] = [await fleet.join(), await fleet.join()]
    const lead = await one.enter('k', leaseMs)
    const follow = await other.enter('k', leaseMs)
    assert.ok(lead.role === 'lead' && follow.role === 'follow')
    await lead.land(bytes('value'), keepMs)
    const landing = await follow.wait()
    assert.ok(typeof landing === 'object' && landing.value.length === 5)
    const next = await other.enter('k', leaseMs)
    assert.equal(next.role, 'lead')
    if (next.role === 'lead') await next.abandon()
  })

  test(`${name}: flights of different keys do not meet`, async () => {
    await using fleet = await open()
    const cache = await fleet.join()
    const flights = await Promise.all(['a', 'b', '', 'a:b'].map((key) => cache.enter(key, leaseMs)))
    assert.deepEqual(flights.map(({ role }) => role), ['lead', 'lead', 'lead', 'lead'])
    for (const flight of flights) if (flight.role === 'lead') await flight.abandon()
  })

  test(`${name}: followers of what cannot be shared learn so, and nothing is kept`, async () => {
    await using fleet = await open()
    const [one, other] = [await fleet.join(), await fleet.join()]
    const lead = await one.enter('k', leaseMs)
    const follow = await other.enter('k', leaseMs)
    assert.ok(lead.role === 'lead' && follow.role === 'follow')
    const wait = follow.wait()
    await lead.land(undefined, keepMs)
    assert.equal(await wait, 'unshareable')
    assert.equal(await other.get('k'), undefined)
  })

  test(`${name}: when a leader gives up its followers learn so, and one of them leads`, async () => {
    await using fleet = await open()
    const [one, other] = [await fleet.join(), await fleet.join()]
    const lead = await one.enter('k', leaseMs)
    const followers = followersOf([await other.enter('k', leaseMs), await one.enter('k', leaseMs)])
    assert.ok(lead.role === 'lead' && followers.length === 2)
    const waits = Promise.all(followers.map((flight) => flight.wait()))
    await lead.abandon()
    await lead.land(bytes('too late'), keepMs)
    assert.deepEqual(await waits, ['leader-lost', 'leader-lost'])
    assert.equal(await one.get('k'), undefined)
    const again = await Promise.all([other.enter('k', leaseMs), one.enter('k', leaseMs)])
    assert.deepEqual(again.map(({ role }) => role).toSorted(), ['follow', 'lead'])
    for (const flight of again) if (flight.role === 'lead') await flight.abandon()
  })

  test(`${name}: a leader that closes gives up what it leads`, async () => {
    await using fleet = await open()
    const [one, other] = [await fleet.join(), await fleet.join()]
    const lead = await one.enter('k', leaseMs)
    const follow = await other.enter('k', leaseMs)
    assert.ok(lead.role === 'lead' && follow.role === 'follow')
    const wait = follow.wait()
    await one.close()
    assert.equal(await wait, 'leader-lost')
  })

  test(`${name}: a follower stops waiting with its signal's reason; the flight goes on for the others`, async () => {
    await using fleet = await open()
    const cache = await fleet.join()
    const lead = await cache.enter('k', leaseMs)
    const [leaving, staying] = followersOf([await cache.enter('k', leaseMs), await cache.enter('k', leaseMs)])
    assert.ok(lead.role === 'lead' && leaving !== undefined && staying !== undefined)
    const controller = new AbortController()
    const left = leaving.wait(controller.signal)
    const stayed = staying.wait(new AbortController().signal)
    const reason = new Error('no more time')
    controller.abort(reason)
    await assert.rejects(left, reason)
    await assert.rejects(leaving.wait(AbortSignal.abort(reason)), reason)
    await lead.land(bytes('value'), keepMs)
    assert.ok(typeof await stayed === 'object')
  })

  test(`${name}: a leader that takes longer than its lease keeps it while its process lives`, async () => {
    await using fleet = await open()
    const [one, other] = [await fleet.join(), await fleet.join()]
    const lead = await one.enter('k', shortLeaseMs)
    assert.equal(lead.role, 'lead')
    await pause(1.5 * shortLeaseMs)
    const late = await other.enter('k', shortLeaseMs)
    assert.equal(late.role, 'follow')
    if (lead.role === 'lead') await lead.land(bytes('value'), keepMs)
  })

  test(`${name}: purges are numbered rising; an acknowledged one has been applied by every process`, async () => {
    await using fleet = await open()
    const caches = [await fleet.join(), await fleet.join(), await fleet.join()]
    const [one, two] = caches as [SharedCache, SharedCache, SharedCache]
    const before = caches.map(({ purges }) => purges.sequence)
    const soft = await one.purges.purge(['product:1', 'list'], 'soft')
    assert.ok(soft.sequence > Math.max(...before), `${soft.sequence} after ${before}`)
    assert.ok(soft.acknowledged >= 1 && soft.lapsed === 0 && soft.seconds >= 0)
    for (const { purges } of caches) {
      assert.equal(purges.current, true)
      assert.ok(purges.sequence >= soft.sequence)
      assert.ok(purges.staleSince('product:1') >= soft.sequence && purges.staleSince('list') >= soft.sequence)
      assert.ok(purges.goneSince('product:1') < soft.sequence)
      assert.ok(purges.staleSince('product:2') < soft.sequence)
    }
    const hard = await two.purges.purge(['product:1'], 'hard')
    assert.ok(hard.sequence > soft.sequence)
    for (const { purges } of caches) {
      assert.ok(purges.goneSince('product:1') >= hard.sequence)
      assert.ok(purges.goneSince('list') < hard.sequence)
    }
  })

  test(`${name}: purges at the same time from several processes all have numbers of their own`, async () => {
    await using fleet = await open()
    const caches = [await fleet.join(), await fleet.join()]
    const receipts = await Promise.all(
      Array.from({ length: 20 }, (_, index) => caches[index % 2]?.purges.purge([`t${index}`], 'soft'))
    )
    assert.equal(new Set(receipts.map((receipt) => receipt?.sequence)).size, 20)
    for (const { purges } of caches) {
      for (const [index, receipt] of receipts.entries()) {
        assert.ok(purges.staleSince(`t${index}`) >= (receipt?.sequence ?? Number.NaN))
      }
    }
  })

  test(`${name}: a purge of any text as a tag, and of none, goes through`, async () => {
    await using fleet = await open()
    const [one, other] = [await fleet.join(), await fleet.join()]
    const tags = ['', 'a b', '\u00e4\ud83d\ude00', '__proto__', 'x'.repeat(2_000)]
    const { sequence } = await one.purges.purge(tags, 'hard')
    for (const tag of tags) assert.ok(other.purges.goneSince(tag) >= sequence, tag.slice(0, 20))
    await one.purges.purge([], 'soft')
  })

  test(`${name}: a process that joins later takes no older entry for fresh`, async () => {
    await using fleet = await open()
    const one = await fleet.join()
    const before = one.purges.sequence
    const { sequence } = await one.purges.purge(['t'], 'hard')
    const late = await fleet.join()
    // It has either heard of that purge, or counts from it, so that what was made before is gone to it.
    assert.ok(late.purges.sequence >= sequence)
    assert.ok(before < late.purges.goneSince('t'), 'an entry made before the purge would be served')
  })
}

/**
 * What is promised where there are several processes: each run of {@link testSharedCache} that has them adds
 * this.
 */
export function testFleetCache (name: string, open: () => Promise<FleetSubject>): void {
  test(`${name}: when the leader's process dies its followers learn so, and exactly one takes over`, async () => {
    await using fleet = await open()
    const [one, two, three] = [await fleet.join(), await fleet.join(), await fleet.join()]
    const lead = await one.enter('k', shortLeaseMs)
    assert.equal(lead.role, 'lead')
    const followers = followersOf([await two.enter('k', shortLeaseMs), await three.enter('k', shortLeaseMs)])
    assert.equal(followers.length, 2)
    const waits = Promise.all(followers.map((flight) => flight.wait(AbortSignal.timeout(patienceMs))))
    await fleet.crash(one)
    assert.deepEqual(await waits, ['leader-lost', 'leader-lost'])
    const again = await Promise.all([two.enter('k', leaseMs), three.enter('k', leaseMs)])
    assert.deepEqual(again.map(({ role }) => role).toSorted(), ['follow', 'lead'])
    const [taker] = again.filter(({ role }) => role === 'lead') as LeadFlight[]
    await taker?.land(bytes('made by another'), keepMs)
    const [follower] = followersOf(again)
    assert.ok(typeof await follower?.wait() === 'object')
  })

  test(`${name}: a purge waits for a process that is cut off until its membership has run out; it knows, and catches up`, async () => {
    await using fleet = await open()
    const [one, other] = [await fleet.join(), await fleet.join()]
    const before = other.purges.sequence
    const cut = await fleet.cutOff(other)
    const receipt = await one.purges.purge(['t'], 'hard')
    assert.equal(receipt.lapsed, 1)
    assert.equal(other.purges.current, false, 'it may serve what has been purged')
    await cut.heal()
    await until(async () => other.purges.current, 'it never came back')
    assert.ok(other.purges.sequence >= receipt.sequence)
    assert.ok(before < other.purges.goneSince('t') || before < other.purges.staleSince('t'))
  })

  test(`${name}: a process that died holds no purge up for longer than its membership`, async () => {
    await using fleet = await open()
    const [one, other] = [await fleet.join(), await fleet.join()]
    await fleet.crash(other)
    const first = await one.purges.purge(['t'], 'soft')
    assert.ok(first.seconds * 1_000 < patienceMs)
    const second = await one.purges.purge(['t'], 'soft')
    assert.equal(second.lapsed, 0, 'a member that lapsed is waited for once')
  })
}

function followersOf (flights: readonly ({ readonly role: string })[]): FollowFlight[] {
  return flights.filter(({ role }) => role === 'follow') as FollowFlight[]
}

async function until (holds: () => Promise<boolean>, otherwise: string): Promise<void> {
  const endMs = performance.now() + patienceMs
  while (!await holds()) {
    if (performance.now() > endMs) assert.fail(otherwise)
    await pause(2)
  }
}
