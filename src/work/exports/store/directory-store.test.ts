import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../../../kernel/index.ts'
import { directoryStore } from './directory-store.ts'
import type { FileStore } from './file-store.ts'
import { type OpenedStore, sourceOf, testFileStore } from './store.contract.ts'

async function freshDirectory (t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'plimsoll-store-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

async function open (t: TestContext): Promise<OpenedStore> {
  const path = await freshDirectory(t)
  const store: FileStore = directoryStore({ path: join(path, 'exports') })
  await store.prepare()
  return {
    store,
    afterAll: () => systemClock.epochMs() + 1_000,
    async breakOffWrite (name) {
      const [folder = '', file = ''] = name.split('/')
      await mkdir(join(path, 'exports', folder), { recursive: true })
      await writeFile(join(path, 'exports', folder, `.${file}.abc123-0.part`), 'half')
    },
  }
}

testFileStore('directory', open)

test('a link in the directory that leads out of it is not followed, neither to write nor to read', async (t) => {
  const path = await freshDirectory(t)
  const outside = await freshDirectory(t)
  await writeFile(join(outside, 'secret'), 'secret')
  const store = directoryStore({ path })
  await store.prepare()
  await symlink(outside, join(path, 'way-out'))
  await symlink(join(outside, 'secret'), join(path, 'alias'))
  await assert.rejects(store.write('way-out/new', sourceOf([])), { code: 'FILE_STORE_UNAVAILABLE' })
  await assert.rejects(store.read('way-out/secret'), { code: 'FILE_STORE_UNAVAILABLE' })
  await assert.rejects(store.read('alias'), { code: 'FILE_STORE_UNAVAILABLE' })
  assert.deepEqual(await readdir(outside), ['secret'])
})

test('files that others put there are not in lists, and directories that are empty go', async (t) => {
  const path = await freshDirectory(t)
  const store = directoryStore({ path })
  await writeFile(join(path, '.gitignore'), '*')
  await store.write('a/b/c', sourceOf([Buffer.from('x')]))
  const names: string[] = []
  for await (const { name } of store.list('')) names.push(name)
  assert.deepEqual(names, ['a/b/c'])
  await store.delete(['a/b/c'])
  assert.deepEqual(await readdir(path), ['.gitignore'])
})

test('a file that is deleted while it is read is read to its end', async (t) => {
  const store = directoryStore({ path: await freshDirectory(t) })
  await store.write('read', sourceOf([Buffer.alloc(1_000_000, 'x')]))
  const stream = await store.read('read')
  await store.delete(['read'])
  assert.equal((await text(stream)).length, 1_000_000)
})

test('expiry goes by when a file was written', async (t) => {
  const path = await freshDirectory(t)
  const store = directoryStore({ path })
  await store.write('old', sourceOf([Buffer.from('x')]))
  await store.write('new', sourceOf([Buffer.from('x')]))
  await utimes(join(path, 'old'), 1_000, 1_000)
  assert.equal(await store.expire('', 2_000_000), 1)
  assert.deepEqual(await readdir(path), ['new'])
})

test('a directory that cannot be made stops the boot and says why', async (t) => {
  const path = await freshDirectory(t)
  await writeFile(join(path, 'file'), '')
  const store = directoryStore({ path: join(path, 'file', 'below') })
  await assert.rejects(store.prepare(), { code: 'FILE_STORE_UNAVAILABLE', reason: 'ENOTDIR' })
})

test('a write that failed leaves nothing on the disk', async (t) => {
  const path = await freshDirectory(t)
  const store = directoryStore({ path })
  const failing = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from('half')
    throw new Error('broken')
  }
  await assert.rejects(store.write('file', failing()), /broken/)
  assert.deepEqual(await readdir(path), [])
})
