import type { Cancel, Clock } from '../../kernel/index.ts'
import { FreshAsk } from './fresh-ask.ts'
import { LagRuler } from './lag-ruler.ts'
import { parseLsn, replayTarget, type WalPosition } from './lsn.ts'
import type { ServerLine } from './server-line.ts'

/** Fails on a server in recovery, which is no primary. */
const positionQuery = 'SELECT pg_current_wal_insert_lsn()::text AS lsn, ' +
  `('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int AS timeline, ` +
  `current_setting('wal_block_size')::int AS page, ` +
  '(SELECT system_identifier::text FROM pg_control_system()) AS system'

interface PositionRow {
  readonly lsn: string
  readonly timeline: number
  readonly page: number
  readonly system: string
}

/** Where the primary stands. */
export class PrimaryWatch {
  readonly ruler: LagRuler = new LagRuler()
  readonly #line: ServerLine
  readonly #clock: Clock
  readonly #ask: FreshAsk<WalPosition> = new FreshAsk(() => this.#read())
  #stop: Cancel | undefined
  #system: string | undefined
  #timeline: number | undefined

  constructor (line: ServerLine, clock: Clock) {
    this.#line = line
    this.#clock = clock
  }

  /**
   * Asks for the first time, and from then on each `pollMs`.
   *
   * Rejects when the primary does not answer now, or is none.
   */
  async start (pollMs: number): Promise<void> {
    await this.position()
    this.#stop = this.#clock.every(pollMs, () => void this.position().catch(() => {}))
  }

  /** Names the cluster, the same for its standbys; `undefined` until the primary has answered once. */
  get system (): string | undefined {
    return this.#system
  }

  /** The timeline that the primary was last seen on. */
  get timeline (): number | undefined {
    return this.#timeline
  }

  /**
   * A position that covers all that was committed when this was called: a standby that has replayed it shows it.
   *
   * Rejects when the primary does not answer, or is none.
   */
  position (): Promise<WalPosition> {
    return this.#ask.ask()
  }

  async close (): Promise<void> {
    this.#stop?.()
    await this.#line.close()
  }

  async #read (): Promise<WalPosition> {
    const { lsn, timeline, page, system } = await this.#line.ask<PositionRow>(positionQuery)
    const position = { timeline, lsn: replayTarget(parseLsn(lsn), page) }
    this.#system = system
    this.#timeline = timeline
    this.ruler.mark(this.#clock.now(), position.lsn)
    return position
  }
}
