import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseArguments } from '../arguments.ts'
import { readJobsArguments } from './arguments.ts'
import { jobs } from './jobs.ts'

const nowMs = Date.parse('2026-11-23T06:00:00Z')

function read (...args: string[]) {
  return readJobsArguments(parseArguments(jobs, args), { directory: '/' }, nowMs)
}

test('a filter says which letters, by age or by time', () => {
  const request = read('groups', '--name', 'order.charge', '--since', '2h', '--before', '2026-11-23T05:00Z')
  assert.deepEqual(request, {
    action: 'groups',
    limit: 50,
    filter: {
      ids: undefined,
      fingerprint: undefined,
      name: 'order.charge',
      tier: undefined,
      tenant: undefined,
      version: undefined,
      sinceMs: nowMs - 7_200_000,
      beforeMs: nowMs - 3_600_000,
    },
  })
})

test('of a redrive only what is said is handed on', () => {
  const request = read('redrive', '--group', 'abc', '--rate', '0.5', '--stop-after', '3', '--actor', 'ann')
  assert.ok(request.action === 'redrive')
  assert.deepEqual(request.options, { perSecond: 0.5, stopAfter: 3 })
  assert.deepEqual(request.operator, { actor: 'ann', reason: undefined })
  const one = read('redrive', '0198c1a2-73a4-7b3c-8d5e-1f2a3b4c5d6e', '--test', '--tries', 'all')
  assert.ok(one.action === 'redrive')
  assert.deepEqual(one.options, { limit: 1, tries: 'all' })
  assert.deepEqual(one.filter.ids, ['0198c1a2-73a4-7b3c-8d5e-1f2a3b4c5d6e'])
  assert.match(one.operator.actor, /^.+@.+$/)
})

test('every letter is only meant when that is said', () => {
  for (const action of ['redrive', 'discard']) {
    assert.throws(() => read(action), { code: 'USAGE', message: /--all/ })
    assert.throws(() => read(action, '--all', '--name', 'x'), { code: 'USAGE' })
    const request = read(action, '--all')
    assert.ok('filter' in request && Object.values(request.filter).every((value) => value === undefined))
  }
})

test('what makes no sense is refused', () => {
  const usage: readonly string[][] = [
    [],
    ['explode'],
    ['show'],
    ['show', 'a', 'b'],
    ['edit', 'a'],
    ['cancel'],
    ['tiers', 'a'],
    ['groups', 'a'],
    ['tiers', '--group', 'x'],
    ['list', '--all'],
    ['discard', '--all', '--rate', '5'],
    ['redrive', '--all', '--test', '--limit', '5'],
    ['edit', 'a', '--payload', '@nowhere.json'],
  ]
  for (const args of usage) assert.throws(() => read(...args), { code: 'USAGE' }, args.join(' '))
  const settings: readonly string[][] = [
    ['list', '--limit', 'many'],
    ['list', '--limit', '1.5'],
    ['list', '--since', 'yesterday'],
    ['redrive', '--all', '--rate', 'fast'],
    ['redrive', '--all', '--tries', 'three'],
  ]
  for (const args of settings)
    assert.throws(() => read(...args), { code: 'SETTING_INVALID' }, args.join(' '))
})

test('every flag is taken by some action, and known to the command', () => {
  for (const { flag } of jobs.flags) {
    if (['--module', '--schema', '--store'].includes(flag)) continue
    assert.throws(
      () =>
        read('tiers', flag, ...flag === '--all' || flag === '--test' || flag === '--dry-run' ? [] : ['1']),
      {
        code: 'USAGE',
        message: new RegExp(`${flag} says nothing`),
      }
    )
  }
})
