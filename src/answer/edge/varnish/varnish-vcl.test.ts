import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { SettingError } from '../../../kernel/index.ts'
import { varnishVcl } from './varnish-vcl.ts'
import type { VarnishVclOptions } from './vcl-options.ts'

const good: VarnishVclOptions = { backend: { host: 'shop.internal', port: 8080 } }

/** The pattern by which the VCL takes cookies away. */
function publicPattern (publicRoutes: readonly string[]): RegExp {
  const [, source] = /req\.url ~ "(.*)"/.exec(varnishVcl({ ...good, publicRoutes })) ?? []
  return new RegExp(source ?? '')
}

test('cookies are taken from requests for public routes only, with and without a query', () => {
  const pattern = publicPattern(['/', '/products/:id', '/a.b', '/assets/*'])
  for (
    const url of ['/', '/?a=1', '/products/7', '/products/7?b=/x', '/a.b', '/assets/', '/assets/a/b.css']
  ) {
    assert.match(url, pattern)
  }
  for (
    const url of [
      '/me',
      '/products',
      '/products/',
      '/products/7/reviews',
      '/axb',
      '/x/assets/a',
      '/products/?a',
    ]
  ) {
    assert.doesNotMatch(url, pattern)
  }
})

test('without public routes no cookie is taken away', () => {
  assert.doesNotMatch(varnishVcl(good), /unset req\.http\.Cookie/)
})

test('only the machine itself may purge, unless others are named', () => {
  assert.match(varnishVcl(good), /acl plimsoll_purgers \{\s+"127\.0\.0\.1";\s+"::1";\s+\}/)
  assert.match(
    varnishVcl({ ...good, purgers: ['10.0.0.0/8'] }),
    /acl plimsoll_purgers \{\s+"10\.0\.0\.0"\/8;\s+\}/
  )
})

test('what could not stand in a VCL as what it is stops the boot, and no secret is shown', () => {
  const wrong: readonly (readonly [string, Partial<VarnishVclOptions>])[] = [
    ['backend.host', { backend: { host: 'a"; }', port: 80 } }],
    ['backend.port', { backend: { host: 'a', port: 0 } }],
    ['purgers', { purgers: [] }],
    ['purgers', { purgers: ['10.0.0.1"; "0.0.0.0"/0'] }],
    ['purgeToken', { purgeToken: 'short' }],
    ['purgeToken', { purgeToken: 'a-long-enough-token" || true' }],
    ['publicRoutes', { publicRoutes: ['products'] }],
    ['publicRoutes', { publicRoutes: ['/products/(.*)'] }],
    ['publicRoutes', { publicRoutes: ['/a*b'] }],
    ['publicRoutes', { publicRoutes: ['/x"y'] }],
    ['keyHeaders', { keyHeaders: ['x tenant'], trusted: ['10.0.0.1'] }],
    ['trusted', { keyHeaders: ['x-tenant'] }],
    ['locales', { locales: ['de(.*)'] }],
    ['probeSeconds', { probeSeconds: NaN }],
    ['probePath', { probePath: '/a b' }],
  ]
  for (const [setting, options] of wrong) {
    assert.throws(
      () => varnishVcl({ ...good, ...options }),
      (error) =>
        error instanceof SettingError && error.setting === `varnish.${setting}` &&
        !/short|long-enough/.test(inspect(error)),
      JSON.stringify(options)
    )
  }
})
