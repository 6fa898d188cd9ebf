import pino from 'pino'
import { type Clock, currentContext, SettingError, systemClock } from '../../kernel/index.ts'
import { prettyDestination } from './pretty-destination.ts'

/** pino's logger; Fastify takes it as `loggerInstance`. */
export type Logger = pino.Logger

/** How much is logged, from most to nothing. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

export type LogLevel = (typeof logLevels)[number]

/** Takes finished lines: a stream, or whatever can write. */
export interface LogDestination {
  write(line: string): unknown
  /** For format `'auto'`: whether a person reads it. */
  readonly isTTY?: boolean | undefined
}

export interface LoggerOptions {
  /** @default 'info' */
  readonly level?: LogLevel
  /** The service's name, on each line as `name`. @default none */
  readonly name?: string | undefined
  /** @default the process's standard output, written before the call returns */
  readonly destination?: LogDestination
  /** `'auto'` is `'pretty'` where the destination is a terminal. @default 'json' */
  readonly format?: 'json' | 'pretty' | 'auto'
  /** Fields on each line, e.g. `{ worker: '1' }`. @default none */
  readonly bindings?: Readonly<Record<string, unknown>>
  /** Dates the lines. @default the system's clock */
  readonly clock?: Clock
}

/**
 * A logger that writes one JSON object a line: `level` (a word), `time` (ISO 8601), `msg`, and, while a
 * unit of work runs, its `request_id`, `trace_id` and `span_id`.
 *
 * @throws SettingError for a level that there is none of
 */
export function createLogger (options: LoggerOptions = {}): Logger {
  const { level = 'info', name, format = 'json', bindings = {}, clock = systemClock } = options
  if (!logLevels.includes(level)) throw new SettingError('log.level', `one of ${logLevels.join(', ')}`, level)
  const logger = pino({
    level,
    base: name === undefined ? bindings : { name, ...bindings },
    timestamp: () => `,"time":"${new Date(clock.epochMs()).toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    mixin: contextFields,
  }, destinationOf(options.destination, format))
  return logger
}

function destinationOf (
  given: LogDestination | undefined,
  format: 'json' | 'pretty' | 'auto'
): pino.DestinationStream {
  const isTTY = given === undefined ? process.stdout.isTTY : given.isTTY === true
  const pretty = format === 'pretty' || (format === 'auto' && isTTY)
  const stream = given ?? pino.destination({ fd: 1, sync: true })
  return pretty ? prettyDestination(stream, { color: isTTY }) : { write: (line) => void stream.write(line) }
}

/** Names the running work on its lines; a field given by the caller wins. */
function contextFields (): object {
  const context = currentContext()
  if (context === undefined) return {}
  const { id, trace: { traceId, spanId } } = context
  return { request_id: id, trace_id: traceId, span_id: spanId }
}
