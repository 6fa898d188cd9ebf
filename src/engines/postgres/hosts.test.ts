import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../embedded/embedded.fixture.ts'
import { Hosts } from './hosts.ts'
import { postgresEngine } from './postgres-engine.ts'

let database: TestDatabase

before(async () => {
  database = await testDatabase()
})
after(() => database.close())

test('a URL of several hosts is one of each, and none keeps the wish for itself', () => {
  const hosts = new Hosts('postgres://u:p@one,two:5433,[::1]/shop?target_session_attrs=primary&a=b', 'url')
  assert.deepEqual(hosts.urls, [
    'postgres://u:p@one/shop?a=b',
    'postgres://u:p@two:5433/shop?a=b',
    'postgres://u:p@[::1]/shop?a=b',
  ])
  assert.equal(hosts.target, 'one:5432/shop, two:5433/shop, [::1]:5432/shop')
  const seen = [hosts.current]
  for (const url of [hosts.urls[0]!, hosts.urls[0]!, hosts.urls[1]!, hosts.urls[2]!]) {
    hosts.leave(url)
    seen.push(hosts.current)
  }
  assert.deepEqual(seen.map((url) => hosts.urls.indexOf(url)), [0, 1, 1, 2, 0])
  const plain = new Hosts('postgres://u:p,q@one/shop?x=a,b', 'url')
  assert.equal(plain.isPlain, true)
  assert.deepEqual(plain.urls, ['postgres://u:p,q@one/shop?x=a,b'])
})

test('a wish that nobody knows and a host that is none stop the boot, without the password', () => {
  for (const url of ['postgres://u:secret@a,b/x?target_session_attrs=fast', 'postgres://u:secret@a,b:x/y']) {
    assert.throws(() => new Hosts(url, 'database.url'), (error: Error) => {
      assert.match(error.message, /^database\.url must be /)
      assert.ok(!error.message.includes('secret'))
      return true
    })
  }
})

/** A URL with a host at which nobody listens before or behind the real one. */
function several (change: (hosts: string) => string, wish = ''): string {
  const url = new URL(database.url)
  const { username, password, port, pathname } = url
  return `postgres://${username}:${password}@${change(`127.0.0.1:${port}`)}${pathname}${wish}`
}

test('a server that cannot be reached is passed over, at the start and later', async () => {
  await using engine = postgresEngine({ url: several((real) => `127.0.0.1:1,${real}`), poolSize: 2 })
  const pool = await engine.connect()
  assert.deepEqual((await pool.query('SELECT 1 AS one')).rows, [{ one: 1 }])
  await engine.check(AbortSignal.timeout(5_000))
  await using none = postgresEngine({ url: several(() => '127.0.0.1:1,127.0.0.1:2') })
  await assert.rejects(
    none.connect(),
    /127\.0\.0\.1:1\/.*, 127\.0\.0\.1:2\/.* is unavailable: nothing listens/
  )
})

test('where one that writes is asked for, one that only reads is none', async () => {
  const wish = '?target_session_attrs=read-write'
  await using engine = postgresEngine({ url: several((real) => `${real},${real}`, wish), schema: 'mine' })
  const admin = new pg.Client({ connectionString: database.url })
  await admin.connect()
  const { pathname } = new URL(database.url)
  try {
    await admin.query(`ALTER DATABASE ${pathname.slice(1)} SET default_transaction_read_only TO on`)
    await assert.rejects(engine.connect(), /standby, or only reads/)
    await admin.query('SET default_transaction_read_only TO off')
    await admin.query(`ALTER DATABASE ${pathname.slice(1)} SET default_transaction_read_only TO off`)
  } finally {
    await admin.end()
  }
  const pool = await engine.connect()
  const { rows } = await pool.query("SELECT current_setting('search_path') AS path")
  assert.deepEqual(rows, [{ path: '"mine",public' }])
})
