import type { FastifyRequest } from 'fastify'

/** Where the answer of a request will be. */
export interface AcceptedWork {
  /** Address of the resource that tells how far it is: goes out as `Location`. */
  readonly location: string
  /** When it is worth a look, in whole seconds. @default not said */
  readonly retryAfterSeconds?: number
  /** The document to answer with. @default none */
  readonly body?: unknown
}

/**
 * Does the work of a request after it was answered: what a heavy read becomes when its client says
 * `Prefer: respond-async`.
 */
export interface AsyncResponder {
  /** Whether a route says by another part of its settings that its requests may be handed over. @default `respondAsync` alone does */
  takes?(settings: object): boolean | undefined
  /**
   * Takes a request over. It has passed all checks of its route, and its body is read and valid.
   *
   * @param waitMs how long the client would wait for the answer itself, if it says so
   * @returns what to answer with 202, once the work cannot be lost any more; `undefined` when the request is to be
   *   answered at once after all
   */
  accept(request: FastifyRequest, waitMs: number | undefined): Promise<AcceptedWork | undefined>
}
