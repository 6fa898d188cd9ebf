import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../../../kernel/index.ts'
import { memoryReplayStore, type ReplayStore } from '../replay/index.ts'
import { keySet } from './key-source.ts'
import { signingKey, verificationKey } from './key.ts'
import { byHand, key, nowMs, reasonOf, sent, verifierOf } from './partner.fixture.ts'
import type { SignatureReason } from './reason.ts'

test('too old after maxAge and the skew, to the second; created may lie ahead by the skew', () => {
  const request = sent()
  const at = (ms: number): SignatureReason | 'verified' =>
    reasonOf(verifierOf({ clock: manualClock(nowMs + ms) }).verify(request))
  assert.equal(at(330_000), 'verified')
  assert.equal(at(331_000), 'too-old')
  assert.equal(at(-30_000), 'verified')
  assert.equal(at(-31_000), 'created-in-future')
})

test('expires ends it before maxAge does', () => {
  const request = sent({ expiresInSeconds: 60 })
  assert.equal(reasonOf(verifierOf({ clock: manualClock(nowMs + 90_000) }).verify(request)), 'verified')
  assert.equal(reasonOf(verifierOf({ clock: manualClock(nowMs + 91_000) }).verify(request)), 'expired')
})

test('a clock that says nothing refuses', () => {
  assert.equal(reasonOf(verifierOf({ clock: manualClock(Number.NaN) }).verify(sent())), 'created-in-future')
})

test('a nonce is accepted once for each key, and again by nobody until the signature is too old', () => {
  const clock = manualClock(nowMs)
  const verifier = verifierOf({ clock, replay: memoryReplayStore({ clock }) })
  const request = sent({ nonce: 'n-1' })
  assert.equal(reasonOf(verifier.verify(sent())), 'parameter-missing')
  assert.equal(reasonOf(verifier.verify(request)), 'verified')
  for (const ms of [0, 299_000, 31_000]) {
    clock.advance(ms)
    assert.equal(reasonOf(verifier.verify(request)), 'replayed', `after ${ms}`)
  }
  clock.advance(1_001)
  assert.equal(reasonOf(verifier.verify(request)), 'too-old')
  assert.equal(reasonOf(verifier.verify(sent({ nonce: 'n-1', clock }))), 'verified')
})

test('nonces are a matter of each key: another client may happen to use the same', () => {
  const clock = manualClock(nowMs)
  const secret = { id: 'other', secret: 'x'.repeat(32) }
  const keys = keySet([key, verificationKey(secret)])
  const verifier = verifierOf({ clock, keys, replay: memoryReplayStore({ clock }) })
  assert.equal(reasonOf(verifier.verify(sent({ nonce: 'n-1' }))), 'verified')
  assert.equal(reasonOf(verifier.verify(sent({ nonce: 'n-1', key: signingKey(secret) }))), 'verified')
})

test('a wrong signature uses up no nonce', () => {
  const clock = manualClock(nowMs)
  const verifier = verifierOf({ clock, replay: memoryReplayStore({ clock }) })
  const request = sent({ nonce: 'n-1' })
  assert.equal(reasonOf(verifier.verify({ ...request, method: 'PUT' })), 'mismatch')
  assert.equal(reasonOf(verifier.verify(request)), 'verified')
})

test('a replay store that fails, or is full, refuses; or accepts and counts, when asked to be open', async () => {
  const gone = (remember: ReplayStore['remember']): ReplayStore => ({
    ...memoryReplayStore(),
    remember,
  })
  const failures = { failed: gone(() => Promise.reject(new Error('gone'))), full: gone(() => 'full') }
  for (const [why, replay] of Object.entries(failures)) {
    const closed = await verifierOf({ replay }).verify(sent({ nonce: 'n' }))
    assert.equal(!closed.verified && closed.reason, 'replay-unavailable')
    const counted: string[] = []
    const open = verifierOf({
      replay,
      whenReplayFails: 'open',
      onReplayUnchecked: (one) => counted.push(one),
    })
    assert.equal((await open.verify(sent({ nonce: 'n' }))).verified, true)
    assert.deepEqual(counted, [why])
  }
})

test('without created, expires must be there and near; neither is valid for ever', () => {
  const verifier = verifierOf({ policy: { components: [], requires: ['keyid'] } })
  const at = nowMs / 1000
  const outcome = (parameters: string): string => reasonOf(verifier.verify(byHand(['"@method"'], parameters)))
  assert.equal(outcome(`;created=${at}`), 'verified')
  assert.equal(outcome(`;expires=${at + 330}`), 'verified')
  assert.equal(outcome(`;expires=${at + 331}`), 'too-old')
  assert.equal(outcome(''), 'parameter-missing')
  assert.equal(outcome(`;created=${at};expires=${at}`), 'malformed')
  for (const created of ['"1"', '1.5', '-1', 'a', '?1'])
    assert.equal(outcome(`;created=${created}`), 'malformed')
  for (const nonce of ['""', 'token', '1', `"${'n'.repeat(257)}"`]) {
    assert.equal(outcome(`;created=${at};nonce=${nonce}`), 'malformed', nonce)
  }
})
