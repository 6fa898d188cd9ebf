import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { serverProcess } from '../../engines/embedded/server-process.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { manualClock } from '../../kernel/index.ts'
import { type TestWorker, testWorker } from './reads.fixture.ts'
import type { ReplicaState } from './replica.ts'
import { type Replication, replication, runOn, type Standby } from './replication.fixture.ts'

let servers: Replication
let standby: Standby

before(async () => {
  servers = await replication()
  await runOn(servers.primary.url, 'CREATE TABLE note (id int PRIMARY KEY, text text NOT NULL)')
  await runOn(servers.primary.url, `INSERT INTO note VALUES (0, 'zero')`)
  standby = await servers.standby()
})
after(() => servers?.[Symbol.asyncDispose]())

const texts = 'SELECT text FROM note WHERE id = $1'
/** Takes its time on a replica, and none on the primary. */
const slow = 'SELECT count(pg_sleep(10))::int AS slept FROM note WHERE pg_is_in_recovery()'

async function untilSlowRuns (): Promise<void> {
  await waitUntil('it runs there', async () => {
    const [row] = await runOn(
      standby.url,
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE query = '${slow}' AND state = 'active'`
    )
    return row?.['n'] === 1
  })
}

async function untilState (worker: TestWorker, state: ReplicaState): Promise<void> {
  await waitUntil(`the replica is ${state}`, () => worker.reads.replicas[0]?.state === state)
}

/** An address behind which the server changes. */
interface Proxy extends AsyncDisposable {
  readonly url: string
  target: string
  /** Takes what it is sent, and passes nothing on. */
  hang(): void
}

async function proxyTo (url: string): Promise<Proxy> {
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
    hang () {
      for (const socket of sockets) socket.unpipe().resume()
    },
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
  const reading = worker.unit(() => worker.reads.query(slow))
  await untilSlowRuns()
  await standby.kill()
  assert.deepEqual((await reading).rows, [{ slept: 0 }])
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

test('a replica that hangs gets no reads once it has not answered in time', async () => {
  await using proxy = await proxyTo(standby.url)
  const targets = [{ name: 'one', url: proxy.url }]
  await using worker = await testWorker(servers.primary.url, targets, { patience: '500ms' })
  proxy.hang()
  await untilState(worker, 'down')
  const { down = 0 } = worker.routed()
  await worker.unit(() => worker.reads.query(texts, [1]))
  assert.equal(worker.routed()['down'], down + 1)
  await untilState(worker, 'ready')
})

test('a role without privileges can use replicas', async () => {
  await runOn(servers.primary.url, `CREATE ROLE plain LOGIN PASSWORD 'plain'`)
  await runOn(servers.primary.url, 'GRANT SELECT, INSERT ON note TO plain')
  await standby.caughtUp()
  const [primary, replica] = [servers.primary.url, standby.url].map((url) => {
    const own = new URL(url)
    own.username = own.password = 'plain'
    return own.href
  }) as [string, string]
  await using worker = await testWorker(primary, [{ name: 'one', url: replica }])
  await worker.unit(async () => {
    await worker.data.query('INSERT INTO note VALUES (20, $1)', ['twenty'])
    await standby.caughtUp()
    assert.equal((await worker.reads.query(texts, [20])).rows.length, 1)
  })
  assert.deepEqual(worker.routed(), { one: 1 })
})

test('a read that replay cancels is read from the primary, and the replica goes on serving', async () => {
  await runOn(standby.url, `ALTER SYSTEM SET max_standby_streaming_delay TO '20ms'`)
  await runOn(standby.url, 'SELECT pg_reload_conf()')
  await using worker = await testWorker(servers.primary.url, [{ name: 'one', url: standby.url }])
  await runOn(servers.primary.url, 'INSERT INTO note SELECT id, $$$$ FROM generate_series(1000, 1100) AS id')
  await standby.caughtUp()
  const reading = worker.unit(() => worker.reads.query(slow))
  await untilSlowRuns()
  await runOn(servers.primary.url, 'DELETE FROM note WHERE id > 900')
  await runOn(servers.primary.url, 'VACUUM note')
  assert.deepEqual((await reading).rows, [{ slept: 0 }])
  assert.deepEqual(worker.routed(), { one: 1, retry: 1 })
  assert.equal(worker.reads.replicas[0]?.state, 'ready')
})

test('a read whose connection is cut is read from the primary; an error of its own is not tried again', async () => {
  await using worker = await testWorker(servers.primary.url, [{ name: 'one', url: standby.url }])
  const { reads } = worker
  const reading = worker.unit(() => reads.query(slow))
  await untilSlowRuns()
  await runOn(standby.url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = '${slow}'`)
  assert.deepEqual((await reading).rows, [{ slept: 0 }])
  assert.equal(worker.routed()['retry'], 1)
  assert.equal(reads.replicas[0]?.state, 'ejected')
  await untilState(worker, 'ready')
  await assert.rejects(worker.unit(() => reads.query('SELECT 1 / 0')), { code: '22012' })
  assert.deepEqual(worker.routed(), { one: 2, retry: 1 })
})

test('a replica that serves again is judged anew, and what was under way on it is forgotten', async () => {
  const clock = manualClock()
  const options = { clock, random: () => 0.9999 }
  await using worker = await testWorker(servers.primary.url, [{ name: 'one', url: standby.url }], options)
  const { reads } = worker
  const state = (): ReplicaState | undefined => reads.replicas[0]?.state
  const cut = async (): Promise<void> => {
    const reading = worker.unit(() => reads.query(slow))
    await untilSlowRuns()
    await runOn(standby.url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = '${slow}'`)
    await reading
    assert.equal(state(), 'ejected')
  }
  for (let each = 0; each < 2; each++) {
    await cut()
    clock.advance(499)
    assert.equal(state(), 'ejected')
    clock.advance(1)
    assert.equal(state(), 'ready')
    await worker.unit(() => reads.query(texts, [1]))
  }
  assert.equal(reads.replicas[0]?.inFlight, 0)
  assert.deepEqual(worker.routed(), { one: 4, retry: 2 })
})

test('while the primary is away replicas go on serving those who wrote nothing, and nobody else', async () => {
  await using proxy = await proxyTo(servers.primary.url)
  await using worker = await testWorker(proxy.url, [{ name: 'one', url: standby.url }])
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

test('an address that leads to another server than the one watched is not believed, be it behind or not', async () => {
  const other = await servers.standby()
  for (const id of [11, 12]) {
    await using proxy = await proxyTo(standby.url)
    await using worker = await testWorker(servers.primary.url, [{ name: 'one', url: proxy.url }], {
      wait: '10s',
    })
    proxy.target = other.url
    await worker.unit(async () => {
      await worker.data.query('INSERT INTO note VALUES ($1, $2)', [id, 'text'])
      await standby.caughtUp()
      if (id === 11) await other.caughtUp()
      if (id === 11) assert.equal((await worker.reads.query(texts, [id])).rows.length, 1)
      else (await worker.reads.connect()).release()
    })
    assert.deepEqual(worker.routed(), id === 11 ? { one: 1, retry: 1 } : { retry: 1 })
    assert.equal(worker.reads.replicas[0]?.state, 'ejected')
    assert.equal(worker.reads.replicas[0]?.inFlight, 0)
    await other.pause()
  }
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
  await using unaware = await testWorker(servers.primary.url, targets.slice(1), { poll: '10m' })
  const held = await unaware.unit(() => unaware.reads.connect())
  await next.detach()
  // Of these, the next primary has nothing.
  const lost = await worker.unit(async () => {
    await worker.data.query('INSERT INTO note SELECT id, $1 FROM generate_series(100, 200) AS id', ['lost'])
    return worker.reads.consistencyToken()
  })
  await standby.caughtUp()
  await servers.primary.kill()
  await next.promote()
  assert.deepEqual((await held.query('SELECT pg_is_in_recovery() AS standby')).rows, [{ standby: false }])
  await assert.rejects(held.query('DELETE FROM note'), { code: 'WRITE_ON_READS' })
  held.release()
  proxy.target = next.url
  await waitUntil('both are seen', () => {
    const states = worker.reads.replicas.map(({ state }) => state)
    return states[0] === 'other-timeline' && states[1] === 'promoted'
  })
  const kept = await worker.unit(async () => {
    await worker.data.query('INSERT INTO note VALUES (13, $1)', ['thirteen'])
    return worker.reads.consistencyToken()
  })
  for (const token of [lost, kept, undefined]) {
    await worker.unit(async () => {
      assert.deepEqual((await worker.reads.query(texts, [13])).rows, [{ text: 'thirteen' }])
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
      assert.deepEqual((await later.reads.query(texts, [13])).rows, [{ text: 'thirteen' }])
    }, token)
  }
  assert.deepEqual(later.routed(), { follower: 2 })
})
