import net from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Address } from '../harness/index.ts'
import { ResponseReader } from '../load/index.ts'

/** Connections opened at a time: fewer than the backlog of any subject. */
const atATime = 100
/** Connections from one source address: well below the range of ports that a client may use. */
const perSource = 5_000

/** Idle keep-alive connections that have each brought one request. */
export class HeldConnections {
  readonly #sockets: net.Socket[] = []
  #lost = 0

  /** Connections that the server has closed since. */
  get lost (): number {
    return this.#lost
  }

  /** Opens `count` more, from several addresses of the loopback where one has too few ports. */
  async open (address: Address, path: string, count: number): Promise<void> {
    for (let opened = 0; opened < count; opened += atATime) {
      const batch = Math.min(atATime, count - opened)
      const source = `127.0.0.${2 + Math.floor(opened / perSource)}`
      await Promise.all(Array.from({ length: batch }, () => this.#openOne(address, path, source)))
    }
    await pause(0)
  }

  close (): void {
    for (const socket of this.#sockets) socket.removeAllListeners('close').destroy()
  }

  async #openOne ({ host, port }: Address, path: string, localAddress: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const reader = new ResponseReader()
    const socket = net.connect({ host, port, localAddress })
    socket.on('connect', () => socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`))
    socket.on('data', (bytes: Buffer) => {
      const response = reader.read(bytes)
      if (response === undefined) return
      if (response.statusCode === 200 && !response.closes) resolve()
      else reject(new Error(`GET ${path} answered ${response.statusCode}, closing: ${response.closes}`))
    })
    socket.on('error', reject).on('close', () => {
      this.#lost++
      reject(new Error('the server closed the connection'))
    })
    await promise
    this.#sockets.push(socket)
  }
}
