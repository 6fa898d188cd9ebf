import { connect } from 'node:net'
import { sleep, systemClock } from '../../kernel/index.ts'
import { isLoopback, type Target } from '../../plan/load/scenario/index.ts'
import { UsageError } from '../errors.ts'

/** Nobody answers at the target, so nothing was sent. */
export class TargetUnreachableError extends Error {
  override readonly name = 'TargetUnreachableError'
  /** Stable over releases: match on this, not on the message. */
  readonly code = 'TARGET_UNREACHABLE'
}

/** @throws UsageError for a target elsewhere that nobody has vouched for */
export function refuseRemote ({ hostname }: Target, isAllowed: boolean): void {
  if (isAllowed || isLoopback(hostname)) return
  throw new UsageError(
    `${hostname} is not this machine. To load a service that is not yours is an attack on it, and on what it ` +
      'shares; if you may, say so with --allow-remote'
  )
}

const patienceMs = 5_000

/**
 * Tries once whether somebody listens at the target, so that a slip in its address is told before a whole run.
 *
 * @throws TargetUnreachableError saying what is wrong
 */
export async function probe ({ hostname, port, origin }: Target, signal: AbortSignal): Promise<void> {
  using socket = connectTo(hostname.replace(/^\[|\]$/g, ''), port)
  const connected = Promise.withResolvers<void>()
  socket.connection.once('connect', connected.resolve)
  socket.connection.once('error', (error: NodeJS.ErrnoException) => {
    connected.reject(unreachable(origin, reasonOf(error), error))
  })
  const waiting = new AbortController()
  const patience = sleep(systemClock, patienceMs, AbortSignal.any([signal, waiting.signal])).then(() => {
    throw unreachable(origin, `nobody answered within ${patienceMs / 1_000}s`)
  })
  try {
    await Promise.race([connected.promise, patience])
  } finally {
    waiting.abort()
    patience.catch(() => {})
  }
}

function connectTo (
  host: string,
  port: number
): Disposable & { readonly connection: ReturnType<typeof connect> } {
  const connection = connect({ host, port })
  return {
    connection,
    [Symbol.dispose] () {
      connection.destroy()
    },
  }
}

function unreachable (origin: string, reason: string, cause?: unknown): TargetUnreachableError {
  return new TargetUnreachableError(
    `${origin} cannot be reached: ${reason}. Nothing was sent; --no-probe sends all the same`,
    cause === undefined ? undefined : { cause }
  )
}

function reasonOf (error: NodeJS.ErrnoException): string {
  if (error.code === 'ECONNREFUSED') return 'nothing listens there'
  if (error.code === 'ENOTFOUND') return 'there is no such host'
  return error.message === '' ? String(error.code) : error.message
}
