import type { Http2Session } from 'node:http2'
import type { Server, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../kernel/index.ts'
import { LateTimers } from './late-timers.ts'
import { OpenSession } from './open-session.ts'

/**
 * The open connections of all servers of a listener. It costs a set entry and a `close` listener per
 * connection; nothing per HTTP/1 request.
 */
export class Connections {
  /** Every accepted connection, below TLS: what counts against the limit. */
  readonly accepted: Set<Socket> = new Set()
  /** Those that speak, or once spoke, HTTP/1: the socket itself, or the TLS one upon it. */
  readonly http1: Set<Socket> = new Set()
  readonly sessions: Set<OpenSession> = new Set()
  /** Refused because the limit was reached. */
  dropped = 0
  /** Called for each connection that is accepted. */
  onAccept: (() => void) | undefined
  /** Called when the last connection has closed. */
  onEmpty: (() => void) | undefined
  /** Called for each HTTP/2 session that begins. */
  onSession: ((session: OpenSession) => void) | undefined

  readonly #limit: number
  readonly #timers: LateTimers

  /** @param limit most connections at once over all servers; 0 for no limit */
  constructor (limit: number, clock: Clock) {
    this.#limit = limit
    this.#timers = new LateTimers(this.http1, clock)
  }

  watch (server: Server, { tls }: { tls: boolean }): void {
    const own = { open: 0 }
    server.on('connection', (socket: Socket) => {
      own.open++
      this.onAccept?.()
      this.#add(this.accepted, socket)
      socket.once('close', () => {
        own.open--
        if (this.accepted.size === 0) this.onEmpty?.()
      })
      if (!tls) this.#speaksHttp1(server, socket)
    })
    if (tls) {
      server.on('secureConnection', (socket: TLSSocket) => {
        if (socket.alpnProtocol !== 'h2') this.#speaksHttp1(server, socket)
      })
      server.on('session', (session: Http2Session) => {
        const open = new OpenSession(session)
        this.sessions.add(open)
        session.once('close', () => this.sessions.delete(open))
        this.onSession?.(open)
      })
    }
    if (this.#limit === 0) return
    server.on('drop', () => this.dropped++)
    // Each server may take what the others leave, so the limit holds for their sum.
    Object.defineProperty(server, 'maxConnections', {
      configurable: true,
      get: () => this.#limit - (this.accepted.size - own.open),
    })
    // Under node:cluster's round robin a full worker would hand the connection back, and the primary would
    // spin between workers that are all full.
    // @types/node does not know the property yet.
    Object.assign(server, { dropMaxConnection: true })
  }

  #speaksHttp1 (server: Server, socket: Socket): void {
    this.#add(this.http1, socket)
    this.#timers.watch(server, socket)
  }

  #add (set: Set<Socket>, socket: Socket): void {
    set.add(socket)
    socket.once('close', () => set.delete(socket))
  }
}
