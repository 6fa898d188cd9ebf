import { Socket } from 'node:net'
import pg from 'pg'
import { superuser } from './cluster.ts'

/** Any number would do; this one is "plimsoll" in ASCII, as a signed 64-bit integer. */
const presenceKey = '8100965748541713516'

/**
 * A connection that says "this process uses the server". It holds a shared advisory lock, which goes with the
 * connection however the process ends. The last one to leave can take the lock alone, and stops the server
 * while it holds it, so that nobody can come in between.
 */
export class Presence {
  readonly #client: pg.Client
  #lost = false

  private constructor (client: pg.Client) {
    this.#client = client
    const lose = (): void => {
      this.#lost = true
    }
    client.on('error', lose)
    client.on('end', lose)
  }

  /**
   * @returns undefined when the last user is about to stop the server
   * @throws what `pg` throws when the server does not let us in
   */
  static async enter (url: string, timeoutMs: number): Promise<Presence | undefined> {
    const client = new pg.Client({
      connectionString: url,
      application_name: 'plimsoll presence',
      connectionTimeoutMillis: timeoutMs,
      query_timeout: timeoutMs,
    })
    const presence = new Presence(client)
    try {
      await client.connect()
      const { rows } = await client.query<{ entered: boolean }>(
        `SELECT pg_try_advisory_lock_shared(${presenceKey}) AS entered`
      )
      if (rows[0]?.entered === true) {
        // A program that ends without closing ends; the server's idle watch sees to the rest.
        const { stream } = client.connection
        if (stream instanceof Socket) stream.unref()
        return presence
      }
    } catch (error) {
      await presence.leave()
      throw error
    }
    await presence.leave()
    return undefined
  }

  /** The server closed the connection: it was stopped or killed. */
  get lost (): boolean {
    return this.#lost
  }

  /** Resolves when the server answers. */
  async check (): Promise<void> {
    try {
      await this.#client.query('SELECT 1')
    } catch (error) {
      // Nothing but a lost connection fails this, and the event that says so may come later.
      this.#lost = true
      throw error
    }
  }

  async ensureDatabase (name: string): Promise<void> {
    const { rowCount } = await this.#client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])
    if (rowCount === 1) return
    try {
      await this.#client.query(`CREATE DATABASE ${name} OWNER ${superuser}`)
    } catch (error) {
      // Another process made it between the two statements: 42P04, or 23505 when both were at it.
      const code = error instanceof pg.DatabaseError ? error.code : undefined
      if (code !== '42P04' && code !== '23505') throw error
    }
  }

  /** Whether nobody else is left; from then on nobody can enter. */
  async isLast (): Promise<boolean> {
    await this.#client.query(`SELECT pg_advisory_unlock_shared(${presenceKey})`)
    const { rows } = await this.#client.query<{ last: boolean }>(
      `SELECT pg_try_advisory_lock(${presenceKey}) AS last`
    )
    return rows[0]?.last === true
  }

  async leave (): Promise<void> {
    try {
      await this.#client.end()
    } catch {
      // Gone already.
    }
  }
}
