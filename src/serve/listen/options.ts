import type { Clock } from '../../kernel/index.ts'
import { SettingError, systemClock } from '../../kernel/index.ts'
import type { ListenAddress } from './address.ts'
import { checkTlsMaterial, type TlsMaterial } from './tls-files.ts'

export interface ListenOptions {
  /** At least one. TLS, when on, is spoken at the TCP ones; a UNIX socket stays on this machine. */
  readonly addresses: readonly ListenAddress[]
  /** Connections the kernel holds per address until they are accepted, at least 1. @default 511 */
  readonly backlog?: number
  /** Speak TLS at TCP addresses. @default plain text */
  readonly tls?: TlsMaterial
  /**
   * Offer HTTP/2 beside HTTP/1.1, chosen by ALPN: it needs `tls`. HTTP/2 without TLS (h2c) is not offered: no
   * browser speaks it, and a proxy that does can reach a UNIX socket over HTTP/1.1. @default false
   */
  readonly http2?: boolean
  /** Permissions of UNIX sockets, octal. @default '660' */
  readonly socketMode?: string
  /**
   * The caller has called `prepareSocketPath` before, and calls `finishSocketPath` after: workers that share
   * one socket must not each do so. @default false
   */
  readonly prepared?: boolean
  readonly limits?: ListenLimits
  readonly clock?: Clock
}

/** What one client may take. 0 stands for no limit where a field says so. */
export interface ListenLimits {
  /** Bytes of request line and headers together; beyond: 431. @default 16384 */
  readonly headerSize?: number
  /** From the first byte of a request, or the connection's start, to the end of its headers, in ms; late: 408. 0: none. @default 10000 */
  readonly headersTimeoutMs?: number
  /** The same to the end of its body, in ms; at least the one above. 0: none. @default 60000 */
  readonly requestTimeoutMs?: number
  /** How long a connection may stay silent between requests, in ms. 0: for ever. @default 65000 */
  readonly keepAliveTimeoutMs?: number
  /** Requests on one HTTP/1 connection until it is closed. 0: no limit. @default 0 */
  readonly requestsPerConnection?: number
  /** Open connections of this process, over all addresses; more are dropped. 0: no limit. @default 0 */
  readonly connections?: number
}

export interface ResolvedListenOptions {
  readonly addresses: readonly ListenAddress[]
  readonly backlog: number
  readonly tls: TlsMaterial | undefined
  readonly http2: boolean
  readonly socketMode: number
  readonly prepared: boolean
  readonly limits: Required<ListenLimits>
  readonly clock: Clock
}

/** @throws SettingError */
export function resolveListenOptions (options: ListenOptions): ResolvedListenOptions {
  const { addresses, backlog = 511, tls, http2 = false, socketMode = '660', prepared = false } = options
  if (addresses.length === 0) throw new SettingError('listen', 'at least one address', addresses)
  if (!(Number.isInteger(backlog) && backlog >= 1)) {
    throw new SettingError('backlog', 'a whole number of at least 1', backlog)
  }
  if (http2 && tls === undefined) {
    throw new SettingError('http2', 'off, or used with tls.key and tls.cert (HTTP/2 needs TLS)', http2)
  }
  if (tls !== undefined) checkTlsMaterial(tls, { key: '(not shown)', cert: '(not shown)' })
  if (tls?.ticketKeys !== undefined) checkTicketKeys(tls.ticketKeys)
  return {
    addresses,
    backlog,
    tls,
    http2,
    socketMode: parseSocketMode(socketMode),
    prepared,
    limits: resolveLimits(options.limits ?? {}),
    clock: options.clock ?? systemClock,
  }
}

/** @throws SettingError unless it is three octal digits, as for chmod */
export function parseSocketMode (mode: string): number {
  if (!/^0?[0-7]{3}$/.test(mode)) {
    throw new SettingError('socketMode', 'three octal digits such as "660"', mode)
  }
  return Number.parseInt(mode, 8)
}

export function checkTicketKeys (keys: Buffer): void {
  // Never the keys themselves in a message.
  if (keys.byteLength !== 48) {
    throw new SettingError('tls.ticketKeys', '48 bytes', `${keys.byteLength} bytes`)
  }
}

function resolveLimits (given: ListenLimits): Required<ListenLimits> {
  const limits: Required<ListenLimits> = {
    headerSize: 16_384,
    headersTimeoutMs: 10_000,
    requestTimeoutMs: 60_000,
    keepAliveTimeoutMs: 65_000,
    requestsPerConnection: 0,
    connections: 0,
    ...given,
  }
  for (const [name, value] of Object.entries<number>({ ...limits })) {
    const least = name === 'headerSize' ? 1 : 0
    if (!(Number.isInteger(value) && value >= least)) {
      throw new SettingError(`limits.${name}`, `a whole number of at least ${least}`, value)
    }
  }
  const { headersTimeoutMs, requestTimeoutMs } = limits
  if (requestTimeoutMs > 0 && headersTimeoutMs > requestTimeoutMs) {
    throw new SettingError(
      'limits.headersTimeout',
      `at most limits.requestTimeout (${requestTimeoutMs} ms)`,
      headersTimeoutMs
    )
  }
  return limits
}
