import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { resolveSettings, type Settings } from '../settings/index.ts'
import { grantedSettings, withFixedOf } from './generation-settings.ts'

let defaults: Settings
before(async () => {
  defaults = (await resolveSettings({ flags: {}, env: {}, configFile: undefined, mode: 'serve' })).settings
})

test('left alone, there is a worker for each granted core, with a thread each', () => {
  const { settings, workers } = grantedSettings(defaults, 4)
  assert.deepEqual([workers, settings.compute.threads], [4, 1])
})

test('fewer workers than cores share the cores out as threads, and more still have one each', () => {
  const threadsOf = (workers: number): unknown =>
    grantedSettings({ ...defaults, workers }, 8).settings.compute.threads
  assert.deepEqual([1, 3, 8, 20].map(threadsOf), [8, 2, 1, 1])
})

test('numbers that were given stay', () => {
  const given = { ...defaults, workers: 2, compute: { ...defaults.compute, threads: 5 } }
  const { settings, workers } = grantedSettings(given, 8)
  assert.deepEqual([workers, settings.compute.threads], [2, 5])
})

test('admin, acceptMode and heartbeat stay as they were, and a change of theirs is named', () => {
  const after: Settings = { ...defaults, admin: 'off', backlog: 7 }
  const { settings, changed } = withFixedOf(defaults, after)
  assert.deepEqual([settings.admin, settings.backlog, changed], [defaults.admin, 7, ['admin']])
})
