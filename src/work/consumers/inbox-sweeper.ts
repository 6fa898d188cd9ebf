import type { Pool } from 'pg'
import { type Cancel, type Clock, type Random, runWithoutContext } from '../../kernel/index.ts'
import type { Logger } from '../../telemetry/index.ts'
import { consumerStatements } from './consumer-sql.ts'

export interface InboxSweeperOptions {
  readonly pool: Pool
  readonly schema: string | undefined
  /** What was handled longer ago is forgotten, in milliseconds. */
  readonly keepMs: number
  readonly logger: Logger | undefined
  readonly clock: Clock
  readonly random: Random
}

/** The pause between sweeps, and before the first one, in milliseconds: a source that hands out again does so by then. */
const everyMs = 600_000
/** Rows of one statement: short enough to hold up nothing. */
const batch = 5_000

/** Forgets what was handled long ago. Any process may sweep at any time. */
export class InboxSweeper {
  readonly #options: InboxSweeperOptions
  #cancel: Cancel | undefined
  #closed = false

  constructor (options: InboxSweeperOptions) {
    this.#options = options
  }

  start (): void {
    const { clock, random } = this.#options
    if (this.#closed) return
    this.#cancel = runWithoutContext(() =>
      clock.after(everyMs * (1 + random() / 4), () => void this.#sweep().finally(() => this.start()))
    )
  }

  close (): void {
    this.#closed = true
    this.#cancel?.()
  }

  async #sweep (): Promise<void> {
    const { pool, schema, keepMs, logger } = this.#options
    const { sweep } = consumerStatements(schema)
    try {
      for (let swept = batch; swept === batch && !this.#closed;)
        swept = (await pool.query({ ...sweep, values: [keepMs, batch] })).rowCount ?? 0
    } catch (error) {
      logger?.warn(
        { err: error },
        'the inbox of the consumers could not be swept; the next sweep tries again'
      )
    }
  }
}
