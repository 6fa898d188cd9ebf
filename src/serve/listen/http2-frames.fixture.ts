import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'

/** An HTTP/2 client of bare frames, which does only what the test says: node's own is too well behaved. */
export interface FrameClient extends AsyncDisposable {
  readonly socket: TLSSocket
  readonly frames: readonly Frame[]
  /** Opens a stream with a GET, or with a POST whose body is still to come. */
  readonly open: (stream: number, method: 'GET' | 'POST') => void
  readonly send: (type: number, flags: number, stream: number, payload?: Buffer) => void
}

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

/** @see https://www.rfc-editor.org/rfc/rfc9113#section-6 */
export const frameType = { data: 0, headers: 1, settings: 4, goaway: 7 } as const
const endStream = 1

export async function frameClient (port: number, ca: string): Promise<FrameClient> {
  const socket: TLSSocket = connect({
    port,
    host: '127.0.0.1',
    ca,
    servername: 'localhost',
    ALPNProtocols: ['h2'],
  })
  await once(socket, 'secureConnect')
  const frames: Frame[] = []
  let rest = Buffer.alloc(0)
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3)
      frames.push({
        type: rest.readUInt8(3),
        flags: rest.readUInt8(4),
        stream: rest.readUInt32BE(5),
        payload: rest.subarray(9, end),
      })
      rest = rest.subarray(end)
    }
  })
  function send (type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): void {
    const head = Buffer.alloc(9)
    head.writeUIntBE(payload.length, 0, 3)
    head.writeUInt8(type, 3)
    head.writeUInt8(flags, 4)
    head.writeUInt32BE(stream, 5)
    socket.write(Buffer.concat([head, payload]))
  }
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  send(frameType.settings, 0, 0)
  return {
    socket,
    frames,
    send,
    open (stream, method) {
      // HPACK's static table: :method, :path /, :scheme https; :authority as a literal.
      const fields = Buffer.from([
        method === 'GET' ? 0x82 : 0x83,
        0x84,
        0x87,
        0x01,
        4,
        ...Buffer.from('test'),
      ])
      const endHeaders = 4
      send(frameType.headers, endHeaders | (method === 'GET' ? endStream : 0), stream, fields)
    },
    async [Symbol.asyncDispose] () {
      if (socket.closed) return
      socket.destroy()
      await once(socket, 'close')
    },
  }
}
