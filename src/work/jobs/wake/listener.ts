import type { Client, Notification, Pool } from 'pg'
import { type Cancel, type Clock, fullJitter, type Random } from '../../../kernel/index.ts'

/** A pool with what `pg` keeps on it and does not declare. */
interface OpenedPool extends Pool {
  readonly Client: new(options: object) => Client
}

const backoff = { baseMs: 250, capMs: 10_000 }

export interface ListenerParts {
  /** Whose options the connection is opened with; it is not one of the pool's. */
  readonly pool: Pool
  /** A name that needs no quotes. */
  readonly channelName: () => Promise<string>
  readonly heard: (payload: string) => void
  readonly clock: Clock
  readonly random: Random
}

/** Keeps one connection that listens, and opens another when it breaks. */
export class Listener {
  readonly #parts: ListenerParts
  #client: Client | undefined
  #cancelRetry: Cancel | undefined
  #failures = 0
  #closed = false

  constructor (parts: ListenerParts) {
    this.#parts = parts
  }

  /** Resolves after the first try, whatever came of it: there will be others. */
  async open (): Promise<void> {
    if (this.#closed || this.#client !== undefined) return
    const { pool, channelName, heard } = this.#parts
    const { Client, options } = pool as OpenedPool
    const client = new Client({ ...options, keepAlive: true })
    this.#client = client
    const lost = (): void => this.#lose(client)
    client.on('error', lost)
    client.on('end', lost)
    client.on('notification', ({ payload }: Notification) => heard(payload ?? ''))
    try {
      await client.connect()
      await client.query(`LISTEN ${await channelName()}`)
      this.#failures = 0
    } catch {
      lost()
    }
  }

  async close (): Promise<void> {
    this.#closed = true
    this.#cancelRetry?.()
    const client = this.#client
    this.#client = undefined
    await client?.end().catch(() => {})
  }

  #lose (client: Client): void {
    if (this.#client !== client) return
    this.#client = undefined
    void client.end().catch(() => {})
    if (this.#closed) return
    const { clock, random } = this.#parts
    const waitMs = fullJitter(++this.#failures, backoff, random)
    this.#cancelRetry = clock.after(waitMs, () => void this.open())
  }
}
