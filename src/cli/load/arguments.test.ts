import fc from 'fast-check'
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { SettingError } from '../../kernel/index.ts'
import { resolveScenario } from '../../plan/load/scenario/index.ts'
import { parseArguments } from '../arguments.ts'
import { UsageError } from '../errors.ts'
import { type LoadRequest, readLoadArguments } from './arguments.ts'
import { load } from './load.ts'

const directory = mkdtempSync(join(tmpdir(), 'plimsoll-load-arguments-'))
after(() => rmSync(directory, { recursive: true }))

function read (...args: string[]): LoadRequest {
  const silent = { write: () => true }
  return readLoadArguments(parseArguments(load, args), {
    stdout: silent,
    stderr: silent,
    env: {},
    directory,
    version: '0',
    watchInterrupts: () => assert.fail(),
  })
}

function definition (...args: string[]): Extract<LoadRequest, { kind: 'url' }>['definition'] {
  const request = read(...args)
  assert.ok(request.kind === 'url')
  return request.definition
}

test('a URL is its target and one step with path and query; repeated flags add up', () => {
  const { target, journeys, headers, thresholds, process, seed, fresh } = definition(
    'http://[::1]:3000/a%20b?x=1#y',
    '--header',
    'accept:  text/html ',
    '--header=x-b: c: d',
    '--threshold',
    'p99<1s',
    '--threshold=errors<1',
    '--arrivals',
    'constant',
    '--seed',
    '0',
    '--fresh'
  )
  assert.equal(target, 'http://[::1]:3000')
  assert.deepEqual(journeys[0]?.steps, [{ path: '/a%20b?x=1' }])
  assert.deepEqual(headers, { accept: 'text/html', 'x-b': 'c: d' })
  assert.deepEqual(thresholds, ['p99<1s', 'errors<1'])
  assert.deepEqual([process, seed, fresh], ['constant', 0, true])
})

test('a JSON body brings its content type, unless a header does; a body from a file is sent byte for byte', () => {
  const step = (...args: string[]): unknown => definition('http://localhost/', ...args).journeys[0]?.steps[0]
  const typed = { headers: { 'content-type': 'application/json' } }
  assert.deepEqual(step('--body', '[1]'), { path: '/', body: '[1]', ...typed })
  assert.deepEqual(step('--body', '[1]', '--header', 'Content-Type: a/b'), { path: '/', body: '[1]' })
  assert.deepEqual(step('--body', 'plain'), { path: '/', body: 'plain' })
  writeFileSync(join(directory, 'bytes'), new Uint8Array([0, 255, 10]))
  assert.deepEqual(step('--body-file', 'bytes'), { path: '/', body: new Uint8Array([0, 255, 10]) })
})

test('flags of its own that begin with --no- are read as they stand', () => {
  assert.equal(parseArguments(load, ['x', '--no-probe']).options['no-probe'], true)
  assert.throws(() => parseArguments(load, ['x', '--no-fresh-air']), UsageError)
  assert.throws(() => parseArguments(load, ['x', '--probe']), UsageError)
})

test('whatever the command line, it is a load test or a wrong use, never a crash', () => {
  const flag = fc.constantFrom(...load.flags.map(({ flag }) => flag), '--json', '--', '-x')
  const value = fc.oneof(
    fc.string({ maxLength: 10 }),
    fc.constantFrom(
      'http://localhost/',
      'http://x:y@z/',
      'http://localhost/\u0000 "',
      '{"a":1}',
      'a: b',
      '1',
      '10s'
    )
  )
  const args = fc.array(fc.oneof(flag, value), { maxLength: 8 })
  fc.assert(
    fc.property(fc.webUrl({ withQueryParameters: true }), args, (url, rest) => {
      try {
        const request = read(url, ...rest)
        if (request.kind === 'url') resolveScenario(request.definition)
      } catch (error) {
        assert.ok(error instanceof UsageError || error instanceof SettingError, String(error))
      }
    }),
    { numRuns: 500 }
  )
})
