import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Stands between a pool and its database, and sees each message that goes to the server. */
export interface CountingProxy extends AsyncDisposable {
  /** The database's URL, by way of the proxy. */
  readonly url: string
  /** SQL texts in the order in which they were sent. */
  readonly texts: string[]
  /** Statements that were sent, prepared ones included. */
  readonly executions: number
  /** Packets in which the pool sent them. */
  readonly packets: number
  /** Cancel requests that have arrived. */
  readonly cancelRequests: number
  /** Holds cancel requests back until the given promise resolves. */
  holdCancels(until: Promise<void>): void
  /** The next cancel request ends here: it never reaches the server. */
  dropNextCancel(): void
  /** The server's next answer does not arrive: the connection breaks instead. */
  loseNextAnswer(): void
  /** From now on nothing goes either way, and nothing ends: a network that swallows. */
  freeze(): void
}

const cancelRequestCode = 80_877_102

export async function countingProxy (databaseUrl: string): Promise<CountingProxy> {
  const target = new URL(databaseUrl)
  const directory = target.searchParams.get('host')
  const port = target.port === '' ? '5432' : target.port
  const texts: string[] = []
  const sockets = new Set<Socket>()
  let cancelRequests = 0
  const seen: Seen = { texts, executions: 0 }
  let packets = 0
  let held: Promise<void> | undefined
  let frozen = false
  let dropping = false
  let losing = false

  function toServer (): Socket {
    return directory === null ?
      connect(Number(port), target.hostname) :
      connect(`${directory}/.s.PGSQL.${port}`)
  }

  const server = createServer((client) => {
    const upstream = toServer()
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    }
    let rest: Buffer = Buffer.alloc(0)
    let started = false
    client.on('data', async (bytes: Buffer) => {
      if (frozen) return
      packets++
      rest = Buffer.concat([rest, bytes])
      if (!started && rest.length >= 8) {
        started = true
        if (rest.readInt32BE(4) === cancelRequestCode) {
          cancelRequests++
          if (dropping) {
            dropping = false
            client.end()
            return
          }
          await held
        } else rest = rest.subarray(rest.readInt32BE(0))
      }
      rest = readMessages(rest, seen)
      upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      if (losing) {
        losing = false
        client.destroy()
        return
      }
      if (!frozen) client.write(bytes)
    })
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  const url = new URL(databaseUrl)
  url.searchParams.delete('host')
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href,
    texts,
    get executions () {
      return seen.executions
    },
    get packets () {
      return packets
    },
    get cancelRequests () {
      return cancelRequests
    },
    holdCancels (until) {
      held = until
    },
    dropNextCancel () {
      dropping = true
    },
    loseNextAnswer () {
      losing = true
    },
    freeze () {
      frozen = true
    },
    async [Symbol.asyncDispose] () {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

interface Seen {
  readonly texts: string[]
  executions: number
}

/** Keeps the text of each whole Query and Parse message; answers the bytes of a message that is not whole. */
function readMessages (bytes: Buffer, seen: Seen): Buffer {
  let at = 0
  while (bytes.length - at >= 5) {
    const end = at + 1 + bytes.readInt32BE(at + 1)
    if (end > bytes.length) break
    const type = String.fromCharCode(bytes[at]!)
    const body = bytes.subarray(at + 5, end).toString('latin1').split('\0')
    if (type === 'Q') seen.texts.push(body[0]!)
    if (type === 'P') seen.texts.push(body[1]!)
    if (type === 'Q' || type === 'E') seen.executions++
    at = end
  }
  return bytes.subarray(at)
}
