import type { PoolClient } from 'pg'
import type { Clock } from '../../kernel/index.ts'
import { type CancelOutcome, type CancelTarget, cancelTarget, sendCancelRequest } from './cancel-request.ts'
import type { PoolMetrics } from './metrics.ts'
import type { Statement } from './statement.ts'

export interface CancellerOptions {
  readonly clock: Clock
  readonly metrics: PoolMetrics
  /** Cancel requests under way at once. */
  readonly limit: number
  /** How long a session may take to confirm before its connection is cut, in milliseconds. */
  readonly confirmMs: number
  /** How a request is sent. @default over the network */
  readonly send?: typeof sendCancelRequest
}

/** The first wait for the statement's end before a request is repeated, in milliseconds; each next doubles. */
const firstRetryMs = 50

/**
 * Ends statements that nobody waits for any more.
 *
 * A cancel request names a session, not a statement: one that reaches a session between two messages is
 * ignored, and one that comes late ends whatever runs then. So requests are repeated until the statement has
 * ended, and the session must stay idle until all of them are known to have been processed.
 */
export class Canceller {
  readonly #options: CancellerOptions
  readonly #waiting: Set<() => void> = new Set()
  #underWay = 0

  constructor (options: CancellerOptions) {
    this.#options = options
  }

  /**
   * Resolves when the statement has ended and no request for it is under way.
   *
   * @param cut ends the connection: called when that takes too long, or when a request may still arrive
   */
  async cancel (client: PoolClient, statement: Statement, cut: () => void): Promise<void> {
    const { clock, confirmMs } = this.#options
    const target = cancelTarget(client)
    const stopWaiting = clock.after(confirmMs, cut)
    try {
      for (let retryMs = firstRetryMs; !statement.ended; retryMs *= 2) {
        const outcome = target === undefined ? 'not_sent' : await this.#request(target, statement)
        if (outcome === 'in_doubt') cut()
        if (!statement.ended) await this.#endOf(statement, retryMs)
      }
    } finally {
      stopWaiting()
    }
  }

  /** Sends one request when there is room; not at all when the statement ends before that. */
  async #request (target: CancelTarget, statement: Statement): Promise<CancelOutcome> {
    const { clock, confirmMs, metrics, limit, send = sendCancelRequest } = this.#options
    while (this.#underWay >= limit && !statement.ended) await this.#room(statement)
    let outcome: CancelOutcome = 'not_sent'
    if (!statement.ended) {
      this.#underWay++
      outcome = await send(target, { clock, limitMs: confirmMs })
      this.#underWay--
      metrics.cancelRequests[outcome].add()
    }
    const [next] = this.#waiting
    next?.()
    return outcome
  }

  /** Resolves when there may be room, or when the statement has ended. */
  #room (statement: Statement): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        this.#waiting.delete(go)
        resolve()
      }
      this.#waiting.add(go)
      statement.whenEnded(go)
    })
  }

  #endOf (statement: Statement, limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const stopWaiting = this.#options.clock.after(limitMs, resolve)
      statement.whenEnded(() => {
        stopWaiting()
        resolve()
      })
    })
  }
}
