import net from 'node:net'
import tls from 'node:tls'
import { type ReadResponse, ResponseReader } from '../load/index.ts'
import { bodyBytes } from './paths.ts'
import { type FailureReason, failureReason, type Tally } from './tally.ts'

export interface UserOptions {
  readonly host: string
  readonly port: number
  readonly tls: boolean
  /** Use a connection for one request only, and say so to the server. */
  readonly connectAnew: boolean
  readonly path: string
  /** Between an answer and the next request. */
  readonly thinkMs: number
  readonly tally: Tally
}

/** A request that has no answer for so long has failed; the slowest takes about 500 ms. */
const timeoutMs = 15_000
/** After a failure: not at once, or a server that refuses is asked as fast as the loop turns. */
const afterFailureMs = 20

/**
 * One client that sends one request after the other and counts each exactly once.
 *
 * It never sends a request twice: one that was sent and is not answered in full has failed. A connection
 * that the server announces to close, or closes while nothing is outstanding, is left for a new one.
 */
export class User {
  readonly #options: UserOptions
  readonly #request: string
  #socket: net.Socket | undefined
  #reader = new ResponseReader()
  /** Whether a request was sent (or its connection is being opened) that has no outcome yet. */
  #outstanding = false
  #timer: NodeJS.Timeout | undefined
  #stopping = false
  readonly #stopped = Promise.withResolvers<void>()

  constructor (options: UserOptions) {
    this.#options = options
    const { host, port, path, connectAnew } = options
    const connection = connectAnew ? 'Connection: close\r\n' : ''
    this.#request = `GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\n${connection}\r\n`
    this.#next()
  }

  get outstanding (): boolean {
    return this.#outstanding
  }

  /** The client's end of the connection in use. */
  get localPort (): number | undefined {
    return this.#socket?.localPort
  }

  /** Lets the request that is under way finish, then leaves. */
  async stop (): Promise<void> {
    this.#stopping = true
    if (!this.#outstanding) this.#leave()
    return this.#stopped.promise
  }

  #next (): void {
    if (this.#stopping) return this.#leave()
    if (this.#socket === undefined) return this.#connect()
    this.#send()
  }

  #connect (): void {
    const { host, port, tally } = this.#options
    tally.connections++
    this.#outstanding = true
    this.#reader = new ResponseReader()
    this.#watch()
    const socket = this.#options.tls ?
      tls.connect({ host, port, rejectUnauthorized: false }) :
      net.connect({ host, port, noDelay: true })
    this.#socket = socket
    socket.on(this.#options.tls ? 'secureConnect' : 'connect', () => this.#send())
    socket.on('data', (bytes: Buffer) => this.#read(socket, bytes))
    // The server's half is closed: of an idle connection it takes no further request.
    socket.on('end', () => this.#closed(socket, undefined))
    socket.on('error', ({ code = 'unknown' }: NodeJS.ErrnoException) => this.#closed(socket, code))
    socket.on('close', () => this.#closed(socket, undefined))
  }

  #send (): void {
    this.#outstanding = true
    this.#watch()
    this.#socket?.write(this.#request)
  }

  #read (socket: net.Socket, bytes: Buffer): void {
    if (socket !== this.#socket) return
    try {
      const response = this.#reader.read(bytes)
      if (response !== undefined) this.#answered(response)
    } catch {
      this.#failed('wrong answer')
    }
  }

  #answered (response: ReadResponse): void {
    const { path, connectAnew, tally, thinkMs } = this.#options
    if (response.statusCode >= 500) return this.#failed('status 5xx')
    if (response.statusCode !== 200 || response.bodyBytes !== bodyBytes[path]) {
      return this.#failed('wrong answer')
    }
    tally.completed++
    this.#settle()
    if (response.closes || connectAnew) this.#drop()
    this.#later(thinkMs)
  }

  #closed (socket: net.Socket, code: string | undefined): void {
    if (socket !== this.#socket) return
    const last = code === undefined ? this.#reader.end() : undefined
    if (last !== undefined) return this.#answered(last)
    if (this.#outstanding) return this.#failed(failureReason(code, this.#reader.begun))
    this.#drop() // it was idle: the next request opens another
  }

  #failed (reason: FailureReason): void {
    this.#options.tally.fail(reason)
    this.#settle()
    this.#drop()
    this.#later(afterFailureMs)
  }

  #settle (): void {
    this.#outstanding = false
    clearTimeout(this.#timer)
  }

  #drop (): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  /** The immediate runs after the loop has looked at its sockets: a close that has arrived is seen first. */
  #later (afterMs: number): void {
    this.#timer = setTimeout(() => setImmediate(() => this.#next()), afterMs)
  }

  #watch (): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#failed('timeout'), timeoutMs)
  }

  #leave (): void {
    clearTimeout(this.#timer)
    this.#drop()
    this.#stopped.resolve()
  }
}
