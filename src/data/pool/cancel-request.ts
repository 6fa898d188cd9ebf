import { connect as connectSocket, isIP, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import type { PoolClient } from 'pg'
import type { Clock } from '../../kernel/index.ts'

/**
 * - `processed`: the server has closed the connection, as it does once it has signalled the session.
 * - `not_sent`: the request never left, so that it cannot arrive later either.
 * - `in_doubt`: it left, and may still arrive; the session must not be used again.
 */
export type CancelOutcome = 'processed' | 'not_sent' | 'in_doubt'

/** Which session to cancel, and how it is reached. */
export interface CancelTarget {
  /** A directory for a UNIX socket. */
  readonly host: string
  readonly port: number
  /** The address that the session's own connection found behind `host`, if it has one. */
  readonly address: string | undefined
  readonly ssl: boolean | ConnectionOptions
  readonly directTls: boolean
  readonly processId: number
  readonly secretKey: number
}

/** What `pg` keeps on a client and does not declare. */
interface KeyedClient {
  readonly processID: number | null
  readonly secretKey: number | null
  readonly sslNegotiation?: string
}

/** @returns `undefined` for a server that gave no key, as some poolers do */
export function cancelTarget (client: PoolClient): CancelTarget | undefined {
  const { processID, secretKey, sslNegotiation } = client as unknown as KeyedClient
  if (processID === null || secretKey === null) return undefined
  const { remoteAddress } = client.connection.stream as Partial<Socket>
  return {
    host: client.host,
    port: client.port,
    address: remoteAddress,
    ssl: client.ssl,
    directTls: sslNegotiation === 'direct',
    processId: processID,
    secretKey,
  }
}

/**
 * Asks the server to cancel what a session is running, over a connection of its own, and waits for the server
 * to close it: whatever is sent to the session after that is safe from this request.
 *
 * Never rejects.
 *
 * @see https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
 */
export function sendCancelRequest (
  target: CancelTarget,
  { clock, limitMs }: { readonly clock: Clock; readonly limitMs: number }
): Promise<CancelOutcome> {
  const { promise, resolve } = Promise.withResolvers<CancelOutcome>()
  let outcome: CancelOutcome = 'not_sent'
  let socket: Socket = openSocket(target)
  const stopWaiting = clock.after(limitMs, () => socket.destroy())

  function finish (): void {
    stopWaiting()
    resolve(outcome)
  }

  function ask (): void {
    outcome = 'in_doubt'
    // Some servers reset the connection instead of closing it: that, too, comes after they have read it.
    socket.on('end', () => outcome = 'processed')
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'ECONNRESET') outcome = 'processed'
    })
    socket.resume()
    socket.write(cancelMessage(target))
  }

  function secure (): void {
    socket.off('close', finish)
    socket = connectTls({ ...tlsOptions(target), socket }, ask)
    socket.on('error', () => {})
    socket.once('close', finish)
  }

  socket.on('error', () => {}) // 'close' follows
  socket.once('close', finish)
  socket.once('connect', () => {
    if (target.ssl === false) return ask()
    if (target.directTls) return secure()
    socket.once('data', (answer) => answer[0] === tlsAccepted ? secure() : socket.destroy())
    socket.write(tlsRequest)
  })
  return promise
}

function openSocket ({ host, port, address }: CancelTarget): Socket {
  return host.startsWith('/') ?
    connectSocket(`${host}/.s.PGSQL.${port}`) :
    connectSocket({ host: address ?? host, port, noDelay: true })
}

function tlsOptions ({ host, ssl, directTls }: CancelTarget): ConnectionOptions {
  return {
    host,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(typeof ssl === 'object' ? ssl : {}),
    ...(directTls ? { ALPNProtocols: ['postgresql'] } : {}),
  }
}

const tlsAccepted = 'S'.charCodeAt(0)

/** @see https://www.postgresql.org/docs/18/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-SSLREQUEST */
const tlsRequest = message(80_877_103)

/** @see https://www.postgresql.org/docs/18/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-CANCELREQUEST */
function cancelMessage ({ processId, secretKey }: CancelTarget): Buffer {
  return message(80_877_102, processId, secretKey)
}

function message (...numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 + 4 * numbers.length)
  bytes.writeInt32BE(bytes.length)
  numbers.forEach((number, index) => bytes.writeInt32BE(number, 4 + 4 * index))
  return bytes
}
