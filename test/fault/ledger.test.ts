import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runRig } from '../../bench/ledger/rig.ts'

// The short form of `npm run bench -- ledger`: the same rig, with a few disasters.
test('through kills, pauses, starved processes and restarts nothing is lost, done twice, or stuck', async (t) => {
  const { audit, happened, told } = await runRig({
    seed: 5,
    chaosMs: 6_000,
    breathMs: 500,
    keys: 4,
    calmMs: 90_000,
    say: (message) => t.diagnostic(message),
  })
  t.diagnostic(JSON.stringify(happened))
  assert.ok(happened['killed -9'] > 0)
  assert.ok(audit.things >= told && told > 0, `${audit.things} things, ${told} told`)
  for (const { kind, lost, duplicated, disordered = 0 } of audit.effects)
    assert.deepEqual({ kind, lost, duplicated, disordered }, { kind, lost: 0, duplicated: 0, disordered: 0 })
  assert.deepEqual(audit.leftovers, { jobs: 0, deadLetters: 0, heldEvents: 0, sagas: 0 })
})
