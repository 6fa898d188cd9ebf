import type { Pool } from 'pg'
import type { Clock, Random } from '../../kernel/index.ts'
import type { Transaction } from '../transaction/index.ts'
import type { WriteCounts } from './write-counts.ts'

/** What waits for one key, all writes to it merged. */
export interface BufferedWrite<Value> {
  readonly key: string
  readonly value: Value
}

/** What both kinds of buffer work with. */
export interface WriteParts<Value> {
  readonly name: string
  readonly pool: Pool
  readonly apply: (tx: Transaction, batch: readonly BufferedWrite<Value>[]) => Promise<void>
  readonly merge: (older: Value, newer: Value) => Value
  readonly maxDelayMs: number
  readonly batch: number
  readonly buffer: number
  readonly closeWithinMs: number
  readonly onFailed: (error: unknown) => void
  /** What is purged once a batch has been applied; never rejects. */
  readonly applied: (batch: readonly BufferedWrite<Value>[]) => Promise<void>
  readonly counts: WriteCounts
  readonly clock: Clock
  readonly random: Random
}
