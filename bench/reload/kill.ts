import { setTimeout as pause } from 'node:timers/promises'
import { processTree, type Server } from '../harness/index.ts'
import { Crowd } from './crowd.ts'
import { anyEstablished, clientPortsOf } from './held-connections.ts'
import type { LineWatch } from './line-watch.ts'

/** One worker that was killed. */
export interface Kill {
  /** Requests without an outcome on its connections at that moment. */
  readonly held: number
  /** Requests that failed from that moment until its successor served. */
  readonly failed: number
}

export interface KillSeries {
  readonly kills: readonly Kill[]
  readonly sent: number
  readonly held: number
  readonly failed: number
  /** Over all kills: failures beyond what the killed worker held. */
  readonly beyondHeld: number
  readonly reasons: string
}

/** Longer than the end of a process takes on a busy machine. */
const closeTimeoutMs = 2_000
const sleeper = new Int32Array(new SharedArrayBuffer(4))
const keepAlive = { name: 'keep-alive', tls: false, connectAnew: false }

/**
 * Kills workers of a server under load, one after the other, and counts what that costs.
 *
 * @param lines what the server prints, for the word that the successor is ready
 */
export async function killWorkers (
  server: Server,
  lines: LineWatch,
  { kills, say }: { kills: number; say: (message: string) => void }
): Promise<KillSeries> {
  const crowd = new Crowd(server.address, keepAlive)
  const done: Kill[] = []
  await pause(1_000)
  for (let at = 0; at < kills; at++) {
    const before = crowd.tally.failed
    const ready = lines.next(/"event":"worker-ready"/, 60_000)
    const held = killOne(server, crowd)
    await ready
    await pause(500) // the clients learn of it, and spread over both workers again
    done.push({ held, failed: crowd.tally.failed - before })
    say(`kill ${at + 1}/${kills}: ${held} requests held, ${crowd.tally.failed - before} failed`)
  }
  await crowd.leave()
  const sum = (count: (kill: Kill) => number): number => done.reduce((total, kill) => total + count(kill), 0)
  return {
    kills: done,
    sent: crowd.tally.sent,
    held: sum(({ held }) => held),
    failed: crowd.tally.failed,
    beyondHeld: sum(({ held, failed }) => Math.max(0, failed - held)),
    reasons: crowd.tally.reasons,
  }
}

/**
 * Kills the worker that holds most requests. All of it happens in one turn of the loop that the clients
 * live in, from the stop that freezes the worker to the moment when the system has closed its sockets: so
 * no client sends a request between the count and the worker's end.
 *
 * @returns the requests that it held
 */
function killOne (server: Server, crowd: Crowd): number {
  const workers = processTree(server.pid).filter((pid) => pid !== server.pid)
  const holding = (pid: number): number => crowd.outstandingAt(clientPortsOf(pid))
  const [victim] = workers.toSorted((a, b) => holding(b) - holding(a))
  if (victim === undefined) throw new Error('the server has no worker to kill')
  process.kill(victim, 'SIGSTOP')
  const ports = clientPortsOf(victim)
  const held = crowd.outstandingAt(ports)
  process.kill(victim, 'SIGKILL')
  const endMs = performance.now() + closeTimeoutMs
  while (anyEstablished(ports) && performance.now() < endMs) Atomics.wait(sleeper, 0, 0, 1)
  return held
}
