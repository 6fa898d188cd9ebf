import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Deadline } from '../../kernel/index.ts'
import { workWith } from '../pool/pool.fixture.ts'
import { ModelCluster, modelWorker } from './cluster.fixture.ts'
import { countsOf } from './reads.fixture.ts'
import { TokenSeal } from './token.ts'

const outcomes = 'plimsoll_consistency_tokens_total'

test('load is spread over the replicas: of two that chance picks, the one with less under way', async () => {
  const cluster = new ModelCluster(['one', 'two', 'three'])
  const worker = await modelWorker(cluster)
  const counts: Record<string, number> = {}
  for (let read = 0; read < 300; read++) {
    const name = await worker.routeOf(workWith().context)
    counts[name] = (counts[name] ?? 0) + 1
    const replica = worker.replicas.find((replica) => replica.name === name)!
    replica.inFlight++
  }
  for (const name of ['one', 'two', 'three'])
    assert.ok(Math.abs(counts[name]! - 100) <= 5, JSON.stringify(counts))
  worker.replicas[1]!.inFlight += 1_000
  for (let read = 0; read < 50; read++) assert.notEqual(await worker.routeOf(workWith().context), 'two')
})

test('what a unit wrote is asked for once, when a read needs it, and again after the next write', async () => {
  const cluster = new ModelCluster(['one'])
  const worker = await modelWorker(cluster)
  const { context } = workWith()
  cluster.prompt = false
  const asked = (): number => cluster.underWay.length
  worker.write(context, () => cluster.commit())
  worker.write(context, () => cluster.commit())
  assert.equal(asked(), 0)
  const reads = [worker.routeOf(context), worker.routeOf(context)]
  // The second question of two at once is the next one, in case the first was on its way before the write.
  assert.equal(asked(), 1)
  cluster.prompt = true
  cluster.underWay.shift()!.arrive()
  assert.deepEqual(await Promise.all(reads), ['own_write', 'own_write'])
  cluster.prompt = false
  assert.equal(await worker.routeOf(context), 'own_write')
  assert.equal(asked(), 0)
  worker.write(context, () => cluster.commit())
  void worker.routeOf(context)
  assert.equal(asked(), 1)
})

test('a read that was sent before a write ended does not count as after it', async () => {
  const cluster = new ModelCluster(['one'])
  const worker = await modelWorker(cluster)
  const { context } = workWith()
  worker.write(context, () => cluster.commit())
  cluster.prompt = false
  const before = worker.routeOf(context)
  worker.write(context, () => cluster.commit())
  cluster.prompt = true
  cluster.underWay.shift()!.arrive()
  await before
  cluster.replay(cluster.standbys[0]!, 1)
  await worker.replicas[0]!.refresh()
  assert.equal(await worker.routeOf(context), 'own_write')
})

test('only writes count: what a unit reads from the primary, or begins and ends there, does not', async () => {
  const cluster = new ModelCluster(['one'])
  const { notes, router } = await modelWorker(cluster)
  const { context } = workWith()
  for (const text of ['BEGIN', 'SELECT 1', 'SELECT 1 FROM a FOR UPDATE', 'COMMIT', 'ROLLBACK']) {
    assert.equal(notes.sent(text, undefined, context), undefined)
  }
  assert.equal(notes.quietly(() => notes.sent('DELETE FROM a', undefined, context)), undefined)
  assert.equal(router.token(context, 100), undefined)
  assert.notEqual(notes.sent('DELETE FROM a', undefined, context), undefined)
  assert.notEqual(notes.sent('COMMIT', undefined, context), undefined)
})

test('a wait in vain is not repeated for a second, and none is longer than half of what the deadline leaves', async () => {
  const cluster = new ModelCluster(['one'])
  const worker = await modelWorker(cluster, { waitMs: 20 })
  const deadline = (ms: number): Deadline => Deadline.in(ms, cluster.clock)
  const waited = async (ms: number): Promise<number> => {
    const { context } = workWith(deadline(ms), cluster.clock)
    worker.write(context, () => cluster.commit())
    const fromMs = cluster.clock.now()
    const got: string[] = []
    void worker.routeOf(context).then((name) => got.push(name))
    for (let step = 0; step < 60 && got.length === 0; step++) {
      for (let each = 0; each < 5; each++) await turn()
      if (got.length === 0) cluster.clock.advance(1)
    }
    assert.deepEqual(got, ['own_write'])
    return cluster.clock.now() - fromMs
  }
  assert.equal(await waited(10_000), 20)
  assert.equal(await waited(10_000), 0)
  cluster.clock.advance(1_001)
  assert.equal(await waited(10), 5)
  assert.deepEqual(countsOf(worker.registry, 'plimsoll_replica_waits_total'), { in_vain: 2 })
})

test('a token of what the primary never wrote costs one question, and holds nobody back', async () => {
  const cluster = new ModelCluster(['one'])
  const worker = await modelWorker(cluster)
  const seal = new TokenSeal(['a secret of the cluster'], 'cluster')
  for (const claim of [{ timeline: 1, lsn: 2n ** 60n }, { timeline: 1, lsn: 2n ** 64n - 1n }]) {
    const { context } = workWith()
    worker.notes.of(context).token = seal.write(claim)
    assert.equal(await worker.routeOf(context), 'one')
  }
  assert.deepEqual(countsOf(worker.registry, outcomes), { accepted: 2, ahead: 2 })
})

test('a token of a later history than this process knows goes to the primary, so many a second', async () => {
  const cluster = new ModelCluster(['one'])
  const worker = await modelWorker(cluster, { doubtsPerSecond: 2 })
  const seal = new TokenSeal(['a secret of the cluster'], 'cluster')
  const routes: string[] = []
  for (let each = 0; each < 3; each++) {
    const { context } = workWith()
    worker.notes.of(context).token = seal.write({ timeline: 2, lsn: 1n })
    routes.push(await worker.routeOf(context))
  }
  assert.deepEqual(routes, ['token', 'token', 'one'])
  assert.deepEqual(countsOf(worker.registry, outcomes), { accepted: 3, other_timeline: 3 })
})

test('in doubt about where the primary stands, reads go there, and the token says so', async () => {
  const cluster = new ModelCluster(['one'])
  const [here, there] = [await modelWorker(cluster), await modelWorker(cluster)]
  const { context } = workWith()
  here.write(context, () => cluster.commit())
  cluster.primary.answers = false
  assert.equal(await here.routeOf(context), 'unknown')
  const token = await here.router.token(context, 100)
  cluster.primary.answers = true
  const next = workWith().context
  there.notes.of(next).token = token
  assert.equal(await there.routeOf(next), 'own_write')
  cluster.replay(cluster.standbys[0]!)
  await there.replicas[0]!.refresh()
  assert.equal(await there.routeOf(next), 'one')
  assert.equal(there.router.token(next, 100), undefined)
})

test('a response does not wait for its token for ever', async () => {
  const cluster = new ModelCluster(['one'])
  const worker = await modelWorker(cluster)
  const { context } = workWith()
  worker.write(context, () => cluster.commit())
  assert.equal(typeof await worker.router.token(context, 100), 'string')
  worker.write(context, () => cluster.commit())
  cluster.prompt = false
  const token = worker.router.token(context, 100)
  cluster.clock.advance(100)
  assert.equal(new TokenSeal(['a secret of the cluster'], 'cluster').read((await token)!), 'in-doubt')
})

test('a replica to which connections break is left alone for longer each time, and judged anew after one that succeeded', async () => {
  const cluster = new ModelCluster(['one'])
  const { replicas: [replica] } = await modelWorker(cluster)
  const outFor = (): number => {
    replica!.failed()
    const fromMs = cluster.clock.now()
    while (replica!.state === 'ejected') cluster.clock.advance(50)
    return cluster.clock.now() - fromMs
  }
  assert.equal(outFor(), 500)
  let longest = 0
  for (let each = 0; each < 10; each++) longest = Math.max(longest, outFor())
  assert.ok(longest > 2_000 && longest <= 30_050, `${longest} ms`)
  replica!.succeeded()
  assert.equal(outFor(), 500)
})
