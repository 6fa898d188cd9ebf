import type { ProblemKind } from '../../kernel/index.ts'

/** The code of a problem that the request path itself can answer. */
export type ProblemCode =
  | 'VALIDATION_FAILED'
  | 'MALFORMED_JSON'
  | 'MALFORMED_REQUEST'
  | 'ROUTE_NOT_FOUND'
  | 'BODY_TOO_LARGE'
  | 'URL_TOO_LONG'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'INTERNAL_ERROR'
  | 'COMPUTE_QUEUE_FULL'
  | 'ENGINE_UNAVAILABLE'
  | 'DEADLINE_EXCEEDED'

/** Handlers throw their own with `new Problem({ code, status, title })`. */
export const problemKinds: Readonly<Record<ProblemCode, ProblemKind>> = kindsOf({
  VALIDATION_FAILED: [400, 'The request does not match its schema'],
  MALFORMED_JSON: [400, 'The body is not valid JSON'],
  MALFORMED_REQUEST: [400, 'The request is not valid HTTP'],
  ROUTE_NOT_FOUND: [404, 'There is no such route'],
  BODY_TOO_LARGE: [413, 'The body is larger than this route accepts'],
  URL_TOO_LONG: [414, 'A part of the URL is longer than the service accepts'],
  UNSUPPORTED_MEDIA_TYPE: [415, 'The route does not read this media type'],
  INTERNAL_ERROR: [500, 'The service failed to answer'],
  COMPUTE_QUEUE_FULL: [503, 'The service is busy computing'],
  ENGINE_UNAVAILABLE: [503, 'Something that the service depends on is not available'],
  DEADLINE_EXCEEDED: [504, 'The work took longer than its deadline'],
})

function kindsOf<Code extends string> (
  rows: Readonly<Record<Code, readonly [status: number, title: string]>>
): Readonly<Record<Code, ProblemKind>> {
  const entries = Object.entries<readonly [number, string]>(rows)
  const kinds = entries.map(([code, [status, title]]) => [code, { code, status, title }])
  return Object.fromEntries(kinds) as Record<Code, ProblemKind>
}

export function isProblemCode (code: unknown): code is ProblemCode {
  return typeof code === 'string' && Object.hasOwn(problemKinds, code)
}
