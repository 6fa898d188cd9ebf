import type { FailureKind } from '../report.ts'

const kinds: Readonly<Record<string, FailureKind>> = {
  ECONNREFUSED: 'refused',
  // A UNIX socket whose backlog is full.
  EAGAIN: 'refused',
  ECONNRESET: 'reset',
  ECONNABORTED: 'reset',
  EPIPE: 'reset',
  EADDRNOTAVAIL: 'exhausted',
  EADDRINUSE: 'exhausted',
  EMFILE: 'exhausted',
  ENFILE: 'exhausted',
  ENOBUFS: 'exhausted',
  ENOMEM: 'exhausted',
  EPROTO: 'tls',
}

/** What a socket's error means to a client. */
export function failureKind (error: NodeJS.ErrnoException): FailureKind {
  const { code = '' } = error
  const kind = kinds[code]
  if (kind !== undefined) return kind
  return /^ERR_(?:SSL|TLS)|CERT|SIGNATURE|^UNABLE_TO_/.test(code) ? 'tls' : 'unreachable'
}
