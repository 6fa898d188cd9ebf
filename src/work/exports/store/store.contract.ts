import fc from 'fast-check'
import assert from 'node:assert/strict'
import { buffer, text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import type { FileStore, StoredFile } from './file-store.ts'

/** What a suite needs of the store it tests. */
export interface OpenedStore {
  readonly store: FileStore
  /** A moment after all that has been written so far, by the store's clock. */
  readonly afterAll: () => number
  /** Makes what a write leaves behind whose process was killed in the middle. */
  readonly breakOffWrite: (name: string) => Promise<void>
}

/** What every {@link FileStore} promises. */
export function testFileStore (name: string, open: (t: TestContext) => Promise<OpenedStore>): void {
  test(`${name}: what was written is read as it was, whatever the pieces`, async (t) => {
    const { store } = await open(t)
    const pieces = fc.array(fc.uint8Array({ maxLength: 3_000 }), { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(pieces, async (pieces) => {
        const whole = Buffer.concat(pieces)
        assert.equal(await store.write('a/b.bin', sourceOf(pieces)), whole.length)
        assert.ok((await buffer(await store.read('a/b.bin'))).equals(whole))
      }),
      { numRuns: 20 }
    )
  })

  test(`${name}: a file of many mebibytes comes back whole`, async (t) => {
    const { store } = await open(t)
    const pieces = Array.from({ length: 20 }, (_, at) => Buffer.alloc(1_048_576 + at, at + 1))
    const whole = Buffer.concat(pieces)
    assert.equal(await store.write('large', sourceOf(pieces)), whole.length)
    assert.ok((await buffer(await store.read('large'))).equals(whole))
    const middle = await buffer(await store.read('large', { start: 8_388_600, end: 8_388_620 }))
    assert.ok(middle.equals(whole.subarray(8_388_600, 8_388_621)))
  })

  test(`${name}: a range is the bytes from its first to its last`, async (t) => {
    const { store } = await open(t)
    await store.write('digits', sourceOf([Buffer.from('0123456789')]))
    const range = async (start?: number, end?: number): Promise<string> =>
      text(await store.read('digits', { start, end }))
    assert.equal(await range(0, 0), '0')
    assert.equal(await range(3, 5), '345')
    assert.equal(await range(7), '789')
    assert.equal(await range(undefined, 2), '012')
    assert.equal(await range(8, 1_000), '89')
    await assert.rejects(range(10), RangeError)
    await store.write('empty', sourceOf([]))
    assert.equal(await text(await store.read('empty')), '')
  })

  test(`${name}: a file is there as a whole or not at all`, async (t) => {
    const { store } = await open(t)
    await store.write('kept/file', sourceOf([Buffer.from('first')]))
    const failing = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(9_000_000)
      assert.deepEqual(await namesOf(store, ''), ['kept/file'])
      assert.equal(await text(await store.read('kept/file')), 'first')
      throw new Error('the source broke')
    }
    await assert.rejects(store.write('kept/file', failing()), /the source broke/)
    await assert.rejects(store.write('kept/other', failing()), /the source broke/)
    assert.deepEqual(await namesOf(store, ''), ['kept/file'])
    assert.equal(await text(await store.read('kept/file')), 'first')
    await store.write('kept/file', sourceOf([Buffer.from('second')]))
    assert.equal(await text(await store.read('kept/file')), 'second')
  })

  test(`${name}: a write whose signal aborts leaves nothing`, async (t) => {
    const { store } = await open(t)
    const controller = new AbortController()
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      for (let count = 0;; count++) {
        if (count === 12) controller.abort(new Error('enough'))
        yield Buffer.alloc(1_000_000)
      }
    }
    await assert.rejects(store.write('endless', endless(), controller.signal), /enough/)
    assert.deepEqual(await namesOf(store, ''), [])
    await assert.rejects(store.write('none', sourceOf([]), AbortSignal.abort(new Error('before'))), /before/)
    assert.deepEqual(await namesOf(store, ''), [])
  })

  test(`${name}: a list has the files that begin so, with their sizes`, async (t) => {
    const { store, afterAll } = await open(t)
    const before = afterAll()
    for (const name of ['x/1/a', 'x/1/b', 'x/10/a', 'y']) {
      await store.write(name, sourceOf([Buffer.alloc(name.length)]))
    }
    assert.deepEqual(await namesOf(store, ''), ['x/1/a', 'x/1/b', 'x/10/a', 'y'])
    assert.deepEqual(await namesOf(store, 'x/1/'), ['x/1/a', 'x/1/b'])
    assert.deepEqual(await namesOf(store, 'x/1'), ['x/1/a', 'x/1/b', 'x/10/a'])
    assert.deepEqual(await namesOf(store, 'z/'), [])
    const [y] = await filesOf(store, 'y')
    assert.equal(y?.bytes, 1)
    assert.ok(y.writtenAtMs >= before - 2_000 && y.writtenAtMs <= afterAll(), String(y.writtenAtMs))
  })

  test(`${name}: what is deleted is gone, and what is not there is no error`, async (t) => {
    const { store } = await open(t)
    for (let at = 0; at < 20; at++) await store.write(`d/${at}`, sourceOf([Buffer.from('x')]))
    await store.delete([...Array.from({ length: 19 }, (_, at) => `d/${at}`), 'd/none', 'no/such'])
    assert.deepEqual(await namesOf(store, ''), ['d/19'])
    await assert.rejects(store.read('d/1'), { code: 'FILE_MISSING', file: 'd/1' })
    await assert.rejects(store.read('no/such'), { code: 'FILE_MISSING' })
    await store.write('d/1', sourceOf([Buffer.from('again')]))
    assert.equal(await text(await store.read('d/1')), 'again')
  })

  test(`${name}: expiry takes what is older, and what broken writes left`, async (t) => {
    const { store, afterAll, breakOffWrite } = await open(t)
    await store.write('e/1', sourceOf([Buffer.from('x')]))
    await store.write('f/1', sourceOf([Buffer.from('x')]))
    await breakOffWrite('e/2')
    assert.deepEqual(await namesOf(store, 'e/'), ['e/1'])
    assert.equal(await store.expire('e/', 0), 0)
    assert.deepEqual(await namesOf(store, 'e/'), ['e/1'])
    assert.equal(await store.expire('e/', afterAll()), 2)
    assert.equal(await store.expire('e/', afterAll()), 0)
    assert.deepEqual(await namesOf(store, ''), ['f/1'])
  })

  test(`${name}: a name that could lead out, or need escaping, is refused`, async (t) => {
    const { store } = await open(t)
    const names = [
      '',
      '/',
      '/a',
      'a/',
      'a//b',
      '..',
      '../a',
      'a/../b',
      'a/.b',
      '.a',
      'a b',
      'a%2e',
      'a\\b',
      'ä',
      'a?b',
    ]
    names.push('a\0', 'a\nb', `${'x'.repeat(129)}`, Array.from({ length: 9 }, () => 'a').join('/'))
    for (const name of names) {
      await assert.rejects(store.write(name, sourceOf([])), { code: 'SETTING_INVALID' }, name)
      await assert.rejects(store.read(name), { code: 'SETTING_INVALID' }, name)
      await assert.rejects(store.delete([name]), { code: 'SETTING_INVALID' }, name)
    }
    await assert.rejects(namesOf(store, '../'), { code: 'SETTING_INVALID' })
    await assert.rejects(store.expire('/etc/', 0), { code: 'SETTING_INVALID' })
  })

  test(`${name}: of many writes at once each is there`, async (t) => {
    const { store } = await open(t)
    const names = Array.from({ length: 24 }, (_, at) => `many/${at % 3}/${at}`).toSorted()
    await Promise.all(names.map((name) => store.write(name, sourceOf([Buffer.from(name)]))))
    assert.deepEqual(await namesOf(store, 'many/'), names)
    for (const name of names) assert.equal(await text(await store.read(name)), name)
  })
}

/** Bytes as a source of a write. */
export async function* sourceOf (pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces
}

async function filesOf (store: FileStore, prefix: string): Promise<StoredFile[]> {
  const files: StoredFile[] = []
  for await (const file of store.list(prefix)) files.push(file)
  return files
}

async function namesOf (store: FileStore, prefix: string): Promise<string[]> {
  return (await filesOf(store, prefix)).map(({ name }) => name).toSorted()
}
