import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { peersFolder } from '../harness/index.ts'
import type { BrokerName } from './broker.ts'
import { makeOutbox, type Subject } from './subjects.ts'

export interface Drained {
  readonly ms: number
  /** From the writing of each event to its confirmation. */
  readonly delaysMs: readonly number[]
}

export interface DrainOptions {
  readonly subject: Subject
  readonly broker: BrokerName
  readonly databaseUrl: string
  readonly brokerUrl: string
  /** Events to be published. */
  readonly count: number
  /** Events a second that are written while the relay runs; `undefined`: all are there before it starts. */
  readonly perSecond?: number
}

const limitMs = 120_000

/** Runs a relay in a process of its own until it has published all. */
export async function drain (options: DrainOptions): Promise<Drained> {
  const { subject, broker, databaseUrl, brokerUrl, count, perSecond } = options
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 8 })
  const outbox = await makeOutbox(subject, pool)
  const args = [broker, databaseUrl, brokerUrl, String(count)]
  const program = subject === 'pg-transactional-outbox' ?
    [`${peersFolder}/outbox-pg-transactional.js`, ...args] :
    [
      '--conditions=plimsoll-source',
      fileURLToPath(new URL('relay-main.ts', import.meta.url)),
      subject,
      ...args,
    ]
  const child = spawn(process.execPath, program, { stdio: ['pipe', 'pipe', 'inherit'] })
  try {
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    await nextLine(lines, child)
    if (perSecond === undefined) await outbox.fill(count)
    child.stdin.write('go\n')
    if (perSecond !== undefined) await outbox.write(count, perSecond)
    return JSON.parse(await nextLine(lines, child)) as Drained
  } finally {
    child.kill('SIGKILL')
    await outbox.close()
    await pool.end()
  }
}

async function nextLine (lines: AsyncIterator<string>, child: ChildProcess): Promise<string> {
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs)
  const { value, done } = await lines.next()
  clearTimeout(timer)
  if (done === true) throw new Error(`a relay ended, or was not done after ${limitMs} ms`)
  return value
}
