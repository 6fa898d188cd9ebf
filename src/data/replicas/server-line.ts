import type { Client, Pool } from 'pg'
import { type Cancel, type Clock, fullJitter, type Random, runWithoutContext } from '../../kernel/index.ts'

/** Asks one server about itself, apart from the service's statements. */
export interface ServerLine {
  /** @returns the first row. It rejects in bounded time, with what `pg` says, or since there is no connection. */
  ask<Row>(text: string): Promise<Row>
  close(): Promise<void>
}

export interface ServerLineOptions {
  readonly clock: Clock
  readonly random: Random
  /** How long a connection or an answer may take, in milliseconds. */
  readonly patienceMs: number
}

const backoff = { baseMs: 100, capMs: 5_000 }

/** A pool with what `pg` keeps on it and does not declare. */
interface OpenedPool extends Pool {
  readonly Client: new(options: object) => Client
}

/**
 * One connection beside those of `pool`, to the same server: what it asks never waits behind statements. It is
 * opened when it is asked, and again when it broke, after a pause that grows.
 */
export function ownLine (pool: Pool, { clock, random, patienceMs }: ServerLineOptions): ServerLine {
  const { Client, options } = pool as OpenedPool
  let opened: Promise<Client> | undefined
  let failures = 0
  let notBeforeMs = Number.NEGATIVE_INFINITY
  let closed = false

  async function open (): Promise<Client> {
    const client = new Client(options)
    const forget = (): void => {
      if (opened === opening) opened = undefined
    }
    client.on('error', forget)
    client.on('end', forget)
    const opening = opened
    await inTime(client.connect(), () => cut(client))
    failures = 0
    return client
  }

  function get (): Promise<Client> {
    if (closed) return Promise.reject(new Error('the line to the server is closed'))
    if (opened !== undefined) return opened
    if (clock.now() < notBeforeMs) return Promise.reject(new Error('the server did not answer a moment ago'))
    // What it is opened for is one unit's; it serves them all.
    return opened = runWithoutContext(open)
  }

  async function ask<Row> (text: string): Promise<Row> {
    const opening = get()
    try {
      const client = await opening
      const { rows: [row] } = await inTime(client.query(text), () => cut(client))
      return row as Row
    } catch (error) {
      if (opened === opening) {
        opened = undefined
        opening.then(cut, () => {})
        notBeforeMs = clock.now() + fullJitter(++failures, backoff, random)
      }
      throw error
    }
  }

  async function inTime<Result> (result: Promise<Result>, giveUp: () => void): Promise<Result> {
    const late = Promise.withResolvers<never>()
    const cancel: Cancel = clock.after(patienceMs, () => {
      giveUp()
      late.reject(new Error(`the server did not answer within ${patienceMs} ms`))
    })
    try {
      return await Promise.race([result, late.promise])
    } finally {
      cancel()
    }
  }

  async function close (): Promise<void> {
    closed = true
    const client = await opened?.catch(() => undefined)
    await client?.end().catch(() => {})
  }

  return { ask, close }
}

/** A goodbye could wait as long as the answer that did not come. */
function cut (client: Client): void {
  client.connection.stream.destroy()
}
