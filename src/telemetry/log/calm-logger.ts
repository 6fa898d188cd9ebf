import { type Clock, SettingError, systemClock } from '../../kernel/index.ts'
import type { Logger } from './logger.ts'

export interface CalmLoggerOptions {
  /** How long the same failure is not told again, in milliseconds; above 0. @default 30,000 */
  readonly everyMs?: number
  readonly clock?: Clock
}

interface Told {
  readonly atMs: number
  leftOut: number
}

/** So many failures are remembered; the oldest is forgotten for one more. */
const mostRemembered = 500

/**
 * A logger for loops that try again and again: while the database is away, each of them would write some lines a
 * second. Of warnings and errors with an `err` that say the same (message, fields, and the error's code or else its
 * message), one is written each `everyMs`, with how many were left out before it as `left_out`. All else is written
 * as it comes, and whatever children of the logger write.
 *
 * @throws SettingError
 */
export function calmLogger (
  logger: Logger,
  { everyMs = 30_000, clock = systemClock }: CalmLoggerOptions = {}
): Logger {
  if (!(everyMs > 0)) throw new SettingError('calmLogger.everyMs', 'above 0', everyMs)
  const told = new Map<string, Told>()

  /** @returns fields to add; `undefined` for what is to be left out */
  function admit (fields: Readonly<Record<string, unknown>>, message: unknown): object | undefined {
    const key = sameAs(fields, message)
    const nowMs = clock.now()
    const before = told.get(key)
    if (before !== undefined && nowMs - before.atMs < everyMs) {
      before.leftOut++
      return undefined
    }
    told.delete(key)
    told.set(key, { atMs: nowMs, leftOut: 0 })
    if (told.size > mostRemembered) told.delete(told.keys().next().value!)
    return before === undefined || before.leftOut === 0 ? {} : { left_out: before.leftOut }
  }

  function calm (level: 'warn' | 'error') {
    return (fields: unknown, message?: unknown, ...values: unknown[]): void => {
      const write = logger[level].bind(logger) as (...entry: unknown[]) => void
      if (!isFailure(fields)) return write(fields, message, ...values)
      const added = admit(fields, message)
      if (added !== undefined) write({ ...fields, ...added }, message, ...values)
    }
  }

  return Object.create(logger, {
    warn: { value: calm('warn') },
    error: { value: calm('error') },
    // pino makes a child of what `this` is: it would write through this one, without its own fields.
    child: { value: logger.child.bind(logger) },
  }) as Logger
}

function isFailure (fields: unknown): fields is Readonly<Record<string, unknown>> {
  return typeof fields === 'object' && fields !== null && 'err' in fields
}

function sameAs ({ err, ...fields }: Readonly<Record<string, unknown>>, message: unknown): string {
  const { code, message: words } = Object(err) as { code?: unknown; message?: unknown }
  return [message, code ?? words, ...Object.entries(fields).flat()].map(String).join('\n')
}
