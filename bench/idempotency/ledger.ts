import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { type Random, seededRandom } from '../../src/kernel/index.ts'
import { postgresIdempotencyStore } from '../../src/protect/idempotency/index.ts'
import { type Fault, faults, nameOf } from './faults.ts'
import type { RecordMode } from './protocol.ts'
import { type Got, Worker } from './worker.ts'

export interface LedgerOptions {
  /** An empty database of PostgreSQL. */
  readonly url: string
  /** Writes to make, each with one fault; the faults take turns. */
  readonly writes: number
  readonly mode: RecordMode
  readonly seed: number
  readonly leaseMs: number
  /** What more than a lease may pass until an answer, on a busy machine, before a key counts as stuck. */
  readonly graceMs: number
  /** Writes that are under way at a time. @default 6 */
  readonly clients?: number
  readonly cacheFolder: string
  readonly onProgress?: (done: number) => void
}

/** One write, from the first request to the last check. */
export interface Write {
  readonly fault: string
  /** Whether it happened: a write whose twin ran instead, or that was answered first, did not come to it. */
  readonly suffered: boolean
  /**
   * How long the key was in the way of a worker that lived: from the last crash that took a request with this key,
   * or from the last request where that came later, to its answer; in milliseconds. 0 when none was lost.
   */
  readonly blockedMs: number
  /** Whether the answer came from a run that had been before. */
  readonly replayed: boolean
  readonly requests: number
  readonly effects: number
  /** Different answers that were seen under the key; the right number is 1. */
  readonly answers: number
}

export interface LedgerResult {
  readonly writes: readonly Write[]
  /** Processes that were killed. */
  readonly kills: number
  readonly duplicates: number
  /** Writes that were answered although they have no effect, or whose clients were given different answers. */
  readonly lost: number
  readonly stuck: number
}

const workersAtATime = 3
const spares = 2

/**
 * Clients write to workers that are killed, paused and cut off at every step of a write, and send the same request
 * with the same key until they have an answer; then once more, to see that it is replayed. Some send it twice at
 * a time to begin with. Each worker serves several clients, so that a fault hits others in passing too.
 *
 * @throws Error when a write has no answer after 100 requests
 */
export async function runLedger (options: LedgerOptions): Promise<LedgerResult> {
  const ledger = new Ledger(options)
  try {
    return await ledger.run()
  } finally {
    await ledger.close()
  }
}

class Ledger {
  readonly #options: LedgerOptions
  readonly #random: Random
  readonly #pool: pg.Pool
  readonly #answers: Map<string, Set<string>> = new Map()
  /** When a request with this key was sent, or lost, for the last time. */
  readonly #sinceMs: Map<string, number> = new Map()
  #workers: Worker[] = []
  readonly #all: Set<Worker> = new Set()
  #kills = 0

  constructor (options: LedgerOptions) {
    this.#options = options
    this.#random = seededRandom(options.seed)
    this.#pool = new pg.Pool({ connectionString: options.url, max: 2 })
    this.#pool.on('error', () => {})
  }

  async run (): Promise<LedgerResult> {
    const { writes: count, seed, clients = 6, onProgress } = this.#options
    await this.#pool.query('CREATE TABLE ledger_effect (key text NOT NULL)')
    await postgresIdempotencyStore({ pool: this.#pool }).prepare()
    this.#workers = Array.from({ length: workersAtATime + spares }, () => this.#start())
    await Promise.all(this.#workers.map(({ ready }) => ready))
    const writes: Omit<Write, 'effects' | 'answers'>[] = []
    let next = 0
    const client = async (): Promise<void> => {
      for (let at = next++; at < count; at = next++) {
        writes[at] = await this.#write(`write-${seed}-${at}`, faults[at % faults.length]!)
        onProgress?.(at + 1)
      }
    }
    await Promise.all(Array.from({ length: clients }, client))
    // Whoever was paused last has woken, and says what it has to say.
    await pause(this.#options.leaseMs * 2)
    return await this.#judge(writes)
  }

  async close (): Promise<void> {
    await Promise.all([...this.#all].map((worker) => worker.stop()))
    await this.#pool.end()
  }

  async #write (key: string, fault: Fault): Promise<Omit<Write, 'effects' | 'answers'>> {
    const first = this.#ask(key, fault)
    const twin = this.#random() < 0.2 ? this.#ask(key, undefined) : undefined
    let [got, suffered] = await first
    let requests = 1
    const isFirst = got.kind === 'answer'
    for (; got.kind !== 'answer'; requests++) {
      if (requests === 100) throw new Error(`${key} (${nameOf(fault)}) has no answer: ${JSON.stringify(got)}`)
      if (got.kind === 'refused') await pause(20)
      // A worker may have gone by another's fault before it came to this one.
      const [next, now] = await this.#ask(key, suffered ? undefined : fault)
      got = next
      suffered ||= now
    }
    const blockedMs = isFirst ? 0 : performance.now() - (this.#sinceMs.get(key) ?? 0)
    await twin
    const [again] = await this.#ask(key, undefined)
    if (again.kind === 'answer' && !again.replayed) this.#note(key, 'ran once more after its answer')
    return { fault: nameOf(fault), suffered, blockedMs, replayed: got.replayed, requests }
  }

  async #ask (key: string, fault: Fault | undefined): Promise<readonly [Got, suffered: boolean]> {
    const worker = await this.#pick()
    this.#sinceMs.set(key, performance.now())
    const asked = await worker.ask(key, fault)
    if (asked[0].kind === 'answer') this.#note(key, asked[0].body)
    if (asked[0].kind === 'lost') this.#sinceMs.set(key, performance.now())
    return asked
  }

  /** One of those that serve; the ones that are gone are replaced by spares. */
  async #pick (): Promise<Worker> {
    const gone = this.#workers.filter(({ isGone }) => isGone)
    if (gone.length > 0) {
      for (const worker of gone) this.#all.delete(worker)
      this.#workers = [...this.#workers.filter(({ isGone }) => !isGone), ...gone.map(() => this.#start())]
    }
    const serving = this.#workers.filter(({ isAway }) => !isAway).slice(0, workersAtATime)
    const worker = serving[Math.floor(this.#random() * serving.length)] ?? this.#more()
    await worker.ready
    return worker
  }

  /** One more, while all others are paused. */
  #more (): Worker {
    const worker = this.#start()
    this.#workers.push(worker)
    return worker
  }

  #start (): Worker {
    const { url, leaseMs, mode, cacheFolder } = this.#options
    const worker = new Worker({
      url,
      leaseMs,
      mode,
      cacheFolder,
      onLate: (key, body) => this.#note(key, body),
      onKilled: () => this.#kills++,
    })
    this.#all.add(worker)
    return worker
  }

  #note (key: string, body: string): void {
    const known = this.#answers.get(key)
    if (known === undefined) this.#answers.set(key, new Set([body]))
    else known.add(body)
  }

  async #judge (made: readonly Omit<Write, 'effects' | 'answers'>[]): Promise<LedgerResult> {
    const { seed, leaseMs, graceMs } = this.#options
    const { rows } = await this.#pool.query<{ key: string; effects: number }>(
      'SELECT key, count(*)::int AS effects FROM ledger_effect GROUP BY key'
    )
    const effects = new Map(rows.map((row) => [row.key, row.effects]))
    const writes = made.map((write, at) => {
      const key = `write-${seed}-${at}`
      return { ...write, effects: effects.get(key) ?? 0, answers: this.#answers.get(key)?.size ?? 0 }
    })
    return {
      writes,
      kills: this.#kills,
      duplicates: writes.reduce((sum, write) => sum + Math.max(0, write.effects - 1), 0),
      lost: writes.filter((write) => write.effects === 0 || write.answers !== 1).length,
      stuck: writes.filter(({ blockedMs }) => blockedMs > leaseMs + graceMs).length,
    }
  }
}
