import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** Looks at what passes on one connection, and may change it. */
export interface Wire {
  toServer(part: Buffer): Buffer
  toClient(part: Buffer): Buffer
}

export interface TestProxy extends AsyncDisposable {
  readonly port: number
  /** Connections that passed through so far. */
  readonly connections: number
  /** From now on nothing that the server says arrives; what the client says does. Until `cut`. */
  swallowAnswers(): void
  /** From now on what the server says is kept back, until the function that is returned lets it through, in its order. */
  holdAnswers(): () => void
  /** Breaks all connections; further ones pass as at first. */
  cut(): void
  /** Breaks all connections; further ones are refused, until `open`. */
  shut(): Promise<void>
  open(): Promise<void>
}

/** A TCP connection's middle, where a network may fail. */
export async function testProxy (target: number, wire: () => Wire = untouched): Promise<TestProxy> {
  const sockets = new Set<Socket>()
  let swallowing = false
  let held: (() => void)[] | undefined
  let connections = 0

  const server = createServer((client) => {
    connections++
    const upstream = connect(target, '127.0.0.1')
    const { toServer, toClient } = wire()
    client.on('data', (part: Buffer) => upstream.write(toServer(part)))
    upstream.on('data', (part: Buffer) => {
      const rest = toClient(part)
      if (swallowing) return
      if (held === undefined) client.write(rest)
      else held.push(() => void (client.destroyed || client.write(rest)))
    })
    for (const [one, other] of [[client, upstream], [upstream, client]] as const) {
      sockets.add(one)
      one.setNoDelay(true)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a TCP address')
  const { port } = address

  function cut (): void {
    swallowing = false
    held = undefined
    for (const socket of sockets) socket.resetAndDestroy()
  }

  async function shut (): Promise<void> {
    cut()
    if (!server.listening) return
    server.close()
    await once(server, 'close')
  }

  return {
    port,
    get connections () {
      return connections
    },
    swallowAnswers () {
      swallowing = true
    },
    holdAnswers () {
      const answers: (() => void)[] = []
      held = answers
      return () => {
        if (held === answers) held = undefined
        for (const pass of answers.splice(0)) pass()
      }
    },
    cut,
    shut,
    async open () {
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    },
    [Symbol.asyncDispose]: shut,
  }
}

function untouched (): Wire {
  return { toServer: (part) => part, toClient: (part) => part }
}
