import net from 'node:net'
import tls from 'node:tls'
import type { TlsPolicy } from '../plan.ts'
import type { FailureKind } from '../report.ts'
import type { Exchange } from './exchange.ts'
import { failureKind } from './failure.ts'
import { ProtocolError } from './protocol-error.ts'
import { type KeptResponse, type ReadResponse, ResponseReader } from './response-reader.ts'
import type { Target } from './target.ts'

/** Who is told what happens on a connection. */
export interface ConnectionOwner {
  connected(connection: Connection): void
  /** @param reusable whether another request may follow */
  answered(
    connection: Connection,
    exchange: Exchange,
    response: ReadResponse,
    kept: KeptResponse | undefined,
    reusable: boolean
  ): void
  /** It is gone. @param exchange what was under way on it */
  lost(connection: Connection, exchange: Exchange | undefined, kind: FailureKind): void
}

export interface ConnectOptions {
  readonly target: Target
  readonly targetIndex: number
  readonly tls: TlsPolicy
  readonly localAddress: string | undefined
}

/**
 * All plain connections of a thread read into this one: what a read brought is used up before the next read
 * begins, so that no memory is taken for a connection that waits, and none for a read.
 */
const shared = Buffer.allocUnsafeSlow(64 * 1024)

/** One HTTP/1.1 connection with at most one request under way. */
export class Connection {
  readonly targetIndex: number
  /** When its connecting began, on the clock of its maker. */
  readonly begunMs: number
  /** Requests that were sent on it. */
  uses = 0
  standing = false
  gone = false
  readonly #owner: ConnectionOwner
  readonly #socket: net.Socket
  readonly #reader = new ResponseReader()
  #exchange: Exchange | undefined

  constructor (owner: ConnectionOwner, options: ConnectOptions, begunMs: number) {
    this.#owner = owner
    this.targetIndex = options.targetIndex
    this.begunMs = begunMs
    const socket = this.#open(options)
    this.#socket = socket
    socket.on(options.target.secure ? 'secureConnect' : 'connect', () => {
      this.standing = true
      owner.connected(this)
    })
    socket.on('end', () => this.#ended())
    socket.on('error', (error) => this.#lose(failureKind(error)))
    socket.on('close', () => this.#lose('closed'))
  }

  /** Sends a request, or has it sent as soon as the connection stands. */
  send (exchange: Exchange): void {
    this.#exchange = exchange
    exchange.connection = this
    this.uses++
    this.#reader.expect(exchange.request.isHead, exchange.keep)
    this.#socket.write(exchange.request.bytes[this.targetIndex] ?? '')
  }

  /** Leaves, without telling the owner. @param reset by RST, where the connection has one */
  leave (reset: boolean): void {
    this.gone = true
    this.#exchange = undefined
    if (reset && !(this.#socket instanceof tls.TLSSocket) && this.standing) this.#socket.resetAndDestroy()
    else this.#socket.destroy()
  }

  #open ({ target, tls: policy, localAddress }: ConnectOptions): net.Socket {
    const where = target.socketPath !== undefined ?
      { path: target.socketPath } :
      {
        host: target.address ?? '127.0.0.1',
        port: target.port ?? 80,
        noDelay: true,
        ...(localAddress === undefined ? {} : { localAddress }),
      }
    if (!target.secure) {
      const onread = {
        buffer: shared,
        callback: (count: number, bytes: Uint8Array): boolean => {
          this.#read(bytes as Buffer, count)
          return true
        },
      }
      return net.connect({ ...where, onread })
    }
    const { ca, servername = net.isIP(target.hostname) === 0 ? target.hostname : '', verify = true } = policy
    const socket = tls.connect({
      ...where,
      servername,
      rejectUnauthorized: verify,
      ALPNProtocols: ['http/1.1'],
      ...(ca === undefined ? {} : { ca }),
    })
    socket.setNoDelay(true)
    return socket.on('data', (bytes: Buffer) => this.#read(bytes, bytes.length))
  }

  #read (bytes: Buffer, count: number): void {
    if (this.gone) return
    // Nobody asked: a server that says 408 and closes, say.
    if (this.#exchange === undefined) return this.#lose('closed')
    try {
      const response = this.#reader.read(bytes, count)
      if (response !== undefined) this.#complete(response)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#lose('protocol')
    }
  }

  /** The server's half is closed. */
  #ended (): void {
    if (this.gone) return
    const response = this.#exchange === undefined ? undefined : this.#reader.end()
    if (response === undefined) this.#lose('closed')
    else this.#complete(response)
  }

  #complete (response: ReadResponse): void {
    const exchange = this.#exchange
    if (exchange === undefined) return
    this.#exchange = undefined
    // Answered before the request was out: what is left of it would follow the next one's head.
    const reusable = !response.closes && this.#socket.writableLength === 0
    this.#owner.answered(this, exchange, response, exchange.keep ? this.#reader.kept() : undefined, reusable)
  }

  #lose (kind: FailureKind): void {
    if (this.gone) return
    const exchange = this.#exchange
    this.leave(false)
    this.#owner.lost(this, exchange, kind)
  }
}
