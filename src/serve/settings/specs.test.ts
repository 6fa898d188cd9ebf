import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from './address.ts'
import { editDistance, nearest } from './nearest.ts'
import { settingGroups } from './spec.ts'
import { settingSpecs } from './specs.ts'

test('keys, flags and variables follow one pattern, and none is there twice', () => {
  for (const { key, flag, env, group } of settingSpecs) {
    assert.match(key, /^[a-z][A-Za-z0-9]*(\.[a-z][A-Za-z0-9]*)?$/)
    assert.match(flag, /^--[a-z0-9]+(-[a-z0-9]+)*$/)
    assert.equal(env, `PLIMSOLL_${flag.slice(2).toUpperCase().replaceAll('-', '_')}`)
    assert.ok(settingGroups.includes(group))
  }
  for (const name of ['key', 'flag', 'env'] as const) {
    assert.equal(new Set(settingSpecs.map((spec) => spec[name])).size, settingSpecs.length)
  }
})

test('every default is a value of its kind, and can be written back', () => {
  for (const { key, kind, ...spec } of settingSpecs) {
    for (const value of [spec.default, ...Object.values(spec.defaultIn)]) {
      if (value === undefined) continue
      const read = kind.read(value, key)
      assert.deepEqual(kind.read(kind.fromText(kind.show(read as never)), key), read)
    }
  }
})

test('a word is answered with the closest name, and with nothing when none is close', () => {
  const names = ['dev', 'serve', 'check', 'config']
  assert.equal(nearest('sreve', names), 'serve')
  assert.equal(nearest('conifg', names), 'config')
  assert.equal(nearest('deploy', names), undefined)
  assert.equal(nearest('x', names), undefined)
  assert.equal(nearest('--grace', ['--drain-grace', '--drain-idle']), '--drain-grace')
})

test('the edit distance is symmetric, 0 only for equal words, and at most the longer length', () => {
  const words = fc.string({ maxLength: 8, unit: fc.constantFrom('a', 'b', 'c') })
  fc.assert(fc.property(words, words, (a, b) => {
    const distance = editDistance(a, b)
    assert.equal(distance, editDistance(b, a))
    assert.equal(distance === 0, a === b)
    assert.ok(distance <= Math.max(a.length, b.length))
    assert.ok(distance >= Math.abs(a.length - b.length))
  }))
})

test('a swap of neighbours counts as one edit', () => {
  assert.equal(editDistance('listen', 'litsen'), 1)
})

test('addresses: host and port, IPv6 in brackets, UNIX sockets; nothing else', () => {
  assert.deepEqual(parseAddress('localhost:80'), { kind: 'tcp', host: 'localhost', port: 80 })
  assert.deepEqual(parseAddress('[::1]:80'), { kind: 'tcp', host: '::1', port: 80 })
  assert.deepEqual(parseAddress('unix:/run/a b.sock'), { kind: 'unix', path: '/run/a b.sock' })
  for (const text of ['80', ':80', 'a:b', '::1:80', 'unix:', 'a:65536', 'http://a:80', 'a:80/x', '']) {
    assert.equal(parseAddress(text), undefined, text)
  }
})
