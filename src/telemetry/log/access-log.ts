import { type Random, SettingError, systemRandom } from '../../kernel/index.ts'
import type { Logger } from './logger.ts'

export interface AccessLogOptions {
  readonly logger: Logger
  /** Requests that take at least this long are logged, in milliseconds. @default 1000 */
  readonly slowMs?: number
  /** Share of all other requests to log, 0 to 1. @default 0 */
  readonly sampleRatio?: number
  /** @default the system's randomness */
  readonly random?: Random
}

/** One answered request. */
export interface AccessEntry {
  readonly method: string
  /** The route's pattern, e.g. `/products/:id`. */
  readonly route: string
  /** The path that was asked for. A query is cut off: it may hold what a log must not. @default left out */
  readonly path?: string | undefined
  readonly status: number
  readonly durationMs: number
  /** Answers that live long by their nature (a stream, a wait that the client asked for) are not slow. @default false */
  readonly livesLong?: boolean | undefined
  readonly requestId: string
  readonly traceId: string
  /** The client's address. */
  readonly remoteAddress: string
  readonly userAgent?: string | undefined
}

/** The log of requests. */
export interface AccessLog {
  /** Whether to log a request; ask before making an entry. */
  wants(statusCode: number, durationMs: number, livesLong?: boolean): boolean
  /** Logs a request: at `error` for a status of 500 or above, at `warn` when slow, else at `info`. */
  write(entry: AccessEntry): void
}

/**
 * A log of the requests worth a line: those that failed (status 500 or above), were slow (but for those that live
 * long), or fell into the sample. Traffic as a whole is in the metrics; a line for each request would cost more than most requests.
 *
 * Fields: `method`, `route`, `path`, `status`, `duration_ms`, `request_id`, `trace_id`, `remote_address` and
 * `user_agent`, where there is one; `msg` is `request`.
 *
 * @throws SettingError
 */
export function accessLog (options: AccessLogOptions): AccessLog {
  const { logger, slowMs = 1_000, sampleRatio = 0, random = systemRandom } = options
  if (!(slowMs >= 0)) throw new SettingError('accessLog.slow', 'a duration of at least 0 ms', slowMs)
  if (!(sampleRatio >= 0 && sampleRatio <= 1)) {
    throw new SettingError('accessLog.sample', 'a number from 0 to 1', sampleRatio)
  }
  return {
    wants: (statusCode, durationMs, livesLong = false) =>
      statusCode >= 500 || (durationMs >= slowMs && !livesLong) ||
      (sampleRatio > 0 && random() < sampleRatio),
    write ({ livesLong = false, ...entry }) {
      const { method, route, path, status, durationMs, requestId, traceId, remoteAddress, userAgent } = entry
      const level = status >= 500 ? 'error' : durationMs >= slowMs && !livesLong ? 'warn' : 'info'
      logger[level]({
        method,
        route,
        ...(path === undefined ? {} : { path: path.split('?', 1)[0] }),
        status,
        duration_ms: Math.round(durationMs * 1000) / 1000,
        request_id: requestId,
        trace_id: traceId,
        remote_address: remoteAddress,
        ...(userAgent === undefined ? {} : { user_agent: userAgent }),
      }, 'request')
    },
  }
}
