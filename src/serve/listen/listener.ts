import type { RequestListener, Server } from 'node:http'
import type { Server as TlsServer } from 'node:tls'
import { type BoundAddress, boundAddress, type ListenAddress } from './address.ts'
import { answerClientError } from './client-error.ts'
import { Connections } from './connections.ts'
import { createHttpServer, type HttpServer } from './create-server.ts'
import { Drain, type DrainOptions, type DrainResult } from './drain.ts'
import { listenErrorOf } from './errors.ts'
import { forwardEvents } from './forward.ts'
import {
  checkTicketKeys,
  type ListenOptions,
  type ResolvedListenOptions,
  resolveListenOptions,
} from './options.ts'
import { finishSocketPath, prepareSocketPath } from './socket-path.ts'

/** The sockets of one process and the HTTP spoken on them, up to the request handler. */
export interface Listener {
  /**
   * Creates a server per address, all with one handler. For Fastify: `serverFactory: listener.attach`,
   * together with `clientErrorHandler: answerClientError`.
   *
   * @returns the first server; `upgrade` and the like of the others are passed on to it. With HTTP/2 it is an
   *   `Http2SecureServer`, which serves the same handlers through node's compatibility layer.
   */
  readonly attach: (handler: RequestListener) => Server
  /** Starts to accept. When one address fails, none stays open. @throws ListenError */
  readonly listen: () => Promise<readonly BoundAddress[]>
  /** From now on, new sessions are sealed with these 48 bytes; older tickets mean a full handshake. */
  readonly setTicketKeys: (keys: Buffer) => void
  /** Calls `run` for each connection that is accepted from now on, at any of the addresses. */
  readonly onAccept: (run: () => void) => void
  /** Open connections. */
  readonly connections: () => number
  /** Connections refused because of `limits.connections`, so far. */
  readonly dropped: () => number
  /** Stops without losing a request; a second call joins the first. */
  readonly drain: (options: DrainOptions) => Promise<DrainResult>
}

/** @throws SettingError when an option is wrong, key and certificate included */
export function openListener (given: ListenOptions): Listener {
  const options = resolveListenOptions(given)
  const connections = new Connections(options.limits.connections, options.clock)
  let servers: readonly HttpServer[] = []
  let ticketKeys = options.tls?.ticketKeys
  let drain: Promise<DrainResult> | undefined

  function useTicketKeys (): void {
    if (ticketKeys === undefined) return
    for (const server of servers) if (isTls(server)) server.setTicketKeys(ticketKeys)
  }

  return {
    attach (handler) {
      if (servers.length > 0) throw new Error('the listener has a handler already')
      servers = options.addresses.map((address) => createHttpServer(address, options, handler))
      const [first, ...others] = servers
      if (first === undefined) throw new Error('the listener has no address')
      for (const server of servers) connections.watch(server, { tls: isTls(server) })
      for (const server of others) forwardEvents(server, first)
      return first as Server
    },
    async listen () {
      const [first] = servers
      if (first === undefined) throw new Error('call attach before listen')
      if (first.listenerCount('clientError') === 0) first.on('clientError', answerClientError)
      const bound: BoundAddress[] = []
      try {
        for (const [index, server] of servers.entries()) {
          bound.push(await bind(server, options.addresses[index] as ListenAddress, options))
        }
      } catch (error) {
        for (const server of servers) server.close()
        throw error
      }
      // A cluster worker has just been given those of the first worker that ever listened here.
      useTicketKeys()
      return bound
    },
    setTicketKeys (keys) {
      checkTicketKeys(keys)
      ticketKeys = keys
      useTicketKeys()
    },
    onAccept (run) {
      connections.onAccept = run
    },
    connections: () => connections.accepted.size,
    dropped: () => connections.dropped,
    drain (how) {
      drain ??= new Drain({ servers, connections, clock: options.clock, limits: options.limits, ...how })
        .run()
      return drain
    },
  }
}

async function bind (
  server: HttpServer,
  address: ListenAddress,
  { backlog, prepared, socketMode }: ResolvedListenOptions
): Promise<BoundAddress> {
  if (address.kind === 'unix' && !prepared) await prepareSocketPath(address.path)
  const bound = Promise.withResolvers<void>()
  server.once('error', bound.reject)
  server.once('listening', bound.resolve)
  try {
    server.listen(
      address.kind === 'unix' ?
        { path: address.path, backlog } :
        { host: address.host, port: address.port, backlog }
    )
    await bound.promise
  } catch (error) {
    throw listenErrorOf(address, error)
  } finally {
    server.off('error', bound.reject)
    server.off('listening', bound.resolve)
  }
  if (address.kind === 'unix' && !prepared) await finishSocketPath(address.path, socketMode.toString(8))
  return boundAddress(server, address)
}

function isTls (server: object): server is TlsServer {
  return 'setTicketKeys' in server
}
