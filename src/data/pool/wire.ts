import type { PoolClient } from 'pg'
import type { Healing } from './healing.ts'
import { isNameable, withName } from './outgoing.ts'
import { PreparedStatements } from './prepared-statements.ts'
import type { QueryCallback } from './query-arguments.ts'
import type { SessionFacts } from './session-facts.ts'
import { SessionTimeout, type TimeoutChange } from './session-timeout.ts'
import type { Statement } from './statement.ts'

/** `client.query` as `pg` made it. */
export type Send = (text: unknown, values?: unknown, callback?: unknown) => unknown

export interface WireOptions {
  readonly statementTimeouts: 'session' | 'off'
  readonly preparedStatements: 'auto' | 'off'
  /** Prepared statements of one connection. */
  readonly preparedLimit: number
}

/** A text is prepared when it is run for this time, so that SQL that is made up once does not fill the cache. */
const preparedFromUse = 3

/** In which form statements go out on one connection: under which name, behind which change of the timeout. */
export class Wire {
  readonly #client: PoolClient
  readonly #send: Send
  readonly #options: WireOptions
  /** `undefined` where timeouts are not for us to set. */
  #timeout: SessionTimeout | undefined
  /** `undefined` where names are not for us to give. */
  #prepared: PreparedStatements | undefined

  constructor (client: PoolClient, send: Send, options: WireOptions) {
    this.#client = client
    this.#send = send
    this.#options = options
  }

  /** The session has told what it is; behind a pooler it is not ours to change. */
  begin (facts: SessionFacts | undefined): void {
    const { statementTimeouts, preparedStatements, preparedLimit } = this.#options
    if (facts?.pooled !== false) return
    if (statementTimeouts === 'session') this.#timeout = new SessionTimeout(facts.defaultMs)
    if (preparedStatements === 'auto') this.#prepared = new PreparedStatements(this.#client, preparedLimit)
  }

  /** Whether the session's timeout leaves a statement as long as it has, in milliseconds. */
  allows (remainingMs: number): boolean {
    return this.#timeout?.allows(remainingMs) ?? true
  }

  /** What has to be sent ahead of the statement, which is the only one under way. */
  timeoutBefore (statement: Statement, status: 'I' | 'T' | 'E' | null): TimeoutChange | undefined {
    return this.#timeout?.before(statement, status)
  }

  forgetTimeout (): void {
    this.#timeout?.forget()
  }

  /** Whether the server has it prepared, so that it can go out beside others. */
  hasPrepared ({ known, text, values, retried }: Statement): boolean {
    return known?.preparable === true && !retried && this.#prepared?.has(known) === true &&
      isNameable(text, values)
  }

  /** @param mayPrepare whether it may be prepared with this use */
  send (statement: Statement, answer: QueryCallback, mayPrepare: boolean): void {
    const { known, text, values } = statement
    statement.reused = this.hasPrepared(statement)
    statement.named = statement.reused ||
      known?.preparable === true && known.uses >= preparedFromUse && mayPrepare &&
        this.#prepared !== undefined &&
        isNameable(text, values)
    if (!statement.named) return void this.#send(text, values, answer)
    const name = this.#prepared!.nameFor(known!)
    this.#send(...withName(this.#client, name, { sql: known!.text, text, values }, answer))
  }

  /** It may have taken something from the session. */
  succeeded ({ known }: Statement): void {
    if (known?.deallocates === true) this.#prepared?.forgetAll()
    if (known?.resets === true) this.#timeout?.forget()
  }

  heal ({ prepared }: Healing, { known }: Statement): void {
    if (known === undefined) return
    if (prepared === 'drop') this.#prepared?.drop(known)
    if (prepared === 'renew') known.generation++
  }
}
