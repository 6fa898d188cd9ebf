import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { Deadline, manualClock, openContext, runWithContext } from '../../kernel/index.ts'
import type { LogPosition } from '../events/index.ts'
import { quiet } from '../outbox/outbox.fixture.ts'
import { Applier } from './applier.ts'
import { BuildStore } from './build-store.ts'
import { ProjectionDifferenceError } from './errors.ts'
import { Freshness } from './freshness.ts'
import { projectionTest } from './projections.fixture.ts'
import { bestSellers, other, sold } from './sales.fixture.ts'

test('rows follow events; a token tells when they show what was written', async () => {
  await using t = await projectionTest()
  const projections = await t.run(bestSellers())
  await t.sell('tea', 2)
  const token = await t.sell('tea', 3)
  const caughtUp = await projections.caughtUpTo('best-sellers', token, { timeout: '10s' })
  assert.equal(caughtUp.fresh, true)
  assert.deepEqual(await t.rows(), ['tea:5'])
  const status = JSON.stringify(await projections.status('best-sellers'))
  const { builds: [told] } = JSON.parse(status) as { builds: readonly { position: string }[] }
  assert.match(told!.position, /^\d+\.\d+\.\d+$/, 'a status can be sent as JSON')
  const { position } = await other.emit(t.pool, { id: 'x' })
  const unrelated = `${position.epoch}.${position.xid}.${position.position}`
  const passed = await projections.caughtUpTo('best-sellers', unrelated, { timeout: '10s' })
  assert.equal(passed.fresh, true, 'events of other types are passed, too')
  assert.equal((await projections.caughtUpTo('best-sellers', undefined)).fresh, true)
  await assert.rejects(projections.caughtUpTo('best-sellers', '1.2'), { code: 'PROJECTION_TOKEN_INVALID' })
})

test('where nobody applies, a token is stale in time; another process sees when it is not', async () => {
  await using t = await projectionTest()
  const reader = await t.open(bestSellers())
  const first = await t.run(bestSellers())
  await first.close()
  const token = await t.sell('tea', 1)
  const stale = await reader.caughtUpTo('best-sellers', token, { timeout: '60ms' })
  assert.equal(stale.fresh, false)
  const waiting = reader.caughtUpTo('best-sellers', token, { timeout: '10s' })
  await t.run(bestSellers())
  assert.equal((await waiting).fresh, true)
  assert.deepEqual(await t.rows(), ['tea:1'])
})

test('checkpoint and rows are one: what fails is applied again from where it was, an event that cannot be is named', async () => {
  await using t = await projectionTest()
  let broken = true
  const plain = bestSellers()
  const projection = bestSellers({
    lag: '1ms',
    async apply (events, applying) {
      await plain.apply(events, applying)
      if (broken && events.of(sold).some(({ product }) => product === 'poison'))
        throw new Error('no such product')
    },
  })
  for (const product of ['tea', 'milk', 'poison', 'tea', 'rice']) await t.sell(product, 1)
  const projections = await t.run(projection)
  await waitUntil(
    'it is stuck',
    async () => (await projections.status('best-sellers')).builds[0]?.failure !== undefined
  )
  assert.deepEqual(await t.rows(), ['milk:1', 'tea:1'])
  const { builds: [build], lagMs } = await projections.status('best-sellers')
  assert.deepEqual([build?.failure?.type, build?.failure?.message], ['product.sold', 'no such product'])
  assert.ok(lagMs! > 0)
  await assert.rejects(projections.check(), {
    code: 'PROJECTION_LATE',
    message: new RegExp(`${build!.failure!.event} \\(product.sold\\) cannot be applied: no such product`),
  })
  broken = false
  await waitUntil('it goes on', async () => (await t.rows()).length === 4)
  await waitUntil('all is applied', async () => (await projections.status('best-sellers')).lagMs === 0)
  assert.deepEqual(await t.rows(), ['milk:1', 'poison:1', 'rice:1', 'tea:2'])
  assert.equal((await projections.status('best-sellers')).builds[0]?.failure, undefined)
  await projections.check()
})

test('an event that is skipped is left out of this build and of every later one', async () => {
  await using t = await projectionTest()
  const plain = bestSellers()
  const projection = bestSellers({
    async apply (events, applying) {
      if (events.of(sold).some(({ product }) => product === 'poison')) throw new Error('no such product')
      await plain.apply(events, applying)
    },
  })
  for (const product of ['tea', 'poison', 'rice']) await t.sell(product, 1)
  const projections = await t.run(projection)
  const failure = async (): Promise<string | undefined> =>
    (await projections.status('best-sellers')).builds[0]?.failure?.event
  await waitUntil('it is stuck', async () => await failure() !== undefined)
  await projections.skip('best-sellers', (await failure())!)
  await waitUntil('it goes on', async () => (await t.rows()).length === 2)
  const { difference, events } = await projections.rebuild('best-sellers')
  assert.deepEqual([difference, events], [0, 2])
  assert.deepEqual(await t.rows(), ['rice:1', 'tea:1'])
})

test('a rebuild happens beside the live build, takes its place when nothing differs, and the old one is dropped', async () => {
  await using t = await projectionTest()
  const projections = await t.run(bestSellers({ batch: 7 }))
  for (let n = 0; n < 60; n++) await t.sell(`product ${n % 9}`, n)
  const rebuilding = projections.rebuild('best-sellers')
  for (let n = 0; n < 60; n++) await t.sell(`product ${n % 9}`, n)
  const rebuilt = await rebuilding
  assert.equal(rebuilt.difference, 0)
  assert.equal(rebuilt.build, 2)
  const token = await t.sell('last', 1)
  assert.equal((await projections.caughtUpTo('best-sellers', token, { timeout: '10s' })).fresh, true)
  const { rows: [total] } = await t.pool.query(
    'SELECT sum(sold)::int AS sold, count(*)::int AS rows FROM best_seller'
  )
  assert.deepEqual(total, { sold: 2 * (59 * 60 / 2) + 1, rows: 10 })
  await waitUntil(
    'the old one is gone',
    async () => (await projections.status('best-sellers')).builds.length === 1
  )
  const { rows } = await t.pool.query(
    `SELECT relname FROM pg_class WHERE relname LIKE 'best\\_seller%' AND relkind = 'r' AND pg_table_is_visible(oid)`
  )
  assert.deepEqual(rows, [{ relname: 'best_seller' }])
  const readers = (await t.outbox.checkpoints.list()).map(({ name }) => name)
  assert.deepEqual(readers, ['projection best-sellers 2'])
})

test('a build that is no more keeps no events, even where its process ended before it could say so', async () => {
  await using t = await projectionTest()
  for (const name of ['projection best-sellers 7', 'projection others 7', 'projection best-sellers of mine'])
    await t.outbox.checkpoints.open(name, 'start')
  const projections = await t.run(bestSellers())
  const token = await t.sell('tea', 1)
  assert.equal((await projections.caughtUpTo('best-sellers', token, { timeout: '10s' })).fresh, true)
  const readers = (await t.outbox.checkpoints.list()).map(({ name }) => name)
  assert.deepEqual(readers, [
    'projection best-sellers 1',
    'projection best-sellers of mine',
    'projection others 7',
  ])
})

test('events that come between catching up and standing still are in the new build before it is compared and swapped', async () => {
  let stands = 0
  let sell: (() => Promise<void>) | undefined
  await using t = await projectionTest({
    before: async (statement) => {
      if (statement.startsWith('SET LOCAL lock_timeout') && ++stands <= 2) await sell?.()
    },
  })
  const projections = await t.run(bestSellers())
  const sellOne = async (): Promise<void> => {
    const token = await t.sell('tea', 1)
    const { fresh } = await projections.caughtUpTo('best-sellers', token, { timeout: '10s' })
    assert.equal(fresh, true)
  }
  await sellOne()
  sell = sellOne
  const { difference, events } = await projections.rebuild('best-sellers')
  assert.ok(stands >= 2)
  assert.deepEqual([difference, events], [0, 3])
  assert.deepEqual(await t.rows(), ['tea:3'])
})

test('a new build that differs is kept back and told with examples, and takes its place when that is asked for', async () => {
  await using t = await projectionTest()
  const projections = await t.run(bestSellers())
  const token = await t.sell('tea', 5)
  await projections.caughtUpTo('best-sellers', token, { timeout: '10s' })
  await t.pool.query(`UPDATE best_seller SET sold = 6; INSERT INTO best_seller VALUES ('ghost', 1)`)
  await assert.rejects(projections.rebuild('best-sellers'), (error) => {
    assert.ok(error instanceof ProjectionDifferenceError)
    assert.equal(error.difference, 3)
    const examples = error.examples['best_seller'] as { product: string; sold: string; side: number }[]
    const shown = examples.map(({ product, sold, side }) => `${product} ${sold} ${side}`).toSorted()
    assert.deepEqual(shown, ['ghost 1 -1', 'tea 5 1', 'tea 6 -1'])
    return true
  })
  assert.deepEqual(await t.rows(), ['ghost:1', 'tea:6'])
  const { difference } = await projections.rebuild('best-sellers', { acceptDifference: true })
  assert.equal(difference, 3)
  assert.deepEqual(await t.rows(), ['tea:5'])
})

test('a new version is built beside the old one, which is read until then', async () => {
  await using t = await projectionTest()
  const first = await t.run(bestSellers())
  const token = await t.sell('tea', 5)
  await first.caughtUpTo('best-sellers', token, { timeout: '10s' })
  let mayApply = false
  const plain = bestSellers()
  const second = await t.run(bestSellers({
    version: 2,
    tables: {
      best_seller: (table) => [
        `CREATE TABLE ${table} (product text PRIMARY KEY, sold bigint NOT NULL, seen timestamptz DEFAULT now())`,
        `CREATE INDEX ON ${table} (sold)`,
      ],
    },
    compare: { best_seller: ['product', 'sold'] },
    async apply (events, applying) {
      if (!mayApply) throw new Error('not yet')
      await plain.apply(events, applying)
    },
  }))
  const later = await t.sell('tea', 1)
  assert.equal(
    (await second.caughtUpTo('best-sellers', later, { timeout: '10s' })).fresh,
    true,
    'the old one goes on'
  )
  mayApply = true
  await waitUntil('the new one is live', async () => {
    const { builds } = await second.status('best-sellers')
    return builds.length === 1 && builds[0]?.version === 2
  })
  assert.deepEqual(await t.rows(), ['tea:6'])
  const { builds: [build] } = await second.status('best-sellers')
  assert.equal(build?.difference, 0)
  const last = await t.sell('milk', 1)
  assert.equal((await second.caughtUpTo('best-sellers', last, { timeout: '10s' })).fresh, true)
  assert.deepEqual(await t.rows(), ['milk:1', 'tea:6'])
  await second.close()
  const missed = await t.sell('rice', 1)
  const { fresh } = await first.caughtUpTo('best-sellers', missed, { timeout: '1500ms' })
  assert.equal(fresh, false, 'the process of the old version writes nothing any more')
})

test('of two that apply to one build by mistake, one gets each step committed, and the other hears of it', async () => {
  await using t = await projectionTest()
  for (let n = 0; n < 30; n++) await t.sell('tea', 1)
  await quiet(t.pool)
  const projection = bestSellers({ batch: 3 })
  await BuildStore.prepare(t.pool, undefined)
  const store = new BuildStore(t.pool, undefined)
  const build = await store.begin(projection, { epoch: 0, xid: 0n, position: 0n })
  const parts = {
    projection,
    store,
    log: t.outbox,
    logger: undefined,
    clock: manualClock(),
    random: () => 0,
    onMoved: () => {},
  }
  const never = new AbortController().signal
  const ends = await Promise.allSettled([1, 2].map(() => new Applier(parts, build).catchUp(undefined, never)))
  assert.deepEqual(ends.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  assert.equal(ends.find((end) => end.status === 'rejected')?.reason.code, 'PROJECTION_BUILD_MOVED')
  assert.deepEqual(await t.rows(), ['tea:30'])
})

test('a build that nobody reads yet takes larger steps than the live one, unless others would wait for them', async () => {
  await using t = await projectionTest()
  for (let n = 0; n < 60; n++) await t.sell('tea', 1)
  await quiet(t.pool)
  await BuildStore.prepare(t.pool, undefined)
  const store = new BuildStore(t.pool, undefined)
  const clock = manualClock()
  const stepsOf = async (stepMs: number): Promise<readonly number[]> => {
    const steps: number[] = []
    const plain = bestSellers()
    const projection = bestSellers({
      batch: 3,
      version: 1 + stepMs,
      async apply (events, applying) {
        steps.push(events.length)
        clock.advance(stepMs)
        await plain.apply(events, applying)
      },
    })
    const build = await store.begin(projection, { epoch: 0, xid: 0n, position: 0n })
    const applier = new Applier({
      projection,
      store,
      log: t.outbox,
      logger: undefined,
      clock,
      random: () => 0,
      onMoved: () => {},
    }, build)
    await applier.catchUp(undefined, new AbortController().signal)
    assert.equal(steps.reduce((sum, step) => sum + step), 60)
    return steps
  }
  assert.equal(Math.max(...await stepsOf(0)), 3, 'the live one')
  assert.equal(Math.max(...await stepsOf(1)), 15, 'one beside it')
  assert.equal(Math.max(...await stepsOf(200)), 3, 'one beside it, whose steps take long')
})

test('no build is begun where the log no longer has its first events, unless it does without them', async () => {
  await using t = await projectionTest()
  const tail = async (): Promise<LogPosition> => ({ epoch: 1, xid: 5n, position: 1n })
  const log = new Proxy(t.outbox, {
    get: (target, name) => {
      const value = name === 'tail' ? tail : Reflect.get(target, name) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const whole = await t.openOn(log, bestSellers())
  await assert.rejects(whole.worker().start(), { code: 'PROJECTION_LOG_CUT' })
  const partial = await t.openOn(log, bestSellers({ partial: true }))
  await partial.worker().start()
  assert.deepEqual(await t.rows(), [])
})

test('whoever waits leaves with the deadline of its request, and one look at the database serves all', async () => {
  const clock = manualClock()
  let looks = 0
  const at = (nth: number): LogPosition => ({ epoch: 1, xid: BigInt(nth), position: 0n })
  const look = Promise.withResolvers<ReadonlyMap<string, LogPosition>>()
  const freshness = new Freshness(async () => {
    looks++
    return await look.promise
  }, clock)
  const context = openContext({ id: 'request', deadline: Deadline.in(30, clock) })
  const late = runWithContext(context, () => freshness.wait('a', at(9), 1_000))
  const inTime = [freshness.wait('a', at(3), 1_000), freshness.wait('a', at(4), 1_000)]
  clock.advance(30)
  assert.equal(await late, false)
  look.resolve(new Map([['a', at(4)]]))
  assert.deepEqual(await Promise.all(inTime), [true, true])
  assert.equal(looks, 1)
  assert.equal(await freshness.wait('a', at(2), 1_000), true, 'what is known needs no look')
  freshness.tell('a', at(1))
  assert.equal(await freshness.wait('a', at(4), 1_000), true, 'a place never goes back')
  const left = freshness.wait('a', at(7), 1_000)
  freshness.close()
  assert.equal(await left, false)
})

test('a definition that cannot work is refused', async () => {
  const wrong: readonly (() => unknown)[] = [
    () => bestSellers({ version: 0 }),
    () => bestSellers({ tables: {} }),
    () => bestSellers({ tables: { 'Best-Sellers': () => [] } }),
    () => bestSellers({ tables: { plimsoll_inbox: () => [] } }),
    () => bestSellers({ on: [] }),
    () => bestSellers({ on: [sold, sold] }),
    () => bestSellers({ lag: 0 }),
    () => bestSellers({ batch: 0 }),
    () => bestSellers({ compare: { other: ['a'] } }),
  ]
  for (const define of wrong) assert.throws(define, { code: 'SETTING_INVALID' }, String(define))
  await using t = await projectionTest()
  await assert.rejects(t.open(bestSellers(), bestSellers()), { code: 'SETTING_INVALID' })
  const projections = await t.open(bestSellers())
  await assert.rejects(projections.caughtUpTo('others', undefined), { message: /one of best-sellers/ })
})
