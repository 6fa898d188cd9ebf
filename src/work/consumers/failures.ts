import { fullJitter, type Random } from '../../kernel/index.ts'
import { jobFailure, lapsedFailure } from '../jobs/failure/index.ts'
import type { Verdict } from './consumer-store.ts'
import type { Consumer } from './define-consumer.ts'

/**
 * What becomes of a message whose handling threw.
 *
 * An error whose `retryable` is false ends it; one with `retryAfterMs` is not tried again before that.
 *
 * @param attempt which try it was, from 1
 */
export function verdictOn (
  error: unknown,
  attempt: number,
  { attempts, backoff }: Pick<Consumer, 'attempts' | 'backoff'>,
  random: Random
): Verdict {
  const { retryable, retryAfterMs } = fieldsOf(error)
  const asked = typeof retryAfterMs === 'number' && retryAfterMs > 0 ? retryAfterMs : 0
  return {
    dead: retryable === false || attempt >= attempts,
    waitMs: Math.max(asked, fullJitter(attempt, backoff, random)),
    failure: jobFailure(error),
  }
}

/** Of a message whose handling ends its process, again and again. */
export function killerVerdict (attempt: number): Verdict {
  return { dead: true, waitMs: 0, failure: lapsedFailure(attempt) }
}

/** The pool's own words for a database that is away or busy, and PostgreSQL's. */
const troubleCodes = /^(?:DATABASE_(?:LOST|BUSY|LINE_FULL)|08...|57P0[1-5]|53[123]00|25006)$/

/**
 * Whether the handling was ended by the state of the database, which says nothing about the message.
 *
 * @see https://www.postgresql.org/docs/18/errcodes-appendix.html
 */
export function isDatabaseTrouble (error: unknown): boolean {
  const { code, message } = fieldsOf(error)
  return typeof code === 'string' ? troubleCodes.test(code) : message.startsWith('Connection terminated')
}

function fieldsOf (error: unknown): {
  code?: unknown
  retryable?: unknown
  retryAfterMs?: unknown
  message: string
} {
  return error instanceof Error ? error : { message: '' }
}
