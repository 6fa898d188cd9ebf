import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { ProjectionDifferenceError } from './errors.ts'
import { bestSellers, other, projectionTest, sold } from './projections.fixture.ts'

test('rows follow events; a token tells when they show what was written', async () => {
  await using t = await projectionTest()
  const projections = await t.run(bestSellers())
  await t.sell('tea', 2)
  const token = await t.sell('tea', 3)
  const caughtUp = await projections.caughtUpTo('best-sellers', token, { timeout: '10s' })
  assert.equal(caughtUp.fresh, true)
  assert.deepEqual(await t.rows(), ['tea:5'])
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
    `SELECT relname FROM pg_class WHERE relname LIKE 'best\\_seller%' AND relkind = 'r'`
  )
  assert.deepEqual(rows, [{ relname: 'best_seller' }])
  const readers = (await t.outbox.checkpoints.list()).map(({ name }) => name)
  assert.deepEqual(readers, ['projection best-sellers 2'])
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
  assert.deepEqual(
    await t.rows(),
    ['milk:1', 'tea:6'],
    'the process of the old version writes nothing any more'
  )
})
