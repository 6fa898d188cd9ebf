import { type ExplainedProblemKind, explainProblems } from '../../kernel/index.ts'

/** What a request with an idempotency key, or without the one it needs, can be told. */
export const idempotencyProblems: Readonly<Record<IdempotencyProblemCode, ExplainedProblemKind>> =
  explainProblems({
    IDEMPOTENCY_KEY_MISSING: [
      400,
      'The route needs an Idempotency-Key',
      'a route that requires an idempotency key gets a request without one',
      'Send Idempotency-Key: "..." with a new random value, e.g. a UUID, for each operation, and the same one when you try it again.',
    ],
    IDEMPOTENCY_KEY_INVALID: [
      400,
      'The Idempotency-Key cannot be read',
      'the header is not one structured-field string of 1 to 255 printable ASCII characters',
      'Send one value in double quotes, e.g. Idempotency-Key: "8e03978e-40d5-43e8-bc93-6894a57f9324".',
    ],
    IDEMPOTENCY_BODY_INVALID: [
      400,
      'The body has no canonical form',
      'a JSON body with an idempotency key holds a number beyond double precision or half of a surrogate pair',
      'Send JSON as RFC 7493 (I-JSON) restricts it.',
    ],
    IDEMPOTENCY_KEY_REUSED: [
      422,
      'The Idempotency-Key was used for another request',
      'the key came before with another query, path or body',
      'Use a new key for each operation; send exactly the same request when you try one again.',
    ],
    IDEMPOTENCY_IN_FLIGHT: [
      409,
      'A request with this Idempotency-Key is still running',
      'the first request with the key had no answer within the time that this one could wait',
      'Send it again with the same key after Retry-After seconds.',
    ],
    IDEMPOTENCY_OUTCOME_UNKNOWN: [
      409,
      'Nobody knows whether the operation took effect',
      'the first request was cut off after it had begun an effect outside the database, and the service cannot tell what came of it',
      "Ask the service's team, or look for the effect; a new key would run the operation again.",
    ],
    IDEMPOTENCY_ANSWER_NOT_KEPT: [
      409,
      'The operation was done; its answer was too large to keep',
      'a request is repeated whose first answer was larger than what is kept, or was streamed',
      'Do not run it again; fetch the result, at Location where there is one.',
    ],
    IDEMPOTENCY_UNAVAILABLE: [
      503,
      'Idempotency keys cannot be looked up at the moment',
      'the store of idempotency keys does not answer, so that the request could not run safely',
      'Send it again with the same key after Retry-After seconds.',
    ],
  })

export type IdempotencyProblemCode =
  | 'IDEMPOTENCY_KEY_MISSING'
  | 'IDEMPOTENCY_KEY_INVALID'
  | 'IDEMPOTENCY_BODY_INVALID'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'IDEMPOTENCY_IN_FLIGHT'
  | 'IDEMPOTENCY_OUTCOME_UNKNOWN'
  | 'IDEMPOTENCY_ANSWER_NOT_KEPT'
  | 'IDEMPOTENCY_UNAVAILABLE'
