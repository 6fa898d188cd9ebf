import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '../../kernel/index.ts'
import { cursorKeys } from './cursor-keys.ts'
import {
  bindingsOf,
  type CursorBinding,
  keyValues,
  type Position,
  readCursor,
  writeCursor,
} from './cursor.ts'
import { keyset, type KeysetOptions, type PageRequest } from './keyset.ts'
import { keys } from './shelf.fixture.ts'

const parts = {
  list: 'shelf',
  version: '1',
  sort: 'day',
  filter: '{"a":1}',
  tenant: 'acme' as string | undefined,
}

function boundTo (changed: Partial<typeof parts>): CursorBinding {
  const { filter, tenant, ...list } = { ...parts, ...changed }
  return bindingsOf(list)(filter, tenant)
}

const binding = boundTo({})
const position: Position = { way: 'forwards', inclusive: false, key: '["2026-01-01","7"]' }

test('what is written is read, for every position', () => {
  fc.assert(fc.property(
    fc.constantFrom('forwards' as const, 'backwards' as const),
    fc.boolean(),
    fc.array(fc.option(fc.string({ unit: 'grapheme' }))),
    (way, inclusive, values) => {
      const key = JSON.stringify(values)
      const read = readCursor(writeCursor({ way, inclusive, key }, binding, keys), binding, keys)
      assert.deepEqual(read, { way, inclusive, key })
      assert.deepEqual(keyValues(read.key, values.length), values)
    }
  ))
})

test('a cursor is the same text in every process and after every deploy', () => {
  const cursor = writeCursor(position, binding, keys)
  assert.equal(cursor, 'AQA-76RrhrKUTCcBWr1cb_yoGDlM9dkBFbsIKdOtJswLWyIyMDI2LTAxLTAxIiwiNyJd')
})

test('a cursor of another list, version, sort, filter or tenant is refused with that reason', () => {
  const cursor = writeCursor(position, binding, keys)
  const others: readonly (readonly [Partial<typeof parts>, string])[] = [
    [{ list: 'orders' }, 'other-list'],
    [{ version: '2' }, 'other-version'],
    [{ sort: '-day' }, 'other-sort'],
    [{ filter: '' }, 'other-filter'],
    [{ tenant: 'umbrella' }, 'other-tenant'],
    [{ tenant: undefined }, 'other-tenant'],
  ]
  for (const [other, reason] of others) refuses(cursor, boundTo(other), reason)
})

test('the signature covers the whole binding, not only its short digests', () => {
  const cursor = Buffer.from(writeCursor(position, binding, keys), 'base64url')
  for (const [at, name] of (['list', 'version', 'sort', 'filter', 'tenant'] as const).entries()) {
    const other = boundTo({ [name]: 'another' })
    const forged = Buffer.from(cursor)
    Buffer.from(writeCursor(position, other, keys), 'base64url').copy(
      forged,
      2 + at * 3,
      2 + at * 3,
      5 + at * 3
    )
    refuses(forged.toString('base64url'), other, 'forged')
  }
})

test('whatever is changed, cut off or added, no cursor is taken but the one that was given', () => {
  const cursor = writeCursor(position, binding, keys)
  const bytes = Buffer.from(cursor, 'base64url')
  fc.assert(fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
    const changed = Buffer.from(bytes)
    changed[at]! ^= flip
    refuses(changed.toString('base64url'), binding)
  }))
  for (let length = 0; length < cursor.length - 1; length++) refuses(cursor.slice(0, length), binding)
  fc.assert(fc.property(fc.string({ minLength: 1 }), (more) => refuses(`${cursor}${more}AA`, binding)))
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => refuses(text, binding)))
  refuses(`${cursor}${'A'.repeat(1_000_000)}`, binding, 'malformed')
})

test('keys rotate: the first signs, all are accepted, a retired one is not', () => {
  const [old, young] = ['the key that has signed until now.....', 'the key that is to sign from now on...']
  const cursor = writeCursor(position, binding, cursorKeys([old]))
  assert.deepEqual(readCursor(cursor, binding, cursorKeys([young, old])), position)
  assert.equal(writeCursor(position, binding, cursorKeys([old, young])), cursor)
  refuses(writeCursor(position, binding, cursorKeys([young, old])), binding, 'forged', cursorKeys([old]))
  refuses(cursor, binding, 'forged', cursorKeys([young]))
})

test('a signature of another length is none', () => {
  assert.equal(keys.verify('text', keys.sign('text')), true)
  for (const length of [0, 15, 17]) assert.equal(keys.verify('text', Buffer.alloc(length)), false)
})

test('keys that are too few, too many or too short stop the boot, and are not shown', () => {
  assert.throws(() => cursorKeys([]), { code: 'SETTING_INVALID' })
  assert.throws(() => cursorKeys(Array.from({ length: 9 }, () => 'x'.repeat(32))), {
    code: 'SETTING_INVALID',
  })
  assert.throws(() => cursorKeys(['hunter2']), (error: Error) => !error.message.includes('hunter2'))
})

test('a row whose key would not fit in a URL is an error that tells what to sort by', () => {
  const key = JSON.stringify(['x'.repeat(4_000)])
  assert.throws(() => writeCursor({ ...position, key }, binding, keys), { code: 'CURSOR_TOO_LONG' })
})

test('a list takes no cursor made with another filter, tenant, version or order of columns', async () => {
  const options: KeysetOptions = {
    list: 'shelf',
    version: '1',
    columns: [{ column: 'day', type: 'date' }],
    key: { column: 'id', type: 'int' },
    cursors: keys,
  }
  const rows = async (): Promise<object[]> => [{ $key: '["2026-01-01","1"]' }, { $key: '["2026-01-01","2"]' }]
  const request = { limit: 1, filter: { a: 1, b: [2] }, tenant: 'acme' }
  const { next } = await keyset(options).page(request, rows)
  const read = async (change: Partial<KeysetOptions>, asked: PageRequest): Promise<unknown> =>
    keyset({ ...options, ...change }).page({ ...asked, cursor: next ?? '' }, rows)
  await read({ maxLimit: 50 }, { ...request, limit: 3, filter: { b: [2], a: 1 } })
  const refused: [Partial<KeysetOptions>, PageRequest, string][] = [
    [{}, { ...request, filter: { a: 1, b: [3] } }, 'other-filter'],
    [{}, { ...request, filter: undefined }, 'other-filter'],
    [{}, { ...request, tenant: undefined }, 'other-tenant'],
    [{ version: '2' }, request, 'other-version'],
    [{ list: 'shelves' }, request, 'other-list'],
    [{ columns: [{ column: 'day', type: 'date', direction: 'desc' }] }, request, 'other-sort'],
    [{ columns: [{ column: 'day', type: 'date', nulls: 'never' }] }, request, 'other-sort'],
    [{ columns: [{ column: 'day', type: 'timestamptz' }] }, request, 'other-sort'],
  ]
  for (const [change, asked, reason] of refused) {
    await assert.rejects(read(change, asked), { code: 'CURSOR_INVALID', extensions: { reason } })
  }
})

function refuses (cursor: string, binding: CursorBinding, reason?: string, accepted = keys): void {
  assert.throws(() => readCursor(cursor, binding, accepted), (error) => {
    assert.ok(error instanceof Problem)
    assert.deepEqual([error.code, error.statusCode], ['CURSOR_INVALID', 400])
    if (reason !== undefined) assert.equal(error.extensions['reason'], reason)
    return true
  })
}
