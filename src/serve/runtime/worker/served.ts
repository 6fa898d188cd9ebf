import type { MetricsSnapshot } from '../../../telemetry/index.ts'
import type { HealthReport } from '../../health/index.ts'
import type { BootOrder } from '../protocol.ts'

/** What a worker runs, once it listens. */
export interface Served {
  /** Where it listens, as people write it. */
  readonly addresses: readonly string[]
  /** Requests not answered yet, and those answered since the start. */
  readonly load: () => { readonly inFlight: number; readonly requests: number }
  readonly health: () => Promise<HealthReport>
  readonly snapshot: () => MetricsSnapshot
  /** Says "not ready" from now on, and goes on serving. */
  readonly announceDrain: () => void
  /**
   * Stops accepting, lets requests under way end, and closes what was opened.
   *
   * @returns how many connections had to be cut at the end of the grace
   */
  readonly drain: () => Promise<number>
  readonly setTicketKeys: (keys: Uint8Array) => void
}

/** What a worker gives to whatever it is to run. */
export interface ServeHooks {
  readonly onProgress: (message: string, share?: number) => void
  /** Called with an error that ends the process, to log it. */
  readonly onFatal: (log: (error: unknown) => void) => void
  /** The way to the supervisor's local engine. */
  readonly local: {
    readonly send: (message: unknown) => void
    readonly onMessage: (receive: (message: unknown) => void) => void
  }
}

/** Boots what a worker runs, up to and including listening. */
export type OpenServed = (order: BootOrder, hooks: ServeHooks) => Promise<Served>
