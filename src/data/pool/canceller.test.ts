import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PoolClient } from 'pg'
import { type ManualClock, manualClock } from '../../kernel/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { Canceller, type CancellerOptions } from './canceller.ts'
import { StatementCatalogue } from './known-statement.ts'
import { poolMetrics } from './metrics.ts'
import { Statement } from './statement.ts'

const none = { used: 0, waiting: 0 }
const noState = {
  used: 0,
  idle: 0,
  waiting: 0,
  max: 1,
  classes: { interactive: none, worker: none, relay: none },
}

function cancellerWith (clock: ManualClock, send?: CancellerOptions['send']): Canceller {
  const metrics = poolMetrics(new MetricsRegistry(), () => noState)
  return new Canceller({
    clock,
    metrics,
    limit: 1,
    confirmMs: 1_000,
    ...(send === undefined ? {} : { send }),
  })
}

function statement (): Statement {
  const nothing = (): void => {}
  const given = { text: 'SELECT 1', values: undefined, context: undefined, resolve: nothing, reject: nothing }
  return new Statement(given, {
    clock: manualClock(),
    catalogue: new StatementCatalogue(),
    observer: undefined,
  })
}

/** What the canceller reads of a client. */
function clientOf (port: number, processID: number | null): PoolClient {
  const connection = { stream: {} }
  const client = { host: '127.0.0.1', port, ssl: false, connection, processID, secretKey: 2 }
  return client as unknown as PoolClient
}

test('a server that gave no key is sent nothing, and its connection is cut when its time is over', async () => {
  const clock = manualClock()
  const running = statement()
  let cuts = 0
  const cancelled = cancellerWith(clock).cancel(clientOf(1, null), running, () => {
    cuts++
    running.end()
  })
  clock.advance(999)
  assert.equal(cuts, 0)
  clock.advance(1)
  assert.equal(cuts, 1)
  await cancelled
  assert.equal(clock.pending(), 0)
})

test('a request that may still arrive cuts the connection, though its statement has ended', async () => {
  const clock = manualClock()
  const running = statement()
  let cuts = 0
  const canceller = cancellerWith(clock, async () => {
    running.end()
    return 'in_doubt'
  })
  await canceller.cancel(clientOf(1, 1), running, () => cuts++)
  assert.equal(cuts, 1)
  assert.equal(clock.pending(), 0)
})
