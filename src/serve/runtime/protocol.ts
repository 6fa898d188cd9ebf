import type { MetricsSnapshot } from '../../telemetry/index.ts'
import type { HealthReport } from '../health/index.ts'
import type { Mode, Settings } from '../settings/index.ts'

/**
 * What supervisor and workers say to each other, over the IPC channel of node:cluster with `advanced`
 * serialization. Each message has the key `plimsoll`, so that an application that uses `process.send` on
 * its own account is not mistaken for the runtime, nor the runtime for it.
 */
export type ToWorker =
  | { readonly plimsoll: 'boot'; readonly order: BootOrder }
  | { readonly plimsoll: 'collect'; readonly id: number }
  | { readonly plimsoll: 'drain'; readonly delayMs: number }
  /**
   * The answer to `drained`. With `acceptMode` "round-robin" the supervisor may have dealt out a connection
   * just before it read that the worker has stopped listening; what was sent before this message has
   * reached the worker, and been handed back.
   */
  | { readonly plimsoll: 'farewell' }
  | { readonly plimsoll: 'ticket-keys'; readonly keys: Uint8Array }
  | { readonly plimsoll: 'local'; readonly message: unknown }

export type FromWorker =
  /** It listens to the channel, and waits for its order. */
  | { readonly plimsoll: 'hello' }
  | { readonly plimsoll: 'progress'; readonly message: string; readonly share?: number }
  | { readonly plimsoll: 'ready'; readonly addresses: readonly string[]; readonly bootMs: number }
  | { readonly plimsoll: 'heartbeat'; readonly vitals: Vitals }
  | { readonly plimsoll: 'collected'; readonly id: number; readonly snapshot: MetricsSnapshot }
  /** A worker that was drained has nothing left to do; it ends at the supervisor's farewell. */
  | { readonly plimsoll: 'drained'; readonly cut: number; readonly snapshot: MetricsSnapshot }
  /** The last word of a drained worker: all that it has handed back is on its way before it. */
  | { readonly plimsoll: 'gone' }
  /** The last word of a worker that cannot go on. */
  | { readonly plimsoll: 'failed'; readonly error: FailureReport }
  | { readonly plimsoll: 'local'; readonly message: unknown }

/** What a worker must know to start. */
export interface BootOrder {
  readonly worker: number
  readonly slot: number
  readonly generation: number
  /** The first of its generation: the others start when it is ready. */
  readonly leads: boolean
  /** URL of the service's module. */
  readonly module: string
  readonly mode: Mode
  readonly settings: Settings
  /** Shared keys for TLS session tickets; 48 bytes. */
  readonly ticketKeys?: Uint8Array
}

/** A worker's signs of life, sent with each heartbeat. */
export interface Vitals {
  /** The longest that its event loop kept a timer waiting since the last heartbeat, in milliseconds. */
  readonly loopDelayMs: number
  /** Share of time that the loop was busy since the last heartbeat, 0 to 1. */
  readonly utilization: number
  readonly memoryBytes: number
  /** Requests that have arrived and are not answered yet. */
  readonly inFlight: number
  /** Requests answered since the worker started. */
  readonly requests: number
  readonly health: HealthReport
}

/** An error as it crosses the channel. */
export interface FailureReport {
  readonly name: string
  readonly message: string
  /** Its stable code, where it has one. */
  readonly code?: string
  readonly stack?: string
}

/** Makes an error, or anything else that was thrown, fit to be sent. */
export function reportFailure (thrown: unknown): FailureReport {
  if (!(thrown instanceof Error)) return { name: 'Error', message: `${String(thrown)} was thrown` }
  const { name, message, stack } = thrown
  const code = (thrown as { code?: unknown }).code
  return {
    name,
    message,
    ...(typeof code === 'string' ? { code } : {}),
    ...(stack === undefined ? {} : { stack }),
  }
}

/** Whether a message on the channel is the runtime's own. */
export function isOwn (message: unknown): message is { readonly plimsoll: string } {
  return typeof message === 'object' && message !== null && 'plimsoll' in message
}
