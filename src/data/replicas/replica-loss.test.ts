import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { serverProcess } from '../../engines/embedded/server-process.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { type TestWorker, testWorker } from './reads.fixture.ts'
import type { ReplicaState } from './replica.ts'
import { type Replication, replication, runOn, type Standby } from './replication.fixture.ts'

let servers: Replication
let standby: Standby

before(async () => {
  servers = await replication()
  await runOn(servers.primary.url, 'CREATE TABLE note (id int PRIMARY KEY, text text NOT NULL)')
  standby = await servers.standby()
})
after(() => servers?.[Symbol.asyncDispose]())

const texts = 'SELECT text FROM note WHERE id = $1'

async function untilState (worker: TestWorker, state: ReplicaState): Promise<void> {
  await waitUntil(`the replica is ${state}`, () => worker.reads.replicas[0]?.state === state)
}

/** An address behind which the server changes. */
async function proxyTo (url: string): Promise<AsyncDisposable & { readonly url: string; target: string }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    const onwards = connect(Number(new URL(proxy.target).port), '127.0.0.1')
    for (const each of [socket, onwards]) {
      sockets.add(each)
      each.on('error', () => {})
      each.on('close', () => {
        socket.destroy()
        onwards.destroy()
      })
    }
    socket.pipe(onwards).pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const own = new URL(url)
  own.port = String((server.address() as AddressInfo).port)
  const proxy = {
    url: own.href,
    target: url,
    async [Symbol.asyncDispose] () {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  return proxy
}

test('a read whose replica is killed under it is read from the primary, once; the replica is used again when it is back', async () => {
  await using worker = await testWorker(servers.primary.url, [{ name: 'one', url: standby.url }])
  const reading = worker.unit(() =>
    worker.reads.query('SELECT pg_sleep(0.5), count(*)::int AS count FROM note')
  )
  await waitUntil('it runs there', async () => {
    const [row] = await runOn(
      standby.url,
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(0.5)%'`
    )
    return row?.['n'] === 1
  })
  await standby.kill()
  assert.deepEqual((await reading).rows.map(({ count }) => count), [0])
  assert.deepEqual(worker.routed(), { one: 1, retry: 1 })
  await untilState(worker, 'down')
  await worker.unit(() => worker.reads.query(texts, [1]))
  await worker.unit(async () => (await worker.reads.connect()).release())
  assert.deepEqual(worker.routed(), { one: 1, retry: 1, down: 2 })
  await standby.start()
  await untilState(worker, 'ready')
  await worker.unit(() => worker.reads.query(texts, [1]))
  assert.equal(worker.routed()['one'], 2)
})

test('a read that replay cancels is read from the primary; an error of its own is not tried again', async () => {
  await using worker = await testWorker(servers.primary.url, [{ name: 'one', url: standby.url }])
  const { reads } = worker
  const reading = worker.unit(() => reads.query('SELECT pg_sleep(0.3), 1 AS one'))
  await waitUntil('it is ended there', async () => {
    const [row] = await runOn(
      standby.url,
      `SELECT count(pg_terminate_backend(pid))::int AS n FROM pg_stat_activity
      WHERE query LIKE 'SELECT pg_sleep(0.3)%' AND pid <> pg_backend_pid()`
    )
    return Number(row?.['n']) > 0
  })
  assert.deepEqual((await reading).rows.map(({ one }) => one), [1])
  assert.equal(worker.routed()['retry'], 1)
  assert.equal(reads.replicas[0]?.state, 'ejected')
  await untilState(worker, 'ready')
  await assert.rejects(worker.unit(() => reads.query('SELECT 1 / 0')), { code: '22012' })
  assert.deepEqual(worker.routed(), { one: 2, retry: 1 })
})

test('while the primary is away replicas go on serving those who wrote nothing, and nobody else', async () => {
  await using proxy = await proxyTo(servers.primary.url)
  await using worker = await testWorker(proxy.url, [{ name: 'one', url: standby.url }], { maxLag: '2s' })
  await worker.unit(() => worker.reads.query(texts, [1]))
  await standby.pause()
  await worker.unit(async () => {
    await worker.data.query('INSERT INTO note VALUES (10, $1)', ['ten'])
    await servers.primary.kill()
    await assert.rejects(worker.reads.query(texts, [10]), { code: 'DATABASE_LOST' })
    assert.match(String(await worker.reads.consistencyToken()), /^[\w-]{34}$/)
  })
  await worker.unit(() => worker.reads.query(texts, [10]))
  assert.equal(worker.routed()['one'], 2)
  await servers.primary.start()
  await standby.resume()
  await standby.caughtUp()
})

test('an address that leads to another server than the one watched is not believed', async () => {
  const behind = await servers.standby()
  await using proxy = await proxyTo(standby.url)
  await using worker = await testWorker(servers.primary.url, [{ name: 'one', url: proxy.url }])
  await behind.caughtUp()
  await behind.pause()
  proxy.target = behind.url
  await worker.unit(async () => {
    await worker.data.query('INSERT INTO note VALUES (11, $1)', ['eleven'])
    await standby.caughtUp()
    assert.deepEqual((await worker.reads.query(texts, [11])).rows, [{ text: 'eleven' }])
  })
  assert.deepEqual(worker.routed(), { one: 1, retry: 1 })
  assert.equal(worker.reads.replicas[0]?.state, 'ejected')
})

test('a server of another cluster is no replica, nor is a primary', async () => {
  await using stranger = await serverProcess()
  await using worker = await testWorker(servers.primary.url, [{ name: 'stranger', url: stranger.url }, {
    name: 'itself',
    url: servers.primary.url,
  }])
  assert.deepEqual(worker.reads.replicas.map(({ state }) => state), ['other-cluster', 'promoted'])
  await worker.unit(() => worker.reads.query(texts, [1]))
  assert.deepEqual(worker.routed(), { down: 1 })
})

test('after a failover: a promoted replica and one that does not follow the new primary serve nobody', async () => {
  const next = await servers.standby()
  await using proxy = await proxyTo(servers.primary.url)
  const targets = [{ name: 'one', url: standby.url }, { name: 'next', url: next.url }]
  await using worker = await testWorker(proxy.url, targets)
  await next.caughtUp()
  await next.detach()
  // Of these, the next primary has nothing.
  const lost = await worker.unit(async () => {
    await worker.data.query('INSERT INTO note SELECT id, $1 FROM generate_series(100, 200) AS id', ['lost'])
    return worker.reads.consistencyToken()
  })
  await standby.caughtUp()
  await servers.primary.kill()
  await next.promote()
  proxy.target = next.url
  await waitUntil('both are seen', () => {
    const states = worker.reads.replicas.map(({ state }) => state)
    return states[0] === 'other-timeline' && states[1] === 'promoted'
  })
  const kept = await worker.unit(async () => {
    await worker.data.query('INSERT INTO note VALUES (12, $1)', ['twelve'])
    return worker.reads.consistencyToken()
  })
  for (const token of [lost, kept, undefined]) {
    await worker.unit(async () => {
      assert.deepEqual((await worker.reads.query(texts, [12])).rows, [{ text: 'twelve' }])
      assert.deepEqual((await worker.reads.query(texts, [100])).rows, [])
    }, token)
  }
  const { one, next: promoted } = worker.routed()
  assert.deepEqual([one, promoted], [undefined, undefined])

  const follower = await servers.standby({ of: next })
  await follower.caughtUp()
  await using later = await testWorker(next.url, [{ name: 'follower', url: follower.url }])
  for (const token of [lost, kept]) {
    await later.unit(async () => {
      assert.deepEqual((await later.reads.query(texts, [12])).rows, [{ text: 'twelve' }])
    }, token)
  }
  assert.deepEqual(later.routed(), { follower: 2 })
})
