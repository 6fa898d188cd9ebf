import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drive, type Service } from './traffic.ts'

const options = { clients: 20, perSecond: 1_000, seconds: 0.2, writeShare: 0.5, seed: 1 }

/** Workers over one store; a read shows what `shown` makes of a row and the token. */
function workersOver (shown: (version: number, token: string | undefined) => number): readonly Service[] {
  const rows = new Map<number, number>()
  const worker: Service = {
    async write (client, version) {
      rows.set(client, version)
      return { version, token: String(version) }
    },
    async read (client, token) {
      return { version: shown(rows.get(client) ?? 0, token), token: undefined }
    },
  }
  return [worker, worker]
}

test('reads that show less than their client wrote are counted, and no others', async () => {
  const { reads, writes, stale, failed } = await drive(workersOver((version) => version), options)
  assert.deepEqual({ reads, stale, failed }, { reads: 200, stale: 0, failed: 0 })
  assert.ok(writes > 50 && writes < 150, `${writes} writes`)
  const late = await drive(workersOver((version) => version - 1), options)
  assert.ok(late.stale > late.writes - 1)
})

test('a client shows the token of its last write', async () => {
  const { stale } = await drive(workersOver((_version, token) => Number(token ?? 0)), options)
  assert.equal(stale, 0)
})
