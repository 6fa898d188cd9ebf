import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Charge, FairTags, type LaneTime, stepOf } from './fair-tags.ts'

const lane = { tier: 'within-1m', rank: 0 }

interface Waiting {
  readonly tenant: string
  readonly tag: bigint
  readonly order: number
}

/** A queue as the table of jobs is one: ordered by tag, then by arrival. */
class Queue {
  readonly tags: FairTags
  #waiting: Waiting[] = []
  #order = 0

  constructor (tags = new FairTags()) {
    this.tags = tags
  }

  enqueue (tenant: string, weight: number, count: number, tags = this.tags): void {
    const step = stepOf(weight)
    const base = tags.take(lane, tenant, step, count)
    for (let at = 1; at <= count; at++)
      this.#waiting.push({ tenant, tag: base + step * BigInt(at), order: this.#order++ })
    this.#waiting.sort((one, other) =>
      one.tag === other.tag ? one.order - other.order : one.tag < other.tag ? -1 : 1
    )
  }

  /** @returns the tenants, in order */
  claim (count: number): string[] {
    const batch = this.#waiting.splice(0, count)
    const last = batch.at(-1)
    if (last !== undefined) this.tags.advance(lane, last.tag)
    return batch.map(({ tenant }) => tenant)
  }

  isWaiting (tenant: string): boolean {
    return this.#waiting.some((job) => job.tenant === tenant)
  }
}

/** What the tables of clocks and shares do, for several processes. */
class Exchange {
  readonly #times: Map<string, bigint> = new Map()
  readonly #shares: Map<string, bigint> = new Map()

  run (tags: FairTags): void {
    const { charges, times } = tags.tell()
    for (const { tier, rank, now } of times) {
      const key = `${tier} ${rank}`
      const known = this.#times.get(key) ?? 0n
      this.#times.set(key, known > now ? known : now)
    }
    const heard: Omit<Charge, 'used'>[] = []
    for (const { used, last, ...who } of charges) {
      const key = JSON.stringify([who.tier, who.rank, who.tenant])
      const sum = (this.#shares.get(key) ?? 0n) + used
      const value = sum > last ? sum : last
      this.#shares.set(key, value)
      heard.push({ ...who, last: value })
    }
    tags.hear(
      heard,
      [...this.#times].map(([key, now]): LaneTime => {
        const [tier = '', rank] = key.split(' ')
        return { tier, rank: Number(rank), now }
      })
    )
  }
}

const weights = fc.integer({ min: 1, max: 1_000 }).map((weight) => weight / 10)

test('while tenants have jobs waiting, what each gets divided by its weight differs by less than a job of each', () => {
  const someTenants = fc.array(weights, { minLength: 2, maxLength: 6 })
  const steps = fc.array(
    fc.record({ tenant: fc.nat(5), count: fc.integer({ min: 1, max: 30 }), claim: fc.nat(20) }),
    {
      maxLength: 40,
    }
  )
  fc.assert(
    fc.property(someTenants, steps, (tenants, arrivals) => {
      const queue = new Queue()
      // Something of the past, so that virtual time is anywhere.
      for (const { tenant, count, claim } of arrivals) {
        queue.enqueue(`t${tenant % tenants.length}`, tenants[tenant % tenants.length]!, count)
        queue.claim(claim)
      }
      tenants.forEach((weight, index) => queue.enqueue(`t${index}`, weight, 150))
      // By now, each has jobs waiting; of some, the first lies behind what they have used already.
      const served = tenants.map(() => 0)
      for (;;) {
        for (const tenant of queue.claim(1)) served[Number(tenant.slice(1))]!++
        if (!tenants.every((_, index) => queue.isWaiting(`t${index}`))) break
        for (let one = 0; one < tenants.length; one++) {
          for (let other = 0; other < one; other++) {
            const difference = Math.abs(served[one]! / tenants[one]! - served[other]! / tenants[other]!)
            // Golestani's bound, and what steps lose by rounding.
            const bound = 1 / tenants[one]! + 1 / tenants[other]! + served[one]! / tenants[one]! / 1_000
            assert.ok(difference <= bound + 1e-9, `${difference} > ${bound} of ${JSON.stringify(served)}`)
          }
        }
      }
    }),
    { numRuns: 60 }
  )
})

test('tags of one tenant rise, however it enqueues, and a bulk has those of as many single ones', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 20 }), weights, (counts, weight) => {
      const [bulk, single] = [new FairTags(), new FairTags()]
      const step = stepOf(weight)
      let last = 0n
      for (const count of counts) {
        const base = bulk.take(lane, 'a', step, count)
        assert.ok(base >= last)
        last = base + step * BigInt(count)
        for (let at = 1; at <= count; at++)
          assert.equal(single.take(lane, 'a', step, 1) + step, base + step * BigInt(at))
      }
    }),
    { numRuns: 100 }
  )
})

test('a tenant that comes, or comes back, starts from where the lane is, not from where it was', () => {
  const queue = new Queue()
  queue.enqueue('idle', 1, 1)
  queue.enqueue('busy', 1, 1_000)
  queue.claim(501)
  queue.enqueue('idle', 1, 10)
  queue.enqueue('new', 1, 10)
  const next = queue.claim(30)
  for (const tenant of ['idle', 'new', 'busy'])
    assert.equal(next.filter((each) => each === tenant).length, 10, JSON.stringify(next))
})

test('lanes have virtual times of their own', () => {
  const tags = new FairTags()
  tags.advance(lane, 1_000_000n)
  assert.equal(tags.take({ ...lane, rank: -1 }, 'a', 1n, 1), 0n)
  assert.equal(tags.take({ ...lane, tier: 'within-5s' }, 'a', 1n, 1), 0n)
  assert.equal(tags.take(lane, 'a', 1n, 1), 1_000_000n)
})

test('a tenant that enqueues through several processes has one share', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 5 }), fc.integer({ min: 1, max: 20 }), (processes, burst) => {
      const exchange = new Exchange()
      const all = Array.from({ length: processes }, () => new FairTags())
      const queue = new Queue(all[0])
      for (let round = 0; round < 40; round++) {
        for (const tags of all) queue.enqueue('wide', 1, burst, tags)
        queue.enqueue('narrow', 1, burst * processes, all[round % processes])
        for (const tags of all) exchange.run(tags)
      }
      const total = burst * processes * 20
      const served = queue.claim(total).filter((tenant) => tenant === 'narrow').length
      // Between two exchanges the processes do not know of each other: a burst of each is what that can cost, twice over.
      assert.ok(Math.abs(served - total / 2) <= 2 * burst * processes, `${served} of ${total}`)
    }),
    { numRuns: 60 }
  )
})

test('what could not be told is told the next time', () => {
  const [one, other, exchange] = [new FairTags(), new FairTags(), new Exchange()]
  one.take(lane, 'a', 1n, 100)
  one.advance(lane, 50n)
  one.untold(one.tell())
  one.take(lane, 'a', 1n, 10)
  exchange.run(one)
  exchange.run(other)
  assert.equal(other.now(lane), 50n)
  other.take(lane, 'a', 1n, 1)
  exchange.run(other)
  assert.equal(other.take(lane, 'a', 1n, 1), 111n)
})

test('a tenant that the lane has passed is forgotten, one that is ahead is not', () => {
  const tags = new FairTags()
  tags.take(lane, 'a', 10n, 1)
  tags.tell()
  tags.advance(lane, 5n)
  tags.tell()
  assert.equal(tags.take(lane, 'a', 10n, 1), 10n)
  tags.tell()
  tags.advance(lane, 20n)
  tags.tell()
  assert.equal(tags.take(lane, 'a', 10n, 1), 20n)
  assert.deepEqual(tags.tell().charges.map(({ used }) => used), [10n])
})

test('there is nothing to tell when nothing has changed', () => {
  const tags = new FairTags()
  tags.take(lane, 'a', 10n, 1)
  tags.advance(lane, 10n)
  const { charges, times } = tags.tell()
  assert.deepEqual([charges.length, times.length], [1, 1])
  assert.deepEqual(tags.tell(), { charges: [], times: [] })
  tags.hear([], [{ ...lane, now: 40n }])
  assert.deepEqual(tags.tell(), { charges: [], times: [] })
})
