import { type Server, Socket } from 'node:net'
import type { Cancel, Clock } from '../../kernel/index.ts'
import { currentResponse } from './http-socket.ts'

interface TimedServer extends Server {
  readonly keepAliveTimeout?: number
  /** What Node adds to it, so that a client that keeps to the time is not cut off. */
  readonly keepAliveTimeoutBuffer?: number
}

/** What a connection has been told of its time. */
interface Silence {
  /** How long it may be silent between two requests, as Node says it; 0 for ever. */
  readonly mostMs: number
  readonly clock: Clock
  /** Since when it has been silent; `undefined` while it is not, or while a timer of Node's runs. */
  sinceMs: number | undefined
  isTimed: boolean
}

const silenceOf: unique symbol = Symbol('plimsoll.silence')

interface LateSocket extends Socket {
  [silenceOf]?: Silence
}

const startTimer = Reflect.get(Socket.prototype, 'setTimeout') as (
  this: Socket,
  ms: number,
  callback?: () => void
) => Socket

/**
 * Node starts a timer on a connection after each answer and ends it with the next request, which costs more than to look
 * up what is cached. Here such a timer starts when the connection has been silent for half of its time: most never are.
 * It still ends when it would have, and what is done then is up to Node. Only the start of a request that comes in the
 * second half and does not go on is waited for less: for the rest of the time, not for all of it again.
 */
export class LateTimers {
  readonly #sockets: ReadonlySet<LateSocket>
  readonly #clock: Clock
  #stop: Cancel | undefined

  /** @param sockets those that are watched, and perhaps others, while they are open */
  constructor (sockets: ReadonlySet<Socket>, clock: Clock) {
    this.#sockets = sockets
    this.#clock = clock
  }

  /** Call it when node:http has taken the connection. */
  watch (server: TimedServer, socket: LateSocket): void {
    const { keepAliveTimeout = 0, keepAliveTimeoutBuffer = 0 } = server
    if (keepAliveTimeout === 0) return
    const mostMs = keepAliveTimeout + keepAliveTimeoutBuffer
    // As far as we know: the first call ends whatever was started before.
    socket[silenceOf] = { mostMs, clock: this.#clock, sinceMs: undefined, isTimed: true }
    socket.setTimeout = setTimeoutLate
    this.#stop ??= this.#clock.every(Math.max(10, Math.min(1_000, mostMs / 8)), () => this.#look())
  }

  #look (): void {
    if (this.#sockets.size === 0) {
      this.#stop?.()
      this.#stop = undefined
      return
    }
    const nowMs = this.#clock.now()
    for (const socket of this.#sockets) {
      const silence = socket[silenceOf]
      if (silence?.sinceMs === undefined) continue
      const silentMs = nowMs - silence.sinceMs
      if (silentMs < silence.mostMs / 2) continue
      silence.sinceMs = undefined
      silence.isTimed = true
      startTimer.call(socket, Math.max(1, silence.mostMs - silentMs))
    }
  }
}

/** Takes the place of a connection's own `setTimeout`. */
function setTimeoutLate (this: LateSocket, ms: number, callback?: () => void): LateSocket {
  const silence = this[silenceOf]
  if (silence === undefined || callback !== undefined) {
    if (silence !== undefined) [silence.sinceMs, silence.isTimed] = [undefined, true]
    return startTimer.call(this, ms, callback)
  }
  // What a handler or a library asks for is about data that flows, and each piece of it starts that time anew, as only a
  // timer of Node's own does.
  const isLate = ms === silence.mostMs && currentResponse(this) === undefined
  const isTimed = !isLate && ms !== 0
  if (isTimed || silence.isTimed) startTimer.call(this, isTimed ? ms : 0)
  silence.isTimed = isTimed
  silence.sinceMs = isLate ? silence.clock.now() : undefined
  return this
}
