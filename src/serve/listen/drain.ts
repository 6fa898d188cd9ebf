import { Server as NetServer, type Socket } from 'node:net'
import type { Clock } from '../../kernel/index.ts'
import type { Connections } from './connections.ts'
import type { HttpServer } from './create-server.ts'
import { currentResponse, isUpgraded } from './http-socket.ts'
import { LastRequests } from './last-requests.ts'

export interface DrainOptions {
  /** What is still open after this long is cut, in milliseconds. */
  readonly graceMs: number
  /** A connection with no request in flight is closed when nothing has come for this long, in milliseconds. */
  readonly idleMs: number
}

export interface DrainResult {
  /** `cut` when connections had to be destroyed at the end of the grace. */
  readonly closed: 'all' | 'cut'
  /** How many. */
  readonly cut: number
  /** Connections closed because nothing came for `idleMs`. */
  readonly idle: number
  readonly durationMs: number
}

interface DrainParts extends DrainOptions {
  readonly servers: readonly HttpServer[]
  readonly connections: Connections
  readonly clock: Clock
  readonly limits: { readonly headersTimeoutMs: number }
}

interface Silence {
  bytesRead: number
  sinceMs: number
}

/**
 * The lossless stop of one process.
 *
 * New connections are no longer accepted (whoever shares the socket takes them). Every HTTP/1 response that
 * can still say so says `Connection: close`, so a client that uses its connection once more learns that it
 * was the last time; HTTP/2 clients get GOAWAY. A connection that stays silent is closed after `idleMs`.
 * Upgraded ones live until they end or the grace does.
 *
 * `http.Server.close()` is of no use here: it destroys idle connections at once, at the very moment at which
 * a client may be sending on one of them.
 */
export class Drain {
  readonly #parts: DrainParts
  readonly #startMs: number
  readonly #silences: WeakMap<Socket, Silence> = new WeakMap()
  readonly #lastRequests: LastRequests
  readonly #done: PromiseWithResolvers<void> = Promise.withResolvers()
  #idle = 0
  #cut = 0

  constructor (parts: DrainParts) {
    this.#parts = parts
    this.#startMs = parts.clock.now()
    this.#lastRequests = new LastRequests()
  }

  async run (): Promise<DrainResult> {
    const { servers, connections, clock, graceMs, idleMs } = this.#parts
    connections.onEmpty = this.#done.resolve
    connections.onSession = (session) => session.closeWhenQuiet(clock, idleMs)
    for (const server of servers) {
      this.#lastRequests.install(server)
      // Of net, not of http: see above.
      NetServer.prototype.close.call(server)
    }
    for (const socket of connections.http1) this.#lastRequests.markCurrent(socket)
    for (const session of connections.sessions) session.closeWhenQuiet(clock, idleMs)
    this.#sweep()
    const cancelSweep = clock.every(Math.max(10, Math.min(250, idleMs / 4)), () => this.#sweep())
    const cancelGrace = clock.after(graceMs, () => this.#cutAll())
    if (connections.accepted.size === 0) this.#done.resolve()
    await this.#done.promise
    cancelSweep()
    cancelGrace()
    return {
      closed: this.#cut === 0 ? 'all' : 'cut',
      cut: this.#cut,
      idle: this.#idle,
      durationMs: clock.now() - this.#startMs,
    }
  }

  #sweep (): void {
    const silent = [...this.#parts.connections.http1].filter((socket) => this.#isSilent(socket))
    if (silent.length === 0) return
    afterPoll(() => {
      for (const socket of silent) {
        if (!socket.writableEnded && this.#isSilent(socket)) this.#closePolitely(socket)
      }
    })
  }

  #isSilent (socket: Socket): boolean {
    const { clock, idleMs, limits } = this.#parts
    const nowMs = clock.now()
    const silence = this.#silences.get(socket)
    const { bytesRead } = socket
    if (silence === undefined) {
      this.#silences.set(socket, { bytesRead, sinceMs: nowMs })
      return false
    }
    const busy = isUpgraded(socket) || currentResponse(socket) !== undefined
    if (busy || silence.bytesRead !== bytesRead) {
      silence.bytesRead = bytesRead
      silence.sinceMs = nowMs
      return false
    }
    const mayPauseMs = this.#lastRequests.isInside(socket) ?
      Math.max(idleMs, limits.headersTimeoutMs) :
      idleMs
    return nowMs - silence.sinceMs >= mayPauseMs
  }

  /** Says that nothing more will be sent, and leaves the client time to say the same. */
  #closePolitely (socket: Socket): void {
    this.#idle++
    socket.end()
    const cancel = this.#parts.clock.after(this.#parts.idleMs, () => socket.destroy())
    socket.once('close', cancel)
  }

  #cutAll (): void {
    const { accepted, http1, sessions } = this.#parts.connections
    this.#cut = accepted.size
    for (const session of sessions) session.destroy()
    for (const socket of http1) socket.destroy()
    for (const socket of accepted) socket.destroy()
  }
}

/**
 * Runs once the loop has polled: what had arrived while this turn was busy has then been read, so a request
 * that is here already is not mistaken for silence. (One `setImmediate` may run before the next poll.)
 */
function afterPoll (run: () => void): void {
  setImmediate(() => setImmediate(run))
}
