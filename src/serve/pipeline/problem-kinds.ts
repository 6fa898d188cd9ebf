import { type ExplainedProblemKind, explainProblems, type ProblemKinds } from '../../kernel/index.ts'
import { admissionProblems } from '../../protect/admission/index.ts'
import { limitProblems } from '../../protect/limit/index.ts'

export type RequestProblemCode =
  | 'VALIDATION_FAILED'
  | 'MALFORMED_JSON'
  | 'MALFORMED_REQUEST'
  | 'ROUTE_NOT_FOUND'
  | 'BODY_TOO_LARGE'
  | 'URL_TOO_LONG'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'INTERNAL_ERROR'
  | 'ENGINE_UNAVAILABLE'
  | 'DEADLINE_EXCEEDED'

/** What the request path itself can answer. Handlers throw their own with `new Problem({ code, status, title })`. */
export const requestProblems: ProblemKinds<RequestProblemCode> = explainProblems({
  VALIDATION_FAILED: [
    400,
    'The request does not match its schema',
    'a path parameter, the query, a header or the body breaks the schema of the route',
    'Read `issues`: each names the place, the path in it and the rule.',
  ],
  MALFORMED_JSON: [
    400,
    'The body is not valid JSON',
    'the body is empty or cannot be parsed, though its media type says JSON',
    'Send one JSON value, in UTF-8, with a Content-Length that fits.',
  ],
  MALFORMED_REQUEST: [
    400,
    'The request is not valid HTTP',
    'the request line, a header or the framing of the body breaks HTTP',
    'Look at what the client writes to the wire; a library would not send it.',
  ],
  ROUTE_NOT_FOUND: [
    404,
    'There is no such route',
    'no route of the service has this method and path',
    'Compare method and path with the API description of the service.',
  ],
  BODY_TOO_LARGE: [
    413,
    'The body is larger than this route accepts',
    "the body exceeds the route's `bodyLimit`, or `limits.bodySize`",
    'Send less, in several requests if need be; or raise the limit.',
  ],
  URL_TOO_LONG: [
    414,
    'A part of the URL is longer than the service accepts',
    'a path parameter exceeds the longest that the router takes',
    'Send long values in the body.',
  ],
  UNSUPPORTED_MEDIA_TYPE: [
    415,
    'The route does not read this media type',
    'no parser of the route takes the Content-Type of the body',
    'Send `application/json`, or what the API description names.',
  ],
  INTERNAL_ERROR: [
    500,
    'The service failed to answer',
    'the handler, or something below it, threw an error that is not meant for clients',
    'Report `request_id`; the log of the service has the error under it.',
  ],
  ENGINE_UNAVAILABLE: [
    503,
    'Something that the service depends on is not available',
    'a database, a cache or a broker cannot be reached',
    'Try again later; the readiness report of the service names the dependency.',
  ],
  DEADLINE_EXCEEDED: [
    504,
    'The work took longer than its deadline',
    'the deadline of the route, or the one that a trusted caller sent, passed before the answer was ready',
    'Allow more time, or ask for less; the effects of a write are unknown unless it carried an idempotency key.',
  ],
})

/** What the compute threads can answer. */
export const computeProblems: ProblemKinds<'COMPUTE_QUEUE_FULL'> = explainProblems({
  COMPUTE_QUEUE_FULL: [
    503,
    'The service is busy computing',
    'as many tasks wait for a compute thread as may (`compute.queue`)',
    'Try again later; add threads or workers if it lasts.',
  ],
})

/** Every kind that the request path knows by its code. */
const known: Readonly<Record<string, ExplainedProblemKind>> = {
  ...requestProblems,
  ...computeProblems,
  ...admissionProblems,
  ...limitProblems,
}

/** The kind of a code that was thrown, if it is one of ours. */
export function problemKindOf (code: unknown): ExplainedProblemKind | undefined {
  return typeof code === 'string' && Object.hasOwn(known, code) ? known[code] : undefined
}
