// A worker of the ledger: node worker-main.ts URL LEASE-MS MODE. It writes one effect for each request that it is
// asked to run, and has the fault that it is told to have.
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { type Transaction, transaction } from '../../src/data/index.ts'
import {
  type Answer,
  Idempotency,
  type IdempotentUnit,
  postgresIdempotencyStore,
} from '../../src/protect/idempotency/index.ts'
import { MetricsRegistry } from '../../src/telemetry/index.ts'
import type { Fault, Step } from './faults.ts'
import { faultyPool } from './faulty-pool.ts'
import type { Ask, RecordMode, Said } from './protocol.ts'

const [url = '', leaseMs = '', mode = ''] = process.argv.slice(2)
const pool = new pg.Pool({ connectionString: url, max: 4 })
pool.on('error', () => {})

const sound = open(pool)
process.on('message', (ask: Ask) => void answer(ask))
process.on('disconnect', () => process.exit())
await pool.query('SELECT 1')
say({ kind: 'ready' })

function open (from: pg.Pool): ReturnType<Idempotency<Transaction>['route']> {
  return new Idempotency<Transaction>({
    store: postgresIdempotencyStore({ pool: from }),
    registry: new MetricsRegistry(),
    lease: Number(leaseMs),
  }).route({ mode: 'required', method: 'POST', pattern: '/effects', wait: '20s' })
}

async function answer (ask: Ask): Promise<void> {
  const { id, key, fault } = ask
  const reach = (step: Step): void => suffer(id, fault, step)
  const faulty = fault === undefined ? undefined : faultyPool(url, fault, reach)
  try {
    reach('before the key is claimed')
    const route = faulty === undefined ? sound : open(faulty)
    const begun = await route.begin({ header: key, target: '/effects', body: { key } })
    if (begun.kind === 'refused') return say({ kind: 'refused', id, code: begun.problem.code })
    if (begun.kind === 'replay') {
      return say({ kind: 'answer', id, body: String(begun.answer.body), replayed: true })
    }
    if (begun.kind === 'none') throw new Error('a key was sent')
    reach('once the key is claimed')
    const body = await run(begun.unit, key, reach, faulty ?? pool)
    // Said first: after the answer nobody listens for it.
    if (fault?.step === 'once the answer is sent') say({ kind: 'suffers', id, pauses: false })
    say({ kind: 'answer', id, body, replayed: false }, () => reach('once the answer is sent'))
  } catch (error) {
    say({ kind: 'refused', id, code: (error as { code?: string }).code ?? String(error) })
  } finally {
    await faulty?.end()
  }
}

async function run (
  unit: IdempotentUnit<Transaction>,
  key: string,
  reach: (step: Step) => void,
  from: pg.Pool
): Promise<string> {
  const work = async (tx: Transaction): Promise<void> => {
    reach('once the transaction is open')
    await tx.query('INSERT INTO ledger_effect (key) VALUES ($1)', [key])
  }
  // No two runs answer alike, so that an answer tells which run it came from.
  const respond = (): Answer => ({
    status: 201,
    headers: {},
    body: JSON.stringify({ key, run: randomUUID() }),
  })
  if (mode as RecordMode === 'in the transaction') {
    const { answer } = await unit.run(work, respond)
    return String(answer.body)
  }
  try {
    await transaction(from, work)
  } catch (error) {
    await unit.release()
    throw error
  }
  const given = respond()
  const kept = await unit.finish(given)
  return String(kept?.body ?? given.body)
}

/** A cut is the pool's to make. */
function suffer (id: number, fault: Fault | undefined, step: Step): void {
  if (fault?.step !== step) return
  say({ kind: 'suffers', id, pauses: fault.kind === 'pause' })
  if (fault.kind === 'kill') process.kill(process.pid, 'SIGKILL')
  if (fault.kind === 'pause') process.kill(process.pid, 'SIGSTOP')
}

function say (said: Said, sent: () => void = () => {}): void {
  process.send?.(said, undefined, undefined, sent)
}
