import type { FailureKind } from '../report.ts'
import type { PreparedRequest } from './prepared-request.ts'
import type { KeptResponse, ReadResponse } from './response-reader.ts'

/** Who is told how an exchange ended; exactly one of the two, once. */
export interface ExchangeOwner {
  /** @param kept of an exchange whose response was to be kept */
  answered(exchange: Exchange, response: ReadResponse, kept: KeptResponse | undefined): void
  failed(exchange: Exchange, kind: FailureKind): void
}

/** What an exchange needs of the connection that it is on. */
export interface Carrier {
  readonly targetIndex: number
  /** Leaves at once, without telling anybody. @param reset by RST, where the connection has one */
  leave(reset: boolean): void
}

/** One request and what becomes of it. Times are the clock's, in milliseconds. */
export class Exchange {
  readonly owner: ExchangeOwner
  readonly request: PreparedRequest
  /** Index of the target. */
  readonly target: number
  /** When it was to be sent. */
  readonly intendedMs: number
  readonly keep: boolean
  /** When it was written, or a connection was begun for it; 0 before that. */
  sentMs = 0
  connection: Carrier | undefined
  /** It waits for a free connection. */
  waiting = false
  settled = false
  /** Neighbours among those who run out of patience at about the same time. */
  earlier: Exchange | undefined
  later: Exchange | undefined

  constructor (
    owner: ExchangeOwner,
    request: PreparedRequest,
    target: number,
    intendedMs: number,
    keep: boolean
  ) {
    this.owner = owner
    this.request = request
    this.target = target
    this.intendedMs = intendedMs
    this.keep = keep
  }
}
