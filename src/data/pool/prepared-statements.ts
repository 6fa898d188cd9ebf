import type { PoolClient } from 'pg'
import type { KnownStatement } from './known-statement.ts'

/** What `pg` keeps of prepared statements on a connection, and does not declare. */
interface PreparingConnection {
  /** By name: the text that the server has confirmed. */
  readonly parsedStatements: Record<string, string | undefined>
  /** By name: the text that was sent. */
  readonly submittedNamedStatements: Record<string, string | undefined>
  close(message: { readonly type: 'S'; readonly name: string }): void
}

interface Prepared {
  readonly generation: number
  /** Position in the order of uses. */
  usedAt: number
}

/**
 * The statements that this library has prepared on one connection: at most `limit`, of which the one that was
 * used longest ago makes room for the next. Names that others give are theirs.
 */
export class PreparedStatements {
  readonly #connection: PreparingConnection
  readonly #limit: number
  readonly #prepared: Map<KnownStatement, Prepared> = new Map()
  #uses = 0

  constructor (client: PoolClient, limit: number) {
    this.#connection = client.connection as unknown as PreparingConnection
    this.#limit = limit
  }

  get size (): number {
    return this.#prepared.size
  }

  /**
   * The name under which the statement is to be sent, now. `pg` sends the text along when the connection does not
   * have it. What has to go is closed by a message ahead of it, which costs no round trip.
   */
  nameFor (known: KnownStatement): string {
    const { name, generation } = known
    const prepared = this.#prepared.get(known)
    if (prepared?.generation === generation) {
      prepared.usedAt = ++this.#uses
      return name
    }
    if (prepared !== undefined) this.drop(known)
    else if (this.#prepared.size >= this.#limit) this.#dropOldest()
    this.#prepared.set(known, { generation, usedAt: ++this.#uses })
    return name
  }

  /** Whether the server has confirmed it, so that no failure of another statement can concern it. */
  has (known: KnownStatement): boolean {
    return this.#prepared.get(known)?.generation === known.generation &&
      this.#connection.parsedStatements[known.name] === known.text
  }

  /** Closing a statement that the server does not have is no error. */
  drop (known: KnownStatement): void {
    this.#prepared.delete(known)
    this.#connection.close({ type: 'S', name: known.name })
    this.#forget(known.name)
  }

  /** The session has been reset: it has none any more, those that others have named included. */
  forgetAll (): void {
    this.#prepared.clear()
    const { parsedStatements, submittedNamedStatements } = this.#connection
    for (const name of Object.keys(parsedStatements)) delete parsedStatements[name]
    for (const name of Object.keys(submittedNamedStatements)) delete submittedNamedStatements[name]
  }

  #forget (name: string): void {
    delete this.#connection.parsedStatements[name]
    delete this.#connection.submittedNamedStatements[name]
  }

  #dropOldest (): void {
    let oldest: KnownStatement | undefined
    let usedAt = Number.POSITIVE_INFINITY
    for (const [known, prepared] of this.#prepared) {
      if (prepared.usedAt >= usedAt) continue
      oldest = known
      usedAt = prepared.usedAt
    }
    if (oldest !== undefined) this.drop(oldest)
  }
}
