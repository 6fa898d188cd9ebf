import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Clock, systemClock } from '../../kernel/index.ts'
import { AdminListenError } from './errors.ts'
import { adminHandler, type AdminSources } from './handler.ts'

export interface AdminAddress {
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
}

export interface AdminOptions extends Omit<AdminSources, 'onError'> {
  /**
   * Where to listen. There is no authentication: whoever reaches the address may read all of it.
   *
   * @default 127.0.0.1:3001
   */
  readonly address?: AdminAddress
  /** Called with what a source threw, for the log. @default it is forgotten */
  readonly onError?: (error: unknown) => void
  /** What answers under way may still take at `close()`, in milliseconds. @default 1000 */
  readonly closeGraceMs?: number
  /** @default the system's */
  readonly clock?: Clock
}

export interface Admin extends AsyncDisposable {
  /** Where it listens, with the port that was found. */
  readonly address: AdminAddress
  /** Ends idle connections at once and busy ones after the grace; a second call awaits the first. */
  close(): Promise<void>
}

/**
 * Opens the supervisor's own small HTTP server: metrics, health, status. It stands apart from the service,
 * so that it answers while the workers are busy, restarted or stuck. Nothing on it changes anything.
 *
 * @throws AdminListenError
 */
export async function openAdmin (options: AdminOptions): Promise<Admin> {
  const { address = { host: '127.0.0.1', port: 3001 }, closeGraceMs = 1_000, clock = systemClock } = options
  const { metrics, health, status, onError = () => {} } = options
  const server = createServer(
    // A scraper sends no body; who holds a request open is not one.
    { headersTimeout: 10_000, requestTimeout: 10_000 },
    adminHandler({ metrics, health, status, onError })
  )
  try {
    server.listen(address.port, address.host)
    await once(server, 'listening')
  } catch (error) {
    throw new AdminListenError(address, error as NodeJS.ErrnoException)
  }
  // What fails from here on is the accepting of one connection (no file descriptor left, say). Without a
  // listener it would end the supervisor, and the service with it.
  server.on('error', onError)

  let closing: Promise<void> | undefined
  const close = (): Promise<void> => closing ??= closeServer(server, clock, closeGraceMs)
  const { address: host, port } = server.address() as AddressInfo
  return { address: { host, port }, close, [Symbol.asyncDispose]: close }
}

async function closeServer (server: Server, clock: Clock, graceMs: number): Promise<void> {
  const closed = once(server, 'close')
  // Ends idle connections as well.
  server.close()
  const cancel = clock.after(graceMs, () => server.closeAllConnections())
  await closed
  cancel()
}
