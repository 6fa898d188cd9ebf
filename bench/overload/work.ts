import { pbkdf2Sync } from 'node:crypto'
import pg from 'pg'

/** The routes, by the name of what they wait for and compute. */
export const kinds = ['cpu', 'wait', 'mixed'] as const
export type Kind = (typeof kinds)[number]

/** What one request of a route takes when nothing is in its way, in milliseconds. */
export const takes: Readonly<Record<Kind, { readonly waitMs: number; readonly cpuMs: number }>> = {
  cpu: { waitMs: 0, cpuMs: 2 },
  wait: { waitMs: 20, cpuMs: 0 },
  mixed: { waitMs: 5, cpuMs: 1 },
}

/** Connections to the database that a subject has. */
export const poolSize = 10

export interface WorkOptions {
  /** PBKDF2 iterations that take one millisecond; see `calibrate`. */
  readonly iterationsPerMs: number
  readonly databaseUrl: string
}

/** How the harness hands `WorkOptions` to a subject. */
export function workEnv ({ iterationsPerMs, databaseUrl }: WorkOptions): Record<string, string> {
  return { BENCH_ITERATIONS_PER_MS: String(iterationsPerMs), BENCH_DATABASE: databaseUrl }
}

/** The work of a request, the same for every subject in Node. */
export class Work {
  readonly #iterationsPerMs = Number(process.env.BENCH_ITERATIONS_PER_MS)
  readonly #pool = new pg.Pool({ connectionString: process.env.BENCH_DATABASE, max: poolSize })

  async run (kind: Kind): Promise<{ ok: boolean }> {
    const { waitMs, cpuMs } = takes[kind]
    if (waitMs > 0) {
      await this.#pool.query({
        name: 'wait',
        text: 'select pg_sleep(seconds) from pace where route = $1',
        values: [kind],
      })
    }
    if (cpuMs > 0) compute(cpuMs * this.#iterationsPerMs)
    return { ok: true }
  }

  /** Holds the event loop up for so long. */
  block (ms: number): void {
    const end = performance.now() + ms
    while (performance.now() < end) compute(this.#iterationsPerMs)
  }

  async close (): Promise<void> {
    await this.#pool.end()
  }
}

/** How many iterations of PBKDF2 take a millisecond here: the median of 15 tries of about 10 ms. */
export function calibrate (): number {
  const tries = Array.from({ length: 15 }, () => {
    const startMs = performance.now()
    compute(calibrating)
    return performance.now() - startMs
  })
  return Math.round(calibrating / (tries.toSorted((a, b) => a - b)[7] ?? Number.NaN))
}

const calibrating = 20_000

function compute (iterations: number): void {
  pbkdf2Sync('bench', 'salt', Math.max(1, Math.round(iterations)), 32, 'sha256')
}
