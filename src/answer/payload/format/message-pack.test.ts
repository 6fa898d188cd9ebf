import fc from 'fast-check'
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { Problem } from '../../../kernel/index.ts'
import { packMessage, readJsonExactly, unpackMessage } from './message-pack.ts'

/** A document of JSON as it is after one round: no negative zero, no own `__proto__`. */
const documents = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown)
  .filter((value) => !JSON.stringify(value).includes('"__proto__"'))

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

function refusal (bytes: Buffer): string {
  try {
    unpackMessage(bytes)
  } catch (error) {
    assert.ok(error instanceof Problem)
    assert.equal(error.code, 'MALFORMED_MESSAGE_PACK')
    return error.detail ?? ''
  }
  return 'read'
}

test('a document of JSON comes back as it was', () => {
  fc.assert(fc.property(documents, (document) => {
    assert.deepEqual(unpackMessage(packMessage(document)), document)
  }))
})

test('bytes are read or refused with a problem, whatever they are', () => {
  const broken = fc.tuple(documents, fc.nat(), fc.nat(255)).map(([document, at, value]) => {
    const bytes = Buffer.from(packMessage(document))
    bytes[at % bytes.length] = value
    return bytes
  })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array().map((raw) => Buffer.from(raw)), broken), (bytes) => {
      refusal(bytes)
    }),
    { numRuns: 2_000 }
  )
})

test('a body that is cut off anywhere, or goes on, is refused', () => {
  const whole = packMessage({ a: [1, 'text', { b: 2.5, c: null }], d: 70_000, e: 'x'.repeat(300) })
  for (let end = 0; end < whole.length; end++)
    assert.match(refusal(whole.subarray(0, end)), /cut off/, String(end))
  assert.match(refusal(Buffer.concat([whole, hex('c0')])), /goes on/)
})

const refused: readonly (readonly [claim: string, bytes: Buffer, detail: RegExp])[] = [
  ['an array of four thousand million items', hex('dd ffffffff'), /cut off/],
  ['a map that says more than it holds', hex('df 7fffffff a161 01'), /cut off/],
  ['text that says more than it holds', hex('db ffffffff 61'), /cut off/],
  ['binary data', hex('c4 01 00'), /binary/],
  ['a timestamp', hex('d6 ff 00000000'), /extension/],
  ['a record definition of the library', hex('d4 72 40 91 a161 01'), /extension/],
  ['a reference of the library', hex('d6 69 00000000 c0'), /extension/],
  ['the token that does not exist', hex('c1'), /does not exist/],
  ['a key that is a number', hex('81 01 02'), /no text/],
  ['a key that is an array', hex('81 90 02'), /no text/],
  ['a key named __proto__', hex('81 a95f5f70726f746f5f5f 80'), /__proto__/],
  ['constructor.prototype', Buffer.from(packMessage({ constructor: { prototype: {} } })), /prototype/],
  ['65 levels', Buffer.concat([Buffer.alloc(64, 0x91), hex('91 c0')]), /64 levels/],
  ['a million levels', Buffer.alloc(1_000_000, 0x91), /64 levels/],
]

for (const [claim, bytes, detail] of refused) {
  test(`${claim} is refused`, () => assert.match(refusal(bytes), detail))
}

test('64 levels, empty containers and a plain key named constructor are read', () => {
  assert.notEqual(unpackMessage(Buffer.concat([Buffer.alloc(64, 0x91), hex('c0')])), undefined)
  const document: unknown = [{}, [], { constructor: 'x', prototype: 1 }]
  assert.deepEqual(unpackMessage(packMessage(document)), document)
})

test('an integer is a number where that is exact, else a bigint', () => {
  assert.equal(unpackMessage(hex('cf 00000000000000ff')), 255)
  assert.equal(unpackMessage(hex('d3 ffffffffffffffff')), -1)
  assert.equal(unpackMessage(hex('cf ffffffffffffffff')), 18_446_744_073_709_551_615n)
})

test('JSON is read without losing digits of integers up to 64 bits', () => {
  assert.deepEqual(
    readJsonExactly('{"a":9007199254740993,"b":-9223372036854775808,"c":1.5,"d":"9007199254740993"}'),
    {
      a: 9_007_199_254_740_993n,
      b: -9_223_372_036_854_775_808n,
      c: 1.5,
      d: '9007199254740993',
    }
  )
  assert.equal(readJsonExactly('18446744073709551616'), 18_446_744_073_709_551_616)
  assert.equal(readJsonExactly('1234567890123456.5'), 1_234_567_890_123_456.5)
})

test('without its native part the library reads and writes the same', () => {
  const module = new URL('./message-pack.ts', import.meta.url)
  const document = {
    text: 'x'.repeat(200),
    list: Array.from({ length: 40 }, (_, id) => ({ id, name: `name ${id}` })),
  }
  const script = `
    const { packMessage, unpackMessage } = await import(${JSON.stringify(module.href)})
    const { isNativeAccelerationEnabled } = await import('msgpackr')
    if (isNativeAccelerationEnabled) throw new Error('the native part is on')
    const document = ${JSON.stringify(document)}
    const bytes = packMessage(document)
    process.stdout.write(JSON.stringify([bytes.toString('hex'), unpackMessage(bytes)]))`
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--conditions=plimsoll-source', '--input-type=module', '-e', script],
    {
      encoding: 'utf8',
      timeout: 20_000,
      env: { ...process.env, MSGPACKR_NATIVE_ACCELERATION_DISABLED: 'true' },
    }
  )
  assert.ok(stdout !== '', stderr)
  assert.deepEqual(JSON.parse(stdout), [packMessage(document).toString('hex'), document])
})
