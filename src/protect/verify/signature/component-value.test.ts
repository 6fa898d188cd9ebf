import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseItem } from 'structured-headers'
import { componentValue, formEncoded } from './component-value.ts'
import { readComponent } from './component.ts'
import type { SignatureReason } from './reason.ts'
import { FieldLines, type SignedRequest } from './signed-request.ts'
import { readTarget } from './target.ts'

/** The value of the component written as `identifier`, or why it has none. */
function valueOf (identifier: string, request: Partial<SignedRequest>): string {
  const whole: SignedRequest = {
    method: 'GET',
    target: '/',
    scheme: 'https',
    authority: 'www.example.com',
    rawHeaders: [],
    hasBody: false,
    ...request,
  }
  const target = readTarget(whole)
  assert.ok(target)
  const component = readComponent(parseItem(identifier))
  if ('reason' in component) return component.reason
  const structured = { 'example-dict': 'dictionary', 'example-list': 'list', 'example-item': 'item' } as const
  const source = { request: whole, target, fields: new FieldLines(whole.rawHeaders), structured }
  const value = componentValue(component, source)
  return typeof value === 'string' ? value : value.reason
}

const fields = [
  'X-OWS-Header',
  '   Leading and trailing whitespace.   ',
  'Cache-Control',
  'max-age=60',
  'Cache-Control',
  '   must-revalidate',
  'Example-Dict',
  '  a=1,    b=2;x=1;y=2,   c=(a   b   c), d',
  'X-Empty-Header',
  '',
  'Example-Header',
  'value, with, lots',
  'Example-Header',
  'of, commas',
]

test('RFC 9421 2.1: fields are trimmed and joined, an empty one is empty, an absent one is absent', () => {
  const rawHeaders = fields
  assert.equal(valueOf('"x-ows-header"', { rawHeaders }), 'Leading and trailing whitespace.')
  assert.equal(valueOf('"cache-control"', { rawHeaders }), 'max-age=60, must-revalidate')
  assert.equal(valueOf('"x-empty-header"', { rawHeaders }), '')
  assert.equal(valueOf('"x-other"', { rawHeaders }), 'component-absent')
})

test('RFC 9421 2.1.1 and 2.1.2: strict form and single members of structured fields', () => {
  const rawHeaders = fields
  const raw = 'a=1,    b=2;x=1;y=2,   c=(a   b   c), d'
  assert.equal(valueOf('"example-dict"', { rawHeaders }), raw)
  assert.equal(valueOf('"example-dict";sf', { rawHeaders }), 'a=1, b=2;x=1;y=2, c=(a b c), d')
  assert.equal(valueOf('"example-dict";key="a"', { rawHeaders }), '1')
  assert.equal(valueOf('"example-dict";key="b"', { rawHeaders }), '2;x=1;y=2')
  assert.equal(valueOf('"example-dict";key="c"', { rawHeaders }), '(a b c)')
  assert.equal(valueOf('"example-dict";key="d"', { rawHeaders }), '?1')
  assert.equal(valueOf('"example-dict";key="e"', { rawHeaders }), 'component-absent')
  assert.equal(valueOf('"x-ows-header";sf', { rawHeaders }), 'component-unsupported', 'its kind is not known')
  assert.equal(valueOf('"example-list";sf', { rawHeaders: ['Example-List', '("a'] }), 'malformed')
  assert.equal(valueOf('"example-list";sf', { rawHeaders: ['Example-List', 'a,b'] }), 'a, b')
  assert.equal(valueOf('"example-item";sf', { rawHeaders: ['Example-Item', ' a;b '] }), 'a;b')
})

test('RFC 9421 2.1.3: lines as bytes tell apart what joining does not', () => {
  const lots = [':dmFsdWUsIHdpdGgsIGxvdHM=:', ':b2YsIGNvbW1hcw==:']
  assert.equal(valueOf('"example-header";bs', { rawHeaders: fields }), lots.join(', '))
  const one = ['Example-Header', 'value, with, lots, of, commas']
  assert.equal(
    valueOf('"example-header";bs', { rawHeaders: one }),
    ':dmFsdWUsIHdpdGgsIGxvdHMsIG9mLCBjb21tYXM=:'
  )
  assert.equal(valueOf('"x-name"', { rawHeaders: ['X-Name', 'é'] }), 'component-unsupported')
  assert.equal(valueOf('"x-name";bs', { rawHeaders: ['X-Name', 'é'] }), ':6Q==:')
})

test('RFC 9421 2.2: derived components', () => {
  const request = { method: 'POST', target: '/path?param=value' }
  assert.equal(valueOf('"@method"', request), 'POST')
  assert.equal(valueOf('"@target-uri"', request), 'https://www.example.com/path?param=value')
  assert.equal(valueOf('"@authority"', { ...request, authority: 'WWW.Example.com:443' }), 'www.example.com')
  assert.equal(
    valueOf('"@authority"', { scheme: 'http', authority: 'www.example.com:443' }),
    'www.example.com:443'
  )
  assert.equal(valueOf('"@scheme"', { ...request, scheme: 'http' }), 'http')
  assert.equal(valueOf('"@request-target"', request), '/path?param=value')
  assert.equal(
    valueOf('"@request-target"', { target: 'https://www.example.com/a?b' }),
    'https://www.example.com/a?b'
  )
  assert.equal(valueOf('"@request-target"', { method: 'OPTIONS', target: '*' }), '*')
  assert.equal(valueOf('"@path"', { target: 'https://www.example.com' }), '/')
  assert.equal(valueOf('"@query"', { target: '/path?queryString' }), '?queryString')
  assert.equal(valueOf('"@query"', { target: '/path' }), '?')
  assert.equal(valueOf('"@query"', { target: '/path?' }), '?')
})

test('RFC 9421 2.2.8: query parameters, encoded anew', () => {
  const target = '/path?param=value&foo=bar&baz=batman&qux='
  assert.equal(valueOf('"@query-param";name="baz"', { target }), 'batman')
  assert.equal(valueOf('"@query-param";name="qux"', { target }), '')
  assert.equal(valueOf('"@query-param";name="other"', { target }), 'component-absent')
  const encoded = '/parameters?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace' +
    '&fa%C3%A7ade%22%3A%20=something'
  assert.equal(
    valueOf('"@query-param";name="var"', { target: encoded }),
    'this%20is%20a%20big%0Amultiline%20value'
  )
  assert.equal(valueOf('"@query-param";name="bar"', { target: encoded }), 'with%20plus%20whitespace')
  assert.equal(valueOf('"@query-param";name="fa%C3%A7ade%22%3A%20"', { target: encoded }), 'something')
  assert.equal(valueOf('"@query-param";name="a"', { target: "/?a=(it's)~!*" }), '%28it%27s%29%7E%21*')
  assert.equal(valueOf('"@query-param";name="a"', { target: '/?a=1&%61=2' }), 'component-unsupported')
})

test('what a request cannot have is refused by name, and so are parameters that do not go together', () => {
  const refused = [
    '"@status"',
    '"@signature-params"',
    '"@unknown"',
    '"@method";req',
    '"@method";sf',
    '"@query-param"',
    '"@query-param";name=1',
    '"content-digest";req',
    '"expires";tr',
    '"example-dict";bs;sf',
    '"example-dict";bs;key="a"',
    '"example-dict";key',
    '"example-dict";sf=?0',
    '"Date"',
    '"a b"',
  ]
  for (const identifier of refused) {
    assert.equal(valueOf(identifier, { rawHeaders: fields }), 'component-unsupported', identifier)
  }
  const token: SignatureReason = 'malformed'
  assert.equal(valueOf('date', {}), token)
})

test('a query parameter reads the same whatever its text, and is ASCII', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => {
    const target = `/?p=${encodeURIComponent(text.toWellFormed())}`
    const value = valueOf('"@query-param";name="p"', { target })
    assert.equal(value, formEncoded(text))
    assert.match(value, /^[A-Za-z0-9*\-._%]*$/)
    assert.equal(decodeURIComponent(value), text.toWellFormed())
  }))
})
