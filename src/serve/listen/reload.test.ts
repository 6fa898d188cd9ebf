import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { generate } from 'selfsigned'
import { seededRandom } from '../../kernel/index.ts'
import { startLoad } from './load-clients.fixture.ts'
import type { PrimaryPlan } from './reload-primary.fixture.ts'

/** PLIMSOLL_RELOADS=40 for a longer look. */
const reloads = Number(process.env['PLIMSOLL_RELOADS'] ?? 4)
const clientsPerKind = Number(process.env['PLIMSOLL_RELOAD_CLIENTS'] ?? 4)
const timeout = 60_000 + reloads * 10_000

for (const policy of ['shared', 'round-robin'] as const) {
  test(`workers replaced under load lose no request (${policy})`, { timeout }, async (t) => {
    await reload(t, policy)
  })
}

async function reload (t: TestContext, policy: PrimaryPlan['policy']): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'listen-'))
  const socketPath = join(directory, 'socket')
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
  })
  const primary = startPrimary({
    policy,
    workers: 2,
    socketPath,
    worker: {
      RELOAD_KEY: key,
      RELOAD_CERT: cert,
      RELOAD_SOCKET: socketPath,
      // Far above the clients' pauses, also on a busy machine: who is back later is cut off, as it should be.
      RELOAD_IDLE_MS: process.env['PLIMSOLL_RELOAD_IDLE_MS'] ?? '10000',
      RELOAD_EXIT: process.env['PLIMSOLL_RELOAD_EXIT'] ?? 'politely',
    },
  })
  try {
    const [ports] = await once(primary, 'message') as [{ plain: number; tls: number }]
    assert.equal((await stat(socketPath)).mode & 0o777, 0o600)
    const load = startLoad({ ...ports, socketPath, cert }, clientsPerKind, seededRandom(1))
    for (let count = 0; count < reloads; count++) {
      primary.send('replace')
      const [replaced] = await once(primary, 'message') as [Record<string, unknown>]
      assert.equal(replaced['code'], 0, JSON.stringify(replaced))
    }
    await load.stop()
    primary.send('stop')
    await once(primary, 'exit')
    for (const [kind, { requests, askedAgain, failures }] of load.counts) {
      t.diagnostic(
        `${policy}, ${kind}: ${requests} requests, ${failures.length} failed, ${askedAgain} asked again`
      )
    }
    for (const [kind, { requests, failures }] of load.counts) {
      assert(requests > reloads, `${kind} asked only ${requests} times`)
      assert.deepEqual(failures, [], kind)
    }
  } finally {
    primary.kill('SIGKILL')
    await rm(directory, { recursive: true })
  }
}

function startPrimary (plan: PrimaryPlan): ChildProcess {
  return fork(new URL('./reload-primary.fixture.ts', import.meta.url), [JSON.stringify(plan)])
}
