import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { StoredAnswer } from './answer.ts'
import type { Claim, Claimed, IdempotencyStore, KeyLease } from './store.ts'

/** A store under test, and how its time is moved without waiting for it. */
export interface StoreUnderTest extends AsyncDisposable {
  readonly store: IdempotencyStore
  /** Ends the lease of a key now, as if its holder had been away that long. */
  lapse(key: Buffer): Promise<void>
  /** Ends the time for which the key's answer is kept, and its lease. */
  expire(key: Buffer): Promise<void>
}

/** No test takes so long, in real time, that these end by themselves. */
export const testLeaseMs = 60_000
export const testKeepMs = 1_000_000_000

let made = 0

/** A key that no other test uses. */
export function someKey (): Buffer {
  return createHash('sha256').update(`${process.pid} key ${made++}`).digest()
}

/** The fingerprint of a request called `name`. */
export function printOf (name: string): Buffer {
  return createHash('sha256').update(name).digest()
}

export const someAnswer: StoredAnswer = {
  status: 201,
  headers: [['content-type', 'application/json'], ['link', '</a>'], ['link', '</b>']],
  body: Buffer.from([0x7b, 0x7d, 0x00, 0xff, 0xc3, 0x28]),
}

export function claimOf (key: Buffer, name = 'a'): Claim {
  return { key, fingerprint: printOf(name), leaseMs: testLeaseMs, keepMs: testKeepMs }
}

/** @throws AssertionError when the lease was not given */
export async function take (store: IdempotencyStore, key: Buffer, name = 'a'): Promise<KeyLease> {
  const claimed = await store.claim(claimOf(key, name))
  assert.equal(claimed.kind, 'taken')
  return (claimed as Extract<Claimed, { kind: 'taken' }>).lease
}
