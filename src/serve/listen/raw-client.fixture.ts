import { once } from 'node:events'
import { connect, type NetConnectOpts, type Socket } from 'node:net'

/** A client that sees every byte: what a test of framing, order and closing needs. */
export interface RawClient extends AsyncDisposable {
  readonly socket: Socket
  /** All that has arrived. */
  readonly text: () => string
  readonly send: (text: string) => void
  /** Resolves once `done` holds for what has arrived; rejects when the connection ends before. */
  readonly until: (done: (text: string) => boolean) => Promise<string>
  /** Resolves with all that arrived when the server has ended the connection. */
  readonly ended: () => Promise<string>
}

export async function rawClient (target: NetConnectOpts): Promise<RawClient> {
  const socket = connect(target)
  await once(socket, 'connect')
  return rawClientOn(socket)
}

export function rawClientOn (socket: Socket): RawClient {
  let text = ''
  let ended = false
  let failed: Error | undefined
  let check = (): void => {}
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    text += chunk
    check()
  })
  socket.on('error', (error) => {
    failed = error
  })
  for (const event of ['end', 'close']) {
    socket.on(event, () => {
      ended = true
      check()
    })
  }
  function wait (done: () => boolean): Promise<string> {
    return new Promise((resolve, reject) => {
      check = () => {
        if (failed !== undefined) reject(failed)
        else if (done()) resolve(text)
        else if (ended) reject(new Error(`the connection ended after ${JSON.stringify(text)}`))
      }
      check()
    })
  }
  return {
    socket,
    text: () => text,
    send: (bytes) => {
      socket.write(bytes)
    },
    until: (done) => wait(() => done(text)),
    ended: () => wait(() => ended),
    async [Symbol.asyncDispose] () {
      if (socket.closed) return
      socket.destroy()
      await once(socket, 'close')
    },
  }
}

/** One GET, as bytes. */
export function get (path: string, headers = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: test\r\n${headers}\r\n`
}

/** How many responses begin in `text`. */
export function responses (text: string): number {
  return text.split('HTTP/1.1 ').length - 1
}
