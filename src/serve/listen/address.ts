import type { Server } from 'node:net'

/** A place to listen at. */
export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

/** A place that is listened at: port 0 has become a real one, a host name an IP address. */
export type BoundAddress = ListenAddress

/** As people write it: `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`. */
export function formatListenAddress (address: ListenAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`
  return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`
}

/** Where a server listens that was asked for `asked`. */
export function boundAddress (server: Server, asked: ListenAddress): BoundAddress {
  const actual = server.address()
  if (asked.kind === 'unix' || actual === null || typeof actual === 'string') return asked
  return { kind: 'tcp', host: actual.address, port: actual.port }
}
