import { formatListenAddress, type ListenAddress } from './address.ts'

/** Why an address could not be listened at; stable over releases. */
export type ListenErrorCode =
  | 'PORT_IN_USE'
  | 'ADDRESS_UNAVAILABLE'
  | 'HOST_NOT_FOUND'
  | 'PERMISSION_DENIED'
  | 'SOCKET_IN_USE'
  | 'SOCKET_PATH_TAKEN'
  | 'SOCKET_PATH_TOO_LONG'
  | 'SOCKET_DIRECTORY_MISSING'
  | 'LISTEN_FAILED'

/** An address cannot be listened at. It stops the boot; the message says which one and what to do. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
  /** Stable over releases: match on this, not on the message. */
  readonly code: ListenErrorCode
  readonly address: ListenAddress

  constructor (code: ListenErrorCode, address: ListenAddress, advice: string, cause?: unknown) {
    super(
      `cannot listen at ${formatListenAddress(address)}: ${advice}`,
      cause === undefined ? undefined : { cause }
    )
    this.code = code
    this.address = address
  }
}

type Reason = readonly [code: ListenErrorCode, advice: string]

const tcpReasons: Readonly<Record<string, Reason>> = {
  EADDRINUSE: ['PORT_IN_USE', 'another process uses this port; stop it, or choose another port'],
  EADDRNOTAVAIL: [
    'ADDRESS_UNAVAILABLE',
    'this machine has no such address; use one of its own, or 0.0.0.0 for all of them',
  ],
  ENOTFOUND: ['HOST_NOT_FOUND', 'the host name has no address; check its spelling, or use an IP address'],
  EAI_AGAIN: ['HOST_NOT_FOUND', 'the host name cannot be resolved now; check DNS, or use an IP address'],
  EACCES: [
    'PERMISSION_DENIED',
    'ports below 1024 need privileges; use a higher port, or CAP_NET_BIND_SERVICE',
  ],
}

const unixReasons: Readonly<Record<string, Reason>> = {
  EADDRINUSE: ['SOCKET_IN_USE', 'the path exists; another process may be listening there'],
  EACCES: ['PERMISSION_DENIED', 'the directory is not writable for this user; change its owner or the path'],
  EPERM: ['PERMISSION_DENIED', 'the directory is not writable for this user; change its owner or the path'],
  ENOENT: ['SOCKET_DIRECTORY_MISSING', 'the directory does not exist; create it, or change the path'],
  ENOTDIR: ['SOCKET_DIRECTORY_MISSING', 'a part of the path is not a directory; change the path'],
}

/** Says in our words what the system said when it refused `address`. */
export function listenErrorOf (address: ListenAddress, error: unknown): ListenError {
  if (error instanceof ListenError) return error
  const errno = errnoOf(error)
  const reasons = address.kind === 'tcp' ? tcpReasons : unixReasons
  const [code, advice] = reasons[errno] ?? ['LISTEN_FAILED', `the system refused it (${errno})`]
  return new ListenError(code, address, advice, error)
}

/** The code of a system error, e.g. `EADDRINUSE`. */
export function errnoOf (error: unknown): string {
  if (error instanceof Error && 'code' in error) return String(error.code)
  return String(error)
}
