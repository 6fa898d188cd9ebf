import { STATUS_CODES } from 'node:http'
import { Problem, type ProblemKind } from '../../kernel/index.ts'
import { problemKindOf, type RequestProblemCode, requestProblems } from './problem-kinds.ts'

/** What Fastify and our own parts put on the errors that they throw. */
interface KnownError {
  readonly code?: unknown
  readonly statusCode?: unknown
  readonly message?: unknown
  readonly validation?: readonly ValidationIssue[]
  readonly validationContext?: string
  readonly problemKind?: ProblemKind
  readonly retryAfterMs?: unknown
}

interface ValidationIssue {
  readonly instancePath: string
  readonly message?: string
  readonly keyword?: string
  readonly params?: Readonly<Record<string, unknown>>
}

/** @see https://fastify.dev/docs/latest/Reference/Errors/ */
const codeOfFastify: Readonly<Record<string, RequestProblemCode>> = {
  FST_ERR_VALIDATION: 'VALIDATION_FAILED',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'MALFORMED_JSON',
  FST_ERR_CTP_INVALID_JSON_BODY: 'MALFORMED_JSON',
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'MALFORMED_REQUEST',
  FST_ERR_BAD_URL: 'MALFORMED_REQUEST',
  FST_ERR_MAX_PARAM_LENGTH: 'URL_TOO_LONG',
  FST_ERR_ROUTE_METHOD_NOT_SUPPORTED: 'ROUTE_NOT_FOUND',
}

/**
 * The problem that a client is told when `error` was thrown.
 *
 * An error may bring its kind with it, as `problemKind`. Its own message goes out only when the client caused
 * it (4xx): whatever the service did wrong is `INTERNAL_ERROR` and says no more, because a message can hold a
 * query, a host or a password.
 */
export function problemOf (error: unknown): Problem {
  if (error instanceof Problem) return error
  const { code, statusCode, message, validation, validationContext, problemKind }: KnownError =
    typeof error === 'object' && error !== null ? error : {}
  if (validation !== undefined) {
    const place = validationContext ?? 'body'
    const issues = validation.map((issue) => ({
      in: place,
      path: issue.instancePath,
      message: messageOf(issue),
    }))
    const detail = issues.map(({ path, message }) => `${place}${path} ${message}`).join('; ')
    return new Problem(requestProblems.VALIDATION_FAILED, { detail, extensions: { issues }, cause: error })
  }
  const kind = problemKind ?? kindOf(code)
  if (kind !== undefined) {
    return new Problem(kind, { cause: error, ...(kind.status < 500 ? { detail: String(message) } : {}) })
  }
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    const title = STATUS_CODES[statusCode] ?? 'The request cannot be answered'
    const kind = { code: titleToCode(title), status: statusCode, title }
    return new Problem(kind, { detail: String(message), cause: error })
  }
  if (typeof statusCode === 'number' && statusCode > 500 && statusCode < 600) {
    const title = STATUS_CODES[statusCode] ?? 'The service cannot answer'
    return new Problem({ code: titleToCode(title), status: statusCode, title }, { cause: error })
  }
  return new Problem(requestProblems.INTERNAL_ERROR, { cause: error })
}

/**
 * When the client may come back, in whole seconds, if the error says so: by `retryAfterMs`, on an error that brings its
 * kind with it; of a problem, by its member `retryAfterSeconds`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
 */
export function retryAfterOf (error: unknown): number | undefined {
  if (error instanceof Problem) {
    const { retryAfterSeconds } = error.extensions
    return typeof retryAfterSeconds === 'number' && retryAfterSeconds >= 0 ?
      Math.ceil(retryAfterSeconds) :
      undefined
  }
  const { problemKind, retryAfterMs }: KnownError = typeof error === 'object' && error !== null ? error : {}
  if (problemKind === undefined || typeof retryAfterMs !== 'number' || !(retryAfterMs >= 0)) return undefined
  // Rounded up, so that a client that waits exactly so long is not early.
  return Math.ceil(retryAfterMs / 1_000)
}

function kindOf (code: unknown): ProblemKind | undefined {
  const ours = typeof code === 'string' && Object.hasOwn(codeOfFastify, code) ?
    codeOfFastify[code] :
    undefined
  return ours === undefined ? problemKindOf(code) : requestProblems[ours]
}

/** Ajv's message, with the name that it leaves to the parameters. */
function messageOf ({ message = 'is not valid', keyword, params }: ValidationIssue): string {
  const name = keyword === 'additionalProperties' ? params?.['additionalProperty'] : undefined
  return typeof name === 'string' ? `${message}: ${name}` : message
}

/** 'Unprocessable Entity' becomes `UNPROCESSABLE_ENTITY`. */
function titleToCode (title: string): string {
  return title.toUpperCase().replaceAll(/[^A-Z]+/g, '_')
}
