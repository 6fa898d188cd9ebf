import { Readable } from 'node:stream'
import type { PoolClient } from 'pg'
import { StreamBrokenError } from './errors.ts'
import type { RowWriter } from './row-writer.ts'

/** What `pg` calls on a query that submits itself. */
interface Submittable {
  submit(connection: { query(sql: string): void }): void
  handleCopyData(message: { readonly chunk: Buffer }): void
  handleCommandComplete(): void
  handleReadyForQuery(): void
  handleError(error: Error): void
}

/** So much is passed on at once, at least. */
const pieceBytes = 64 * 1024

/**
 * Runs SQL of which one statement is a `COPY ... TO STDOUT`, and gives what `rows` makes of it, with back-pressure down to
 * the database: while nobody reads the stream, the connection is not read either.
 *
 * A stream that is destroyed before its end takes the connection with it.
 *
 * @param ended hears once that the connection is free again (no error), or of no use any more
 */
export function copyOut (
  client: PoolClient,
  sql: string,
  rows: RowWriter,
  ended: (error?: Error) => void
): Readable {
  const { stream: socket } = client.connection
  let over = false

  function finish (error?: Error): void {
    if (over) return
    over = true
    socket.resume()
    ended(error)
  }

  const readable = new Readable({
    highWaterMark: 4 * pieceBytes,
    read () {
      if (!over) socket.resume()
    },
    destroy (error, done) {
      finish(error ?? new Error('nobody reads the stream any more'))
      done(error)
    },
  })
  // Lost in the middle: `pg` tells a query that submits itself only sometimes.
  const lose = (): void => void readable.destroy(new StreamBrokenError(new Error('the connection was lost')))
  client.once('end', lose)
  readable.once('close', () => client.off('end', lose))

  const query: Submittable = {
    submit: (connection) => connection.query(sql),
    handleCopyData ({ chunk }) {
      if (over) return
      rows.add(chunk)
      if (rows.bytes >= pieceBytes && !readable.push(rows.take())) socket.pause()
    },
    handleCommandComplete () {},
    handleReadyForQuery () {
      if (over) return
      // Only now is the connection ready for somebody else.
      finish()
      if (rows.bytes > 0) readable.push(rows.take())
      readable.push(null)
    },
    handleError (error) {
      // Nobody may take what came for all there is. The connection is in a failed transaction, and not worth saving.
      if (!over) readable.destroy(new StreamBrokenError(error))
    },
  }
  ;(client.query as unknown as (query: Submittable) => void)(query)
  return readable
}
