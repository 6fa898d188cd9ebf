import type { PoolClient } from 'pg'
import { keptEffectOf } from './effect.ts'
import { isWriteRefusal, WriteOnReadsError } from './errors.ts'

export interface ReadOnlyOptions {
  /** The session itself may write: what is not known to only read runs in read-only transactions. */
  readonly mayWrite: boolean
  /** Sends what is known to only read. */
  readonly quietly: <Result>(send: () => Result) => Result
  /** The client is given back. */
  readonly onRelease: (error: Error | boolean | undefined) => void
}

type Send = (text: unknown, values?: unknown) => Promise<unknown>
type Callback = (error: unknown, result?: unknown) => void

/** `client`, but for writes: those are refused with a {@link WriteOnReadsError}. */
export function readOnlyClient (client: PoolClient, options: ReadOnlyOptions): PoolClient {
  const release = client.release.bind(client)
  const send = options.mayWrite ? guarded(client, options.quietly) : client.query.bind(client) as Send
  const own: Partial<Record<string | symbol, unknown>> = {
    query (text: unknown, values?: unknown, callback?: unknown): unknown {
      if (typeof text === 'object' && text !== null && 'submit' in text) {
        return (client.query as unknown as Send)(text, values)
      }
      const answer = typeof values === 'function' ? values : callback
      const result = send(text, typeof values === 'function' ? undefined : values).catch(explain)
      if (typeof answer !== 'function') return result
      result.then(
        (rows) => setImmediate(answer as Callback, null, rows),
        (error: unknown) => setImmediate(answer as Callback, error)
      )
      return undefined
    },
    release (error?: Error | boolean): void {
      release(error)
      options.onRelease(error)
    },
  }
  return new Proxy(client, {
    get (target, key) {
      if (Object.hasOwn(own, key)) return own[key]
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** @throws WriteOnReadsError for a write, else what it was given */
export function explain (error: unknown): never {
  throw isWriteRefusal(error) ? new WriteOnReadsError(error) : error
}

/**
 * A way to send statements of which none can write: transactions are made read-only as they begin, and what may write
 * outside of one gets one.
 */
function guarded (client: PoolClient, quietly: ReadOnlyOptions['quietly']): Send {
  const query = client.query.bind(client) as Send
  const plain: Send = (text, values) => quietly(() => query(text, values))
  let inTransaction = false
  return (text, values) => {
    const sql = typeof text === 'string' ? text : (text as { readonly text?: unknown }).text
    const words = typeof sql === 'string' ? sql : ''
    if (begins.test(words)) {
      inTransaction = true
      const begun = plain(text, values)
      return Promise.all([begun, plain('SET TRANSACTION READ ONLY')]).then(([result]) => result)
    }
    if (inTransaction) {
      if (ends.test(words)) inTransaction = false
      return plain(text, values)
    }
    return keptEffectOf(words) === 'reads' ? plain(text, values) : inReadOnlyTransaction(plain, text, values)
  }
}

const begins = /^\s*(?:begin|start\s+transaction)\b/i
/** But for `ROLLBACK TO`, and what chains the next transaction. */
const ends = /^\s*(?:commit|end|rollback|abort)\b(?!.*\b(?:to|chain)\b)/is

/** Runs one statement of which it is not known that it only reads, so that PostgreSQL refuses if it does not. */
export async function inReadOnlyTransaction (send: Send, text: unknown, values: unknown): Promise<unknown> {
  await send('BEGIN READ ONLY')
  try {
    const result = await send(text, values)
    await send('ROLLBACK')
    return result
  } catch (error) {
    await send('ROLLBACK').catch(() => {})
    throw error
  }
}
