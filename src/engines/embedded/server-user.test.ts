import assert from 'node:assert/strict'
import { chmod, mkdir } from 'node:fs/promises'
import { rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import pg from 'pg'
import { embeddedPostgres } from './embedded-postgres.ts'
import { serverFolder } from './server-folder.fixture.ts'
import { parseUsers, reachable } from './server-user.ts'

const onlyAsRoot = {
  skip: process.getuid?.() === 0 ?
    false :
    'NOT RUN: only root can test what root does; run the tests as root too',
}

test('users are read from a passwd file, and root is none that a server could run as', () => {
  const users = parseUsers('root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65533:::\n\n# comment\n+::::::\n')
  assert.deepEqual(users.get('nobody'), { uid: 65534, gid: 65533 })
  assert.equal(users.has('root'), false)
})

test('a folder is reachable when every folder above it may be entered', async () => {
  await using folder = await serverFolder()
  const { uid, gid } = await stat(folder.path)
  const stranger = { uid: uid + 70_000, gid: gid + 70_000 }
  const inner = join(folder.path, 'closed', 'inner')
  await mkdir(inner, { recursive: true })
  assert.equal(await reachable(inner, stranger), true)
  await chmod(dirname(inner), 0o710)
  assert.equal(await reachable(inner, stranger), false)
  assert.equal(await reachable(inner, { uid, gid }), true)
  assert.equal(await reachable(join(folder.path, 'not yet there'), stranger), true)
})

test(
  'as root in a folder that only root may enter, the data go where the server can reach them',
  onlyAsRoot,
  async () => {
    await using folder = await serverFolder()
    await chmod(folder.path, 0o700)
    const said: string[] = []
    const directory = join(folder.path, 'postgres')
    const first = embeddedPostgres({ directory, log: (message) => said.push(message) })
    const { url } = await first.connect()
    const home = /data is kept in (\S+),/.exec(said.join())?.[1] ?? ''
    try {
      assert.match(home, /^\/var\/lib\/plimsoll\/[0-9a-f]+$/)
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      const { rows } = await client.query('SHOW data_directory')
      await client.end()
      assert.deepEqual(rows, [{ data_directory: join(home, 'data') }])
      await first.close()
      await using second = embeddedPostgres({ directory })
      assert.equal((await second.connect()).url, url)
    } finally {
      await first.close()
      await rm(home, { recursive: true, force: true })
    }
  }
)
