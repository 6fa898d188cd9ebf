import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SettingError } from './setting-error.ts'

test('the message names the setting, the rule and the value, whatever the value is', () => {
  const messageOf = (value: unknown): string => new SettingError('workers', 'a whole number', value).message
  assert.equal(messageOf('many'), 'workers must be a whole number, got "many"')
  assert.equal(messageOf(undefined), 'workers must be a whole number, got nothing')
  assert.equal(messageOf(() => 1), 'workers must be a whole number, got a function')
  assert.equal(messageOf(Number.NaN), 'workers must be a whole number, got NaN')
  assert.equal(messageOf([1]), 'workers must be a whole number, got [1]')
})
