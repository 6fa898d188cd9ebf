import type { Pool } from 'pg'
import { transaction } from '../../../data/index.ts'
import type { Clock } from '../../../kernel/index.ts'
import { lapsedFailure } from '../failure/index.ts'
import type { Upkeep } from './job-store.ts'
import type { UpkeepStatements } from './upkeep-sql.ts'

/** Most of each kind that one round sees to. */
const most = { leases: 20, due: 2_000, gates: 1_000, swept: 5_000 } as const

/** How often what nobody needs any more is looked for, and how long receipts are kept, in milliseconds. */
const sweepMs = 60_000

const failureOfLapsed = JSON.stringify({
  ...lapsedFailure(1),
  message: 'its run was not heard of for longer than its lease: its process was killed, crashed or hung',
})

interface Look {
  readonly lapsed: boolean
  readonly due: boolean
  readonly held: boolean
}

const nothing: Upkeep = { recovered: 0, died: 0, promoted: 0, admitted: 0, more: false }

/** Sees to what nobody who enqueues or claims sees to: lapsed leases, due jobs, places of capped tenants. */
export class QueueUpkeep {
  readonly #pool: Pool
  readonly #sql: UpkeepStatements
  readonly #clock: Clock
  readonly #receiptMs: number
  readonly #sweepOthers: () => Promise<void>
  #sweptMs: number

  constructor (
    options: {
      readonly pool: Pool
      readonly sql: UpkeepStatements
      readonly clock: Clock
      readonly receiptMs: number
      /** Drops what is too old of other tables. */
      readonly sweepOthers: () => Promise<void>
    }
  ) {
    this.#pool = options.pool
    this.#sql = options.sql
    this.#clock = options.clock
    this.#receiptMs = options.receiptMs
    this.#sweepOthers = options.sweepOthers
    this.#sweptMs = options.clock.now()
  }

  async run (): Promise<Upkeep> {
    const { rows: [look] } = await this.#pool.query<Look>(this.#sql.look)
    const { recovered, died, leases } = look?.lapsed === true ?
      await this.#recover() :
      { ...nothing, leases: 0 }
    const promoted = look?.due === true ? await this.#promote() : 0
    const admitted = look?.held === true ? await this.#admit() : 0
    if (this.#clock.now() - this.#sweptMs >= sweepMs) await this.#sweep()
    return { recovered, died, promoted, admitted, more: leases === most.leases || promoted === most.due }
  }

  async #recover (): Promise<{ recovered: number; died: number; leases: number }> {
    return await transaction(this.#pool, async (tx) => {
      const { rows: lapsed } = await tx.query<{ token: string }>({
        ...this.#sql.lockLapsed,
        values: [most.leases],
      })
      if (lapsed.length === 0) return { recovered: 0, died: 0, leases: 0 }
      const values = [lapsed.map(({ token }) => token), failureOfLapsed]
      const { rows: [counts] } = await tx.query<{ recovered: number; died: number }>({
        ...this.#sql.recover,
        values,
      })
      return { recovered: 0, died: 0, ...counts, leases: lapsed.length }
    })
  }

  async #promote (): Promise<number> {
    const { rows: [row] } = await this.#pool.query<{ promoted: number }>({
      ...this.#sql.promote,
      values: [most.due],
    })
    return row?.promoted ?? 0
  }

  async #admit (): Promise<number> {
    return await transaction(this.#pool, async (tx) => {
      const { rows: gates } = await tx.query<{ tier: string; tenant: string; has_room: boolean }>({
        ...this.#sql.lockGates,
        values: [most.gates],
      })
      const open = gates.filter(({ has_room: hasRoom }) => hasRoom)
      if (open.length === 0) return 0
      const values = [open.map(({ tier }) => tier), open.map(({ tenant }) => tenant)]
      const { rows: [row] } = await tx.query<{ admitted: number }>({ ...this.#sql.admit, values })
      return row?.admitted ?? 0
    })
  }

  async #sweep (): Promise<void> {
    this.#sweptMs = this.#clock.now()
    for (const sweep of this.#sql.sweeps)
      await this.#pool.query({ ...sweep, values: [most.swept, this.#receiptMs] })
    await this.#sweepOthers()
  }
}
