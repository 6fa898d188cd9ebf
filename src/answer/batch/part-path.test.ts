import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pathFault } from './part-path.ts'

for (
  const path of [
    '/api/',
    '/api/orders/7',
    '/api/orders?fields=id,name&x=%2F..%2F',
    '/api/a.b/..c/d..',
    '/api/100%25',
    '/api/%E2%82%AC',
    '/api/...',
  ]
) {
  test(`${path} is a path within /api/`, () => {
    assert.equal(pathFault(path, '/api/'), undefined)
  })
}

for (
  const path of [
    '',
    'api/x',
    '*',
    '/other',
    '/apix',
    '/api',
    '//evil.example/api/',
    'http://evil.example/api/x',
    '/api/../admin',
    '/api/..',
    '/api/./x',
    '/api/%2e%2e/admin',
    '/api/%2E./admin',
    '/api/..%2fadmin',
    '/api/..%5cadmin',
    '/api/%252e%252e/admin',
    '/api/%252e%252e%252fadmin',
    '/api\\..\\admin',
    '/api/x#fragment',
    '/api/x y',
    '/api/x\r\nhost: evil',
    '/api/\u0000',
    '/api/ü',
    '/api/%',
    '/api/%zz',
    '/api/%ff',
    `/api/${'x'.repeat(2_048)}`,
  ]
) {
  test(`${JSON.stringify(path.slice(0, 40))} is no path within /api/`, () => {
    assert.notEqual(pathFault(path, '/api/'), undefined)
  })
}

test('no path that is let through leads out for who resolves it as it is, or decoded once or twice', () => {
  const piece = fc.constantFrom(
    '/',
    '.',
    '..',
    '%2e',
    '%2E',
    '%2f',
    '%5c',
    '\\',
    '%25',
    '2e',
    '2f',
    'api',
    'x',
    '?',
    '#',
    '%',
    '//'
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const path = `/api/${pieces.join('')}`
      if (pathFault(path, '/api/') !== undefined) return
      let form = path.split('?', 1)[0] ?? ''
      for (let round = 0; round < 3; round++) {
        const { pathname, host } = new URL(form.replaceAll('\\', '/'), 'http://own.example')
        assert.equal(host, 'own.example')
        assert.ok(pathname.startsWith('/api/'), `${path} became ${pathname}`)
        form = form.replaceAll(
          /%([0-7][\da-f])/gi,
          (_match, digits: string) => String.fromCharCode(parseInt(digits, 16))
        )
      }
    }),
    { numRuns: 2_000 }
  )
})

test('what names a host is no path, whatever paths have to begin with', () => {
  for (const path of ['//evil.example/', '//', 'http://evil.example/', '/\\evil.example/']) {
    assert.notEqual(pathFault(path, '/'), undefined, path)
  }
})
