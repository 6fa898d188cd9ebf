import type { FailureReport } from './protocol.ts'

/** Why a worker is drained. */
export type DrainReason = 'reload' | 'rollback' | 'rotation' | 'scaled-down' | 'shutdown'

/** Which limit of its life a worker has reached. */
export type RotationReason = 'requests' | 'lifetime' | 'memory'

/** A worker as events name it. */
export interface WorkerName {
  /** Unique for the life of the supervisor. */
  readonly worker: number
  readonly slot: number
  readonly generation: number
  readonly pid: number
}

/** One frame of a stuck worker's stack; lines and columns count from 1. */
export interface StackFrame {
  /** Empty for a function without a name. */
  readonly function: string
  /** URL or path; empty for code that has none. */
  readonly file: string
  readonly line: number
  readonly column: number
}

/** Why a worker that was not drained is gone. */
export type LossReason = 'crashed' | 'stuck' | 'drain-overdue' | 'boot-failed' | 'abandoned'

/**
 * What the supervisor tells of its work. It prints nothing itself: whoever runs it decides what people
 * and machines get to see.
 */
export type SupervisorEvent =
  | { readonly kind: 'started'; readonly pid: number; readonly workers: number; readonly mode: string }
  | { readonly kind: 'admin-listening'; readonly host: string; readonly port: number }
  | { readonly kind: 'worker-started' } & WorkerName
  /** A worker that boots has come further. */
  | { readonly kind: 'progress'; readonly message: string; readonly share?: number } & WorkerName
  | { readonly kind: 'worker-ready'; readonly bootMs: number } & WorkerName
  /** The service is reachable: the first worker listens. Once, and again when the addresses change. */
  | { readonly kind: 'listening'; readonly addresses: readonly string[] }
  /** The first generation is complete. */
  | { readonly kind: 'booted'; readonly workers: number; readonly tookMs: number }
  | { readonly kind: 'boot-failed'; readonly error: FailureReport }
  | { readonly kind: 'worker-draining'; readonly reason: DrainReason } & WorkerName
  /** A worker has gone as it was meant to. `cut` connections were closed at the end of the grace. */
  | { readonly kind: 'worker-drained'; readonly cut: number } & WorkerName
  /**
   * A worker has gone otherwise. `inFlight` requests were in its hands by its last heartbeat, which was
   * `heartbeatAgeMs` before its end: those are what may have been lost.
   */
  | {
    readonly kind: 'worker-lost'
    readonly reason: LossReason
    readonly code: number | null
    readonly signal: string | null
    readonly inFlight: number
    readonly heartbeatAgeMs: number
    readonly error?: FailureReport
    /** The end of what it wrote to its standard error. */
    readonly lastWords: string
  } & WorkerName
  /** A worker's event loop is blocked. `stack` is where; when it could not be had, `stackError` is why. */
  | {
    readonly kind: 'worker-stuck'
    readonly silentMs: number
    readonly stack: readonly StackFrame[]
    readonly stackError?: string
  } & WorkerName
  | {
    readonly kind: 'crash-loop'
    readonly crashes: number
    readonly waitMs: number
    readonly givenUp: boolean
  }
  | { readonly kind: 'rotation'; readonly reason: RotationReason } & WorkerName
  | { readonly kind: 'reload-started'; readonly generation: number; readonly cause: string }
  | { readonly kind: 'reload-done'; readonly generation: number; readonly tookMs: number }
  | {
    readonly kind: 'reload-rolled-back'
    readonly generation: number
    /** The generation that serves on. */
    readonly kept: number
    readonly error: FailureReport
  }
  /** Settings that a reload cannot change: they hold until the supervisor is started anew. */
  | { readonly kind: 'restart-needed'; readonly settings: readonly string[] }
  | { readonly kind: 'scaled'; readonly workers: number }
  | { readonly kind: 'stopping'; readonly cause: string }
  | { readonly kind: 'stopped'; readonly exitCode: number }
  | { readonly kind: 'status-written'; readonly file: string }
  /** Something beside the service failed; the service goes on. */
  | { readonly kind: 'trouble'; readonly message: string; readonly error: FailureReport }
