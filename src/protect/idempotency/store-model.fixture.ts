import assert from 'node:assert/strict'
import { claimOf, someAnswer, type StoreUnderTest } from './store-under-test.fixture.ts'
import type { KeyLease } from './store.ts'

export type Step =
  | { readonly kind: 'claim'; readonly key: number; readonly request: string }
  | { readonly kind: 'settle' | 'release' | 'mark' | 'renew'; readonly lease: number }
  | { readonly kind: 'lapse' | 'expire'; readonly key: number }

/** All that matters of one key. */
interface Key {
  request: string | undefined
  holder: KeyLease | undefined
  leaseRuns: boolean
  marked: boolean
  answered: boolean
}

interface Given {
  readonly key: Key
  readonly lease: KeyLease
}

/** What a store must do, said once more in the simplest way, beside a store that does it. */
export class StoreModel {
  readonly #under: StoreUnderTest
  readonly #names: readonly Buffer[]
  readonly #keys: Key[]
  /** The latest first. */
  readonly #given: Given[] = []
  readonly #highest: Map<Key, bigint> = new Map()

  constructor (under: StoreUnderTest, names: readonly Buffer[]) {
    this.#under = under
    this.#names = names
    this.#keys = names.map(() => ({
      request: undefined,
      holder: undefined,
      leaseRuns: false,
      marked: false,
      answered: false,
    }))
  }

  /** Does the step on both, and compares. */
  async check (step: Step): Promise<void> {
    if (step.kind === 'claim') return await this.#claim(step.key, step.request)
    if (!('lease' in step)) return await this.#passTime(step.kind, step.key)
    const given = this.#given[step.lease]
    if (given !== undefined) await this.#use(step.kind, given)
  }

  async #claim (at: number, request: string): Promise<void> {
    const key = this.#keys[at]!
    const claimed = await this.#under.store.claim(claimOf(this.#names[at]!, request))
    assert.equal(claimed.kind, this.#expectedOfClaim(key, request))
    if (claimed.kind === 'answered') assert.deepEqual(claimed.answer, someAnswer)
    if (claimed.kind !== 'taken') return
    const previous = key.request === undefined ? 'none' : key.marked ? 'unknown' : 'lapsed'
    assert.equal(claimed.previous, previous)
    assert.ok(claimed.lease.token > (this.#highest.get(key) ?? 0n), 'tokens rise')
    this.#highest.set(key, claimed.lease.token)
    Object.assign(key, { request, holder: claimed.lease, leaseRuns: true, marked: previous === 'unknown' })
    this.#given.unshift({ key, lease: claimed.lease })
  }

  #expectedOfClaim (key: Key, request: string): string {
    if (key.request === undefined) return 'taken'
    if (key.request !== request) return 'reused'
    if (key.answered) return 'answered'
    return key.leaseRuns ? 'held' : 'taken'
  }

  async #use (what: 'settle' | 'release' | 'mark' | 'renew', { key, lease }: Given): Promise<void> {
    const { store } = this.#under
    const isHolder = key.holder === lease
    const mayAct = isHolder && !key.answered
    if (what === 'settle') {
      assert.equal(await store.settle(lease, someAnswer), mayAct)
      if (mayAct) key.answered = true
    } else if (what === 'mark') {
      assert.equal(await store.mark(lease), mayAct)
      if (mayAct) key.marked = true
    } else if (what === 'renew') {
      assert.deepEqual(await store.renew([lease], 60_000), mayAct ? [] : [lease])
      if (mayAct) key.leaseRuns = true
    } else {
      const { kind } = await store.release(lease)
      // What has expired may be there still, or not.
      if (isHolder) assert.equal(kind, key.answered ? 'answered' : 'released')
      else assert.notEqual(kind, 'released')
      if (!mayAct) return
      key.leaseRuns = false
      if (!key.marked) this.#forget(key)
    }
  }

  async #passTime (what: 'lapse' | 'expire', at: number): Promise<void> {
    const key = this.#keys[at]!
    // A holder that outlives the time for which its answer would be kept is nobody's case.
    if (what === 'expire' && !key.answered) return
    await this.#under[what](this.#names[at]!)
    if (what === 'lapse') key.leaseRuns = false
    else this.#forget(key)
  }

  #forget (key: Key): void {
    Object.assign(key, {
      request: undefined,
      holder: undefined,
      leaseRuns: false,
      marked: false,
      answered: false,
    })
  }
}
