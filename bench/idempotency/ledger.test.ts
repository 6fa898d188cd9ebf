import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { testDatabase } from '../../src/engines/embedded/embedded.fixture.ts'
import { faults, nameOf } from './faults.ts'
import { type LedgerResult, runLedger } from './ledger.ts'
import type { RecordMode } from './protocol.ts'

async function ledger (mode: RecordMode, writes: number): Promise<LedgerResult> {
  const cacheFolder = await mkdtemp(path.join(tmpdir(), 'plimsoll-ledger-'))
  await using database = await testDatabase()
  try {
    return await runLedger({
      url: database.url,
      writes,
      mode,
      seed: 1,
      leaseMs: 600,
      graceMs: 5_000,
      cacheFolder,
    })
  } finally {
    await rm(cacheFolder, { recursive: true, force: true })
  }
}

test('workers killed, paused and cut off at every step: one effect, one answer, no key stuck', async (t) => {
  const { writes, kills, duplicates, lost, stuck } = await ledger('in the transaction', 6 * faults.length)
  t.diagnostic(`${writes.length} writes, ${kills} processes killed`)
  const happened = new Set(writes.filter(({ suffered }) => suffered).map(({ fault }) => fault))
  assert.deepEqual(faults.map(nameOf).filter((fault) => !happened.has(fault)), [], 'every fault happened')
  assert.ok(kills >= 50, `${kills} kills`)
  assert.deepEqual({ duplicates, lost, stuck }, { duplicates: 0, lost: 0, stuck: 0 })
})

test('the ledger finds the duplicates of a record that is written after the effect', async () => {
  const { duplicates } = await ledger('after the effect', faults.length)
  assert.ok(duplicates > 0, 'a record after the effect cannot be exactly once')
})
