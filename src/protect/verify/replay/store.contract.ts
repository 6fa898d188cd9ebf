import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import type { ReplayStore } from './store.ts'

/** A store to test, and how its time passes. */
export interface ReplaySubject extends AsyncDisposable {
  readonly store: ReplayStore
  /** Makes `ms` pass: by moving a manual clock, or by waiting where a real server keeps the time. */
  pass(ms: number): Promise<void>
}

/** What every store of nonces promises. @param open undefined when the test has been skipped */
export function testReplayStore (
  name: string,
  open: (t: TestContext) => Promise<ReplaySubject | undefined>
): void {
  test(`${name}: a nonce is new once, then seen`, async (t) => {
    await using subject = await open(t)
    if (subject === undefined) return
    const key = randomUUID()
    assert.equal(await subject.store.remember(key, 60_000), 'new')
    assert.equal(await subject.store.remember(key, 60_000), 'seen')
    assert.equal(await subject.store.remember(randomUUID(), 60_000), 'new')
  })

  test(`${name}: of 50 at once, one is new`, async (t) => {
    await using subject = await open(t)
    if (subject === undefined) return
    const key = randomUUID()
    const answers = await Promise.all(Array.from({ length: 50 }, () => subject.store.remember(key, 60_000)))
    assert.equal(answers.filter((answer) => answer === 'new').length, 1)
    assert.equal(answers.filter((answer) => answer === 'seen').length, 49)
  })

  test(`${name}: it is remembered for its time, and no longer`, async (t) => {
    await using subject = await open(t)
    if (subject === undefined) return
    const key = randomUUID()
    await subject.store.remember(key, 400)
    await subject.pass(100)
    assert.equal(await subject.store.remember(key, 400), 'seen')
    await subject.pass(400)
    assert.equal(await subject.store.remember(key, 400), 'new')
  })

  test(`${name}: being asked again does not prolong the time`, async (t) => {
    await using subject = await open(t)
    if (subject === undefined) return
    const key = randomUUID()
    await subject.store.remember(key, 300)
    await subject.pass(150)
    await subject.store.remember(key, 60_000)
    await subject.pass(250)
    assert.equal(await subject.store.remember(key, 300), 'new')
  })

  test(`${name}: close may be called twice`, async (t) => {
    await using subject = await open(t)
    if (subject === undefined) return
    await subject.store.close()
    await subject.store.close()
  })
}
