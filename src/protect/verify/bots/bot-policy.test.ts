import assert from 'node:assert/strict'
import { test } from 'node:test'
import { laneUnder, readBotPolicy } from './bot-policy.ts'

test('by default crawlers that do not sign go last, and nobody is refused', () => {
  const policy = readBotPolicy()
  assert.equal(policy['declared-bot'].lane, 'background')
  assert.equal(policy['likely-bot'].lane, 'sheddable')
  assert.deepEqual(policy['signed-agent'], {})
  for (const treatment of Object.values(policy)) assert.notEqual(treatment.refuse, true)
})

test('a lane is a ceiling: it lowers, and never raises', () => {
  assert.equal(laneUnder('critical', { lane: 'sheddable' }), 'sheddable')
  assert.equal(laneUnder('background', { lane: 'sheddable' }), 'background')
  assert.equal(laneUnder('critical', {}), 'critical')
})

test('unknown classes, lanes and treatments stop the boot', () => {
  for (const policy of [{ robot: {} }, { unknown: { lane: 'slow' } }, { unknown: { block: true } }]) {
    assert.throws(() => readBotPolicy(policy as never), { code: 'SETTING_INVALID' })
  }
})
